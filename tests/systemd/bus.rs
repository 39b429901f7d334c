//! Every call of org.xinetd.Bridge1, by busctl alone, and which users may make it.

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[("busctl_makes_every_call", every_call)];

/// For the machine with dbus-broker and polkit.
pub(crate) const BROKER: &[Scenario] = &[
    ("the_bus_is_dbus_broker", broker),
    ("polkit_lets_whom_a_rule_names", polkit),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";
const MANAGER: &str = "org.xinetd.Bridge1 /org/xinetd/Bridge1";
const PEER: &str = "198.51.100.7";

/// What busctl answers.
fn busctl(bed: &Bed, arguments: &str) -> Result<String> {
    bed.container.sh(&format!("busctl {arguments}"))
}

/// The object of a service whose unit has no characters to escape.
fn object(served: &Served<'_>) -> String {
    format!(
        "org.xinetd.Bridge1 /org/xinetd/Bridge1/service/{}",
        served.id
    )
}

fn every_call(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let served = bed.serve("called", CAT)?;
    let mut client = served.connect()?;
    client.echo(b"1")?;
    let peer = format!("127.0.0.1:{}", client.port()?);
    let manager = |call: &str| {
        busctl(
            bed,
            &format!("call {MANAGER} org.xinetd.Bridge1.Manager {call}"),
        )
    };
    let answers = [
        (format!("AddBan st {PEER} 60"), format!("s \"{PEER}\"")),
        (
            "ListBans".to_owned(),
            "a(stttss) 1 \"198.51.100.7\"".to_owned(),
        ),
        (format!("RemoveBan s {PEER}"), String::new()),
        ("FlushBans".to_owned(), "u 0".to_owned()),
        (
            "GetService s CALLED".to_owned(),
            "o \"/org/xinetd/Bridge1/service/called\"".to_owned(),
        ),
        ("ListServices".to_owned(), "a(sssstttta{st}att) ".to_owned()),
    ];
    for (call, answer) in answers {
        contains(&manager(&call)?, &answer)?;
    }
    contains(
        &manager("ListServices")?,
        "\"called\" \"called\" \"/etc/xinetd.d/called:1:9\" \"serving\" 1 0 0 1 0",
    )?;
    // Scenarios beside this one may have helpers that do not answer.
    let reopen = format!("busctl call {MANAGER} org.xinetd.Bridge1.Manager ReopenLogs");
    let (done, said) = bed.container.try_sh(&reopen)?;
    equal("ReopenLogs", done || said.contains("no answer from"), true)?;
    for (property, value) in [
        ("Version", "s \"".to_owned()),
        (
            "DurationBounds",
            "at 7 10 100 1000 10000 60000 600000 3600000".to_owned(),
        ),
        ("BanCount", "u 0\n".to_owned()),
        ("OptionsProblem", "s \"\"\n".to_owned()),
        ("TableProblem", "s \"\"\n".to_owned()),
    ] {
        let got = busctl(
            bed,
            &format!("get-property {MANAGER} org.xinetd.Bridge1.Manager {property}"),
        )?;
        contains(&got, &value)?;
    }
    let service = object(&served);
    for (property, value) in [
        ("Id", "s \"called\"\n".to_owned()),
        ("Unit", "s \"called\"\n".to_owned()),
        ("Source", "s \"/etc/xinetd.d/called:1:9\"\n".to_owned()),
        ("State", "s \"serving\"\n".to_owned()),
        ("Running", "t 1\n".to_owned()),
        ("Waiting", "t 0\n".to_owned()),
        ("Pause", "t 0\n".to_owned()),
        ("Served", "t 1\n".to_owned()),
        ("Refused", "a{st} 0\n".to_owned()),
        ("Durations", "at 8 0 0 0 0 0 0 0 0\n".to_owned()),
    ] {
        let got = busctl(
            bed,
            &format!("get-property {service} org.xinetd.Bridge1.Service {property}"),
        )?;
        contains(&got, &value).map_err(|error| format!("{property}: {error}"))?;
    }
    let sessions = busctl(
        bed,
        &format!("call {service} org.xinetd.Bridge1.Service ListSessions"),
    )?;
    contains(&sessions, &format!(" \"{peer}\" "))?;
    let objects = busctl(
        bed,
        &format!("call {MANAGER} org.freedesktop.DBus.ObjectManager GetManagedObjects"),
    )?;
    contains(&objects, "\"/org/xinetd/Bridge1/service/called\"")?;
    contains(&busctl(bed, &format!("introspect {service}"))?, ".Kick")?;
    busctl(
        bed,
        &format!("call {service} org.xinetd.Bridge1.Service Kick s {peer}"),
    )?;
    equal("the kicked", client.read_to_end()?.text().as_str(), "")
}

fn broker(bed: &Bed) -> Result<()> {
    bed.container
        .sh("systemctl is-active dbus-broker.service && ! pgrep -x dbus-daemon")
        .map(drop)
}

fn polkit(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let served = bed.serve("ruled", CAT)?;
    let mut client = served.connect()?;
    client.echo(b"1")?;
    let peer = format!("127.0.0.1:{}", client.port()?);
    bed.container.write(
        "/etc/polkit-1/rules.d/50-bans.rules",
        "polkit.addRule(function(action, subject) {\n  if (action.id == 'org.xinetd.Bridge1.manage' && \
         subject.user == 'games')\n    return polkit.Result.YES;\n});\n",
        0o644,
    )?;
    let calls = [
        format!("bans add {PEER}"),
        format!("bans remove {PEER}"),
        "bans flush".to_owned(),
        "reopen-logs".to_owned(),
        format!("kick ruled {peer}"),
    ];
    let by = |user: &str, call: &str| {
        format!("setpriv --reuid={user} --regid={user} --clear-groups xinetdctl {call}")
    };
    // polkit sees by itself that there is a new rule.
    bed.container.wait_until(&by("games", &calls[0]))?;
    for call in &calls {
        let (done, said) = bed.container.try_sh(&by("daemon", call))?;
        equal(call, done, false)?;
        contains(&said, "only root may do that")?;
    }
    client.echo(b"still here")?;
    contains(&bed.container.sh("xinetdctl bans list")?, PEER)?;
    for call in &calls[1..] {
        bed.container.sh(&by("games", call))?;
    }
    equal("the kicked", client.read_to_end()?.text().as_str(), "")?;
    let list = bed.container.sh("xinetdctl bans list")?;
    equal("the list", list.lines().count(), 1)?;
    // A rule may let a user see addresses and change nothing.
    bed.container.sh(&format!("xinetdctl bans add {PEER}"))?;
    equal(
        "games",
        bed.container.try_sh(&by("games", "bans list"))?.0,
        false,
    )?;
    bed.container.write(
        "/etc/polkit-1/rules.d/51-see.rules",
        "polkit.addRule(function(action, subject) {\n  if (action.id == 'org.xinetd.Bridge1.inspect' && \
         subject.user == 'daemon')\n    return polkit.Result.YES;\n});\n",
        0o644,
    )?;
    bed.container.wait_until(&by("daemon", "bans list"))?;
    contains(&bed.container.sh(&by("daemon", "bans list"))?, PEER)?;
    equal(
        "daemon",
        bed.container.try_sh(&by("daemon", "bans flush"))?.0,
        false,
    )?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}
