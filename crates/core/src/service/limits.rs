//! How much a service takes (docs/xinetd-behaviour.md, sections 2 and 4.6).

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// `instances`, `per_source`, `cps` and `max_load` of a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// `instances`: servers of the service at once.
    pub instances: Limit,
    /// `per_source`: servers at once for one peer address.
    pub per_source: Limit,
    /// `cps`; none where its first number is 0. Absent in a file means 50 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<ConnectionRate>,
    /// `max_load`: refuse while the 1-minute load average is this or higher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            instances: Limit::Unlimited,
            per_source: Limit::Unlimited,
            rate: Some(ConnectionRate::default()),
            load: None,
        }
    }
}

/// A number of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limit {
    /// `UNLIMITED`, and what an absent attribute means.
    Unlimited,
    /// At most so many; 0 refuses all clients.
    #[serde(untagged)]
    AtMost(u32),
}

/// `cps MAX WAIT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConnectionRate {
    /// Connections per second, and the length in seconds of the window that is averaged over.
    pub max: NonZeroU32,
    /// Seconds for which the service pauses when the rate is exceeded.
    pub wait: u32,
}

impl Default for ConnectionRate {
    /// What xinetd assumes where `cps` is absent.
    fn default() -> Self {
        const FIFTY: NonZeroU32 = NonZeroU32::MIN.saturating_add(49);
        Self {
            max: FIFTY,
            wait: 10,
        }
    }
}
