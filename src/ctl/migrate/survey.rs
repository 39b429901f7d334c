//! What real xinetd has, and what the bridge has or will have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xinetd_core::problem::printable;
use xinetd_core::service::Reach;
use xinetd_core::startup::{INETD, XINETD};
use xinetd_core::translate::{Native, Standing};

use crate::ctl::check::{Check, Counts};
use crate::ctl::layout::paragraph;
use crate::ctl::listening;
use crate::ctl::machine::Reading;
use crate::ctl::output::{HEAD, Output};
use crate::reconcile::{PortNumber, Real, listed};

/// Both sides.
#[derive(Debug)]
pub(super) struct Survey {
    real: Option<Real>,
    /// What has real xinetd start at boot.
    link: Option<PathBuf>,
    /// The services that are switched on and can be served: their ports and units without suffix.
    ours: BTreeMap<PortNumber, String>,
    /// The servers that are not there, by the ports of their services.
    serverless: BTreeMap<PortNumber, String>,
    /// Why the others are not, by their ports.
    unserved: BTreeMap<PortNumber, String>,
    /// What a purge of real xinetd's package takes away of what is served.
    purged: Vec<Purged>,
    /// How many of them are RPC services, whose ports xinetd leaves to the kernel.
    rpc: usize,
    /// All units without suffix of services that are switched on.
    units: BTreeSet<String>,
    /// An inetd.conf that the bridge serves.
    inetd: Option<PathBuf>,
    /// The file that the bridge begins with.
    main: PathBuf,
}

impl Survey {
    /// Looks at the machine, whose files are read already.
    pub(super) fn of(reading: &Reading) -> Self {
        let mut this = Self {
            real: Real::look(),
            link: reading.startup.real().map(Path::to_owned),
            ours: BTreeMap::new(),
            serverless: BTreeMap::new(),
            unserved: BTreeMap::new(),
            purged: Vec::new(),
            rpc: 0,
            units: BTreeSet::new(),
            inetd: reading.startup.roots().inetd.map(Path::to_owned),
            main: reading.startup.roots().main.to_owned(),
        };
        let services = reading.configuration.services.iter();
        let mut served = Vec::new();
        for (service, translated) in services.zip(&reading.translation.services) {
            let endpoint = PortNumber::of(service);
            let standing = &translated.report.standing;
            let Standing::Served {
                unit,
                enabled: true,
                ..
            } = standing
            else {
                let why = endpoint.zip(why_not(&service.id.to_text(), standing));
                this.unserved.extend(why);
                continue;
            };
            served.push((&*service.place.file, service.id.to_text()));
            this.serverless
                .extend(endpoint.zip(listening::missing_server(service)));
            this.units.insert(unit.clone());
            this.rpc += usize::from(matches!(service.reach, Reach::Rpc(..)));
            if let Some(endpoint) = endpoint {
                this.ours.insert(endpoint, unit.clone());
            }
        }
        // Another one of its name may be served there.
        this.unserved
            .retain(|endpoint, _| !this.ours.contains_key(endpoint));
        let of_package = fs::read_to_string(CONFFILES).unwrap_or_default();
        let asks_for_inetd = reading.startup.options().inetd().is_none();
        let inetd = this.inetd.as_deref().filter(|_| asks_for_inetd);
        this.purged = purged(&of_package, &served, inetd);
        this
    }

    /// Whether real xinetd runs or starts at boot.
    pub(super) fn has_real(&self) -> bool {
        self.real.is_some() || self.link.is_some()
    }

    /// Whether its program is there.
    pub(super) fn is_installed(&self) -> bool {
        Path::new(XINETD).exists()
    }

    /// What has it start at boot.
    pub(super) fn link(&self) -> Option<&Path> {
        self.link.as_deref()
    }

    /// Its process, if it runs.
    pub(super) fn daemon(&self) -> Option<i32> {
        self.real.as_ref().map(Real::daemon)
    }

    /// The units without suffix of all services that are switched on.
    pub(super) fn units(&self) -> &BTreeSet<String> {
        &self.units
    }

    /// The ports of services that are switched on, with their units.
    pub(super) fn ours(&self) -> &BTreeMap<PortNumber, String> {
        &self.ours
    }

    /// The units of services whose ports real xinetd has now.
    pub(super) fn kept(&self) -> BTreeSet<&str> {
        let shared = self.shared();
        let kept = shared.iter().filter_map(|endpoint| self.ours.get(endpoint));
        kept.map(String::as_str).collect()
    }

    /// The ports that real xinetd has now and services have here.
    pub(super) fn shared(&self) -> BTreeSet<PortNumber> {
        let has =
            |endpoint: &&PortNumber| self.ports().is_some_and(|ports| ports.contains(endpoint));
        self.ours.keys().filter(has).copied().collect()
    }

