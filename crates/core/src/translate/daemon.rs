//! xinetd.service: the name that scripts and configuration management know, and which program has it.
//!
//! packaging/install puts our unit beside those of packages, so that it can be switched on and off, and so
//! that it outranks the one that systemd-sysv-generator makes of an init script that is left over. Where a
//! package of real xinetd brings that very file, it stays the package's; when it goes with the package, the
//! generator writes ours.

use std::io::ErrorKind;
use std::path::Path;

use super::output::GeneratedFile;
use super::unit::{BINDIR, Directive, UnitFile, Value};
use crate::config::FileTree;

/// Its name without suffix.
pub(super) const UNIT: &str = "xinetd";

/// The program of real xinetd, in all distributions.
const PROGRAM: &str = "/usr/sbin/xinetd";

/// The init script of real xinetd.
pub const SCRIPT: &str = "/etc/init.d/xinetd";

/// Our unit, as packaging/install takes it.
const TEXT: &str = include_str!("../../../../units/xinetd.service");

/// A part of our unit that no other one has.
const MARK: &[u8] = b"/xinetdctl daemon start";

/// Where units lie that no generator has written, the strongest directory first.
const DIRECTORIES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// Where `systemctl enable` links our unit: for each boot, and with `--runtime`.
const ENABLED: [&str; 2] = [
    "/etc/systemd/system/multi-user.target.wants/xinetd.service",
    "/run/systemd/system/multi-user.target.wants/xinetd.service",
];

/// Which program the name `xinetd` means to systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Daemon {
    /// The bridge, by the unit that was installed with it.
    Bridge {
        /// Whether it is started at boot.
        enabled: bool,
    },
    /// Real xinetd, by its init script; our unit calls that one, or systemd makes a unit of it.
    Script,
    /// The unit of another package or of the administrator, or none, as it is masked.
    Other,
    /// Nothing has the name.
    Unclaimed,
}

impl Daemon {
    /// Looks at a tree.
    pub fn read(tree: &dyn FileTree) -> Self {
        let is_there = |path: &str| is_there(tree, Path::new(path));
        let is_real = is_there(PROGRAM) && is_there(SCRIPT);
        let mut units = DIRECTORIES
            .iter()
            .map(|directory| Path::new(directory).join("xinetd.service"));
        let Some(unit) = units.find(|unit| self::is_there(tree, unit)) else {
            return match is_real {
                true => Self::Script,
                false => Self::Unclaimed,
            };
        };
        // One that is masked is no regular file.
        let text = tree.read(&unit).unwrap_or_default();
        let is_ours = text.windows(MARK.len()).any(|part| part == MARK);
        match (is_ours, is_real) {
            (false, _) => Self::Other,
            (true, true) => Self::Script,
            (true, false) => Self::Bridge {
                enabled: ENABLED.into_iter().any(is_there),
            },
        }
    }

    /// Whether the services are started at boot: not where `systemctl disable xinetd` was said of ours.
    pub fn starts_at_boot(self) -> bool {
        self != Self::Bridge { enabled: false }
    }

    /// What the generator writes: the unit where it is missing, and what binds it to xinetd.target.
    pub(super) fn files(self) -> Vec<GeneratedFile> {
        let unit = match self {
            Self::Unclaimed => Some(("xinetd.service", generated())),
            Self::Bridge { .. } => None,
            Self::Script | Self::Other => return Vec::new(),
        };
        let section = |name: &'static str, value: &'static str| {
            let directive = Directive::new(name, Value::Literal(value));
            let sections = vec![("Unit", vec![directive])];
            UnitFile { sections }.text()
        };
        // One is not active without the other.
        let bonds = [
            (
                "xinetd.service.d/xinetd.conf",
                section("PartOf", "xinetd.target"),
            ),
            (
                "xinetd.target.d/xinetd.conf",
                section("Wants", "xinetd.service"),
            ),
        ];
        let files = unit.into_iter().chain(bonds);
        let file = |(path, text): (&str, String)| GeneratedFile {
            path: path.into(),
            content: text.into_bytes(),
            private: false,
        };
        files.map(file).collect()
    }
}

/// Our unit, as the generator writes it: what systemd uses of a file that is made at each daemon-reload.
fn generated() -> String {
    let text = TEXT
        .split_once("\n[Install]")
        .map_or(TEXT, |(text, _)| text);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut unit = "# Made by xinetd-generator, as nothing else is called xinetd.\n\n".to_owned();
    unit.extend(lines.flat_map(|line| [line, "\n"]));
    unit.replace("@bindir@", BINDIR)
}

/// Whether there is anything by this name, at the price of no more than its name.
fn is_there(tree: &dyn FileTree, path: &Path) -> bool {
    // What is no link is there all the same.
    let link = tree.read_link(path);
    !link.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{EntryKind, MemoryTree};

    const VENDOR: &str = "/usr/lib/systemd/system/xinetd.service";

    fn bridge() -> MemoryTree {
        MemoryTree::default().file(VENDOR, TEXT)
    }

    #[test]
    fn a_script_that_is_left_over_has_no_claim() {
        let enabled = false;
        let left_over = |tree: MemoryTree| Daemon::read(&tree.file(SCRIPT, ""));
        assert_eq!(left_over(bridge()), Daemon::Bridge { enabled });
        assert_eq!(left_over(MemoryTree::default()), Daemon::Unclaimed);
    }

    #[test]
    fn real_xinetd_has_the_name_while_it_is_there() {
        let real = |tree: MemoryTree| tree.file(PROGRAM, "").file(SCRIPT, "");
        assert_eq!(Daemon::read(&real(bridge())), Daemon::Script);
        assert_eq!(Daemon::read(&real(MemoryTree::default())), Daemon::Script);
        let package = MemoryTree::default().file(VENDOR, "[Service]\nExecStart=/usr/sbin/xinetd\n");
        assert_eq!(Daemon::read(&real(package)), Daemon::Other);
        assert_eq!(Daemon::Script.files(), []);
    }

    #[test]
    fn the_unit_in_effect_is_the_administrators() {
        let masked = bridge().entry("/etc/systemd/system/xinetd.service", EntryKind::Other);
        assert_eq!(Daemon::read(&masked), Daemon::Other);
        assert!(Daemon::Other.starts_at_boot());
        let enabled = bridge().file(ENABLED[0], TEXT);
        assert!(Daemon::read(&enabled).starts_at_boot());
        assert!(!Daemon::read(&bridge()).starts_at_boot());
    }

    #[test]
    fn the_unit_is_written_where_it_is_missing() {
        let paths = |daemon: Daemon| -> Vec<_> {
            let files = daemon.files().into_iter();
            files.map(|file| file.path.display().to_string()).collect()
        };
        let bonds = [
            "xinetd.service.d/xinetd.conf",
            "xinetd.target.d/xinetd.conf",
        ];
        assert_eq!(paths(Daemon::Bridge { enabled: true }), bonds);
        assert_eq!(paths(Daemon::Unclaimed)[0], "xinetd.service");
        assert_eq!(paths(Daemon::Unclaimed)[1..], bonds);
    }
}
