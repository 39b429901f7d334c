//! xinetdctl, where there is no systemd.

use std::time::{Duration, Instant};

use testbed::{Bare, Close, Peer, Result, equal};

use super::Scenario;
use super::machine::{DEFAULTS, at, cat, client, command, has, serving, words};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("commands_show_what_is_served", shown),
    ("a_session_is_ended_by_hand", kicked),
    ("root_and_the_user_of_xinetd_alone_may_ask", users),
    ("clients_of_the_control_socket_hold_nothing_up", hostile),
    ("a_thousand_services_are_shown", many),
];

fn shown() -> Result<()> {
    let missing = cat("missing", 7002, "").replace("/bin/cat", "/usr/sbin/in.missing");
    let taken = cat("taken", 7003, "");
    let off = cat("off", 7004, "disable = yes");
    let files = [
        DEFAULTS.to_owned(),
        cat("echo", 7000, "instances = 2"),
        cat("idle", 7001, ""),
        missing,
        taken,
        off,
    ];
    let bare = Bare::new()?;
    bare.write("/etc/xinetd.conf", files.concat(), 0o644)?;
    let listen = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Listen => 1, LocalPort => 7003); sleep 1000";
    bare.write("/listen.pl", listen, 0o644)?;
    let running = bare.start("perl /listen.pl & sleep 1; exec xinetd -dontfork")?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let _sessions = [client(7000)?, client(7000)?];
    equal(
        "the third",
        Peer::hear(at(7000), None)?.bytes.is_empty(),
        true,
    )?;
    let status = command(&running, 0, "xinetdctl status")?;
    equal(
        "echo",
        words(&status, "echo"),
        ["echo", "serving", "2", "0", "2", "1"].to_vec(),
    )?;
    equal(
        "idle",
        words(&status, "idle")[..2].to_vec(),
        ["idle", "listening"].to_vec(),
    )?;
    equal(
        "taken",
        words(&status, "taken")[..2].to_vec(),
        ["taken", "down"].to_vec(),
    )?;
    has(
        &status,
        "taken is down: bind to port 7003 failed: Address already in use",
    )?;
    has(
        &status,
        "missing is down: the server /usr/sbin/in.missing can't be executed",
    )?;
    equal("real xinetd", status.contains("real xinetd"), false)?;
    let one = command(&running, 0, "xinetdctl status echo")?;
    has(
        &one,
        "  echo: serving\n  2 running, 0 waiting, 2 served\n  1 refused: service_limit\n",
    )?;
    equal("sessions", one.matches("127.0.0.1:").count(), 2)?;
    has(
        &command(&running, 1, "xinetdctl explain echo 127.0.0.1")?,
        "2 of 2 run",
    )?;
    has(
        &command(&running, 2, "xinetdctl status none")?,
        "no service has the id none",
    )?;
    let list = command(&running, 0, "xinetdctl list")?;
    equal(
        "echo",
        words(&list, "echo"),
        ["echo", "7000/tcp", "on", "echo", "/bin/cat"].to_vec(),
    )?;
    equal(
        "taken",
        words(&list, "taken")[..3].to_vec(),
        ["taken", "7003/tcp", "down"].to_vec(),
    )?;
    equal(
        "off",
        words(&list, "off")[..3].to_vec(),
        ["off", "7004/tcp", "off"].to_vec(),
    )?;
    let metrics = command(&running, 0, "xinetdctl metrics")?;
    for line in [
        "xinetd_up{service=\"echo\",unit=\"echo\"} 1\n",
        "xinetd_up{service=\"missing\",unit=\"missing\"} 0\n",
        "xinetd_sessions{service=\"echo\",unit=\"echo\"} 2\n",
        "xinetd_refused_total{service=\"echo\",unit=\"echo\",reason=\"service_limit\"} 1\n",
    ] {
        has(&metrics, line)?;
    }
    let check = command(&running, 1, "xinetdctl check --verbose")?;
    has(&check, "served by xinetd, without systemd")?;
    equal(
        "what systemd is asked for",
        check.contains("systemctl"),
        false,
    )?;
    running.sh("kill -KILL $(pidof xinetd-accept); kill -TERM $(pidof perl)")?;
    running.wait_until("the port is free", || client(7003).is_ok())
}

