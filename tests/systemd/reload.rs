//! What follows a daemon-reload, whichever program asks for it, and `xinetdctl reload`.

use std::fs;
use std::net::Ipv4Addr;
use std::thread;

use testbed::{Backend, Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    (
        "a_new_file_is_served_and_a_removed_one_is_not",
        new_and_gone,
    ),
    ("services_are_switched_on_and_off_by_their_files", switched),
    ("a_socket_moves_beside_its_sessions", moved),
    ("limits_and_users_change_beside_sessions", changed),
    (
        "sessions_inside_the_helper_go_on_when_another_one_takes_its_place",
        inside,
    ),
    ("wait_changes_beside_sessions", wait_changes),
    ("a_socket_that_systemd_has_closed_comes_back", closed),
    ("services_may_change_places", places),
    ("reloads_of_units_and_of_the_manager_do_not_clash", clash),
    ("xinetdctl_reload_checks_first", checks),
    ("the_unit_xinetd_answers_in_its_place", daemon),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// Waits until a port listens, or does not any more. It is no client: one that the helper has yet to accept would take
/// an instance that the scenario counts on.
pub(crate) fn await_port(port: u16, listens: bool) -> Result<()> {
    for _ in 0..600 {
        if is_open(port)? == listens {
            return Ok(());
        }
        thread::sleep(std::time::Duration::from_millis(100));
    }
    Err(format!("port {port} never came to listen: {listens}"))
}

/// Whether a TCP socket listens on the port in the network of this thread: state 0A in proc_net_tcp(5).
fn is_open(port: u16) -> Result<bool> {
    let local = format!(":{port:04X}");
    for table in ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"] {
        let text = fs::read_to_string(table).map_err(|error| format!("{table}: {error}"))?;
        let listens = |line: &str| {
            let mut words = line.split_whitespace().skip(1);
            words.next().is_some_and(|word| word.ends_with(&local)) && words.nth(1) == Some("0A")
        };
        if text.lines().any(listens) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A service by its file and a daemon-reload alone.
pub(crate) fn place<'a>(bed: &'a Bed, id: &str, lines: &str) -> Result<Served<'a>> {
    let port = bed.port();
    bed.write(id, port, lines)?;
    bed.reload_alone()?;
    await_port(port, true)?;
    Ok(Served {
        bed,
        id: id.to_owned(),
        port,
    })
}

fn new_and_gone(bed: &Bed) -> Result<()> {
    let served = place(bed, "appeared", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"there")?;
    bed.container.sh("rm /etc/xinetd.d/appeared")?;
    bed.reload_alone()?;
    equal("the session", session.read_to_end()?.bytes.len(), 0)?;
    await_port(served.port, false)?;
    bed.container
        .wait_until("test \"$(systemctl show -P LoadState appeared.socket)\" = not-found")
}

fn switched(bed: &Bed) -> Result<()> {
    let served = bed.serve("turned", &format!("{CAT}\n\tdisable = yes"))?;
    // An administrator has started it: it stays so.
    bed.daemon_reload()?;
    served.connect()?.echo(b"by hand")?;
    served.systemctl("stop", "socket")?;
    served.rewrite(CAT)?;
    await_port(served.port, true)?;
    served.rewrite(&format!("{CAT}\n\tdisable = yes"))?;
    await_port(served.port, false)?;
    served.rewrite(CAT)?;
    await_port(served.port, true)?;
    // An administrator has stopped it: it stays so.
    served.systemctl("stop", "socket")?;
    served.rewrite(&format!("{CAT}\n\tinstances = 7"))?;
    equal("a client", served.hear()?.close, Close::Refused)
}

fn moved(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let mut served = place(bed, "moved", &format!("{CAT}\n\tinstances = 2"))?;
    let mut session = served.connect()?;
    session.echo(b"on the old port")?;
    let old = served.port;
    served.port = bed.port();
    bed.write(&served.id, served.port, &format!("{CAT}\n\tinstances = 2"))?;
    bed.reload_alone()?;
    await_port(served.port, true)?;
    equal(
        "the old port",
        Peer::hear((Ipv4Addr::LOCALHOST, old).into(), None)?.close,
        Close::Refused,
    )?;
    session.echo(b"still here")?;
    // The old session counts, and no other client.
    bed.container
        .wait_until("xinetdctl status moved --json | grep '\"running\": 1,'")?;
    let mut second = served.connect()?;
    second.echo(b"on the new port")?;
    turned_away(&served.hear()?)?;
    // Not another port, but another address: the port is free for it at once.
    served.rewrite(&format!("{CAT}\n\tbind = 127.0.0.77"))?;
    let address = (Ipv4Addr::new(127, 0, 0, 77), served.port).into();
    bed.container.wait_until(&format!(
        "bash -c '</dev/tcp/127.0.0.77/{0}' && ! bash -c '</dev/tcp/127.0.0.1/{0}'",
        served.port
    ))?;
    session.echo(b"still here")?;
    second.echo(b"and here")?;
    Peer::connect(address, None)?
        .map_err(|_| "the new address refuses")?
        .echo(b"there")
}

