//! The calls by which scripts and people control xinetd, whatever is left of real xinetd on the machine.
//!
//! What each call does is compared with the tables of docs/commands.md. `UPDATE_GOLDEN=1` writes them; look at
//! the difference then.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use testbed::{Container, Result, Suite, equal, make, write};

use crate::bed::{contains, entry};

const CAT: &str = "\tuser = root\n\tserver = /bin/cat\n\tserver_args = -u\n\tcps = 0 0";

/// The port of the service that all calls are watched at.
const PORT: u16 = 7000;

/// The ways, in the order of the columns; the last one is a call where xinetd is stopped.
const WAYS: [&str; 4] = ["systemctl", "service", "invoke-rc.d", "init.d"];

const VERBS: [&str; 8] = [
    "start",
    "stop",
    "restart",
    "try-restart",
    "reload",
    "force-reload",
    "reload-or-restart",
    "status",
];

/// The tree of a machine that never had real xinetd.
fn prepare(tree: &Path) -> Result<()> {
    let purge = |package: &str| {
        let mut dpkg = Command::new("chroot");
        dpkg.arg(tree)
            .args(["dpkg", "--purge", "--force-depends", package]);
        dpkg.output().map_err(|error| format!("chroot: {error}"))
    };
    // Where one of them is not installed, nothing is to be done.
    purge("rstatd")?;
    purge("xinetd")?;
    purge("openbsd-inetd")?;
    let _ = fs::remove_file(tree.join("usr/sbin/policy-rc.d"));
    let _ = fs::remove_file(tree.join("etc/systemd/system/xinetd.service"));
    // The folder of services went with the package, and so did the configuration.
    make("install", tree)?;
    write(
        tree,
        "/etc/xinetd.d/probe",
        entry("probe", PORT, CAT),
        0o644,
    )?;
    write(tree, "/root/probe", entry("probe", PORT, CAT), 0o644)?;
    write(tree, "/root/commands", include_str!("commands.sh"), 0o644)
}

/// Verb, way and what came of it.
type Row = (String, String, String);

/// Has the script play.
fn play(container: &Container, arguments: &str) -> Result<Vec<Row>> {
    let said = container.sh(&format!("bash /root/commands {arguments}"))?;
    let row = |line: &str| {
        let mut parts = line.splitn(3, '|').map(str::to_owned);
        Some((parts.next()?, parts.next()?, parts.next()?))
    };
    said.lines()
        .map(|line| row(line).ok_or_else(|| format!("not a row: {line}")))
        .collect()
}

/// A table of these rows: a line for each verb, a column for each way that was tried.
fn table(rows: &[Row], ways: &[&str]) -> String {
    let cells: BTreeMap<_, _> = rows
        .iter()
        .map(|(verb, way, came)| ((verb.as_str(), way.as_str()), came.replace('|', ": ")))
        .collect();
    let mut text = format!(
        "| | {} |\n|{}\n",
        ways.join(" | "),
        " --- |".repeat(ways.len() + 1)
    );
    for verb in VERBS.iter().chain(&["is-active"]) {
        let cells = ways.iter().filter_map(|way| cells.get(&(*verb, *way)));
        let line: Vec<&str> = cells.map(String::as_str).collect();
        if line.len() == ways.len() {
            // A String takes all that is written to it.
            let _ = writeln!(text, "| {verb} | {} |", line.join(" | "));
        }
    }
    text
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md")
}

