//! Whether anything starts the services at boot: files that switch services on do not do it by themselves.

use std::path::Path;

use xinetd_core::config::FileTree;
use xinetd_core::problem::{Place, Problem, Severity};
use xinetd_core::startup::Startup;
use xinetd_core::translate::Daemon;

/// Where a link to /dev/null masks xinetd.target.
const MASKS: [&str; 2] = [
    "/etc/systemd/system/xinetd.target",
    "/run/systemd/system/xinetd.target",
];

/// Where packaging/install puts our xinetd.service.
const UNIT: &str = "/usr/lib/systemd/system/xinetd.service";

/// What starts services that are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Boot {
    /// Each boot.
    Starts,
    /// Not the boot, as `systemctl disable xinetd` was said.
    Disabled,
    /// Not the boot, as xinetd.target is masked.
    Masked,
    /// Not the bridge, as real xinetd starts at boot.
    Real,
    /// The supervisor, when it starts: there is no systemd.
    Supervised,
}

impl Boot {
    /// Looks at a tree.
    pub(super) fn read(tree: &dyn FileTree, startup: &Startup) -> Self {
        let is_mask = |path: &&str| {
            let target = tree.read_link(Path::new(path));
            target.is_ok_and(|target| target == Path::new("/dev/null"))
        };
        if MASKS.iter().any(is_mask) {
            Self::Masked
        } else if startup.real().is_some() {
            Self::Real
        } else if Daemon::read(tree).starts_at_boot() {
            Self::Starts
        } else {
            Self::Disabled
        }
    }

    /// What serves a service that is switched on, by its unit without suffix.
    pub(super) fn server_of(self, unit: &str) -> String {
        let when = match self {
            Self::Starts => "started at boot",
            Self::Disabled | Self::Masked | Self::Real => "not started at boot",
            Self::Supervised => return "served by xinetd, without systemd".to_owned(),
        };
        format!("served by {unit}.socket, {when}")
    }

    /// How a service that is switched off is served once, without a change of its file, by its unit without suffix;
    /// none where there is no way.
    pub(super) fn once(self, unit: &str) -> Option<String> {
        (self != Self::Supervised).then(|| format!("`systemctl start {unit}.socket` serves it"))
    }

    /// The note that no service starts at boot; of real xinetd another one tells.
    pub(super) fn problem(self) -> Option<Problem> {
        let (unit, why, help) = match self {
            Self::Starts | Self::Real | Self::Supervised => return None,
            Self::Disabled => (
                UNIT,
                "xinetd.service is disabled",
                "`systemctl enable xinetd` has them started",
            ),
            Self::Masked => (
                MASKS[0],
                "xinetd.target is masked",
                "`systemctl unmask xinetd.target` has them started",
            ),
        };
        Some(Problem {
            severity: Severity::Note,
            code: "not-at-boot",
            place: Place {
                file: Path::new(unit).into(),
                line: 1,
                column: 1,
                length: 0,
            },
            message: format!("no service starts at boot: {why}"),
            help: help.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use xinetd_core::config::MemoryTree;

    use super::*;

    const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/xinetd.service";

    #[test]
    fn what_is_disabled_is_not_called_started_at_boot() {
        let text = "[Service]\nExecStart=/usr/bin/xinetdctl daemon start\n";
        let boot = |tree: &MemoryTree| Boot::read(tree, &Startup::read(tree));
        assert_eq!(boot(&MemoryTree::default()), Boot::Starts);
        let disabled = MemoryTree::default().file(UNIT, text);
        assert_eq!(boot(&disabled), Boot::Disabled);
        assert_eq!(boot(&disabled.file(ENABLED, text)), Boot::Starts);
        assert_eq!(Boot::Starts.problem(), None);
        let note = Boot::Disabled.problem().unwrap();
        assert!(note.help.contains("systemctl enable xinetd"), "{note:?}");
        let words = Boot::Disabled.server_of("foo");
        assert_eq!(words, "served by foo.socket, not started at boot");
    }
}