fn changed(bed: &Bed) -> Result<()> {
    let id = bed.script("who", "id -un; exec cat")?;
    let server = |user: &str, more: &str| format!("\tuser = {user}\n\tserver = {id}{more}");
    let served = place(bed, "changing", &server("nobody", ""))?;
    let mut session = served.connect()?;
    equal("the user", session.read(7)?, b"nobody\n".to_vec())?;
    let helper = served.helper()?;
    served.rewrite(&server("nobody", "\n\tinstances = 1"))?;
    // A client of before may have been let in.
    turned_away(&served.hear()?)?;
    session.echo(b"before and after")?;
    equal("the helper", served.helper()?, helper)?;
    served.rewrite(&server("daemon", "\n\tinstances = 2"))?;
    let mut other = served.connect()?;
    equal("the user", other.read(7)?, b"daemon\n".to_vec())?;
    session.echo(b"still nobody")?;
    // Both count.
    turned_away(&served.hear()?)
}

/// A session that has no server: the next helper counts it, and logs its end.
fn inside(bed: &Bed) -> Result<()> {
    let backend = Backend::new(Ipv4Addr::LOCALHOST)?;
    let lines = |user: &str| {
        format!(
            "\tuser = {user}\n\tinstances = 1\n\tredirect = 127.0.0.1 {}\n\tlog_on_success = PID HOST EXIT",
            backend.port
        )
    };
    let served = bed.serve("relayed-on", &lines("nobody"))?;
    let mut client = served.connect()?;
    let mut server = backend.accept()?;
    client.send(b"before")?;
    equal("before", server.read(6)?, b"before".to_vec())?;
    let helper = served.helper()?;
    served.rewrite(&lines("daemon"))?;
    for _ in 0..100 {
        if served.helper()? != helper {
            break;
        }
        thread::sleep(std::time::Duration::from_millis(100));
    }
    equal("another helper", served.helper()? != helper, true)?;
    client.send(b"after")?;
    equal("after", server.read(5)?, b"after".to_vec())?;
    server.send(b"and back")?;
    equal("back", client.read(8)?, b"and back".to_vec())?;
    turned_away(&served.hear()?)?;
    server.finish()?;
    client.finish()?;
    equal("the end", client.read_to_end()?.close, Close::Fin)?;
    served.await_line("EXIT: relayed-on ").map(drop)
}

fn wait_changes(bed: &Bed) -> Result<()> {
    let served = place(bed, "waiting-now", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"nowait")?;
    let taker = bed.script(
        "taker-reload",
        "exec perl -MSocket -e 'accept(C, STDIN) or die; print C \"taken\\n\"; close C'",
    )?;
    let text = crate::bed::entry("waiting-now", served.port, "\tuser = nobody")
        .replace("wait = no", "wait = yes")
        .replace(
            "\tuser = nobody",
            &format!("\tuser = nobody\n\tserver = {taker}"),
        );
    bed.container
        .write("/etc/xinetd.d/waiting-now", text, 0o644)?;
    bed.daemon_reload()?;
    session.echo(b"nowait lives on")?;
    session.finish()?;
    equal("the end", session.read_to_end()?.close, Close::Fin)?;
    equal("a client", served.hear()?.text().as_str(), "taken\n")
}

