//! The start-ups that real images have.

use nix::sys::signal::Signal;
use testbed::{Bare, Result, Running, equal};

use super::Scenario;
use super::machine::{DEFAULTS, cat, client};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("the_init_script_and_then_sleep", init_script),
    ("in_the_foreground", foreground),
    ("a_restart_while_an_image_is_built", restart_in_build),
    ("a_log_file_that_tail_follows", followed),
    ("another_main_file", other_main),
    ("a_log_file_and_a_pid_file", log_and_pid),
    ("lines_of_json", json_lines),
    ("debugging", debugging),
    ("the_log_on_standard_output", standard_output),
    ("another_user_than_root", other_user),
    ("an_option_that_is_wrong", wrong_option),
    ("a_file_that_is_not_there", no_main),
];

/// A machine with the service echo at port 7000 in /etc/xinetd.d.
fn machine() -> Result<Bare> {
    let bare = Bare::new()?;
    let main = format!("{DEFAULTS}includedir /etc/xinetd.d\n");
    bare.write("/etc/xinetd.conf", main, 0o644)?;
    bare.write("/etc/xinetd.d/echo", cat("echo", 7000, ""), 0o644)?;
    Ok(bare)
}

/// Waits for the port, and is served there.
fn is_served(running: &Running, port: u16) -> Result<()> {
    running.enter_network()?;
    running.wait_until("the port is open", || client(port).is_ok())
}

fn init_script() -> Result<()> {
    let bare = machine()?;
    let running = bare.start("/etc/init.d/xinetd start; exec sleep infinity")?;
    is_served(&running, 7000)?;
    running.sh("/etc/init.d/xinetd status && /etc/init.d/xinetd restart")?;
    is_served(&running, 7000)?;
    running.sh("/etc/init.d/xinetd stop && ! /etc/init.d/xinetd status")?;
    equal("ports", client(7000).is_err(), true)?;
    equal("pid file", running.read("/run/xinetd.pid"), String::new())
}

fn foreground() -> Result<()> {
    let bare = machine()?;
    let running = bare.start("exec /usr/sbin/xinetd -dontfork")?;
    is_served(&running, 7000)?;
    running.wait_for("START: echo pid=")?;
    running.wait_for("from=::ffff:127.0.0.1")
}

/// `RUN service xinetd restart`: nothing runs before, and what runs then ends with the step.
fn restart_in_build() -> Result<()> {
    let bare = machine()?;
    let mut running = bare.start("service xinetd restart && tail -n 1 /etc/xinetd.d/echo")?;
    let status = running.wait()?;
    equal("success", status.success(), true)?;
    equal("what follows", running.said().ends_with("}\n"), true)
}

/// The log of the services is the log of the container.
fn followed() -> Result<()> {
    let bare = machine()?;
    let file = "log_type = FILE /var/log/xinetd/xinetd.log\n";
    let main =
        format!("{DEFAULTS}includedir /etc/xinetd.d\n").replacen("{\n", &format!("{{\n{file}"), 1);
    bare.write("/etc/xinetd.conf", main, 0o644)?;
    let running = bare.start(
        "mkdir -p /var/log/xinetd; service xinetd restart && exec tail -F /var/log/xinetd/xinetd.log",
    )?;
    is_served(&running, 7000)?;
    running.wait_for("START: echo pid=")
}

fn other_main() -> Result<()> {
    let bare = machine()?;
    bare.write("/tmp/xinetd.conf", cat("other", 7001, ""), 0o644)?;
    let running = bare.start("cd /tmp; exec xinetd -f xinetd.conf -dontfork")?;
    is_served(&running, 7001)?;
    equal("the usual file", client(7000).is_err(), true)?;
    // It has gone to / meanwhile.
    bare.write("/tmp/xinetd.conf", cat("other", 7002, ""), 0o644)?;
    running.signal(Signal::SIGHUP)?;
    is_served(&running, 7002)
}

