//! Sensors under other users than root, and a server that an attacker has taken over.

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};
use crate::sensor::{alone, await_ban, hear, let_in};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_sensor_may_run_as_anybody", anybody),
    (
        "a_server_of_the_same_user_is_no_sensor_and_no_administrator",
        compromised,
    ),
    (
        "a_server_that_asks_for_the_log_file_in_a_loop_gets_nothing_and_loses_no_line",
        greedy,
    ),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in";

/// The user of a service's helper.
fn user(served: &Served<'_>) -> Result<String> {
    let pid = served.helper()?;
    let user = served.bed.container.sh(&format!("ps -o user= -p {pid}"))?;
    Ok(user.trim().to_owned())
}

fn anybody(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let beside = bed.serve("beside-anybody", ECHO)?;
    let owned = "\tuser = games\n\tserver = /bin/true\n\tflags = SENSOR\n\tdeny_time = 60";
    let owned = bed.serve("decoy-games", owned)?;
    // An internal service without a user has none of its own.
    let port = bed.port();
    let text = format!(
        "service echo\n{{\n\tid = decoy-nobody\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\
         \twait = no\n\tport = {port}\n\tflags = SENSOR\n\tdeny_time = 60\n}}\n"
    );
    bed.container
        .write("/etc/xinetd.d/decoy-nobody", text, 0o644)?;
    bed.daemon_reload()?;
    let without = Served {
        bed,
        id: "decoy-nobody".into(),
        port,
    };
    without.systemctl("start", "socket")?;
    for (decoy, host) in [(&owned, 2), (&without, 3)] {
        turned_away(&hear(decoy, host)?)?;
        await_ban(bed, host)?;
        turned_away(&hear(&beside, host)?)?;
    }
    equal("its user", user(&owned)?.as_str(), "games")?;
    equal("nobody", user(&without)?.as_str(), "nobody")?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}

