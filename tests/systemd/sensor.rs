//! Sensors and bans: the coordinator, its socket and its name on the bus, and all that may go wrong with it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use testbed::{Heard, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_sensor_bans_from_all_services", sensor),
    ("loopback_and_the_allow_list_are_never_banned", never_banned),
    ("a_typing_error_in_the_options_bans_as_before", typing_error),
    ("an_administrator_bans_for_a_time", administrator),
    ("strangers_change_nothing", strangers),
    ("bans_outlive_coordinator_bus_and_boot", outlive),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in";
pub(crate) const DECOY: &str =
    "\tuser = nobody\n\tserver = /bin/true\n\tflags = SENSOR\n\tlog_on_failure = HOST";
const CALL: &str = "busctl call org.xinetd.Bridge1 /org/xinetd/Bridge1 org.xinetd.Bridge1.Manager";

/// The machine has one list of bans and one bus: these scenarios play one after the other.
static ALONE: Mutex<()> = Mutex::new(());

/// Keeps the bus and the coordinator for one scenario.
pub(crate) fn alone(bed: &Bed) -> Result<MutexGuard<'static, ()>> {
    let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for host in [1, 2, 3, 4, 5, 6, 254] {
        bed.container
            .sh(&format!("ip address replace 10.9.0.{host}/32 dev lo"))?;
    }
    Ok(guard)
}

/// What a client at 10.9.0.`host` hears.
pub(crate) fn hear(served: &Served<'_>, host: u8) -> Result<Heard> {
    let address = |host| IpAddr::from(Ipv4Addr::new(10, 9, 0, host));
    let to = (address(254), served.port).into();
    Peer::hear(to, Some((address(host), 0).into()))
}

pub(crate) fn let_in(served: &Served<'_>, host: u8) -> Result<()> {
    equal("let in", hear(served, host)?.text().as_str(), "in\n")
}

pub(crate) fn await_ban(bed: &Bed, host: u8) -> Result<()> {
    bed.container
        .wait_until(&format!("xinetdctl bans list | grep '^10.9.0.{host} '"))
}

fn sensor(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let running = bed.serve("beside", ECHO)?;
    let four = bed.serve("beside-four", &format!("{ECHO}\n\tflags = IPv4"))?;
    let_in(&running, 1)?;
    let_in(&four, 1)?;
    let decoy = bed.serve("decoy", &format!("{DECOY}\n\tdeny_time = 60"))?;
    // A client that sees the end of this connection is banned: by helpers that run, and those that start later.
    turned_away(&hear(&decoy, 1)?)?;
    turned_away(&hear(&running, 1)?)?;
    let line = decoy.await_line("FAIL: decoy address from=::ffff:10.9.0.1")?;
    equal("REMOTE_ADDR", line.field("REMOTE_ADDR"), "10.9.0.1")?;
    let lines = bed.container.journal("decoy.service")?;
    let said = lines.iter().find(|line| line.message().contains("Adding"));
    let said = said.ok_or("nothing says that the peer is banned")?;
    let wanted =
        "{process_sensor} Adding ::ffff:10.9.0.1 to the global_no_access list for 60 minutes";
    contains(said.message(), wanted)?;
    equal("PRIORITY", said.field("PRIORITY"), "2")?;
    let line = running.await_line("FAIL: beside address from=::ffff:10.9.0.1")?;
    equal(
        "XINETD_RULE",
        line.field("XINETD_RULE"),
        "xinetdctl bans list",
    )?;
    turned_away(&hear(&four, 1)?)?;
    let_in(&running, 2)?;
    let later = bed.serve("beside-later", ECHO)?;
    turned_away(&hear(&later, 1)?)?;
    bed.container.sh("xinetdctl bans remove 10.9.0.1")?;
    let_in(&later, 1)?;
    let_in(&running, 1)?;
    // NEVER is a line alone.
    let never = bed.serve("decoy-never", &format!("{DECOY}\n\tdeny_time = NEVER"))?;
    turned_away(&hear(&never, 1)?)?;
    never.await_line("FAIL: decoy-never address from=::ffff:10.9.0.1")?;
    let_in(&running, 1)
}

