//! `log_type = FILE`: what gets into the file, and all that may go wrong with it.

use std::sync::atomic::{AtomicBool, Ordering};

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_log_file_has_the_lines_of_xinetd", content),
    (
        "a_log_file_stops_at_its_hard_limit_and_goes_on_when_cut",
        limits,
    ),
    ("a_log_file_is_rotated_under_load_without_a_loss", rotation),
    ("a_full_disk_costs_no_session_and_no_line", full_disk),
    (
        "a_log_file_waits_for_the_coordinator_and_needs_no_bus",
        coordinator,
    ),
    ("a_trap_in_place_of_a_log_file_is_not_written", traps),
    ("a_server_does_not_get_the_log_file_of_its_helper", hostile),
];

/// Where these services log; a directory that no other scenario has.
fn directory(bed: &Bed, name: &str) -> Result<String> {
    let path = format!("/var/log/xinetd-{name}");
    bed.container.sh(&format!("mkdir -p {path}"))?;
    Ok(path)
}

/// A service that says `in`, and logs to a file.
fn lines(file: &str) -> String {
    format!(
        "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in\n\tlog_type = FILE {file}\n\t\
         log_on_success = HOST PID DURATION EXIT\n\tlog_on_failure = HOST\n\tno_access = 127.0.0.9\n\tcps = 1000 1"
    )
}

fn let_in(served: &Served<'_>) -> Result<()> {
    equal("let in", served.hear()?.text().as_str(), "in\n")
}

/// Waits until so many lines match.
fn await_lines(bed: &Bed, file: &str, pattern: &str, count: usize) -> Result<()> {
    bed.container.wait_until(&format!(
        "cat {file}; test \"$(cat {file} | grep -c -E '{pattern}')\" = {count}"
    ))
}

fn content(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let file = format!("{}/log", directory(bed, "content")?);
    let served = bed.serve("filed", &lines(&file))?;
    let_in(&served)?;
    turned_away(&served.hear_from(9)?)?;
    let stamp = "^[0-9]{2}/[0-9]{1,2}/[0-9]{1,2}@[0-9]{2}:[0-9]{2}:[0-9]{2}: ";
    for line in [
        "START: filed pid=[0-9]+ from=::ffff:127.0.0.1$",
        "EXIT: filed status=0 pid=[0-9]+ duration=[0-9]+\\(sec\\)$",
        "FAIL: filed address from=::ffff:127.0.0.9$",
    ] {
        await_lines(bed, &file, &format!("{stamp}{line}"), 1)?;
    }
    let found = bed.container.sh(&format!("stat -c '%a %U' {file}"))?;
    equal("the file", found.trim(), "644 root")?;
    // The journal explains refusals all the same.
    let line = served.await_line("FAIL: filed address from=::ffff:127.0.0.9")?;
    contains(line.field("XINETD_RULE"), "/etc/xinetd.d/filed")?;
    // A coordinator that runs already may not write where the file of a service is that comes later,
    // and has a /tmp of its own.
    for (id, file) in [
        ("filed-later", format!("{}/log", directory(bed, "later")?)),
        ("filed-in-tmp", "/tmp/xinetd-filed.log".to_owned()),
    ] {
        bed.container.sh(
            "busctl call org.xinetd.Bridge1 /org/xinetd/Bridge1 org.freedesktop.DBus.Peer Ping",
        )?;
        let later = bed.serve(id, &lines(&file))?;
        let_in(&later)?;
        await_lines(bed, &file, &format!("START: {id}"), 1)?;
        let said = bed.container.journal(&format!("{id}.service"))?;
        let mut complaints = said
            .iter()
            .filter(|line| line.message().contains("log file"));
        equal(
            "a complaint",
            complaints.next().map(testbed::Line::message),
            None,
        )?;
    }
    Ok(())
}

fn limits(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let file = format!("{}/log", directory(bed, "limits")?);
    bed.container.sh(&format!(
        "head -c 5000 /dev/zero | tr '\\0' x >{file}; echo >>{file}"
    ))?;
    let served = bed.serve("limited-file", &lines(&format!("{file} 5000 10240")))?;
    let_in(&served)?;
    served.await_line("Size of limited-file log exceeded soft limit")?;
    await_lines(bed, &file, "START: ", 1)?;
    bed.container
        .sh(&format!("head -c 6000 /dev/zero | tr '\\0' x >>{file}"))?;
    let size = || bed.container.sh(&format!("stat -c %s {file}"));
    let before = size()?;
    let_in(&served)?;
    let_in(&served)?;
    served.await_line("Size of limited-file log exceeded hard limit")?;
    equal("the size", size()?, before)?;
    bed.container.sh(&format!(": >{file}"))?;
    let_in(&served)?;
    await_lines(bed, &file, "EXIT: ", 1)?;
    let said = served.await_line("Service=limited-file: 4 lines were left out of")?;
    contains(said.message(), &file)
}

