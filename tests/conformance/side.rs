//! The sides: two releases of real xinetd, the bridge on systemd, and the bridge's own program `xinetd`.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use testbed::{Container, Line, Release, Result, Suite, write};

use crate::scenario::Scenario;
use crate::stage::Stage;
use crate::transcript::{Expected, NOT_SERVED};

/// The folder of the probe servers.
const PROBES: &str = "/opt/probe";

/// The names of the probe, each of which tells something else.
const SUBJECTS: [&str; 9] = [
    "accept",
    "datagram",
    "argv",
    "env",
    "descriptors",
    "identity",
    "limits",
    "signals",
    "socket",
];

/// Ends xinetd or its counterpart, servers included.
const KILL: &str = "systemctl kill -s KILL reference 2>/dev/null
                    systemctl stop reference 2>/dev/null; systemctl reset-failed";

/// The addresses that clients may have besides those of 127.0.0.0/8 and ::1.
const ADDRESSES: [&str; 10] = [
    "10.0.0.1/32",
    "10.0.0.10/32",
    "10.1.0.2/32",
    "10.1.2.0/32",
    "10.1.2.3/32",
    "10.1.2.255/32",
    "10.1.3.3/32",
    "192.0.2.7/32",
    "fd00:1:2::3/128",
    "fd00:1:4::3/128",
];

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Xinetd(Release),
    Bridge,
    /// The bridge without systemd, started as real xinetd is.
    Standalone,
}

impl Which {
    /// All of them, in the order in which transcripts have them.
    pub(crate) const ALL: [Self; 4] = [
        Self::Xinetd(Release::Bookworm),
        Self::Bridge,
        Self::Standalone,
        Self::Xinetd(Release::Trixie),
    ];

    /// Its name for messages.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Xinetd(release) => format!("xinetd {}", release.version()),
            Self::Bridge => "xinetd-bridge".to_owned(),
            Self::Standalone => "xinetd-bridge without systemd".to_owned(),
        }
    }

    /// Boots a container with it.
    fn boot(self) -> Result<Container> {
        match self {
            Self::Xinetd(release) => Container::boot(release.suite(), |tree| {
                // The units that the generator makes there beside it are not to be started.
                testbed::without_reconcile(tree)?;
                release.install(tree)?;
                prepare(tree)
            }),
            Self::Bridge => Container::boot(Suite::Conformance, prepare),
            Self::Standalone => Container::boot_standalone(Suite::Conformance, |tree| {
                // It brings none, and scenarios convert files.
                let tool = crate::repository().join("target/release/xinetdctl");
                let program =
                    std::fs::read(&tool).map_err(|error| format!("{}: {error}", tool.display()))?;
                write(tree, "/usr/bin/xinetdctl", program, 0o755)?;
                prepare(tree)
            }),
        }
    }
}

/// A container with one of them.
pub(crate) struct Side {
    pub(crate) which: Which,
    pub(crate) container: Container,
}

impl Side {
    pub(crate) fn boot(which: Which) -> Result<Self> {
        let container = which.boot()?;
        for address in ADDRESSES {
            container.sh(&format!("ip address add {address} dev lo nodad"))?;
        }
        Ok(Self { which, container })
    }

    /// Plays the scenario, and gives its transcript.
    pub(crate) fn play(&self, scenario: &Scenario, expected: Option<&Expected>) -> Result<String> {
        for (path, content, mode) in scenario.files {
            self.container.write(path, content, *mode)?;
        }
        self.start(scenario.configuration)?;
        let mut stage = Stage::new(self, expected)?;
        let is_left_out = self.which == Which::Bridge && self.leaves_out()?;
        let acted = match is_left_out {
            true => Ok(()),
            false => (scenario.act)(&mut stage),
        };
        // What one that is not served has left would be there in the next scenario.
        let stopped = self.stop();
        acted.and(stopped)?;
        for (path, ..) in scenario.files {
            self.container.sh(&format!("rm -f '{path}'"))?;
        }
        match is_left_out {
            true => Ok(NOT_SERVED.to_owned()),
            false => Ok(stage.into_transcript()),
        }
    }

    /// Has it read this configuration while it goes on, and waits until it has done so.
    pub(crate) fn reload(&self, configuration: &str) -> Result<()> {
        let cursor = match self.which {
            Which::Xinetd(_) | Which::Standalone => self.cursor()?,
            Which::Bridge => String::new(),
        };
        self.configure(configuration)?;
        match self.which {
            Which::Xinetd(_) | Which::Standalone => {
                self.container.sh("kill -HUP $(cat /run/xinetd.pid)")?;
                self.container.wait_until(&format!(
                    "journalctl --sync; journalctl -q -o cat --after-cursor='{cursor}' | grep '^Reconfigured: '"
                ))
            }
            Which::Bridge => {
                self.container.sh("systemctl daemon-reload")?;
                self.followed()
            }
        }
    }

    fn configure(&self, configuration: &str) -> Result<()> {
        let text = configuration.replace("PROBE", PROBES);
        self.container.write("/etc/xinetd.conf", text, 0o644)
    }