/// Compares the tables with those of the page for this suite, or writes them there.
fn compare(suite: Suite, found: &str) -> Result<()> {
    static WRITING: Mutex<()> = Mutex::new(());
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = fs::read_to_string(page()).map_err(|error| error.to_string())?;
    // What is true of Debian 13 is true of testing.
    let shown = match suite {
        Suite::Testing => Suite::Trixie,
        suite => suite,
    };
    let (begin, end) = (
        format!("<!-- {} -->\n", shown.name()),
        format!("<!-- end of {} -->", shown.name()),
    );
    let before = text.split_once(&begin);
    let parts = before.and_then(|(before, rest)| Some((before, rest.split_once(&end)?)));
    let Some((before, (expected, after))) = parts else {
        return Err(format!("docs/commands.md has no {begin}"));
    };
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let text = format!("{before}{begin}{found}{end}{after}");
        return fs::write(page(), text).map_err(|error| error.to_string());
    }
    let mut differences = String::new();
    for line in diff::lines(expected, found) {
        let _ = match line {
            diff::Result::Left(line) => writeln!(differences, "-{line}"),
            diff::Result::Right(line) => writeln!(differences, "+{line}"),
            diff::Result::Both(..) => Ok(()),
        };
    }
    match differences.is_empty() {
        true => Ok(()),
        false => Err(format!("not what docs/commands.md says:\n{differences}")),
    }
}

/// Plays all calls where there is no real xinetd, beside a real one, and with what apt leaves of it.
pub(crate) fn matrix(suite: Suite) -> Result<()> {
    let container = Container::boot(suite, prepare)?;
    // Debian's scripts do not wait for a reload where the machine is not well.
    container.sh("systemctl reset-failed")?;
    let mut tables = String::new();
    let mut add = |title: &str, text: String| {
        tables += &format!("\n{title}\n\n{text}");
    };
    let all =
        |container: &Container| Ok::<_, String>(table(&play(container, "running all")?, &WAYS));

    add("Without real xinetd:", all(&container)?);
    let stopped = play(&container, "stopped")?;
    add(
        "The same, where xinetd is stopped:",
        table(&stopped, &["when stopped"]),
    );

    container.sh("systemctl stop xinetd; dpkg --install --force-confold /opt/xinetd_*.deb 2>&1")?;
    add(
        "With real xinetd installed beside the bridge:",
        all(&container)?,
    );

    // Once the bridge has taken over by hand, the administrator removes the package.
    container.sh(
        "systemctl reset-failed xinetd; systemctl stop xinetd; systemctl start xinetd.target",
    )?;
    container.sh("dpkg --remove xinetd 2>&1")?;
    listening(&container, "sport = :7000", 1)?;
    container.wait_until("systemctl is-active xinetd")?;
    add(
        "After `apt remove xinetd`, which leaves its init script:",
        all(&container)?,
    );

    container.sh("dpkg --purge xinetd 2>&1; test ! -e /etc/xinetd.conf")?;
    add(
        "After `apt purge xinetd`, which takes /etc/xinetd.conf away:",
        table(&play(&container, "running")?, &WAYS[..1]),
    );
    compare(suite, &tables)
}

/// What the makefile names, for a call of packaging/uninstall where there is no make.
const PLACES: &str = "DESTDIR= bindir=/usr/bin libexecdir=/usr/libexec/xinetd-bridge \
    unitdir=/usr/lib/systemd/system generatordir=/usr/lib/systemd/system-generators \
    catalogdir=/usr/lib/systemd/catalog dbusdir=/usr/share/dbus-1 polkitdir=/usr/share/polkit-1/actions \
    sysusersdir=/usr/lib/sysusers.d sysconfdir=/etc mandir=/usr/share/man docdir=/usr/share/doc/xinetd-bridge \
    bashdir=/usr/share/bash-completion/completions zshdir=/usr/share/zsh/site-functions \
    fishdir=/usr/share/fish/vendor_completions.d";

/// Fails unless so many of these ports listen.
fn listening(container: &Container, ports: &str, wanted: usize) -> Result<()> {
    let said = container.sh(&format!("ss -Hltn '{ports}'"))?;
    equal("ports that listen", said.lines().count(), wanted)
}

