//! What commands and the journal say where what runs is not what the files say, where a file has a
//! typing error, and to users that may not see everything.

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains, entry, unfolded};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    (
        "a_mistyped_restriction_is_told_by_reload_and_journal",
        mistyped_restriction,
    ),
    (
        "what_is_served_otherwise_than_the_files_say_is_told",
        unapplied_files,
    ),
    ("a_pause_is_told_by_explain", pause),
    ("other_users_are_told_what_takes_root", other_users),
    ("drop_ins_that_wait_for_a_restart_are_told", waiting_drop_in),
    ("what_force_would_take_down_is_told", what_force_takes_down),
    (
        "an_error_in_the_bridge_file_is_told_and_closes_no_port",
        broken_bridge_file,
    ),
    ("a_log_directory_may_come_later", late_log_directory),
    (
        "a_service_with_a_long_escaped_name_can_be_asked",
        long_escaped_name,
    ),
];

const SERVE: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// What a command prints, on one line.
fn said(bed: &Bed, command: &str) -> Result<String> {
    let (_, said) = bed
        .container
        .try_sh(&format!("{command} 2>&1; echo \"exit status $?\""))?;
    Ok(unfolded(&said))
}

/// The journal of xinetd-reconcile, on one line.
fn reconcile_said(bed: &Bed) -> Result<String> {
    let journal = "journalctl --sync; journalctl -o cat -u xinetd-reconcile";
    Ok(unfolded(&bed.container.sh(journal)?))
}

fn mistyped_restriction(bed: &Bed) -> Result<()> {
    let _alone = bed.no_reloads();
    let lines = format!("{SERVE}\n\tonly_form = 10.0.0.1");
    bed.write("mistyped", bed.port(), &lines)?;
    let told =
        "`only_form` is not an attribute, so the line is ignored, and nothing is restricted by it";
    for said in [said(bed, "xinetdctl reload")?, reconcile_said(bed)?] {
        contains(&said, told)?;
        contains(&said, "did you mean only_from?")?;
    }
    bed.container
        .sh("rm /etc/xinetd.d/mistyped; xinetdctl reload || test $? -eq 1")
        .map(drop)
}

fn unapplied_files(bed: &Bed) -> Result<()> {
    let served = bed.serve("unapplied", SERVE)?;
    let _alone = bed.no_reloads();
    let commands = [
        "xinetdctl list",
        "xinetdctl check",
        "xinetdctl explain unapplied 127.0.0.1",
    ];
    let changed = "it has changed since the last reload";
    for command in commands {
        let said = said(bed, &format!("{command} | grep unapplied"))?;
        equal(command, said.contains(changed), false)?;
    }
    bed.write(
        "unapplied",
        served.port,
        &format!("{SERVE}\n\tinstances = 3"),
    )?;
    for command in commands {
        contains(&said(bed, command)?, changed)?;
    }
    bed.container.sh("rm /etc/xinetd.d/unapplied")?;
    for command in &commands[..2] {
        contains(
            &said(bed, command)?,
            "unapplied.socket stays until the next daemon-reload",
        )?;
    }
    let gone = said(bed, commands[2])?;
    contains(&gone, "unapplied.socket stays until the next daemon-reload")?;
    contains(&gone, "exit status 2")?;
    bed.container.sh("xinetdctl reload || test $? -eq 1")?;
    let list = said(bed, "xinetdctl list")?;
    equal("left after the reload", list.contains("unapplied"), false)
}

fn pause(bed: &Bed) -> Result<()> {
    let served = bed.serve("pausing", &format!("{SERVE}\n\tcps = 1 30"))?;
    let explain = "xinetdctl explain pausing 127.0.0.1";
    contains(&said(bed, explain)?, "admitted exit status 0")?;
    for _ in 0..3 {
        drop(served.connect()?);
    }
    served.await_line("Deactivating service pausing")?;
    // The coordinator's answer of a moment ago counts as well.
    bed.container
        .wait_until(&format!("{explain} | grep -q paused"))?;
    let paused = said(bed, explain)?;
    contains(&paused, "cps has paused the service for")?;
    contains(&paused, "refused: no connection exit status 1")?;
    bed.container.sh("rm /etc/xinetd.d/pausing")?;
    bed.daemon_reload()
}

fn other_users(bed: &Bed) -> Result<()> {
    let _bans = alone(bed)?;
    let _alone = bed.no_reloads();
    let secret = entry("secret", bed.port(), SERVE);
    bed.container.write("/etc/xinetd.d/secret", secret, 0o600)?;
    let as_nobody = |command: &str| said(bed, &format!("runuser -u nobody -- {command}"));
    let list = as_nobody("xinetdctl list")?;
    contains(
        &list,
        "/etc/xinetd.d/secret can't be read: Permission denied",
    )?;
    contains(&list, "run the command as root exit status 2")?;
    contains(
        &as_nobody("xinetdctl check")?,
        "= help: run the command as root",
    )?;
    bed.container.sh("xinetdctl bans add 192.0.2.99")?;
    let explain = as_nobody("xinetdctl explain boot-on 127.0.0.1")?;
    contains(&explain, "bans unknown root alone may see the bans")?;
    contains(&explain, "run the command as root exit status 2")?;
    let reload = as_nobody("xinetdctl reload")?;
    contains(
        &reload,
        "root alone may reload; run the command as root exit status 1",
    )?;
    bed.container
        .sh("xinetdctl bans remove 192.0.2.99; rm /etc/xinetd.d/secret")
        .map(drop)
}

