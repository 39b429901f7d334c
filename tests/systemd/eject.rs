//! `xinetdctl eject`: services that leave xinetd's files, and come back.

use std::path::Path;
use std::thread;

use testbed::{Close, Container, Peer, Result, Suite, equal, write};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, entry, turned_away};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("an_ejected_service_goes_on_and_comes_back", with_helper),
    ("an_ejected_service_needs_no_helper_if_plain", plain),
    (
        "an_ejected_service_that_waits_needs_no_helper_if_plain",
        plain_waiting,
    ),
    (
        "what_is_in_the_way_of_an_ejected_service_is_named",
        in_the_way,
    ),
    ("a_masked_service_stays_closed_and_is_called_masked", masked),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// Types what a command has printed below "To go back:".
fn go_back(bed: &Bed, said: &str) -> Result<()> {
    let lines = said.lines().skip_while(|line| *line != "To go back:");
    let lines: Vec<&str> = lines.skip(1).collect();
    equal("lines to type", lines.len(), 3)?;
    for line in lines {
        bed.container.sh(line)?;
    }
    bed.followed()
}

fn is_enabled(served: &Served<'_>) -> Result<String> {
    let id = &served.id;
    let command = format!("systemctl is-enabled {id}.socket || true");
    Ok(served.bed.container.sh(&command)?.trim().to_owned())
}

fn with_helper(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    bed.container.sh("mkdir -p /var/log/xinetd-ejected")?;
    let lines = format!(
        "{CAT}\n\tno_access = 127.0.0.9\n\tlog_type = FILE /var/log/xinetd-ejected/log\n\
         \tlog_on_success = HOST PID EXIT\n\tlog_on_failure = HOST"
    );
    let served = bed.serve("ejected", &lines)?;
    let file = bed.container.sh("cat /etc/xinetd.d/ejected")?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    let helper = served.helper()?;
    let alone = bed.no_reloads();
    let said = bed.container.sh("xinetdctl eject ejected")?;
    contains(
        &said,
        "ejected: ejected to /etc/systemd/system/ejected.socket\n",
    )?;
    let works = |served: &Served<'_>| -> Result<()> {
        served.connect()?.echo(b"served")?;
        turned_away(&served.hear_from(9)?)
    };
    session.echo(b"after")?;
    works(&served)?;
    equal("the helper", served.helper()?, helper)?;
    equal("at boot", is_enabled(&served)?.as_str(), "enabled")?;
    // Neither a reload nor its end in xinetd's files touches it; another helper takes its spec.
    bed.container.sh(
        "mv /etc/xinetd.d/ejected /root && systemctl daemon-reload && systemctl stop ejected.service",
    )?;
    bed.followed()?;
    works(&served)?;
    bed.container.wait_until(
        "test $(grep -c 'FAIL: ejected address from=::ffff:127.0.0.9' /var/log/xinetd-ejected/log) = 2",
    )?;
    for command in ["status ejected", "status"] {
        contains(
            &bed.container.sh(&format!("xinetdctl {command}"))?,
            "ejected",
        )?;
    }
    contains(
        &bed.container.sh("xinetdctl status ejected")?,
        "ejected to /etc/systemd/system/ejected.socket",
    )?;
    bed.container.sh("mv /root/ejected /etc/xinetd.d")?;
    for command in ["list", "check", "show ejected"] {
        let (_, said) = bed.container.try_sh(&format!("xinetdctl {command}"))?;
        contains(&said, "/etc/systemd/system/ejected.socket")?;
    }
    let (done, refused) = bed.container.try_sh("xinetdctl eject ejected 2>&1")?;
    equal("once more", done, false)?;
    contains(&refused, "already")?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    go_back(bed, &said)?;
    session.echo(b"after")?;
    works(&served)?;
    equal("at boot", is_enabled(&served)?.as_str(), "generated")?;
    drop(alone);
    let disabled = file.replace("{\n", "{\n\tdisable = no\n");
    equal(
        "the file",
        bed.container.sh("cat /etc/xinetd.d/ejected")?,
        disabled,
    )
}

fn plain(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let script = bed.script("plain-server", "echo \"$1 $NAME $(id -un) $(ulimit -n)\"")?;
    let lines = format!(
        "\tuser = games\n\tserver = {script}\n\tserver_args = $x%y\n\tenv = NAME=a%b$c\n\trlimit_files = 77"
    );
    let served = bed.serve("plainly", &format!("{lines}\n\taccess_times = 0:00-23:59"))?;
    let _alone = bed.no_reloads();
    let heard = served.hear()?.text();
    let (done, said) = bed
        .container
        .try_sh("xinetdctl eject plainly --plain 2>&1")?;
    equal("without --force", done, false)?;
    contains(&said, "! access_times: clients get in at any time\n")?;
    contains(&said, "nothing was done")?;
    equal("the same", served.hear()?.text(), heard.clone())?;
    let said = bed
        .container
        .sh("xinetdctl eject plainly --plain --force")?;
    equal("plain", served.hear()?.text(), heard.clone())?;
    let state = bed.container.sh(
        "systemctl cat plainly.socket plainly@.service | grep -c xinetd-accept || true; \
         systemctl show -p LoadState --value plainly.service; systemctl list-units --failed --plain \
         --no-legend 'plainly*' | wc -l",
    )?;
    equal("the units", state.as_str(), "0\nnot-found\n0\n")?;
    go_back(bed, &said)?;
    equal("back", served.hear()?.text(), heard)?;
    equal("its helper", served.helper()?.is_empty(), false)
}