fn rotation(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let file = format!("{}/log", directory(bed, "rotation")?);
    let served = bed.serve("rotated", &lines(&file))?;
    let_in(&served)?;
    await_lines(bed, &file, "EXIT: ", 1)?;
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = scope.spawn(|| {
            bed.container.enter_network()?;
            while !is_done.load(Ordering::Relaxed) {
                let_in(&served)?;
            }
            Ok(())
        });
        let rotate = |number: u32, after: &str| {
            let command = format!("mv {file} {file}.{number} && {after}");
            bed.container.sh(&command)?;
            // The next line makes it.
            bed.container.wait_until(&format!("test -s {file}"))
        };
        let rotated = rotate(1, "xinetdctl reopen-logs")
            .and_then(|()| rotate(2, "systemctl reload rotated.service"));
        is_done.store(true, Ordering::Relaxed);
        let loaded: Result<()> = clients.join().map_err(|_| "the clients panicked")?;
        loaded.and(rotated)
    })?;
    // No program was told of this rename.
    bed.container.sh(&format!("mv {file} {file}.3"))?;
    bed.container.wait_until(&format!(
        "bash -c 'cat </dev/tcp/127.0.0.1/{}' && test -s {file}",
        served.port
    ))?;
    for (word, pattern) in [
        ("START", "START: rotated pid=[0-9]+ from=[0-9a-f:.]+$"),
        (
            "EXIT",
            "EXIT: rotated status=0 pid=[0-9]+ duration=[0-9]+\\(sec\\)$",
        ),
    ] {
        bed.container.wait_until(&format!(
            "whole=$(cat {file}* | grep -c -E '{pattern}')
             test $whole = \"$(cat {file}* | grep -c {word})\" && test $whole -gt 2"
        ))?;
    }
    let from_journal = bed.container.journal("rotated.service")?;
    let starts = from_journal
        .iter()
        .filter(|line| line.message().starts_with("START:"));
    await_lines(bed, &format!("{file}*"), "START: ", starts.count())
}

fn full_disk(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let directory = directory(bed, "full")?;
    bed.container.sh(&format!(
        "mount -t tmpfs -o size=16k none {directory} && head -c 16384 /dev/zero >{directory}/big || :"
    ))?;
    let file = format!("{directory}/log");
    let served = bed.serve("overfull", &lines(&file))?;
    for _ in 0..5 {
        let_in(&served)?;
    }
    let line = served.await_line("Service=overfull: the log file")?;
    contains(line.message(), "No space left on device")?;
    bed.container.sh(&format!("rm {directory}/big"))?;
    await_lines(bed, &file, "START: overfull", 5)?;
    await_lines(bed, &file, "EXIT: overfull", 5)?;
    served.await_line("Service=overfull: the log file")?;
    let lines = bed.container.journal("overfull.service")?;
    let complaints = lines
        .iter()
        .filter(|line| line.message().contains("can't be written"));
    equal("complaints", complaints.count(), 1)?;
    served.systemctl("stop", "socket")?;
    bed.container.sh(&format!("umount {directory}"))?;
    Ok(())
}

fn coordinator(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let file = format!("{}/log", directory(bed, "waits")?);
    let served = bed.serve("waiting", &lines(&file))?;
    // The helper's unit would start the socket.
    bed.container.sh(
        "systemctl stop xinetd-coordinator.socket xinetd-coordinator.service dbus.socket dbus.service
         systemctl mask --runtime xinetd-coordinator.socket",
    )?;
    let_in(&served)?;
    served.await_line("Service=waiting: the log file")?;
    bed.container
        .sh("systemctl unmask --runtime xinetd-coordinator.socket
         systemctl start xinetd-coordinator.socket")?;
    let_in(&served)?;
    await_lines(bed, &file, "START: waiting", 2)?;
    bed.container.sh("systemctl start dbus.socket")?;
    // A helper that has the file open needs no coordinator.
    bed.container
        .sh("systemctl kill -s KILL xinetd-coordinator.service || :
             systemctl stop xinetd-coordinator.socket xinetd-coordinator.service")?;
    let_in(&served)?;
    await_lines(bed, &file, "EXIT: waiting", 3)?;
    bed.container
        .sh("systemctl start xinetd-coordinator.socket")
        .map(drop)
}

fn traps(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let directory = directory(bed, "traps")?;
    let file = format!("{directory}/log");
    bed.container.sh(&format!(
        "echo untouched >{directory}/victim; ln -s victim {file}"
    ))?;
    let served = bed.serve("trapped", &lines(&file))?;
    let_in(&served)?;
    let line = served.await_line("Service=trapped: the log file")?;
    contains(line.message(), "it is a symbolic link")?;
    bed.container.sh(&format!("rm {file}; mkfifo {file}"))?;
    let_in(&served)?;
    bed.container.sh(&format!("rm {file}"))?;
    await_lines(bed, &file, "START: trapped", 2)?;
    let victim = bed.container.sh(&format!("cat {directory}/victim"))?;
    equal("the victim", victim.as_str(), "untouched\n")
}

fn hostile(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let file = format!("{}/log", directory(bed, "hostile")?);
    let ask = bed.script(
        "ask-for-log",
        "ls -l /proc/self/fd /proc/$PPID/fd 2>&1 | grep -F xinetd-hostile
         exec timeout 20 perl -MSocket -e 'socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die;
         connect(S, sockaddr_un(\"/run/xinetd-coordinator/helpers\")) or die \"connect: $!\";
         send(S, \"log\", 0); recv(S, $answer, 256, 0); print $answer'",
    )?;
    let program = "\tserver = /bin/echo\n\tserver_args = in";
    let asking = lines(&file).replace(program, &format!("\tserver = {ask}"));
    let served = bed.serve("asking", &asking)?;
    // While all units are made anew there is no spec, by which the coordinator knows the service.
    let _still = bed.no_reloads();
    served.hear()?;
    await_lines(bed, &file, "START: asking", 1)?;
    let said = served.hear()?.text();
    contains(&said, "is not the main process of asking.service")?;
    equal("an open log file", said.contains("xinetd-hostile"), false)?;
    await_lines(bed, &file, "START: asking", 2)?;
    let stranger = "setpriv --reuid=daemon --regid=daemon --clear-groups xinetdctl reopen-logs";
    let (done, said) = bed.container.try_sh(stranger)?;
    equal("reopen-logs", done, false)?;
    contains(&said, "only root may do that")
}