fn kicked() -> Result<()> {
    let (_bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    let (by_process, by_address, other) = (client(7000)?, client(7000)?, client(7000)?);
    let sessions = command(&running, 0, "xinetdctl status echo --json")?;
    let processes: Vec<&str> = sessions
        .lines()
        .filter(|line| line.contains("\"pid\""))
        .collect();
    equal("sessions", processes.len(), 3)?;
    let kick = |whom: &str| command(&running, 0, &format!("xinetdctl kick echo {whom}"));
    let oldest = running.sh("pgrep -x -o cat")?;
    kick(oldest.trim())?;
    equal("by process", by_process.read_to_end()?.close, Close::Fin)?;
    let noted = format!(
        "the session of {} with echo was ended by an administrator",
        oldest.trim()
    );
    running.wait_for(&noted)?;
    kick(&format!("127.0.0.1:{}", by_address.port()?))?;
    equal("by address", by_address.read_to_end()?.close, Close::Fin)?;
    let none = command(&running, 1, "xinetdctl kick echo 127.0.0.1:1")?;
    has(&none, "there is no session of 127.0.0.1:1")?;
    let mut other = other;
    other.echo(b"goes on")
}

fn users() -> Result<()> {
    const AS_GAMES: &str = "setpriv --reuid games --regid 60 --clear-groups";
    const AS_NOBODY: &str = "setpriv --reuid nobody --regid 65534 --clear-groups";
    let (_bare, running) = serving(&cat("echo", 7000, ""), "-dontfork")?;
    for ask in ["status", "metrics", "bans list", "reload", "kick echo 1"] {
        let refused = command(&running, 1, &format!("{AS_GAMES} xinetdctl {ask}"))?;
        has(
            &refused,
            "root and the user that xinetd runs as alone may ask it",
        )?;
    }
    command(&running, 0, &format!("{AS_GAMES} xinetdctl list"))?;
    drop(running);
    let bare = Bare::new()?;
    let mine = cat("mine", 7001, "").replace("nobody", "games");
    bare.write("/etc/xinetd.conf", mine, 0o644)?;
    let running = bare.start(&format!(
        "chmod 1777 /tmp; exec {AS_GAMES} xinetd -dontfork"
    ))?;
    running.wait_for("Started working")?;
    running.enter_network()?;
    let session = client(7001)?;
    for user in [AS_GAMES, ""] {
        let status = command(&running, 0, &format!("{user} xinetdctl status"))?;
        equal(
            user,
            words(&status, "mine")[..3].to_vec(),
            ["mine", "serving", "1"].to_vec(),
        )?;
    }
    let refused = command(&running, 1, &format!("{AS_NOBODY} xinetdctl status"))?;
    has(&refused, "neither systemd nor xinetd runs here")?;
    let bans = command(&running, 1, &format!("{AS_GAMES} xinetdctl bans list"))?;
    has(&bans, "no bans are kept")?;
    let port = session.port()?;
    let kick = format!("{AS_GAMES} xinetdctl kick mine 127.0.0.1:{port}");
    command(&running, 0, &kick)?;
    equal("kicked", session.read_to_end()?.close, Close::Fin)
}

/// Some say nothing, some rubbish, some much, and some go on asking and read no answer.
fn hostile() -> Result<()> {
    let unlimited = cat("echo", 7000, "cps = 100000 1");
    let (bare, running) = serving(&unlimited, "-dontfork")?;
    let script = r#"
        use Socket;
        my $to = sockaddr_un('/run/xinetd-bridge/.control');
        sub client { socket(my $s, AF_UNIX, SOCK_SEQPACKET, 0); connect($s, $to); return $s }
        my @kept = map { client() } 1 .. 40;
        print "held\n"; $| = 1;
        my $end = time + 8;
        while (time < $end) {
            for my $text ('rubbish', '{"add_ban":{"peer":1}}', "[" x 4000, 'x' x 60000, '"services"') {
                my $s = client();
                send($s, $text, 0);
                push @kept, $s;
                shift @kept if @kept > 200;
            }
        }"#;
    bare.write("/hostile.pl", script, 0o644)?;
    running.sh(
        "perl /hostile.pl >/tmp/held 2>&1 & while ! grep -q held /tmp/held; do sleep 0.01; done",
    )?;
    let mut slowest = Duration::ZERO;
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        let begin = Instant::now();
        client(7000)?;
        slowest = slowest.max(begin.elapsed());
    }
    equal(
        &format!("{slowest:?}"),
        slowest < Duration::from_secs(1),
        true,
    )?;
    running.wait_until("an answer", || {
        command(&running, 0, "xinetdctl status").is_ok()
    })?;
    let descriptors = running.sh("ls /proc/$(pidof xinetd)/fd | wc -l")?;
    let descriptors: u32 = descriptors.trim().parse().unwrap_or(u32::MAX);
    equal(
        &format!("{descriptors} descriptors"),
        descriptors < 60,
        true,
    )
}

fn many() -> Result<()> {
    let services = (7000..8000).map(|port| cat(&format!("cat{port}"), port, ""));
    let (_bare, running) = serving(&services.collect::<String>(), "-dontfork")?;
    let mut session = client(7500)?;
    let status = command(&running, 0, "xinetdctl status")?;
    equal("rows", status.lines().count(), 1001)?;
    equal(
        "one",
        words(&status, "cat7500")[..2].to_vec(),
        ["cat7500", "serving"].to_vec(),
    )?;
    session.echo(b"goes on")
}
