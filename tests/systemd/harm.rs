//! What a server tries against the helper that started it, and against those of other services of the
//! same user.

use std::time::{Duration, Instant};

use testbed::Result;

use crate::Scenario;
use crate::bed::{Bed, Served, contains, equal, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("no_server_can_harm_its_helper", attacked),
    (
        "a_server_that_is_stopped_before_it_runs_stops_no_helper",
        stopped,
    ),
    ("the_runtime_directory_is_out_of_reach", directory),
    ("an_unknown_user_has_each_client_turned_away", unknown),
    ("the_user_of_the_helpers_is_no_servers", reserved),
    ("a_drop_in_chooses_the_user", drop_in),
];

/// A user of its own, so that the servers of other scenarios are left alone.
fn user(bed: &Bed, name: &str) -> Result<()> {
    let script = format!("id {name} >/dev/null 2>&1 || useradd --no-create-home {name}");
    bed.container.sh(&script).map(drop)
}

/// Each word that it says has worked. The helpers' pids are its arguments; ptrace(2) has the requests
/// PTRACE_ATTACH and PTRACE_SEIZE, and prlimit(2) the resources of a shell's `ulimit`.
const ATTEMPTS: &str = r#"
exec 2>&1
try() { name=$1; shift; timeout 20 "$@" >/dev/null 2>&1 </dev/null && echo "$name worked"; }
for helper; do
    test -d /proc/$helper || echo "there is no helper $helper"
    for signal in 0 STOP TERM KILL CONT; do try "signal $signal" kill -$signal $helper; done
    try 'ptrace' perl -e "exit(syscall(101, 16, $helper, 0, 0) < 0)"
    try 'seize' perl -e "exit(syscall(101, 0x4206, $helper, 0, 0) < 0)"
    try 'its memory' sh -c "exec 3<>/proc/$helper/mem"
    try 'its descriptors' ls "/proc/$helper/fd/"
    try 'its environment' cat "/proc/$helper/environ"
    try 'a descriptor of it' perl -e "\$p = syscall(434, $helper, 0); exit(syscall(438, \$p, 0, 0) < 0)"
    try 'its limit of processes' prlimit --nproc=0 --pid $helper
    try 'its limit of files' prlimit --nofile=5:5 --pid $helper
    try 'its limit of memory' prlimit --as=1000 --pid $helper
    try 'its input and output' ionice -c 3 -p $helper
    try 'its score' sh -c "echo 1000 >/proc/$helper/oom_score_adj"
    try 'its control group' sh -c "echo $helper >/sys/fs/cgroup/cgroup.procs"
done
kill -STOP -1
echo tried
"#;

fn attacked(bed: &Bed) -> Result<()> {
    user(bed, "attacker")?;
    let beside = "\tuser = attacker\n\tserver = /bin/cat\n\tgroups = yes";
    let beside = bed.serve("harmed", beside)?;
    let mut session = beside.connect()?;
    session.echo(b"1")?;
    let script = bed.script("harm", ATTEMPTS)?;
    let lines = |helpers: &str| {
        format!("\tuser = attacker\n\tserver = {script}\n\tserver_args = {helpers}")
    };
    let attacker = bed.serve("harmer", &lines("1"))?;
    attacker.hear()?;
    let helpers = format!("{} {}", attacker.helper()?, beside.helper()?);
    attacker.rewrite(&lines(&helpers))?;
    equal(
        "what has worked",
        attacker.hear()?.text().as_str(),
        "tried\n",
    )?;
    // Those that the last attempt has stopped are servers, not helpers.
    beside.connect()?.finish()?;
    equal(
        "the helpers",
        format!("{} {}", attacker.helper()?, beside.helper()?),
        helpers,
    )?;
    bed.container
        .sh("pkill -KILL -u attacker || true")
        .map(drop)
}

/// Stops all processes of its user in a loop, for a while.
const STOPPER: &str = "exec perl -e '$end = time + 6; kill STOP => -1 while time < $end'";

/// A process of the user can be stopped from its change of user on, before it has executed the server.
fn stopped(bed: &Bed) -> Result<()> {
    user(bed, "stopper")?;
    let script = bed.script("stopper", STOPPER)?;
    let lines =
        format!("\tuser = stopper\n\tserver = {script}\n\tno_access = 127.0.0.9\n\tcps = 0");
    let served = bed.serve("stopper", &lines)?;
    let begin = Instant::now();
    let mut sessions = Vec::new();
    let mut slowest = Duration::ZERO;
    while begin.elapsed() < Duration::from_secs(5) {
        // It gets a process, which those before stop at once.
        sessions.push(served.connect()?);
        let asked = Instant::now();
        turned_away(&served.hear_from(9)?)?;
        slowest = slowest.max(asked.elapsed());
        if sessions.len() > 20 {
            sessions.clear();
        }
    }
    bed.container.sh("pkill -KILL -u stopper || true")?;
    equal(
        "an answer within a second",
        slowest < Duration::from_secs(1),
        true,
    )
    .map_err(|error| format!("{error}: {slowest:?}"))
}

