//! Reloads that would open or stop what runs, for what can't be read any more.

use nix::sys::signal::Signal;
use testbed::{Bare, Result, Running, equal};

use super::Scenario;
use super::machine::{cat, client, command, has, serve, serving, words};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_missing_main_file_opens_nothing", without_main),
    ("a_lost_file_with_defaults_opens_nothing", without_defaults),
    ("a_start_serves_beside_a_dangling_link", start_beside_fault),
    ("inetd_conf_needs_no_main_file", without_main_beside_inetd),
    ("the_last_service_is_stopped_by_force_alone", last),
    (
        "what_is_on_and_not_served_is_down",
        errors_and_unknown_users,
    ),
];

const CLOSED: &str = "defaults\n{\n only_from = 10.0.0.1\n}\n";

const FAILED: &str = "reconfiguration failed; all services go on as they are";

/// Has the files read again by a signal, which changes nothing.
fn refuses_signal(running: &Running, what: &str) -> Result<()> {
    let count = || running.said().matches(FAILED).count();
    let before = count();
    running.signal(Signal::SIGHUP)?;
    running.wait_until(what, || count() > before)?;
    equal(what, client(7000).is_err(), true)
}

fn without_main() -> Result<()> {
    let files = format!("{CLOSED}includedir /etc/xinetd.d\n");
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    bare.write("/etc/xinetd.d/echo", cat("echo", 7000, ""), 0o644)?;
    let running = serve(&bare, "-dontfork")?;
    equal("before", client(7000).is_err(), true)?;
    running.sh("mv /etc/xinetd.conf /etc/aside")?;
    refuses_signal(&running, "a signal")?;
    running.wait_for(
        "/etc/xinetd.conf can't be read: No such file or directory (os error 2); put the file back",
    )?;
    let refused = command(&running, 2, "xinetdctl reload")?;
    has(&refused, "Nothing was applied.\n")?;
    has(&refused, "/etc/xinetd.conf can't be read")?;
    has(
        &command(&running, 1, "xinetdctl reload --force")?,
        "/etc/xinetd.conf can't be read",
    )?;
    has(
        &command(&running, 2, "xinetdctl check")?,
        "/etc/xinetd.conf can't be read",
    )?;
    equal("by force", client(7000).is_err(), true)?;
    running.sh("mv /etc/aside /etc/xinetd.conf; xinetdctl reload")?;
    equal("after", client(7000).is_err(), true)
}

fn without_defaults() -> Result<()> {
    let files = format!(
        "include /etc/more\nincludedir /etc/xinetd.d\n{}",
        cat("echo", 7000, "")
    );
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    bare.write("/etc/more", CLOSED, 0o644)?;
    bare.write(
        "/etc/xinetd.d/access",
        "defaults\n{\n no_access = 10.9.9.9\n}\n",
        0o644,
    )?;
    let running = serve(&bare, "-dontfork")?;
    for (lose, said) in [
        ("rm /etc/more", "/etc/more can't be read"),
        ("truncate -s 100M /etc/more", "/etc/more can't be read"),
        ("rm /etc/more; mkfifo /etc/more", "/etc/more can't be read"),
        (
            "printf 'defaults\\n{\\n only_fr' >/etc/more",
            "/etc/more:1:1",
        ),
        (
            "rm /etc/xinetd.d/access; mkfifo /etc/xinetd.d/access",
            "/etc/xinetd.d/access is not a regular file",
        ),
        (
            "ln -sf /none /etc/xinetd.d/access",
            "/etc/xinetd.d/access is a link that leads nowhere",
        ),
        (
            "rm -r /etc/xinetd.d",
            "the directory /etc/xinetd.d can't be read",
        ),
    ] {
        running.sh(&format!(
            "cp -a /etc/xinetd.d /etc/kept.d; cp -a /etc/more /etc/kept; {lose}"
        ))?;
        refuses_signal(&running, lose)?;
        equal(said, running.said().contains(said), true)?;
        let refused = command(&running, 2, "xinetdctl reload")?;
        has(&refused, "Nothing was applied.\n")?;
        has(&refused, said)?;
        equal(lose, client(7000).is_err(), true)?;
        running.sh("rm -rf /etc/xinetd.d /etc/more; mv /etc/kept.d /etc/xinetd.d; mv /etc/kept /etc/more; xinetdctl reload")?;
    }
    running.sh("rm /etc/more")?;
    command(&running, 1, "xinetdctl reload --force")?;
    drop(client(7000)?);
    // What is not read by the administrator's will speaks against no further reload.
    command(&running, 1, "xinetdctl reload")?;
    running.sh("echo \"$(cat /etc/xinetd.conf)\" >/etc/xinetd.conf")?;
    running.signal(Signal::SIGHUP)?;
    running.wait_until("another reload", || {
        running.said().matches("Reconfigured:").count() >= 10
    })
}