fn plain_waiting(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let server = bed.script(
        "plain-wait",
        "exec perl -e 'accept(C, STDIN) && syswrite(C, \"in\\n\")'",
    )?;
    let port = bed.port();
    let text = format!(
        "service plainwait\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = yes\n\tport = {port}\n\
         \tuser = nobody\n\tserver = {server}\n}}\n"
    );
    bed.container
        .write("/etc/xinetd.d/plainwait", text, 0o644)?;
    bed.daemon_reload()?;
    let served = Served {
        bed,
        id: "plainwait".to_owned(),
        port,
    };
    let _alone = bed.no_reloads();
    equal("before", served.hear()?.text().as_str(), "in\n")?;
    let said = bed
        .container
        .sh("xinetdctl eject plainwait --plain --force")?;
    for _ in 0..3 {
        equal("plain", served.hear()?.text().as_str(), "in\n")?;
    }
    go_back(bed, &said)?;
    equal("back", served.hear()?.text().as_str(), "in\n")
}

fn in_the_way(bed: &Bed) -> Result<()> {
    let served = bed.serve("blocked", CAT)?;
    let _alone = bed.no_reloads();
    let container = &bed.container;
    container.write("/etc/xinetd-bridge/blocked.toml", "", 0o600)?;
    let file = container.sh("cat /etc/xinetd.d/blocked")?;
    let (done, said) = container.try_sh("xinetdctl eject blocked 2>&1")?;
    equal("with a file in the way", done, false)?;
    contains(&said, "/etc/xinetd-bridge/blocked.toml")?;
    let left = container.sh(
        "ls -A /etc/systemd/system /etc/systemd/system/*.wants | grep blocked || true; \
         rm /etc/xinetd-bridge/blocked.toml; cat /etc/xinetd.d/blocked",
    )?;
    equal("what is left", left, file)?;
    served.connect()?.echo(b"as before")
}

fn masked(bed: &Bed) -> Result<()> {
    let served = bed.serve("masked", CAT)?;
    let _alone = bed.no_reloads();
    let container = &bed.container;
    container.sh("systemctl mask masked.socket")?;
    bed.followed()?;
    equal("a client", served.hear()?.close, Close::Refused)?;
    container.sh("systemctl daemon-reload; systemctl start xinetd.target")?;
    bed.followed()?;
    equal("a client", served.hear()?.close, Close::Refused)?;
    for (command, words) in [
        (
            "list | tr -s ' '",
            "masked\n /etc/systemd/system/masked.socket\n",
        ),
        ("check", "masked by /etc/systemd/system/masked.socket"),
        ("show masked", "masked by /etc/systemd/system/masked.socket"),
    ] {
        let (_, said) = container.try_sh(&format!("xinetdctl {command}"))?;
        contains(&said, words)?;
    }
    // Other scenarios have files with errors.
    container.sh("systemctl unmask masked.socket; xinetdctl reload || true")?;
    served.connect()?.echo(b"back")
}

const PORT: u16 = 4011;
const MASKED: u16 = 4012;

/// What was ejected is served after a boot without xinetd's files and without the generator; what was
/// masked is not.
pub(crate) fn outlives_the_bridge(suite: Suite) -> Result<()> {
    let mut container = Container::boot(suite, prepare)?;
    container
        .sh("xinetdctl eject kept && systemctl mask hidden.socket && systemctl daemon-reload")?;
    container.reboot()?;
    inside(&container, || {
        serves(PORT)?;
        let refused = Peer::connect(([127, 0, 0, 1], MASKED).into(), None)?.is_err();
        equal("a masked service is closed", refused, true)
    })?;
    container.sh(
        "systemctl unmask hidden.socket; rm -rf /etc/xinetd.conf /etc/xinetd.d; \
         find / -xdev -name xinetd-generator -delete",
    )?;
    container.reboot()?;
    inside(&container, || serves(PORT))?;
    let said = container.sh("xinetdctl status kept")?;
    contains(&said, "/etc/systemd/system/kept.socket")
}

fn prepare(tree: &Path) -> Result<()> {
    crate::boot::without_real(tree)?;
    for (id, port) in [("kept", PORT), ("hidden", MASKED)] {
        let file = format!("/etc/xinetd.d/{id}");
        write(tree, &file, entry(id, port, CAT), 0o644)?;
    }
    Ok(())
}

/// Does it in the container's network, which is another one after each boot.
fn inside(container: &Container, act: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    thread::scope(|scope| {
        let act = scope.spawn(|| container.enter_network().and_then(|()| act()));
        act.join().map_err(|_| "it panicked")?
    })
}

fn serves(port: u16) -> Result<()> {
    Peer::connect(([127, 0, 0, 1], port).into(), None)?
        .map_err(|_| format!("port {port} refuses"))?
        .echo(b"served")
}