    /// What would no longer be served, in words.
    pub(super) fn lost(&self, checks: &[Check]) -> Option<String> {
        let ours: BTreeSet<PortNumber> = self.ours.keys().copied().collect();
        match self.ports() {
            Some(ports) => {
                let lost = lost(ports, &ours, self.rpc);
                let lost: Vec<&PortNumber> = lost.iter().collect();
                let why = lost.iter().filter_map(|lost| {
                    let why = self.unserved.get(lost)?;
                    Some(format!("{lost}: {why}"))
                });
                let why: Vec<String> = why.collect();
                let why = match (why.as_slice(), why.len() == lost.len()) {
                    ([], _) => ", for what is said above".to_owned(),
                    (why, true) => format!(". {}", why.join("; ")),
                    (why, false) => {
                        format!(". {}; the rest for what is said above", why.join("; "))
                    }
                };
                (!lost.is_empty()).then(|| {
                    let lost = listed(&lost);
                    format!("real xinetd has {lost}, and the bridge would not{why}")
                })
            }
            None => (Counts::of(checks).errors > 0).then(|| {
                "there are errors in the files, and which ports real xinetd has is not known"
                    .to_owned()
            }),
        }
    }

    /// Prints both sides.
    pub(super) fn print(&self, out: &mut Output<'_>) -> io::Result<()> {
        writeln!(out, "{}", out.paint(HEAD, "Real xinetd"))?;
        match &self.real {
            None => writeln!(out, "  does not run")?,
            Some(real) => {
                let options = printable(&real.options().join(" "));
                writeln!(out, "  process {}, options: {options}", real.daemon())?;
            }
        }
        match &self.link {
            Some(link) => writeln!(out, "  starts at boot by {}", link.display())?,
            None => writeln!(out, "  does not start at boot")?,
        }
        self.print_options(out)?;
        writeln!(out, "\n{}", out.paint(HEAD, "Ports"))?;
        for (endpoint, unit) in &self.ours {
            let now = match self.ports() {
                None => "",
                Some(ports) if ports.contains(endpoint) => ", as real xinetd does now",
                Some(_) => ", which real xinetd does not have now",
            };
            let name = endpoint.to_string();
            let text = match self.serverless.get(endpoint) {
                None => format!("{unit}.socket will serve it{now}"),
                Some(server) => {
                    format!("{unit}.socket waits until there is {}", printable(server))
                }
            };
            writeln!(out, "  {name:10} {text}")?;
        }
        writeln!(out)?;
        self.print_purged(out)
    }

    /// Prints what a purge of real xinetd's package takes away.
    fn print_purged(&self, out: &mut Output<'_>) -> io::Result<()> {
        if self.purged.is_empty() {
            return Ok(());
        }
        let files = self.purged.iter();
        let files = files.map(|one| format!("{} ({})", one.file.display(), one.serves.join(", ")));
        let files = files.collect::<Vec<_>>().join(", ");
        let text = format!(
            "`apt purge xinetd` removes these files, and with them what they have served: {files}. \
             `apt remove xinetd` keeps them; copy them before a purge, and put them back after it"
        );
        paragraph(out, &out.paint(HEAD, "Files of its package"), &text)?;
        writeln!(out)
    }

    /// Prints what the bridge has.
    pub(super) fn print_ours(&self, out: &mut Output<'_>) -> io::Result<()> {
        let ports: Vec<&PortNumber> = self.ours.keys().collect();
        paragraph(
            out,
            "Ports",
            &match ports.as_slice() {
                [] => "the bridge has none".to_owned(),
                ports => format!("{}; sessions on them end", listed(ports)),
            },
        )
    }

    /// Where the options of the process are not those that the bridge goes by.
    fn print_options(&self, out: &mut Output<'_>) -> io::Result<()> {
        let Some(real) = &self.real else {
            return Ok(());
        };
        let options = real.options();
        let is_inetd = options.iter().any(|word| word == "-inetd_compat");
        let inetd = self.inetd.as_deref();
        match (is_inetd && Path::new(INETD).exists(), inetd) {
            (true, None) => paragraph(
                out,
                "  Different",
                "real xinetd serves /etc/inetd.conf, and the bridge does not; see docs/migration.md",
            )?,
            (false, Some(inetd)) => paragraph(
                out,
                "  Different",
                &format!(
                    "the bridge serves {} too, and real xinetd does not",
                    inetd.display()
                ),
            )?,
            _ => {}
        }
        let mut after = options.iter().skip_while(|word| *word != "-f").skip(1);
        let main = after
            .next()
            .map_or(Path::new(xinetd_core::startup::MAIN), Path::new);
        if main != self.main {
            let text = format!(
                "real xinetd reads {}, and the bridge {}",
                main.display(),
                self.main.display()
            );
            paragraph(out, "  Different", &text)?;
        }
        Ok(())
    }

