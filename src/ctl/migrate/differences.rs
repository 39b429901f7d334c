//! Which of the deviations of docs/deviations.md touch these files.

use std::io::{self, Write};

use xinetd_core::config::Attribute;
use xinetd_core::problem::{Place, printable};
use xinetd_core::service::{
    LogTarget, Mux, Pattern, Protocol, Reach, Service, Serving, SocketType,
};
use xinetd_core::translate::Standing;

use crate::ctl::layout::fold;
use crate::ctl::machine::Reading;
use crate::ctl::output::{HEAD, Output, WIDTH};

/// How many places are named of each.
const MOST: usize = 3;

/// Something that is different for some services.
struct Row {
    /// Its numbers in docs/deviations.md.
    numbers: &'static str,
    /// The attribute that brings it about, for the place; the service itself where it is none.
    attribute: Option<Attribute>,
    /// Whether it touches a service.
    touches: fn(&Service) -> bool,
    /// What that comes to.
    consequence: &'static str,
}

/// The deviations that depend on what the files say. What is read in another way, and what is not served, are
/// problems that `xinetdctl check` finds by itself.
const TABLE: &[Row] = &[
    Row {
        numbers: "S2",
        attribute: Some(Attribute::Cps),
        touches: |service| {
            service.protocol == Protocol::Tcp
                && has(service, Attribute::Cps)
                && service.limits.rate.is_some()
        },
        consequence: "while cps pauses the service, clients are accepted and reset, not refused",
    },
    Row {
        numbers: "S4, S5",
        attribute: Some(Attribute::Banner),
        touches: |service| has(service, Attribute::Banner),
        consequence: BANNER,
    },
    Row {
        numbers: "S4",
        attribute: Some(Attribute::BannerSuccess),
        touches: |service| has(service, Attribute::BannerSuccess),
        consequence: BANNER,
    },
    Row {
        numbers: "S4, S5",
        attribute: Some(Attribute::BannerFail),
        touches: |service| has(service, Attribute::BannerFail),
        consequence: BANNER,
    },
    Row {
        numbers: "S6",
        attribute: Some(Attribute::OnlyFrom),
        touches: |service| {
            let mut rules = service.access.only_from.iter().flatten();
            rules.any(|rule| !matches!(rule.pattern, Pattern::Net(_)))
        },
        consequence: "a client's name counts only where it leads back to its address",
    },
    Row {
        numbers: "S6",
        attribute: Some(Attribute::NoAccess),
        touches: |service| {
            let mut rules = service.access.no_access.iter();
            rules.any(|rule| !matches!(rule.pattern, Pattern::Net(_)))
        },
        consequence: "where a client's name can't be found out, the client is refused",
    },
    Row {
        numbers: "S9",
        attribute: None,
        touches: |service| service.logging.target == LogTarget::Unset,
        consequence: "without log_type xinetd logs nothing; the journal has the refusals",
    },
    Row {
        numbers: "S12",
        attribute: Some(Attribute::Passenv),
        touches: |service| has(service, Attribute::Passenv),
        consequence: "the variables are those of the service's unit, not of xinetd's",
    },
    Row {
        numbers: "S14",
        attribute: Some(Attribute::Bind),
        touches: |service| has(service, Attribute::Bind),
        consequence: "an address that is not there yet is waited for without end",
    },
    Row {
        numbers: "S15, H3",
        attribute: None,
        touches: |service| matches!(service.serving, Serving::Program(_)),
        consequence: "a service that is stopped or taken out ends its sessions, and what they left behind",
    },
    Row {
        numbers: "S19",
        attribute: Some(Attribute::Nice),
        touches: |service| service.nice.is_some_and(|nice| nice < 0),
        consequence: "servers may raise their priority again to this value",
    },
    Row {
        numbers: "S23",
        attribute: Some(Attribute::LogOnFailure),
        touches: |service| service.logging.failure.userid,
        consequence: "the client's user is asked for at every refusal",
    },
    Row {
        numbers: "F1 to F7",
        attribute: Some(Attribute::LogType),
        touches: |service| matches!(service.logging.target, LogTarget::File { .. }),
        consequence: "the file is made by the first line, and the service runs without it; the journal has the lines too",
    },
    Row {
        numbers: "W1, W4",
        attribute: Some(Attribute::Wait),
        touches: |service| service.wait && service.socket_type == SocketType::Dgram,
        consequence: "datagrams that wait when a server ends are not thrown away",
    },
    Row {
        numbers: "W3",
        attribute: Some(Attribute::Banner),
        touches: |service| service.wait && has(service, Attribute::Banner),
        consequence: "with wait = yes no banner is sent",
    },
    Row {
        numbers: "I3, I5",
        attribute: None,
        touches: |service| matches!(service.serving, Serving::Internal(_)),
        consequence: "internal services run without any right, and their sessions end with their helper",
    },
    Row {
        numbers: "M1, M4",
        attribute: Some(Attribute::Type),
        touches: |service| matches!(service.reach, Reach::Mux(Mux::Server | Mux::Plus)),
        consequence: "limits, lists and the user of the service itself hold for clients of tcpmux",
    },
    Row {
        numbers: "R1 to R9",
        attribute: Some(Attribute::Redirect),
        touches: |service| matches!(service.serving, Serving::Redirect { .. }),
        consequence: "the helper passes the bytes on: START has pid=0, and sessions end with the helper",
    },
    Row {
        numbers: "B1 to B9",
        attribute: Some(Attribute::Flags),
        touches: |service| matches!(service.serving, Serving::Sensor(_)),
        consequence: "bans outlive a boot; loopback is never banned, nor the sender of a datagram",
    },
    Row {
        numbers: "P1",
        attribute: None,
        touches: |service| matches!(service.reach, Reach::Rpc(..)),
        consequence: "the port of an RPC service is the same at each start",
    },
];

