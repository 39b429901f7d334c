//! Whatever differs from the files is mended or named, at every reload and by every way.

use std::time::Duration;

use testbed::{Close, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, entry, turned_away, unfolded};
use crate::reload::{await_port, place};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_service_that_was_gone_or_broken_comes_back", back),
    (
        "sessions_of_a_service_that_is_gone_end_in_good_order",
        farewell,
    ),
    ("a_socket_that_could_not_listen_is_tried_again", tried_again),
    (
        "a_service_whose_socket_could_not_move_comes_back_with_its_sessions",
        moved,
    ),
    (
        "a_server_that_is_missing_is_named_until_it_is_there",
        missing,
    ),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// Fails if systemd calls a unit of the service failed.
fn nothing_has_failed(bed: &Bed, id: &str) -> Result<()> {
    let failed = bed
        .container
        .sh("systemctl list-units --all --failed --plain --no-legend")?;
    let ours = |line: &&str| {
        let name = line.split_whitespace().next().unwrap_or_default();
        name.starts_with(&format!("{id}."))
    };
    equal("failed units", failed.lines().find(ours), None)
}

fn back(bed: &Bed) -> Result<()> {
    let served = place(bed, "back", CAT)?;
    let broken = entry("back", served.port, &format!("{CAT}\n\tinstances = many"));
    for attempt in ["removed", "broken"] {
        let broken = (attempt == "broken").then_some(broken.as_str());
        bed.apply("/etc/xinetd.d/back", broken)?;
        equal(attempt, served.hear()?.close, Close::Refused)?;
        nothing_has_failed(bed, "back")?;
        if attempt == "broken" {
            let said = bed
                .container
                .sh("journalctl --sync; journalctl -o cat -u xinetd-reconcile")?;
            contains(&said, "/etc/xinetd.d/back:9:")?;
        }
        served.rewrite(CAT)?;
        served.connect()?.echo(b"back")?;
        nothing_has_failed(bed, "back")?;
    }
    Ok(())
}

fn farewell(bed: &Bed) -> Result<()> {
    let stubborn = bed.script("stubborn", "trap '' TERM; cat; sleep 100")?;
    let rows = [
        ("leaves", CAT.to_owned(), "EXIT: leaves signal=15 pid="),
        (
            "leaves-late",
            format!("\tuser = root\n\tserver = {stubborn}"),
            "EXIT: leaves-late signal=9 pid=",
        ),
    ];
    for (id, lines, line) in rows {
        let served = place(bed, id, &lines)?;
        let mut session = served.connect()?;
        session.echo(b"there")?;
        bed.container.sh(&format!("rm /etc/xinetd.d/{id}"))?;
        bed.daemon_reload()?;
        session.read_to_end()?;
        contains(served.await_line(line)?.message(), " duration=")?;
        nothing_has_failed(bed, id)?;
        equal("the port", served.hear()?.close, Close::Refused)?;
    }
    Ok(())
}

/// Another program that listens on a port.
fn other_listener(bed: &Bed, unit: &str, port: u16) -> Result<()> {
    let program = format!(
        "use Socket; socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); \
         bind(S, sockaddr_in({port}, INADDR_ANY)) or die; listen(S, 5); sleep 1000"
    );
    bed.container.sh(&format!(
        "systemd-run -q --collect --uid=nobody --unit={unit} perl -e '{program}'"
    ))?;
    await_port(port, true)
}

fn tried_again(bed: &Bed) -> Result<()> {
    let served = Served {
        bed,
        id: "taken".to_owned(),
        port: bed.port(),
    };
    let _alone = bed.no_reloads();
    other_listener(bed, "other-listener", served.port)?;
    bed.write("taken", served.port, CAT)?;
    let why = "taken by perl (process ";
    for _ in 0..2 {
        let (done, said) = bed.container.try_sh("xinetdctl reload")?;
        equal("a reload with a port that is taken", done, false)?;
        contains(&said, "taken: start failed: ")?;
        contains(&said, why)?;
    }
    // By each command that says what is served.
    for command in [
        "list",
        "status",
        "status taken",
        "explain taken 127.0.0.1",
        "check",
    ] {
        let (_, said) = bed.container.try_sh(&format!("xinetdctl {command}"))?;
        contains(&unfolded(&said), why)?;
    }
    bed.container.sh("systemctl stop other-listener")?;
    let (_, said) = bed.container.try_sh("xinetdctl reload")?;
    contains(&said, "taken: started, as it did not listen")?;
    served.connect()?.echo(b"at last")
}

