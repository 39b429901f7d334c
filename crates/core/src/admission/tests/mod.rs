//! Clients led through their admission, without a socket, a clock or a file.

mod limits;
mod order;
mod rules;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::libwrap::{Endpoint, File, ListFile, Rules, Tables};
use crate::policy::{MonotonicSeconds, NameAnswer};
use crate::service::MinuteOfDay;

use super::{Ends, Finding, RuleFiles, World};

/// A machine whose answers a test chooses.
struct Fake {
    now: MonotonicSeconds,
    minute: MinuteOfDay,
    load: Option<f64>,
    has_room: bool,
    is_banned: bool,
    tables: Tables,
    connection: Connection,
    /// The checks that were made.
    found: Vec<&'static str>,
    /// What was looked at for them.
    looked: Vec<&'static str>,
}

/// A client whose own address is known, and perhaps the one that it has connected to.
struct Connection {
    has_local: bool,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            now: MonotonicSeconds(1000),
            minute: MinuteOfDay::MIDNIGHT,
            load: Some(1.0),
            has_room: true,
            is_banned: false,
            tables: tables("", ""),
            connection: Connection { has_local: true },
            found: Vec::new(),
            looked: Vec::new(),
        }
    }
}

fn tables(allow: &str, deny: &str) -> Tables {
    let [allow, deny] = [("allow", allow), ("deny", deny)]
        .map(|(name, text)| File::Rules(Rules::parse(Path::new(name), text.as_bytes())));
    Tables::new(allow, deny, |_| ListFile::Text(Vec::new()))
}

impl World for Fake {
    type Rules = Connection;

    fn now(&self) -> MonotonicSeconds {
        self.now
    }

    fn minute(&mut self) -> MinuteOfDay {
        self.looked.push("minute");
        self.minute
    }

    fn load(&mut self) -> Option<f64> {
        self.looked.push("load");
        self.load
    }

    fn has_room(&mut self, _running: u32) -> bool {
        self.has_room
    }

    fn is_banned(&mut self, _peer: IpAddr) -> bool {
        self.is_banned
    }

    fn rules(&mut self) -> (&Tables, &mut Connection) {
        (&self.tables, &mut self.connection)
    }

    fn found(&mut self, finding: Finding<'_>) {
        self.found.push(match finding {
            Finding::Limit { check, .. } => match check {
                crate::policy::Check::Rate => "cps",
                crate::policy::Check::Load => "max_load",
                crate::policy::Check::Time => "access_times",
                crate::policy::Check::Instances => "instances",
                crate::policy::Check::PerSource => "per_source",
            },
            Finding::Lists(..) => "lists",
            Finding::Rules(_) => "rules",
        });
    }
}

impl RuleFiles for Connection {
    fn ends(&self) -> Ends {
        let server = "192.0.2.1:7".parse().unwrap();
        Ends {
            client: Endpoint::new("198.51.100.7:9".parse().unwrap(), "198.51.100.7"),
            server: Endpoint::new(server, "192.0.2.1"),
            local: self.has_local.then(|| server.ip()),
        }
    }

    fn banner(&mut self, _path: &[u8]) -> Option<Arc<[u8]>> {
        Some(Arc::from(*b"hello %h"))
    }

    fn too_long(&mut self, _path: &[u8]) {}
}

fn confirmed(name: &str) -> NameAnswer {
    NameAnswer::Confirmed(name.parse().unwrap())
}