    fn ports(&self) -> Option<&BTreeSet<PortNumber>> {
        self.real.as_ref()?.ports()
    }
}

/// The configuration files of Debian's package (dpkg(1)).
const CONFFILES: &str = "/var/lib/dpkg/info/xinetd.conffiles";

/// Where Debian's package has the options of xinetd.
const DEFAULT: &str = "/etc/default/xinetd";

/// A file that a purge takes away.
#[derive(Debug, PartialEq, Eq)]
struct Purged {
    file: PathBuf,
    /// The ids of the services in it, or the inetd.conf that it has served.
    serves: Vec<String>,
}

/// Those of the package's configuration files, a line each, that have served services, of which these are the files and
/// ids, or that ask for this inetd.conf.
fn purged(conffiles: &str, served: &[(&Path, String)], inetd: Option<&Path>) -> Vec<Purged> {
    // A word may stand before the path.
    let files = conffiles
        .lines()
        .filter_map(|line| line.split_whitespace().last());
    let purged = files.map(|file| {
        let ids = served.iter().filter(|(of, _)| *of == Path::new(file));
        let ids = ids.map(|(_, id)| id.clone());
        let inetd = inetd.filter(|_| file == DEFAULT);
        Purged {
            file: file.into(),
            serves: ids
                .chain(inetd.map(|path| path.display().to_string()))
                .collect(),
        }
    });
    purged.filter(|one| !one.serves.is_empty()).collect()
}

/// Why a service has no socket that is started, in words.
fn why_not(id: &str, standing: &Standing) -> Option<String> {
    match standing {
        Standing::Served { enabled: true, .. } => None,
        Standing::Served { .. } => Some(format!("{id} is switched off in the files")),
        Standing::Native { path, native, .. } => Some(match native {
            Native::Mask => format!(
                "{id} is masked by {}, and `systemctl unmask` ends that",
                path.display()
            ),
            _ => format!("{id} is left to {}", path.display()),
        }),
        Standing::NotServed(obstacles) => {
            let reasons = obstacles.iter().map(|one| one.reason.to_string());
            Some(format!("{id}: {}", reasons.collect::<Vec<_>>().join(", ")))
        }
    }
}

/// The ports of real xinetd that no service of ours will have; as many as there are RPC services may be theirs.
fn lost(ports: &BTreeSet<PortNumber>, ours: &BTreeSet<PortNumber>, rpc: usize) -> Vec<PortNumber> {
    let lost: Vec<_> = ports.difference(ours).copied().collect();
    match lost.len() > rpc {
        true => lost,
        false => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purge_takes_away_what_the_package_brought() {
        let conffiles = "/etc/default/xinetd\n/etc/xinetd.d/echo\n/etc/xinetd.d/time\n";
        let echo = Path::new("/etc/xinetd.d/echo");
        let served = [
            (echo, "echo-stream".to_owned()),
            (Path::new("/etc/xinetd.d/own"), "own".to_owned()),
        ];
        let of = |file: &Path, what: &str| Purged {
            file: file.into(),
            serves: vec![what.to_owned()],
        };
        let echo = of(echo, "echo-stream");
        assert_eq!(purged(conffiles, &served, None), [echo]);
        let inetd = of(Path::new(DEFAULT), INETD);
        assert_eq!(purged(conffiles, &[], Some(Path::new(INETD))), [inetd]);
        assert_eq!(purged("", &served, Some(Path::new(INETD))), []);
    }

    #[test]
    fn a_masked_socket_is_named_as_the_reason() {
        let masked = Standing::Native {
            unit: "echo".to_owned(),
            path: "/etc/systemd/system/echo.socket".into(),
            native: Native::Mask,
        };
        let why = why_not("echo", &masked).unwrap();
        assert!(
            why.contains("masked by /etc/systemd/system/echo.socket"),
            "{why}"
        );
    }

    #[test]
    fn ports_without_a_service_are_lost_unless_they_may_be_of_rpc() {
        let tcp = |port| PortNumber { port, is_tcp: true };
        let real = BTreeSet::from([tcp(21), tcp(23), tcp(40_001)]);
        let ours = BTreeSet::from([tcp(21), tcp(23), tcp(25)]);
        assert_eq!(lost(&real, &ours, 0), [tcp(40_001)]);
        assert_eq!(lost(&real, &ours, 1), []);
        let udp = PortNumber {
            port: 21,
            is_tcp: false,
        };
        assert_eq!(lost(&BTreeSet::from([udp]), &ours, 0), [udp]);
    }
}