/// No reload starts the socket of an ejected service, so that the command that does is told.
fn ejected_without_server(bed: &Bed) -> Result<()> {
    let (done, said) = bed.container.try_sh("xinetdctl eject serverless 2>&1")?;
    equal("an ejection without the server", done, false)?;
    contains(&said, "serverless.socket does not listen: its server")?;
    for command in ["list", "status", "status serverless", "check"] {
        let (_, said) = bed.container.try_sh(&format!("xinetdctl {command}"))?;
        contains(&unfolded(&said), "run `systemctl start serverless.socket`")?;
    }
    let way_back = said.lines().filter_map(|line| line.strip_prefix("  "));
    for line in way_back {
        bed.container.try_sh(line)?;
    }
    bed.followed()
}

fn moved(bed: &Bed) -> Result<()> {
    let lines = format!("{CAT}\n\tinstances = 2");
    let mut served = bed.serve("moved", &lines)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    served.port = bed.port();
    let _alone = bed.no_reloads();
    other_listener(bed, "another-listener", served.port)?;
    bed.write("moved", served.port, &lines)?;
    let (_, said) = bed.container.try_sh("xinetdctl reload")?;
    contains(&said, "moved: rebind failed: ")?;
    // Until the pause before the next helper is over.
    std::thread::sleep(Duration::from_millis(2500));
    bed.container.sh("systemctl stop another-listener")?;
    // By hand: systemd, but for old ones, takes the service for one that is about to start.
    bed.container.sh("systemctl start moved.socket")?;
    let state = bed.container.property("moved.service", "SubState")?;
    let is_kept = state == "auto-restart-queued";
    for command in ["list", "status moved"].iter().filter(|_| is_kept) {
        let (_, said) = bed.container.try_sh(&format!("xinetdctl {command}"))?;
        contains(&unfolded(&said), "systemd does not start its helper")?;
    }
    // Other scenarios have files with errors.
    bed.container.try_sh("xinetdctl reload")?;
    let mut second = served.connect()?;
    second.echo(b"again")?;
    session.echo(b"still there")?;
    if is_kept {
        // It counts.
        turned_away(&served.hear()?)?;
    }
    drop(second);
    // The same without a start by hand.
    served.port = bed.port();
    other_listener(bed, "another-listener", served.port)?;
    bed.write("moved", served.port, &lines)?;
    bed.container.try_sh("xinetdctl reload")?;
    std::thread::sleep(Duration::from_millis(1500));
    bed.container.sh("systemctl stop another-listener")?;
    bed.container.try_sh("xinetdctl reload")?;
    served.connect()?.echo(b"once more")?;
    session.echo(b"still there")
}

fn missing(bed: &Bed) -> Result<()> {
    let served = Served {
        bed,
        id: "serverless".to_owned(),
        port: bed.port(),
    };
    let _alone = bed.no_reloads();
    let server = "/usr/local/bin/not-yet";
    bed.write(
        "serverless",
        served.port,
        &format!("\tuser = nobody\n\tserver = {server}"),
    )?;
    let (done, said) = bed.container.try_sh("xinetdctl reload")?;
    equal("a reload without the server", done, false)?;
    contains(
        &said,
        &format!("serverless: start failed: its server {server} is not there"),
    )?;
    let (_, said) = bed.container.try_sh("xinetdctl check")?;
    contains(&said, "/etc/xinetd.d/serverless:8:2: warning: ")?;
    for command in ["list", "status", "status serverless"] {
        let (_, said) = bed.container.try_sh(&format!("xinetdctl {command}"))?;
        contains(&unfolded(&said), server)?;
    }
    let line = bed
        .container
        .sh("journalctl --sync; journalctl -o cat -u xinetd-reconcile")?;
    contains(&line, &format!("its server {server} is not there"))?;
    nothing_has_failed(bed, "serverless")?;
    ejected_without_server(bed)?;
    bed.script("not-yet", "echo here")?;
    bed.container.sh("systemctl daemon-reload")?;
    bed.followed()?;
    equal("the server", served.hear()?.text().as_str(), "here\n")?;
    bed.container
        .sh("rm /etc/xinetd.d/serverless /usr/local/bin/not-yet")
        .map(drop)
}