/// The unit from installation to removal: true exit statuses, no start limit, switched off and on.
pub(crate) fn unit(suite: Suite) -> Result<()> {
    let mut container = Container::boot(suite, prepare)?;
    let said = container.sh("systemctl is-active xinetd; systemctl is-enabled xinetd")?;
    equal("after the boot", said.as_str(), "active\nenabled\n")?;

    reloads(&container)?;
    // systemd refuses more than five starts in 10 s where a unit does not say otherwise.
    for number in 0..7 {
        let id = format!("deployed-{number}");
        container.write(
            &format!("/etc/xinetd.d/{id}"),
            entry(&id, PORT + 10 + number, CAT),
            0o644,
        )?;
        container.sh("systemctl stop xinetd && systemctl start xinetd")?;
    }
    listening(&container, "sport >= :7010 and sport < :7020", 7)?;

    container.sh("systemctl disable xinetd")?;
    container.reboot()?;
    listening(&container, "sport >= :7000 and sport < :7020", 0)?;
    container.write("/etc/xinetd.d/more", entry("more", PORT + 1, CAT), 0o644)?;
    container.sh("xinetdctl reload")?;
    listening(&container, "sport >= :7000 and sport < :7020", 0)?;
    let (is_active, _) = container.try_sh("systemctl is-active xinetd")?;
    equal("where it is switched off", is_active, false)?;
    container.sh("systemctl enable --now xinetd")?;
    listening(&container, "sport >= :7000 and sport < :7020", 9)?;

    removal(&container)
}

/// A reload fails where nothing was applied, and not where a single service does not listen.
fn reloads(container: &Container) -> Result<()> {
    let missing = "\tuser = root\n\tserver = /opt/not-there";
    container.write(
        "/etc/xinetd.d/missing",
        entry("missing", PORT + 5, missing),
        0o644,
    )?;
    container.write("/etc/xinetd.d/other", entry("other", PORT + 6, CAT), 0o644)?;
    container.sh("systemctl reload xinetd")?;
    let said = container.sh("journalctl -b -o cat -u xinetd.service")?;
    contains(
        &said,
        "missing: start failed: its server /opt/not-there is not there, or not executable",
    )?;
    let broken = format!("{CAT}\n\tinstances = many");
    container.write(
        "/etc/xinetd.d/other",
        entry("other", PORT + 6, &broken),
        0o644,
    )?;
    let (reloaded, _) = container.try_sh("systemctl reload xinetd")?;
    equal("a reload that would stop a service", reloaded, false)?;
    listening(container, "sport = :7006", 1)?;
    // As real xinetd, and as the next boot.
    container.sh("systemctl restart xinetd")?;
    listening(container, "sport = :7006", 0)?;
    let said = container.sh("journalctl -b -o cat -u xinetd.service")?;
    contains(&said, "/etc/xinetd.d/other:11:")?;
    contains(&said, "missing does not listen: ")?;
    // Neither is a port that another program has, as often as it is tried.
    container.sh("systemd-run --unit=owner --socket-property=ListenStream=7006 /bin/cat")?;
    container.write("/etc/xinetd.d/other", entry("other", PORT + 6, CAT), 0o644)?;
    for call in ["restart", "restart", "stop", "start", "reload"] {
        container.sh(&format!("systemctl {call} xinetd"))?;
    }
    container
        .sh("systemctl stop owner.socket; rm /etc/xinetd.d/other /etc/xinetd.d/missing")
        .map(drop)
}

/// Nothing is left of the product but what the script says.
fn removal(container: &Container) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/uninstall");
    let script = fs::read(script).map_err(|error| error.to_string())?;
    container.write("/root/uninstall", script, 0o755)?;
    // One in the middle of its work.
    container.sh("systemctl start xinetd-coordinator.service; xinetdctl list")?;
    let said = container.sh(&format!("env {PLACES} /root/uninstall"))?;
    for stays in [
        "/etc/xinetd.conf: ",
        "/var/lib/xinetd-coordinator: ",
        "userdel ",
    ] {
        contains(&said, stays)?;
    }
    listening(container, "sport >= :7000 and sport < :7020", 0)?;
    let left = container.sh(
        "systemctl list-units --all --plain --no-legend 'xinetd*' 'probe*' 'deployed*' 'more*'; \
         systemctl list-unit-files --no-legend 'xinetd*'; \
         ls -d /run/xinetd* /run/systemd/generator*/*xinetd* /etc/systemd/system/*/xinetd* 2>/dev/null; \
         pgrep -a xinetd; true",
    )?;
    equal("what is left", left.as_str(), "")
}
