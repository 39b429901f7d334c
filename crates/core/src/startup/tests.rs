//! The options of start-up files, on trees in memory.

use crate::config::{EntryKind, MemoryTree};

use super::*;

const DEFAULT: &str = "INETD_COMPAT=Yes\nXINETD_OPTS=\"-stayalive\"\n";
const ENTRY: &str = "echo stream tcp nowait root internal\n";

fn told(startup: &Startup) -> Vec<String> {
    let problems = startup.problems();
    let told = problems.map(|one| format!("{} {}: {}", one.place, one.severity, one.message));
    told.collect()
}

#[test]
fn debians_file_has_inetd_conf_served() {
    let tree = MemoryTree::default().file("/etc/default/xinetd", DEFAULT);
    assert_eq!(Startup::read(&tree).roots().inetd, None, "there is none");
    let with = tree.file(INETD, ENTRY);
    let startup = Startup::read(&with);
    assert_eq!(startup.roots().inetd, Some(Path::new(INETD)));
    assert_eq!(
        told(&startup),
        ["/etc/default/xinetd:1:14 note: /etc/inetd.conf is served too"]
    );
    let off = with.clone().file("/etc/default/xinetd", "INETD_COMPAT=No");
    assert_eq!(Startup::read(&off).roots().inetd, None);
    let own = with.file(
        crate::options::FILE,
        "[inetd]\nfile = \"/etc/other.conf\"\n",
    );
    let startup = Startup::read(&own);
    assert_eq!(startup.roots().inetd, Some(Path::new("/etc/other.conf")));
}

#[test]
fn an_inetd_that_starts_at_boot_keeps_its_file() {
    let tree = MemoryTree::default()
        .file("/etc/default/xinetd", DEFAULT)
        .file(INETD, ENTRY)
        .file("/usr/sbin/inetd", "")
        .file(
            "/usr/lib/systemd/system/inetd.service",
            "ExecStart=/usr/sbin/inetd -i\n",
        );
    assert!(Startup::read(&tree).roots().inetd.is_some(), "not enabled");
    let enabled = tree.file(
        "/etc/systemd/system/multi-user.target.wants/inetd.service",
        "",
    );
    let startup = Startup::read(&enabled);
    assert_eq!(startup.roots().inetd, None);
    assert!(
        told(&startup)[0].contains("is left to /usr/sbin/inetd"),
        "{:?}",
        told(&startup)
    );
    let masked = enabled.entry("/etc/systemd/system/inetd.service", EntryKind::Other);
    assert!(Startup::read(&masked).roots().inetd.is_some(), "masked");
}

#[test]
fn fedoras_file_names_another_main_file() {
    let tree = MemoryTree::default().file(
        "/etc/sysconfig/xinetd",
        "EXTRAOPTIONS=\"-f /etc/other.conf\"\n",
    );
    let startup = Startup::read(&tree);
    assert_eq!(startup.roots().main, Path::new("/etc/other.conf"));
    assert_eq!(told(&startup), [""; 0]);
}

#[test]
fn what_only_a_shell_can_read_is_said_by_its_weight() {
    let text = "export TMPDIR=/x\nOTHER=`a`\ntest -e /x && . /x\nXINETD_OPTS=$(cat /x)\n";
    let tree = MemoryTree::default().file("/etc/default/xinetd", text);
    let severities = told(&Startup::read(&tree));
    let parts = ["2:7 note", "3:1 warning", "4:13 error", "1:8 warning"];
    for (told, part) in severities.iter().zip(parts) {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn real_xinetd_is_seen_by_unit_and_by_init_script() {
    let program = MemoryTree::default().file(XINETD, "");
    let script = program
        .clone()
        .file("/etc/init.d/xinetd", "")
        .file("/etc/rc2.d/S01xinetd", "")
        .file("/lib/systemd/system-generators/systemd-sysv-generator", "");
    let real = |tree: &MemoryTree| Startup::read(tree).real().map(Path::to_owned);
    assert_eq!(real(&script), Some("/etc/rc2.d/S01xinetd".into()));
    let masked = script
        .clone()
        .entry("/etc/systemd/system/xinetd.service", EntryKind::Other);
    assert_eq!(real(&masked), None);
    let link = "/etc/systemd/system/multi-user.target.wants/xinetd.service";
    let unit = |exec: &str| {
        let text = format!("[Service]\nExecStart={exec}\n");
        let unit = program
            .clone()
            .file("/usr/lib/systemd/system/xinetd.service", text);
        real(&unit.file(link, ""))
    };
    assert_eq!(unit("/usr/sbin/xinetd -dontfork"), Some(link.into()));
    assert_eq!(unit("/bin/true"), None, "another program");
    let ours = "ExecStart=/usr/bin/xinetdctl daemon start\n";
    let ours = script.file("/usr/lib/systemd/system/xinetd.service", ours);
    assert_eq!(real(&ours), None, "ours is not enabled");
    assert_eq!(real(&ours.file(link, "")), Some(link.into()));
}