/// systemd closes a socket whose unit was missing at one single reload.
fn closed(bed: &Bed) -> Result<()> {
    let served = place(bed, "missed", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    {
        let _alone = bed.no_reloads();
        // A run that goes on would see the unit missing, and take it for gone.
        bed.followed()?;
        bed.container.sh("systemctl stop xinetd-reconcile.path
             mv /etc/xinetd.d/missed /root/; systemctl daemon-reload
             mv /root/missed /etc/xinetd.d/; systemctl daemon-reload
             systemctl start xinetd-reconcile.path")?;
    }
    bed.followed()?;
    session.echo(b"after")?;
    // The helper of before has its own descriptor: when it has gone, systemd's counts.
    served.connect()?.echo(b"served")?;
    drop(session);
    served.systemctl("stop", "service")?;
    served.connect()?.echo(b"served")
}

fn places(bed: &Bed) -> Result<()> {
    let script = |name: &str| bed.script(name, &format!("echo {name}"));
    let lines =
        |name: &str| Ok::<_, String>(format!("\tuser = nobody\n\tserver = {}", script(name)?));
    let mut left = place(bed, "left", &lines("left")?)?;
    let mut right = place(bed, "right", &lines("right")?)?;
    equal("left", left.hear()?.text().as_str(), "left\n")?;
    equal("right", right.hear()?.text().as_str(), "right\n")?;
    std::mem::swap(&mut left.port, &mut right.port);
    bed.write("left", left.port, &lines("left")?)?;
    bed.write("right", right.port, &lines("right")?)?;
    bed.daemon_reload()?;
    equal("left", left.hear()?.text().as_str(), "left\n")?;
    equal("right", right.hear()?.text().as_str(), "right\n")
}

fn clash(bed: &Bed) -> Result<()> {
    let served = place(bed, "reloaded-often", CAT)?;
    let mut session = served.connect()?;
    session.echo(b"before")?;
    let _alone = bed.no_reloads();
    // These wait for no server.
    bed.container.sh(
        "for round in 1 2 3 4 5 6 7 8; do systemctl daemon-reload & \
         systemctl reload reloaded-often.service || exit 1; wait; done",
    )?;
    session.echo(b"after")
}

/// Takes the one file of the container that is broken away: a reload that looks would refuse.
fn without_broken(bed: &Bed, play: fn(&Bed) -> Result<()>) -> Result<()> {
    let _alone = bed.no_reloads();
    bed.container.sh("mv /etc/xinetd.d/broken /root/")?;
    let outcome = play(bed);
    bed.container.sh("mv /root/broken /etc/xinetd.d/")?;
    outcome
}

fn checks(bed: &Bed) -> Result<()> {
    without_broken(bed, checked)
}

fn checked(bed: &Bed) -> Result<()> {
    let port = bed.port();
    bed.write("applied", port, CAT)?;
    // Services of other scenarios may not listen, which it says as well.
    let (_, said) = bed.container.try_sh("xinetdctl reload")?;
    contains(&said, "applied: started, as it is new")?;
    await_port(port, true)?;
    bed.write("applied", port, &format!("{CAT}\n\tinstances = many"))?;
    let (done, said) = bed.container.try_sh("xinetdctl reload")?;
    equal("a broken file", done, false)?;
    contains(&said, "/etc/xinetd.d/applied:9:")?;
    contains(
        &said,
        "applied.socket of /etc/xinetd.d/applied would be closed",
    )?;
    await_port(port, true)?;
    // What did not listen before holds up nothing.
    bed.write("applied", port, CAT)?;
    let more = bed.port();
    bed.write("never-right", more, &format!("{CAT}\n\tinstances = many"))?;
    bed.write("beside-it", more, CAT)?;
    let (done, said) = bed.container.try_sh("xinetdctl reload")?;
    equal("a new file that is broken", done, false)?;
    contains(&said, "beside-it: started, as it is new")?;
    contains(&said, "Left out, for errors: never-right")?;
    await_port(more, true)?;
    bed.container
        .sh("rm /etc/xinetd.d/applied /etc/xinetd.d/never-right /etc/xinetd.d/beside-it")?;
    let (_, said) = bed.container.try_sh("xinetdctl reload --json")?;
    contains(&said, "\"step\": \"stop\"")?;
    await_port(port, false)
}

fn daemon(bed: &Bed) -> Result<()> {
    without_broken(bed, instead)
}

fn instead(bed: &Bed) -> Result<()> {
    let state = bed.container.property("xinetd.service", "ActiveState")?;
    equal("after the boot", state.trim(), "active")?;
    let port = bed.port();
    bed.write("hup", port, CAT)?;
    bed.container.try_sh("systemctl reload xinetd")?;
    await_port(port, true)?;
    bed.container
        .try_sh("rm /etc/xinetd.d/hup; systemctl reload xinetd")?;
    await_port(port, false)
}