fn never_banned(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let _mine = bed.bridge_file();
    bed.container.write(
        "/etc/xinetd-bridge.toml",
        "[bans]\nallow = [\"10.9.0.3\"]\n",
        0o644,
    )?;
    let decoy = bed.serve("decoy-own", &format!("{DECOY}\n\tdeny_time = FOREVER"))?;
    turned_away(&decoy.hear()?)?;
    turned_away(&hear(&decoy, 3)?)?;
    decoy.await_line("FAIL: decoy-own address from=::ffff:10.9.0.3")?;
    for spared in ["127.0.0.1", "::1", "10.9.0.3"] {
        let (done, said) = bed
            .container
            .try_sh(&format!("xinetdctl bans add {spared}"))?;
        equal("bans add", done, false)?;
        contains(&said, "allow-list")?;
    }
    let list = bed.container.sh("xinetdctl bans list")?;
    equal("the list", list.lines().count(), 1)?;
    bed.container.sh("rm /etc/xinetd-bridge.toml").map(drop)
}

fn typing_error(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let _mine = bed.bridge_file();
    let write = |text: &str| {
        let path = "/etc/xinetd-bridge.toml";
        bed.container.write(path, text, 0o644)
    };
    write("[bans]\nallow = [\"10.9.0.3\"]\n")?;
    let served = bed.serve("beside-mistyped", ECHO)?;
    let decoy = bed.serve("decoy-mistyped", &format!("{DECOY}\n\tdeny_time = FOREVER"))?;
    turned_away(&hear(&decoy, 1)?)?;
    turned_away(&hear(&served, 1)?)?;
    bed.container
        .wait_until("grep -F 10.9.0.3 /var/lib/xinetd-coordinator/bans.toml")?;
    write("[bans]\nalow = [\"10.9.0.4\"]\n")?;
    bed.daemon_reload()?;
    let problem = "line 2: unknown field `alow`";
    // While the coordinator runs, for its successor, and for the one after a boot.
    let restarts = [
        "true",
        "systemctl stop xinetd-coordinator.service",
        "systemctl stop xinetd-coordinator.service; rm -r /run/xinetd-coordinator/bans",
    ];
    for (host, restart) in [4, 5, 6].into_iter().zip(restarts) {
        bed.container.sh(restart)?;
        turned_away(&hear(&decoy, 3)?)?;
        turned_away(&hear(&decoy, host)?)?;
        turned_away(&hear(&served, host)?)?;
        let_in(&served, 3)?;
        contains(&bed.container.sh("xinetdctl bans list")?, problem)?;
    }
    let property = format!("{CALL} OptionsProblem").replace(" call ", " get-property ");
    contains(&bed.container.sh(&property)?, problem)?;
    bed.container
        .sh("journalctl -u xinetd-coordinator.service -o cat | grep -F 'last [bans] section that could be read'")?;
    bed.container.sh("rm /etc/xinetd-bridge.toml")?;
    let list = bed.container.sh("xinetdctl bans list")?;
    equal("a problem", list.contains("line 2"), false)?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}

fn administrator(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let served = bed.serve("timed", ECHO)?;
    bed.container.sh("xinetdctl bans add 10.9.0.4 --for 3s")?;
    turned_away(&hear(&served, 4)?)?;
    // When the list has it no longer, no helper has.
    bed.container
        .wait_until("! xinetdctl bans list | grep '^10.9.0.4 '")?;
    let_in(&served, 4)?;
    let added = bed
        .container
        .sh(&format!("{CALL} AddBan st 2001:db8:5::9 0"))?;
    equal("AddBan", added.trim(), "s \"2001:db8:5::/64\"")?;
    let list = bed.container.sh("xinetdctl bans list --json")?;
    contains(&list, "\"origin\": \"administrator\"")?;
    contains(&list, "\"until\": null")?;
    let flushed = bed.container.sh("xinetdctl bans flush")?;
    equal("bans flush", flushed.trim(), "bans removed: 1")?;
    for wrong in ["10.9.0.0/24", "host", "10.9.0.4"] {
        let remove = format!("xinetdctl bans remove {wrong}");
        equal(wrong, bed.container.try_sh(&remove)?.0, false)?;
    }
    Ok(())
}