fn log_and_pid() -> Result<()> {
    let bare = machine()?;
    let mut running = bare.start(
        "exec xinetd -dontfork -stayalive -filelog /var/log/xinetd.log -pidfile /run/x.pid -reuse -cc 60",
    )?;
    is_served(&running, 7000)?;
    let log = || running.read("/var/log/xinetd.log");
    running.wait_until("the line in the file", || {
        log().contains("START: echo pid=")
    })?;
    let first = log().lines().next().unwrap_or_default().to_owned();
    // 26/11/26@07:02:05 xinetd[1]: NOTICE: text
    let is_stamped = first.contains("@") && first.contains(" xinetd[1]: NOTICE: ");
    equal(&format!("form of {first}"), is_stamped, true)?;
    equal("pid", running.read("/run/x.pid"), "1\n".to_owned())?;
    equal("console", running.said(), String::new())?;
    running.signal(Signal::SIGTERM)?;
    equal("status", running.wait()?.code(), Some(0))?;
    let log = std::fs::read_to_string(bare.tree().join("var/log/xinetd.log"));
    let log = log.map_err(|error| error.to_string())?;
    // The end of a session may be logged behind it.
    let last = "WARNING: Exiting...\n";
    equal(last, log.contains(last), true)
}

/// A reload changes the form, and an error in the file does not.
fn json_lines() -> Result<()> {
    let bare = machine()?;
    let options = |text: &str| bare.write("/etc/xinetd-bridge.toml", text, 0o644);
    options("[standalone]\nlog_format = \"json\"\n")?;
    let running = bare.start("exec xinetd -dontfork -filelog /var/log/xinetd.log")?;
    is_served(&running, 7000)?;
    let log = || running.read("/var/log/xinetd.log");
    let line = |part: &str| {
        let log = log();
        let line = log.lines().find(|line| line.contains(part));
        line.unwrap_or_default().to_owned()
    };
    running.wait_until("the line", || !line("START: echo pid=").is_empty())?;
    let start = line("START: echo pid=");
    for field in [
        "\"XINETD_SERVICE\":\"echo\"",
        "\"XINETD_EVENT\":\"START\"",
        "\"MESSAGE_ID\":\"",
        "\"__REALTIME_TIMESTAMP\":\"",
        "\"REMOTE_ADDR\":\"127.0.0.1\"",
    ] {
        equal(&format!("{field} in {start}"), start.contains(field), true)?;
    }
    let own = line("Started working");
    equal(&own, own.starts_with('{') && own.ends_with('}'), true)?;
    options("[standalone\n")?;
    running.signal(Signal::SIGHUP)?;
    running.wait_until("the error", || {
        line("/etc/xinetd-bridge.toml:1:").starts_with('{')
    })?;
    options("")?;
    running.signal(Signal::SIGHUP)?;
    running.wait_until("text", || {
        line("xinetd[1]: NOTICE: Reconfigured").contains('@')
    })
}

fn debugging() -> Result<()> {
    let bare = machine()?;
    let mut running = bare.start("exec xinetd -d")?;
    running.wait_for("service echo listens on port 7000")?;
    is_served(&running, 7000)?;
    running.signal(Signal::SIGINT)?;
    equal("status", running.wait()?.code(), Some(0))
}

fn standard_output() -> Result<()> {
    let bare = machine()?;
    bare.write("/service.conf", cat("other", 7001, ""), 0o644)?;
    let running = bare.start("exec xinetd -filelog - -dontfork -f /service.conf 2>/dev/null")?;
    is_served(&running, 7001)?;
    running.wait_for("xinetd[1]: Started working: 1 available service\n")
}

fn other_user() -> Result<()> {
    let bare = machine()?;
    let mine = cat("mine", 7001, "").replace("nobody", "games");
    bare.write("/etc/xinetd.d/mine", mine, 0o644)?;
    bare.write(
        "/etc/xinetd.d/low",
        cat("low", 7, "").replace("nobody", "games"),
        0o644,
    )?;
    let running = bare.start(
        "exec setpriv --reuid games --regid 60 --clear-groups --bounding-set -all xinetd -dontfork",
    )?;
    is_served(&running, 7001)?;
    running.wait_for(
        "service echo is not served: its user is nobody, and xinetd runs as games: start it as root",
    )?;
    running.wait_for("service low: bind to port 7 failed: Permission denied")?;
    running.wait_for("START: mine")
}

fn wrong_option() -> Result<()> {
    let bare = machine()?;
    let mut running = bare.start("exec xinetd -dontfrok")?;
    equal("status", running.wait()?.code(), Some(1))?;
    let expected = "xinetd: there is no option -dontfrok; did you mean -dontfork?\n";
    equal("message", running.said(), expected.to_owned())
}

fn no_main() -> Result<()> {
    let bare = machine()?;
    let mut running = bare.start("exec xinetd -dontfork -f /nonexistent")?;
    equal("status", running.wait()?.code(), Some(1))?;
    running.wait_for("/nonexistent can't be read: No such file or directory")
}
