//! xinetdctl and the files: what it applies, and what it says of them before xinetd runs.

use testbed::{Bare, Close, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, cat, client, command, has, serve, serving};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_reload_by_command_says_what_it_did", reloaded),
    ("a_service_is_switched_by_command", switched),
    ("an_image_is_built_and_checked", in_build),
];

fn reloaded() -> Result<()> {
    let main = format!("{DEFAULTS}includedir /etc/xinetd.d\n");
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", main, 0o644)?;
    bare.write("/etc/xinetd.d/echo", cat("echo", 7000, ""), 0o644)?;
    let running = serve(&bare, "-dontfork")?;
    let mut session = client(7000)?;
    let nothing = command(&running, 0, "xinetdctl reload")?;
    equal("nothing", nothing, "Nothing had to be done.\n".to_owned())?;
    let list = command(&running, 0, "xinetdctl list")?;
    equal("changed", list.contains("since the last reload"), false)?;
    bare.write("/etc/xinetd.d/new", cat("new", 7001, ""), 0o644)?;
    bare.write(
        "/etc/xinetd.d/echo",
        cat("echo", 7000, "instances = 3"),
        0o644,
    )?;
    let list = command(&running, 0, "xinetdctl list")?;
    has(
        &list,
        "its file is not applied yet; `xinetdctl reload` does it",
    )?;
    has(&list, "echo: it has changed since the last reload")?;
    let done = command(&running, 0, "xinetdctl reload")?;
    has(&done, "new: started, as it is new\n")?;
    has(&done, "echo: reloaded, as its settings")?;
    client(7001)?;
    let broken = cat("echo", 7000, "instances = many");
    bare.write("/etc/xinetd.d/echo", broken, 0o644)?;
    let refused = command(&running, 2, "xinetdctl reload")?;
    has(
        &refused,
        "  echo of /etc/xinetd.d/echo would be closed, and 1 session would end\n",
    )?;
    session.echo(b"goes on")?;
    let forced = command(&running, 1, "xinetdctl reload --force")?;
    has(&forced, "echo: stopped, as its file has errors now\n")?;
    has(&forced, "Left out, for errors: echo\n")?;
    equal("its session", session.read_to_end()?.close, Close::Fin)?;
    let missing = cat("new", 7001, "").replace("/bin/cat", "/usr/sbin/in.missing");
    bare.write("/etc/xinetd.d/new", missing, 0o644)?;
    running.sh("rm /etc/xinetd.d/echo")?;
    let unserved = command(&running, 1, "xinetdctl reload")?;
    has(
        &unserved,
        "new is down: the server /usr/sbin/in.missing can't be executed",
    )
}

/// While an image is built nothing runs, and nothing is said of systemd.
fn in_build() -> Result<()> {
    let bare = Bare::new()?;
    let files = [cat("echo", 7000, ""), cat("off", 7001, "disable = yes")];
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let running = bare.start("echo begins; exec sleep infinity")?;
    running.wait_for("begins")?;
    let none = command(&running, 1, "xinetdctl status")?;
    has(&none, "neither systemd nor xinetd runs here")?;
    let mut said = command(&running, 0, "xinetdctl check --verbose")?;
    has(
        &said,
        "echo (/etc/xinetd.conf:1:9): served by xinetd, without systemd",
    )?;
    said += &command(&running, 0, "xinetdctl list")?;
    said += &command(&running, 0, "xinetdctl show off")?;
    said += &command(&running, 0, "xinetdctl enable off")?;
    has(&said, "off is not started: xinetd does not run here\n")?;
    for word in ["systemctl", ".socket", "real xinetd", "at boot"] {
        equal(&format!("{word} in {said}"), said.contains(word), false)?;
    }
    for without in ["migrate", "eject echo"] {
        let refused = command(&running, 1, &format!("xinetdctl {without}"))?;
        has(
            &refused,
            "there is no systemd here: xinetd itself serves these files",
        )?;
    }
    Ok(())
}

fn switched() -> Result<()> {
    let (_bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    client(7000)?;
    let off = command(&running, 0, "xinetdctl disable echo")?;
    has(&off, "echo is stopped\n")?;
    running.wait_until("the port is closed", || client(7000).is_err())?;
    let on = command(&running, 0, "xinetdctl enable echo")?;
    has(&on, "echo is started\n")?;
    running.wait_until("the port is open", || client(7000).is_ok())
}