    /// Starts it with this configuration.
    fn start(&self, configuration: &str) -> Result<()> {
        self.configure(configuration)?;
        match self.which {
            // The environment is the one that the bridge's servers have without passenv.
            Which::Xinetd(_) | Which::Standalone => self.container.sh(
                "rm -f /run/xinetd.pid
                 systemd-run -q --unit=reference -p KillMode=process -p LimitNOFILE=524288 \
                     env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
                     xinetd -dontfork -pidfile /run/xinetd.pid -inetd_compat
                 until systemctl show -P ActiveState reference | grep -qx 'inactive\\|failed' ||
                     journalctl -q _SYSTEMD_UNIT=reference.service \
                         _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID reference) |
                         grep -q 'Started working'; do
                     sleep 0.02
                 done",
            ),
            Which::Bridge => self
                .container
                .sh("systemctl daemon-reload && systemctl start xinetd.target"),
        }?;
        match self.which {
            Which::Xinetd(_) | Which::Standalone => Ok(()),
            Which::Bridge => self.followed(),
        }
    }

    /// Waits until what follows a daemon-reload has been done.
    fn followed(&self) -> Result<()> {
        self.container
            .sh(
                "while test -e /run/systemd/generator.late/xinetd-bridge/changed || \
                 systemctl is-active xinetd-reconcile.service | grep -q activating; \
                 do sleep 0.05; done",
            )
            .map(drop)
    }

    /// The servers of each side end with it: the next scenario begins with an empty machine.
    fn stop(&self) -> Result<()> {
        match self.which {
            Which::Xinetd(_) => self.container.sh(KILL),
            // What it has had no time to clear away; its bans lie there too.
            Which::Standalone => self.container.sh(&format!(
                "{KILL}; rm -rf /run/xinetd-bridge-* /run/xinetd-coordinator"
            )),
            Which::Bridge => self
                .container
                .sh("systemctl stop xinetd.target; xinetdctl bans flush; systemctl reset-failed"),
        }
        .map(drop)
    }

    /// Whether this version of the bridge does not serve all that the configuration asks for.
    fn leaves_out(&self) -> Result<bool> {
        let (_, report) = self.container.try_sh("xinetdctl check --json")?;
        Ok(report.contains("\"standing\": \"not_served\""))
    }

    /// What it has against the files that it was started with.
    pub(crate) fn complaints(&self) -> Result<String> {
        self.container.sh(match self.which {
            Which::Xinetd(_) | Which::Standalone => {
                "journalctl -q -o cat -p warning _SYSTEMD_UNIT=reference.service \
                     _SYSTEMD_INVOCATION_ID=$(systemctl show -P InvocationID reference)"
            }
            Which::Bridge => "xinetdctl check | grep -E ': (error|warning): ' || true",
        })
    }

    /// Starts it anew with another configuration.
    pub(crate) fn restart(&self, configuration: &str) -> Result<()> {
        self.stop()?;
        self.start(configuration)
    }

    /// What xinetd and the helpers have logged after `cursor`.
    pub(crate) fn lines(&self, cursor: &str) -> Result<Vec<Line>> {
        let all = format!("--after-cursor='{cursor}'");
        // journalctl skips a line where the one at the cursor is not among those asked for.
        let mut lines = self.container.lines(&all)?;
        lines.retain(|line| line.field("SYSLOG_IDENTIFIER") == "xinetd");
        Ok(lines)
    }

    /// Where the log ends now.
    pub(crate) fn cursor(&self) -> Result<String> {
        let all = self
            .container
            .sh("journalctl --sync; journalctl -q -n 1 --show-cursor -o cat")?;
        let cursor = all
            .lines()
            .find_map(|line| line.strip_prefix("-- cursor: "));
        cursor
            .map(str::to_owned)
            .ok_or_else(|| format!("no cursor in {all}"))
    }
}

/// The probe, under all its names.
fn prepare(tree: &Path) -> Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/probe.c");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("probe");
    let built = program.with_extension(format!("{:?}", std::thread::current().id()));
    testbed::compile(&source, &["-O", "-static"], &built)?;
    let content = std::fs::read(&built).map_err(|error| format!("the probe: {error}"))?;
    for subject in SUBJECTS {
        write(tree, &format!("{PROBES}/{subject}"), &content, 0o755)?;
    }
    // fail2ban is here for its filter alone; the other has nothing to do in a container.
    for service in ["fail2ban", "systemd-remount-fs"] {
        let mask = tree.join(format!("etc/systemd/system/{service}.service"));
        symlink("/dev/null", &mask).map_err(|error| format!("{}: {error}", mask.display()))?;
    }
    let hosts = "127.0.0.1 localhost\n::1 localhost\n10.1.2.3 alpha.example.com alpha\n\
                 10.1.3.3 beta.example.com beta\n";
    write(tree, "/etc/hosts", hosts, 0o644)?;
    // What Debian's package brings would be read besides the scenario's own file.
    write(tree, "/etc/inetd.conf", "", 0o644)
}
