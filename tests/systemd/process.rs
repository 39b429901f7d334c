//! What the server's process gets (docs/xinetd-behaviour.md, section 4.5).

use std::collections::BTreeMap;
use std::net::{Ipv6Addr, SocketAddr};

use testbed::{Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("arguments_reach_the_server_as_written", arguments),
    ("nameinargs_sets_argv_0", nameinargs),
    ("the_environment_is_xinetds", environment),
    ("passenv_lets_only_named_variables_through", passenv),
    ("credentials_and_groups", credentials),
    ("limits_umask_nice_and_signals", limits),
    ("descriptors_session_and_directory", descriptors),
    ("mapped_peers_reach_the_server_as_ipv4", families),
];

/// The environment that `/bin/cat /proc/self/environ` shows.
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A line of /proc/self/status, after its label.
fn status<'a>(text: &'a str, label: &str) -> Result<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    line.map(str::trim)
        .ok_or_else(|| format!("no {label} in:\n{text}"))
}

fn arguments(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nobody\n\tserver = /usr/bin/printf\n\
                 \tserver_args = [%s]\\n \"a b\" $HOME %n ; \\ ${X} $$ %%";
    let heard = bed.serve("args", lines)?.hear()?.text();
    equal(
        "arguments",
        heard.as_str(),
        "[\"a]\n[b\"]\n[$HOME]\n[%n]\n[;]\n[\\]\n[${X}]\n[$$]\n[%%]\n",
    )
}

fn nameinargs(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\tserver_args = other-name /proc/self/cmdline\n\
                 \tflags = NAMEINARGS";
    let heard = bed.serve("argv0", lines)?.hear()?.text();
    equal("argv", heard.as_str(), "other-name\0/proc/self/cmdline\0")
}

fn environment(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\tserver_args = /proc/self/environ\n\
                 \tenv = A=1 B=2\n\tenv += A=3 REMOTE_HOST=forged";
    let served = bed.serve("environment", lines)?;
    let variables = variables(&served.hear_from(7)?.text());
    let get = |name: &str| variables.get(name).map(String::as_str);
    equal("A", get("A"), Some("3"))?;
    equal("B", get("B"), Some("2"))?;
    equal("REMOTE_HOST", get("REMOTE_HOST"), Some("::ffff:127.0.0.7"))?;
    equal("REMOTE_ADDR", get("REMOTE_ADDR"), Some("127.0.0.7"))?;
    equal(
        "REMOTE_PORT is a port",
        get("REMOTE_PORT").is_some_and(|p| p.parse::<u16>().is_ok()),
        true,
    )?;
    let known = [
        "A",
        "B",
        "REMOTE_HOST",
        "REMOTE_ADDR",
        "REMOTE_PORT",
        "PATH",
        "LANG",
    ];
    let others: Vec<_> = variables
        .keys()
        .filter(|name| !known.contains(&name.as_str()))
        .collect();
    equal("other variables", others, Vec::new())
}

fn passenv(bed: &Bed) -> Result<()> {
    let lines =
        "\tuser = nobody\n\tserver = /bin/cat\n\tserver_args = /proc/self/environ\n\tpassenv =";
    let variables = variables(&bed.serve("passenv", lines)?.hear()?.text());
    let names: Vec<_> = variables.keys().map(String::as_str).collect();
    equal(
        "variables",
        names,
        vec!["REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT"],
    )
}

fn credentials(bed: &Bed) -> Result<()> {
    bed.container
        .sh("id member >/dev/null 2>&1 || useradd -G games member")?;
    let show = "\tserver = /bin/cat\n\tserver_args = /proc/self/status";
    let member = bed
        .container
        .sh("id -u member; id -g member; getent group games | cut -d: -f3")?;
    let member: Vec<&str> = member.split_whitespace().collect();
    let (uid, gid, games) = (member[0], member[1], member[2]);
    let four = |id: &str| [id; 4].join("\t");
    let cases = [
        (
            "ids-plain",
            "\tuser = member",
            four(uid),
            four(gid),
            String::new(),
        ),
        (
            "ids-groups",
            "\tuser = member\n\tgroups = yes",
            four(uid),
            four(gid),
            format!("{games} {gid}"),
        ),
        (
            "ids-group",
            "\tuser = member\n\tgroup = mail",
            four(uid),
            four("8"),
            String::new(),
        ),
        (
            "ids-number",
            &format!("\tuser = {uid}"),
            four(uid),
            four(uid),
            String::new(),
        ),
        // In no database, as in many a container.
        (
            "ids-nobodys",
            "\tuser = 4242",
            four("4242"),
            four("4242"),
            String::new(),
        ),
        (
            "ids-root",
            "\tuser = root",
            four("0"),
            four("0"),
            String::new(),
        ),
    ];
    for (id, user, uids, gids, groups) in cases {
        let text = bed.serve(id, &format!("{user}\n{show}"))?.hear()?.text();
        equal(&format!("{id}: Uid"), status(&text, "Uid:")?, uids.as_str())?;
        equal(&format!("{id}: Gid"), status(&text, "Gid:")?, gids.as_str())?;
        let mut got: Vec<_> = status(&text, "Groups:")?.split_whitespace().collect();
        let mut wanted: Vec<_> = groups.split_whitespace().collect();
        got.sort_unstable();
        wanted.sort_unstable();
        equal(&format!("{id}: Groups"), got, wanted)?;
        if id != "ids-root" {
            for set in ["CapPrm:", "CapEff:", "CapAmb:"] {
                equal(
                    &format!("{id}: {set}"),
                    status(&text, set)?,
                    "0000000000000000",
                )?;
            }
        }
    }
    Ok(())
}