const BANNER: &str = "the file is opened as the service's user, and is sent if it is a regular file of 1 MiB at most";

fn has(service: &Service, attribute: Attribute) -> bool {
    let mut written = service.attributes.iter();
    written.any(|written| written.attribute == attribute)
}

impl Row {
    /// Where it touches a service.
    fn place<'a>(&self, service: &'a Service) -> &'a Place {
        let mut written = service.attributes.iter().rev();
        let line = self
            .attribute
            .and_then(|attribute| written.find(|written| written.attribute == attribute));
        line.map_or(&service.place, |written| &written.place)
    }
}

/// Prints those that touch a service that is switched on and served, each with its places.
pub(super) fn print(reading: &Reading, out: &mut Output<'_>) -> io::Result<()> {
    let services = reading.configuration.services.iter();
    let translated = services.zip(&reading.translation.services);
    let served: Vec<&Service> = translated
        .filter(|(_, translated)| {
            matches!(
                translated.report.standing,
                Standing::Served { enabled: true, .. }
            )
        })
        .map(|(service, _)| service)
        .collect();
    let lines = lines(&served);
    if lines.is_empty() {
        return Ok(());
    }
    let title = "Different for these files (docs/deviations.md has the numbers)";
    writeln!(out, "{}", out.paint(HEAD, title))?;
    for line in lines {
        for (number, part) in fold(&printable(&line), WIDTH - 4).iter().enumerate() {
            let indent = if number == 0 { 2 } else { 4 };
            writeln!(out, "{:indent$}{part}", "")?;
        }
    }
    writeln!(out)
}

/// A line for each deviation.
fn lines(services: &[&Service]) -> Vec<String> {
    let line = |row: &Row| {
        let touched: Vec<_> = services.iter().filter(|one| (row.touches)(one)).collect();
        let mut places: Vec<String> = Vec::new();
        for service in &touched {
            let place = row.place(service).to_string();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        let more = match places.len().saturating_sub(MOST) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        places.truncate(MOST);
        let (numbers, consequence) = (row.numbers, row.consequence);
        (!touched.is_empty())
            .then(|| format!("{numbers}: {consequence} ({}{more})", places.join(", ")))
    };
    TABLE.iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use xinetd_core::config::{self, Databases, MemoryTree, Roots};

    use super::*;
    use std::path::Path;

    #[test]
    fn only_what_touches_the_files_is_said_with_its_places() {
        let text = "defaults\n{\n\tlog_type = FILE /var/log/x\n}\nservice a\n{\n\ttype = UNLISTED\n\tport = 9\n\
            \tsocket_type = stream\n\tprotocol = tcp\n\twait = no\n\tuser = 0\n\tserver = /bin/true\n\
            \tbanner = /etc/b\n\tonly_from = .example.com\n}\n";
        let tree = MemoryTree::default().file("/etc/xinetd.conf", text);
        let roots = Roots::xinetd(Path::new("/etc/xinetd.conf"));
        let configuration = config::load(&tree, roots, &Databases::read(&tree));
        let services: Vec<&Service> = configuration.services.iter().collect();
        let lines = lines(&services);
        let numbers: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split_once(':').map(|(numbers, _)| numbers))
            .collect();
        assert_eq!(
            numbers,
            ["S4, S5", "S6", "S15, H3", "F1 to F7"],
            "{lines:?}"
        );
        assert!(
            lines[0].ends_with("(/etc/xinetd.conf:14:2)"),
            "{}",
            lines[0]
        );
        assert!(lines[3].ends_with("(/etc/xinetd.conf:3:2)"), "{}", lines[3]);
    }

    #[test]
    fn the_numbers_are_those_of_the_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/deviations.md");
        let document = std::fs::read_to_string(path).unwrap();
        for row in TABLE {
            let numbers = row
                .numbers
                .split([',', ' '])
                .filter(|word| !word.is_empty() && *word != "to");
            for number in numbers {
                assert!(document.contains(&format!("\n| {number} | ")), "{number}");
            }
        }
    }
}