fn waiting_drop_in(bed: &Bed) -> Result<()> {
    let served = bed.serve("hinted", SERVE)?;
    let _client = served.connect()?;
    bed.container
        .wait_until("systemctl is-active hinted.service")?;
    let _alone = bed.no_reloads();
    let path = "/etc/systemd/system/hinted.service.d/test.conf";
    bed.container
        .write(path, "[Service]\nMemoryMax=1G\n", 0o644)?;
    let hint = format!("hinted.service: {path} takes effect at the next start");
    contains(&said(bed, "xinetdctl reload")?, &hint)?;
    bed.container
        .sh("systemctl restart hinted.socket; systemctl start hinted.service")?;
    let after = said(bed, "xinetdctl reload")?;
    equal("the hint after the restart", after.contains(&hint), false)?;
    bed.container
        .sh("rm -r /etc/xinetd.d/hinted /etc/systemd/system/hinted.service.d; xinetdctl reload || test $? -eq 1")
        .map(drop)
}

fn what_force_takes_down(bed: &Bed) -> Result<()> {
    let served = bed.serve("endangered", SERVE)?;
    let mut client = served.connect()?;
    client.send(b"here")?;
    equal("the session", client.read(4)?, b"here".to_vec())?;
    let _alone = bed.no_reloads();
    let broken = format!("{SERVE}\n\tinstances = many");
    bed.write("endangered", served.port, &broken)?;
    let refused = said(bed, "xinetdctl reload")?;
    contains(
        &refused,
        "endangered.socket of /etc/xinetd.d/endangered would be closed, and 1 session would end",
    )?;
    contains(&refused, "exit status 2")?;
    client.send(b"still")?;
    equal("the session", client.read(5)?, b"still".to_vec())?;
    bed.container
        .sh("rm /etc/xinetd.d/endangered; xinetdctl reload || test $? -eq 1")
        .map(drop)
}

fn broken_bridge_file(bed: &Bed) -> Result<()> {
    let _file = bed.bridge_file();
    let (inetd, bridge) = ("/etc/words-inetd.conf", "/etc/xinetd-bridge.toml");
    let port = bed.port();
    let text = format!("127.0.0.1:{port} stream tcp nowait root /bin/echo echo words\n");
    bed.container.write(inetd, text, 0o644)?;
    let good = format!("[inetd]\nfile = \"{inetd}\"\n");
    bed.container.write(bridge, &good, 0o644)?;
    bed.daemon_reload()?;
    let is_open = format!("ss -ltnH | grep -q 127.0.0.1:{port}");
    bed.container.wait_until(&is_open)?;
    bed.container
        .write(bridge, format!("{good}[service.x.redirect\n"), 0o644)?;
    bed.daemon_reload()?;
    bed.container.sh(&is_open)?;
    let meanwhile = "until then services go by what the file said before";
    contains(&reconcile_said(bed)?, meanwhile)?;
    contains(&said(bed, "xinetdctl check")?, meanwhile)?;
    bed.container.sh(&format!("rm {inetd} {bridge}"))?;
    bed.daemon_reload()?;
    bed.container.wait_until(&format!("! {is_open}"))
}

fn late_log_directory(bed: &Bed) -> Result<()> {
    let lines = format!("{SERVE}\n\tlog_type = FILE /var/local/later/log");
    let served = bed.serve("late-log", &lines)?;
    served.connect()?;
    served.await_line("EXIT: late-log")?;
    served.await_line("Service=late-log: the log file")?;
    bed.container.sh("mkdir /var/local/later")?;
    served.connect()?;
    bed.container
        .wait_until("grep -q 'EXIT: late-log' /var/local/later/log")?;
    bed.container.sh("rm /etc/xinetd.d/late-log")?;
    bed.daemon_reload()
}

fn long_escaped_name(bed: &Bed) -> Result<()> {
    // Each of its bytes takes four in the name of the unit.
    let id = "\u{e4}".repeat(30);
    let port = bed.port();
    bed.write("long-name", port, &format!("{SERVE}\n\tid = {id}"))?;
    bed.daemon_reload()?;
    let unit = bed.container.sh(&format!("systemd-escape {id}"))?;
    let unit = unit.trim();
    bed.container
        .sh(&format!("systemctl start '{unit}.service'"))?;
    bed.container
        .wait_until(&format!("xinetdctl status {id} | grep -q serving"))?;
    bed.container
        .sh(&format!("systemctl reload '{unit}.service'"))?;
    bed.container.sh("rm /etc/xinetd.d/long-name")?;
    bed.daemon_reload()
}