/// What a server tries that has the user of a sensor's helper; each word that it says has worked.
const ATTEMPTS: &str = r#"
exec 2>&1
try() { name=$1; shift; timeout 20 "$@" >/dev/null 2>&1 </dev/null && echo "$name worked"; }
bus='busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus'
helper=$(systemctl show -P MainPID decoy-taken.service)
sensor=/sys/fs/cgroup/system.slice/decoy-taken.service
test "$helper" -gt 0 && test -e $sensor/cgroup.procs || echo 'there is no sensor'
try 'bans add' xinetdctl bans add 10.9.0.4
try 'bans remove' xinetdctl bans remove 10.9.0.2
try 'bans flush' xinetdctl bans flush
try 'reopen-logs' xinetdctl reopen-logs
try 'kick' xinetdctl kick bystander "$1"
try 'xinetdctl reload' xinetdctl reload
try 'daemon-reload' systemctl --no-ask-password daemon-reload
try 'systemctl stop' systemctl --no-ask-password stop xinetd-coordinator.socket
try 'systemd-run' systemd-run --no-ask-password --unit=decoy-taken.service true
try 'the name' sh -c "$bus RequestName su org.xinetd.Bridge1 4 | grep -w 1"
try 'the table' sh -c ': >>/run/xinetd-coordinator/bans'
try 'the bans' sh -c 'cat /run/xinetd-coordinator/bans | grep -a xinetd-bans'
try 'the table goes' rm -f /run/xinetd-coordinator/bans
try 'the file' test -r /var/lib/xinetd-coordinator/bans.toml
try 'the group' sh -c "echo \$\$ >$sensor/cgroup.procs"
try 'its memory' sh -c "exec 3<>/proc/$helper/mem"
try 'its descriptors' ls "/proc/$helper/fd/"
try 'its door' sh -c "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) or exit 1;
    connect(S, sockaddr_un(\"/run/xinetd-bridge/decoy-taken/control\")) or exit 1;
    syswrite(S, \"status\n\"); shutdown(S, 1); print <S>' | grep ."
try 'the door' perl -MSocket -e 'socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or exit 1;
    connect(S, sockaddr_un("/run/xinetd-coordinator/helpers")) or exit 1;
    send(S, "hit 10.9.0.4", 0); recv(S, $answer, 256, 0); exit($answer !~ /^done/)'
echo tried
"#;

fn compromised(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let decoy = "\tuser = nobody\n\tserver = /bin/true\n\tflags = SENSOR\n\tdeny_time = 60";
    let decoy = bed.serve("decoy-taken", decoy)?;
    turned_away(&hear(&decoy, 2)?)?;
    await_ban(bed, 2)?;
    let beside = bed.serve("bystander", "\tuser = nobody\n\tserver = /bin/cat")?;
    let mut session = beside.connect()?;
    session.echo(b"1")?;
    let script = bed.script("taken", ATTEMPTS)?;
    let peer = format!("127.0.0.1:{}", session.port()?);
    let lines = format!("\tuser = nobody\n\tserver = {script}\n\tserver_args = {peer}");
    let taken = bed.serve("taken", &lines)?;
    equal("what has worked", taken.hear()?.text().as_str(), "tried\n")?;
    session.echo(b"still here")?;
    let list = bed.container.sh("xinetdctl bans list")?;
    contains(&list, "\n10.9.0.2 ")?;
    equal("the list", list.lines().count(), 2)?;
    let others = bed.serve("beside-taken", ECHO)?;
    let_in(&others, 4)?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}

/// Servers that ask for what is their helper's all the time, and hold on to what they get.
const GREEDY: &str = r#"
use Socket;
my $to = sockaddr_un("/run/xinetd-coordinator/helpers");
for my $number (1..4) {
    next if fork;
    my @kept;
    while (1) {
        socket(my $socket, AF_UNIX, SOCK_SEQPACKET, 0) or @kept = ();
        connect($socket, $to);
        send($socket, $number % 2 ? "log" : "table", 0);
        if ($number < 3) {
            recv($socket, my $answer, 256, 0);
            print "got $answer\n" if length $answer && $answer !~ /^no /;
        } else {
            push @kept, $socket;
        }
    }
}
sleep 60;
"#;

fn greedy(bed: &Bed) -> Result<()> {
    let _alone = alone(bed)?;
    let script = "/usr/local/bin/greedy.pl";
    bed.container.write(script, GREEDY, 0o755)?;
    let directory = "/var/log/xinetd-greedy";
    bed.container.sh(&format!("mkdir -p {directory}"))?;
    let lines = format!(
        "\tuser = nobody\n\tserver = /usr/bin/perl\n\tserver_args = {script}\n\t\
         log_type = FILE {directory}/log\n\tlog_on_success = HOST PID"
    );
    let served = bed.serve("greedy", &lines)?;
    let _first = served.connect()?;
    bed.container.sh("sleep 1; xinetdctl bans add 10.9.0.2")?;
    // The helper has to ask again for each of these, and for the table.
    for number in 2..=4 {
        bed.container.sh(&format!(
            "mv {directory}/log {directory}/log.{number} || true"
        ))?;
        bed.container
            .sh("systemctl kill -s KILL xinetd-coordinator.service")?;
        let _another = served.connect()?;
        bed.container.wait_until(&format!(
            "test $(cat {directory}/* | grep -c 'START: greedy') = {number}"
        ))?;
        turned_away(&hear(&served, 2)?)?;
    }
    let said = bed.container.journal("greedy.service")?;
    let mut problems = said.iter().filter(|line| {
        let text = line.message();
        text.contains("can't be") || text.contains("got ")
    });
    equal(
        "a problem",
        problems.next().map(testbed::Line::message),
        None,
    )?;
    served.systemctl("stop", "socket")?;
    bed.container.sh("xinetdctl bans flush").map(drop)
}