fn limits(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\
                 \tserver_args = /proc/self/status /proc/self/limits /proc/self/stat\n\
                 \trlimit_as = 512M\n\trlimit_cpu = 7\n\trlimit_data = 30720K\n\trlimit_rss = UNLIMITED\n\
                 \trlimit_stack = 2M\n\trlimit_files = 77\n\tnice = 5\n\tumask = 027";
    let text = bed.serve("rlimits", lines)?.hear()?.text();
    let limit = |name: &str| -> Result<Vec<String>> {
        let values = status(&text, name)?;
        Ok(values
            .split_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect())
    };
    let both = |value: &str| vec![value.to_owned(); 2];
    equal("as", limit("Max address space")?, both("536870912"))?;
    equal("cpu", limit("Max cpu time")?, both("7"))?;
    equal("data", limit("Max data size")?, both("31457280"))?;
    equal("rss", limit("Max resident set")?, both("unlimited"))?;
    equal("stack", limit("Max stack size")?, both("2097152"))?;
    equal("files", limit("Max open files")?, both("77"))?;
    equal("umask", status(&text, "Umask:")?, "0027")?;
    // Those from 32 on keep what the machine's own init had, as in xinetd.
    let ignored = u64::from_str_radix(status(&text, "SigIgn:")?, 16).unwrap_or(u64::MAX);
    equal("ignored signals", ignored & 0x7fff_ffff, 0)?;
    equal(
        "blocked signals",
        status(&text, "SigBlk:")?,
        "0000000000000000",
    )?;
    let stat = text.lines().last().unwrap_or_default();
    let fields: Vec<_> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    equal("nice", fields[16], "5")
}

fn descriptors(bed: &Bed) -> Result<()> {
    let lines =
        "\tuser = nobody\n\tserver = /bin/ls\n\tserver_args = -l /proc/self/fd /proc/self/cwd";
    let text = bed.serve("descriptors", lines)?.hear()?.text();
    let sockets = text.lines().filter(|line| line.contains("socket:")).count();
    equal("descriptors that are the socket", sockets, 3)?;
    contains(&text, "/proc/self/cwd -> /\n")?;
    // ls itself opens the folder that it lists, as 3.
    let numbers: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" -> ") && !line.contains("cwd"))
        .filter_map(|line| line.split(" -> ").next()?.rsplit(' ').next())
        .collect();
    equal("descriptors", numbers, vec!["0", "1", "2", "3"])?;
    let stat = "\tuser = nobody\n\tserver = /bin/cat\n\tserver_args = /proc/self/stat";
    let stat = bed.serve("session", stat)?.hear()?.text();
    let fields: Vec<_> = stat.split(' ').collect();
    equal(
        "process group and session",
        (fields[4], fields[5]),
        (fields[0], fields[0]),
    )
}

fn families(bed: &Bed) -> Result<()> {
    let show = "use Socket; print sockaddr_family(getpeername(STDIN)) == AF_INET ? 'inet' : 'inet6', \
                ' ', -p STDIN || !fileno(STDIN) ? '' : 'x'";
    let script = bed.script("family", &format!("exec perl -e \"{show}\""))?;
    let served = bed.serve("family", &format!("\tuser = nobody\n\tserver = {script}"))?;
    equal("IPv4 peer", served.hear()?.text().as_str(), "inet ")?;
    let six: SocketAddr = (Ipv6Addr::LOCALHOST, served.port).into();
    equal(
        "IPv6 peer",
        Peer::hear(six, None)?.text().as_str(),
        "inet6 ",
    )
}