fn strangers(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups";
    let calls = ["AddBan st 10.9.0.5 0", "RemoveBan s 10.9.0.5", "FlushBans"];
    for call in calls {
        let (done, said) = bed.container.try_sh(&format!("{nobody} {CALL} {call}"))?;
        equal(call, done, false)?;
        contains(&said, "only root may do that")?;
    }
    // How many there are all may know, and which not: neither by the bus nor by the table.
    let served = bed.serve("beside-strangers", ECHO)?;
    bed.container.sh("xinetdctl bans add 10.9.0.5")?;
    turned_away(&hear(&served, 5)?)?;
    let denied = "only root may see the addresses of peers";
    for (call, said_too) in [
        (format!("{CALL} ListBans"), ""),
        ("xinetdctl bans list".to_owned(), "banned: 1; "),
        (
            "cat /run/xinetd-coordinator/bans".to_owned(),
            "Permission denied",
        ),
    ] {
        let (done, said) = bed.container.try_sh(&format!("{nobody} {call}"))?;
        equal(&call, done, false)?;
        contains(&said, said_too)?;
        equal(&call, said.contains("10.9.0.5"), false)?;
        equal(&call, said.contains(denied), !call.starts_with("cat"))?;
    }
    let explain = format!("{nobody} xinetdctl explain beside-strangers 10.9.0.5");
    let (is_told, said) = bed.container.try_sh(&explain)?;
    equal("a verdict", is_told, false)?;
    contains(&said, "root alone may see the bans")?;
    let cat = "\tuser = nobody\n\tserver = /bin/cat";
    let cat = bed.serve("seen", cat)?;
    let mut client = cat.connect()?;
    client.echo(b"1")?;
    // An answer of a moment ago counts as well.
    let status = format!("{nobody} xinetdctl status seen");
    bed.container
        .wait_until(&format!("{status} | grep -q '1 running'"))?;
    let status = bed.container.sh(&status)?;
    contains(&status, denied)?;
    equal(
        "an address",
        status.contains(&client.port()?.to_string()),
        false,
    )?;
    let objects = format!(
        "{nobody} busctl call org.xinetd.Bridge1 /org/xinetd/Bridge1 \
                           org.freedesktop.DBus.ObjectManager GetManagedObjects"
    );
    equal(
        "an address",
        bed.container.sh(&objects)?.contains("127.0.0.1"),
        false,
    )?;
    bed.container.sh("xinetdctl bans flush")?;
    // The other way in ends before anything is said: for a server of a service, for a shell, and for
    // a unit that the generator has not made.
    let knock = bed.script(
        "knock",
        "exec timeout 20 perl -MSocket -e '$SIG{PIPE} = \"IGNORE\"; socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die;
         connect(S, sockaddr_un(\"/run/xinetd-coordinator/helpers\")) or die \"connect: $!\";
         send(S, \"table\", 0); recv(S, $answer, 256, 0); recv(S, $answer, 256, 0) unless length $answer; print $answer'",
    )?;
    let lines = format!("\tuser = nobody\n\tserver = {knock}");
    let served = bed.serve("knocking", &lines)?;
    let said = served.hear()?.text();
    contains(&said, "is not the main process of knocking.service")?;
    contains(&bed.container.sh(&knock)?, "no process")?;
    let foreign = format!("systemd-run -q --pipe --wait --unit=foreign.service {knock}");
    contains(&bed.container.sh(&foreign)?, "no foreign: ")?;
    let list = bed.container.sh("xinetdctl bans list")?;
    equal("the list", list.lines().count(), 1)
}

fn outlive(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let served = bed.serve("outlived", ECHO)?;
    let decoy = bed.serve("decoy-outlived", &format!("{DECOY}\n\tdeny_time = FOREVER"))?;
    turned_away(&hear(&decoy, 5)?)?;
    // Killed at once, and no other one yet.
    bed.container
        .sh("systemctl kill -s KILL xinetd-coordinator.service")?;
    turned_away(&hear(&served, 5)?)?;
    await_ban(bed, 5)?;
    // Without the bus sensors ban all the same.
    bed.container
        .sh("systemctl stop dbus.socket dbus.service xinetd-coordinator.service")?;
    turned_away(&hear(&decoy, 6)?)?;
    turned_away(&hear(&served, 6)?)?;
    bed.container.sh("systemctl start dbus.socket")?;
    await_ban(bed, 6)?;
    // As a boot does it: what is in /run goes, and the socket is opened anew.
    bed.container.sh(
        "systemctl stop xinetd-coordinator.socket xinetd-coordinator.service
         rm -r /run/xinetd-coordinator",
    )?;
    let_in(&served, 5)?;
    bed.container
        .sh("systemctl start xinetd-coordinator.socket")?;
    await_ban(bed, 5)?;
    await_ban(bed, 6)?;
    turned_away(&hear(&served, 5)?)?;
    // A broken file is put aside, and the one before it counts.
    bed.container.sh("xinetdctl bans add 10.9.0.3")?;
    bed.container
        .wait_until("grep -F 10.9.0.3 /var/lib/xinetd-coordinator/bans.toml")?;
    bed.container.sh("systemctl stop xinetd-coordinator.service
         rm /run/xinetd-coordinator/bans
         echo rubbish >/var/lib/xinetd-coordinator/bans.toml
         xinetdctl bans add 10.9.0.4
         grep rubbish /var/lib/xinetd-coordinator/bans.broken")?;
    turned_away(&hear(&served, 5)?)?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}