fn start_beside_fault() -> Result<()> {
    let files = format!("includedir /etc/xinetd.d\n{}", cat("echo", 7000, ""));
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files, 0o644)?;
    bare.write("/etc/xinetd.d/other", cat("other", 7001, ""), 0o644)?;
    let running = bare.start("ln -s /none /etc/xinetd.d/gone; exec xinetd -dontfork")?;
    running.wait_for("Started working: 2 available services")?;
    running.wait_for("/etc/xinetd.d/gone is a link that leads nowhere")?;
    running.enter_network()?;
    client(7000)?;
    has(
        &command(&running, 2, "xinetdctl check")?,
        "/etc/xinetd.d/gone is a link that leads nowhere",
    )?;
    // It was not read before: services lose nothing by it.
    running.sh("rm /etc/xinetd.d/other")?;
    running.signal(Signal::SIGHUP)?;
    running.wait_for("service other deactivated")?;
    client(7000).map(drop)
}

fn without_main_beside_inetd() -> Result<()> {
    let bare = Bare::new()?;
    let entry = "7000 stream tcp nowait nobody /bin/cat cat\n";
    bare.write("/etc/inetd.conf", entry, 0o644)?;
    let running = bare.start("rm -f /etc/xinetd.conf; exec xinetd -dontfork -inetd_compat")?;
    running.wait_for("Started working: 1 available service")?;
    running.enter_network()?;
    client(7000)?;
    running.signal(Signal::SIGHUP)?;
    running.wait_for("Reconfigured: new=0 old=1")?;
    client(7000).map(drop)
}

fn last() -> Result<()> {
    let (bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    running.sh(": >/etc/xinetd.conf")?;
    let refused = command(&running, 2, "xinetdctl reload")?;
    has(
        &refused,
        "no service would be left:\n  echo of /etc/xinetd.conf would be closed",
    )?;
    client(7000)?;
    let forced = command(&running, 0, "xinetdctl reload --force")?;
    equal("it stays", forced.contains("xinetd ends"), false)?;
    equal("by force", client(7000).is_err(), true)?;
    drop(running);
    bare.write("/etc/xinetd.conf", cat("echo", 7000, ""), 0o644)?;
    let running = bare.start("xinetd -filelog /log; exec sleep infinity")?;
    running.enter_network()?;
    running.wait_until("the port", || client(7000).is_ok())?;
    running.sh(": >/etc/xinetd.conf")?;
    command(&running, 2, "xinetdctl reload")?;
    has(
        &command(&running, 0, "xinetdctl reload --force")?,
        "No service is left, and xinetd ends.",
    )?;
    running.wait_until("the end", || client(7000).is_err())?;
    has(
        &running.read("/log"),
        "No available services. Exiting: the files have none",
    )
}

fn errors_and_unknown_users() -> Result<()> {
    let files = |more: &str, user: &str| {
        let who = cat("who", 7001, "").replace("nobody", user);
        [cat("echo", 7000, ""), who, cat("mul", 7002, more)].concat()
    };
    let (bare, running) = serving(&files("", "nobody"), "-dontfork")?;
    bare.write("/etc/xinetd.conf", files("", "nobodyy"), 0o644)?;
    has(
        &command(&running, 1, "xinetdctl reload")?,
        "who is down: each client is reset, as there is no user nobodyy",
    )?;
    bare.write("/etc/xinetd.conf", files("per_source = x", "nobody"), 0o644)?;
    running.signal(Signal::SIGHUP)?;
    running.wait_for("service mul deactivated")?;
    let status = command(&running, 0, "xinetdctl status")?;
    equal(
        "mul",
        words(&status, "mul")[..2].to_vec(),
        ["mul", "down"].to_vec(),
    )?;
    has(&status, "mul is down: /etc/xinetd.conf:")?;
    has(
        &command(&running, 0, "xinetdctl metrics")?,
        "xinetd_up{service=\"mul\",unit=\"mul\"} 0\n",
    )?;
    client(7000).map(drop)
}