fn directory(bed: &Bed) -> Result<()> {
    user(bed, "attacker")?;
    let script = bed.script(
        "squat",
        r#"
exec 2>&1
try() { name=$1; shift; "$@" >/dev/null 2>&1 </dev/null && echo "$name worked"; }
cd /run/xinetd-bridge/squatter || echo 'there is no directory'
try 'a new file' sh -c ': >filler'
try 'removal' rm -f control
try 'the counters' sh -c ': >>counters.toml'
try 'a list' ls .
try 'another directory' mkdir ../other
echo tried
"#,
    )?;
    let served = bed.serve(
        "squatter",
        &format!("\tuser = attacker\n\tserver = {script}"),
    )?;
    equal("what has worked", served.hear()?.text().as_str(), "tried\n")
}

fn unknown(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nosuch\n\tserver = /bin/echo\n\tserver_args = served";
    let served = bed.serve("unknown-user", lines)?;
    let begin = Instant::now();
    for _ in 0..20 {
        equal("the client", served.hear()?.bytes.len(), 0)?;
    }
    equal("at once", begin.elapsed() < Duration::from_secs(5), true)?;
    served.await_line("/etc/xinetd.d/unknown-user")?;
    let lines = bed
        .container
        .sh("journalctl -o cat -u unknown-user.service | grep -c 'there is no user nosuch'")?;
    equal("one line says why", lines.trim(), "1")?;
    let restarts = bed
        .container
        .property("unknown-user.service", "NRestarts")?;
    equal("restarts", restarts.as_str(), "0")?;
    contains(
        &served.systemctl("status", "service")?,
        "there is no user nosuch",
    )?;
    user(bed, "nosuch")?;
    // The name services are asked again after a while.
    let end = Instant::now() + Duration::from_secs(20);
    while served.hear()?.text() != "served\n" {
        if Instant::now() > end {
            return Err("the user is there, and no client is served".into());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bed.container.sh("userdel nosuch").map(drop)
}

fn reserved(bed: &Bed) -> Result<()> {
    let port = bed.port();
    bed.write(
        "reserved",
        port,
        "\tuser = xinetd-bridge\n\tserver = /bin/cat",
    )?;
    let (_, said) = bed.container.try_sh("xinetdctl check")?;
    contains(&said, "xinetd-bridge is the user of the helpers")?;
    bed.container.sh("rm /etc/xinetd.d/reserved")?;
    // By its number it can't be known before the helper asks.
    let number = bed.container.sh("id -u xinetd-bridge")?;
    let lines = format!("\tuser = {}\n\tserver = /bin/cat", number.trim());
    let served = bed.serve("reserved-number", &lines)?;
    equal("the client", served.hear()?.bytes.len(), 0)?;
    served.await_line("/etc/xinetd.d/reserved-number")?;
    bed.container.sh("rm /etc/xinetd.d/reserved-number")?;
    bed.daemon_reload()
}

/// What /proc/self/status says of a server.
fn uid(served: &Served<'_>) -> Result<String> {
    let text = served.hear()?.text();
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"));
    Ok(line.unwrap_or_default().trim().to_owned())
}

fn drop_in(bed: &Bed) -> Result<()> {
    let lines = "\tuser = games\n\tserver = /bin/cat\n\tserver_args = /proc/self/status";
    let served = bed.serve("dropped-in", lines)?;
    let number = |name: &str| -> Result<String> {
        let number = bed.container.sh(&format!("id -u {name}"))?;
        Ok([number.trim(); 4].join("\t"))
    };
    equal("the file's user", uid(&served)?, number("games")?)?;
    served.drop_in("service", "[Service]\nUser=daemon\n")?;
    served.systemctl("restart", "service")?;
    equal("the drop-in's user", uid(&served)?, number("daemon")?)?;
    served.drop_in(
        "service",
        "[Service]\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n",
    )?;
    served.systemctl("restart", "service")?;
    equal("the file's user again", uid(&served)?, number("games")?)?;
    contains(&served.hear()?.text(), "CapEff:\t0000000000000400\n")
}
