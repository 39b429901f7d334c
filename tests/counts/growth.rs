//! What a connection costs where there is much of something: no more than where there is little.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use testbed::Result;

use crate::kind::{Kind, Manner, kind};
use crate::stage::Crowd;
use crate::steps;

/// A kind of connection, and what there is little or much of.
pub(crate) struct Growth {
    /// The connection that is counted.
    pub(crate) kind: Kind,
    crowds: [Crowd; 2],
}

/// Each that is looked at.
pub(crate) fn all() -> Vec<Growth> {
    let entries = |name: &str, count| {
        let mut attributes = String::new();
        // xinetd's lines have an end.
        for some in addresses(10, count).chunks(100) {
            let _ = write!(attributes, "{name} +=");
            for address in some {
                let _ = write!(attributes, " {address}");
            }
            attributes.push('\n');
        }
        Crowd {
            attributes,
            ..Crowd::default()
        }
    };
    let banned = |count| Crowd {
        banned: addresses(10, count),
        ..Crowd::default()
    };
    let sessions = |count| Crowd {
        sessions: addresses(127, count),
        ..Crowd::default()
    };
    vec![
        Growth {
            kind: kind(
                "admitted_of_many_entries",
                "admitted by `only_from`",
                "server = /bin/true\ncps = 1000000 1\nonly_from = 127.0.0.1",
            ),
            crowds: [10, 10_000].map(|count| entries("only_from", count)),
        },
        Growth {
            kind: kind(
                "refused_of_many_entries",
                "refused by `no_access`",
                "server = /bin/true\ncps = 1000000 1\nno_access = 127.0.0.1\nlog_on_failure = HOST",
            ),
            crowds: [10, 10_000].map(|count| entries("no_access", count)),
        },
        Growth {
            kind: kind(
                "admitted_beside_many_bans",
                "admitted beside bans",
                "server = /bin/true\ncps = 1000000 1",
            ),
            crowds: [10, 10_000].map(banned),
        },
        Growth {
            kind: Kind {
                manner: Manner::Leaves,
                ..kind(
                    "admitted_beside_many_sessions",
                    "admitted beside sessions of other sources",
                    "server = /bin/cat\ncps = 1000000 1\nper_source = 10",
                )
            },
            crowds: [10, 5000].map(sessions),
        },
    ]
}

/// So many, the first byte of which is `network`; none is 127.0.0.1.
fn addresses(network: u8, count: u16) -> Vec<IpAddr> {
    let address = |number: u16| {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(network, 1, high, low).into()
    };
    (1..=count).map(address).collect()
}

impl Growth {
    /// Fails if much costs more than a tenth above little.
    pub(crate) fn check(&self, folder: &Path) -> Result<()> {
        // A session has a descriptor at both ends.
        testbed::allow_descriptors(20_000)?;
        let [little, much] = &self.crowds;
        let little = steps::count(self.kind, little, folder)?;
        let much = steps::count(self.kind, much, folder)?;
        if much * 10 > little * 11 {
            return Err(format!("{little} instructions became {much}"));
        }
        testbed::say(&format!("{little} instructions, and {much}"));
        Ok(())
    }
}
