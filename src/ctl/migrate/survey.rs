//! What real xinetd has, and what the bridge has or will have.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::paragraph;
use crate::ctl::check::{Check, Counts};
use crate::ctl::machine::Reading;
use crate::ctl::output::{HEAD, Output};
use crate::problem::printable;
use crate::reconcile::{Endpoint, Real, listed};
use crate::service::Reach;
use crate::startup::{INETD, XINETD};
use crate::translate::Standing;

/// Both sides.
#[derive(Debug)]
pub(super) struct Survey {
    real: Option<Real>,
    /// What has real xinetd start at boot.
    link: Option<PathBuf>,
    /// The services that are switched on and can be served: their ports and units without suffix.
    ours: BTreeMap<Endpoint, String>,
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
            rpc: 0,
            units: BTreeSet::new(),
            inetd: reading.startup.roots().inetd.map(Path::to_owned),
            main: reading.startup.roots().main.to_owned(),
        };
        let services = reading.configuration.services.iter();
        for (service, translated) in services.zip(&reading.translation.services) {
            let Standing::Served {
                unit,
                enabled: true,
                ..
            } = &translated.report.standing
            else {
                continue;
            };
            this.units.insert(unit.clone());
            this.rpc += usize::from(matches!(service.reach, Reach::Rpc(..)));
            if let Some(endpoint) = Endpoint::of(service) {
                this.ours.insert(endpoint, unit.clone());
            }
        }
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

    /// Its processes; the daemon is the first.
    pub(super) fn processes(&self) -> &[i32] {
        self.real.as_ref().map_or(&[], Real::processes)
    }

    /// The units without suffix of all services that are switched on.
    pub(super) fn units(&self) -> &BTreeSet<String> {
        &self.units
    }

    /// The ports of services that are switched on, with their units.
    pub(super) fn ours(&self) -> &BTreeMap<Endpoint, String> {
        &self.ours
    }

    /// The units of services whose ports real xinetd has now.
    pub(super) fn kept(&self) -> BTreeSet<&str> {
        let shared = self.shared();
        let kept = shared.iter().filter_map(|endpoint| self.ours.get(endpoint));
        kept.map(String::as_str).collect()
    }

    /// The ports that real xinetd has now and services have here.
    pub(super) fn shared(&self) -> BTreeSet<Endpoint> {
        let has = |endpoint: &&Endpoint| self.ports().is_some_and(|ports| ports.contains(endpoint));
        self.ours.keys().filter(has).copied().collect()
    }

    /// What would no longer be served, in words.
    pub(super) fn lost(&self, checks: &[Check]) -> Option<String> {
        let ours: BTreeSet<Endpoint> = self.ours.keys().copied().collect();
        match self.ports() {
            Some(ports) => {
                let lost = lost(ports, &ours, self.rpc);
                let lost: Vec<&Endpoint> = lost.iter().collect();
                (!lost.is_empty()).then(|| {
                    format!(
                        "real xinetd has {}, and the bridge would not, for what is said above",
                        listed(&lost)
                    )
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
                let daemon = real.processes().first().copied().unwrap_or_default();
                let options = printable(&real.options().join(" "));
                writeln!(out, "  process {daemon}, options: {options}")?;
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
            let endpoint = endpoint.to_string();
            writeln!(out, "  {endpoint:10} {unit}.socket will serve it{now}")?;
        }
        writeln!(out)
    }

    /// Prints what the bridge has.
    pub(super) fn print_ours(&self, out: &mut Output<'_>) -> io::Result<()> {
        let ports: Vec<&Endpoint> = self.ours.keys().collect();
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
            .map_or(Path::new(crate::startup::MAIN), Path::new);
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

    fn ports(&self) -> Option<&BTreeSet<Endpoint>> {
        self.real.as_ref()?.ports()
    }
}

/// The ports of real xinetd that no service of ours will have; as many as there are RPC services may be theirs.
fn lost(ports: &BTreeSet<Endpoint>, ours: &BTreeSet<Endpoint>, rpc: usize) -> Vec<Endpoint> {
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
    fn ports_without_a_service_are_lost_unless_they_may_be_of_rpc() {
        let tcp = |port| Endpoint { port, is_tcp: true };
        let real = BTreeSet::from([tcp(21), tcp(23), tcp(40_001)]);
        let ours = BTreeSet::from([tcp(21), tcp(23), tcp(25)]);
        assert_eq!(lost(&real, &ours, 0), [tcp(40_001)]);
        assert_eq!(lost(&real, &ours, 1), []);
        let udp = Endpoint {
            port: 21,
            is_tcp: false,
        };
        assert_eq!(lost(&BTreeSet::from([udp]), &ours, 0), [udp]);
    }
}
