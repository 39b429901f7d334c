//! A session as it is told.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An open session; as text it is `PID PEER AGE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SessionRow {
    /// The server's process; 0 where the helper serves the client itself.
    pub(crate) pid: i32,
    /// The client; 0.0.0.0 where nobody knows it (`wait = yes`).
    pub(crate) peer: SocketAddr,
    /// Its age in seconds.
    pub(crate) age: u64,
}

impl fmt::Display for SessionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.pid, self.peer, self.age)
    }
}

impl FromStr for SessionRow {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut words = text.split(' ');
            let row = Self {
                pid: words.next()?.parse().ok()?,
                peer: words.next()?.parse().ok()?,
                age: words.next()?.parse().ok()?,
            };
            words.next().is_none().then_some(row)
        };
        parse().ok_or("it is no session")
    }
}

impl Serialize for SessionRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionRow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
