//! What an admission looks at besides the service and its state.

use std::net::IpAddr;
use std::sync::Arc;

use crate::libwrap::{Endpoint, Tables, Verdict};
use crate::policy::{Access, Check, Facts, MonotonicSeconds, Refusal, State};
use crate::problem::Place;
use crate::service::MinuteOfDay;

/// The machine around a client, asked only where the answer counts.
pub trait World {
    /// See [`World::rules`].
    type Rules: RuleFiles;

    /// Now, for `cps`.
    fn now(&self) -> MonotonicSeconds;

    /// The local time of day, for `access_times`.
    fn minute(&mut self) -> MinuteOfDay;

    /// The 1-minute load average, for `max_load`; none if it can't be read, which refuses no client.
    fn load(&mut self) -> Option<f64>;

    /// Whether one more server may run under the limit that all services have in common (`-limit` of xinetd(8)),
    /// beside the `running` of this one.
    fn has_room(&mut self, _running: u32) -> bool {
        true
    }

    /// Whether a client with this address, as accept(2) gave it, is banned from all services.
    fn is_banned(&mut self, peer: IpAddr) -> bool;

    /// hosts.allow and hosts.deny as they are now, and what rules refer to.
    fn rules(&mut self) -> (&Tables, &mut Self::Rules);

    /// Hears of a check that was made.
    fn found(&mut self, _finding: Finding<'_>) {}
}

/// What rules of hosts.allow and hosts.deny refer to.
pub trait RuleFiles {
    /// Both ends of the client's connection.
    fn ends(&self) -> Ends;

    /// What the file with a banner holds; none if there is none or it can't be read.
    fn banner(&mut self, path: &[u8]) -> Option<Arc<[u8]>>;

    /// A banner is left out: with its expansions it is too long.
    fn too_long(&mut self, path: &[u8]);
}

/// Both ends of a client's connection.
#[derive(Clone, Debug)]
pub struct Ends {
    /// The client.
    pub client: Endpoint,
    /// The end that it has connected to.
    pub server: Endpoint,
    /// The address of that; none where the kernel does not tell.
    pub local: Option<IpAddr>,
}

/// What a check has found.
#[derive(Debug)]
pub enum Finding<'a> {
    /// A limit, before it counts the client.
    Limit {
        /// Which one.
        check: Check,
        /// What it looked at.
        facts: &'a Facts,
        /// The servers that it has counted.
        state: &'a State,
        /// Its refusal.
        refusal: Option<&'a Refusal>,
    },
    /// `only_from` and `no_access`, with the entry that lets the client in, if it takes one.
    Lists(&'a Access, Option<&'a Place>),
    /// hosts.allow and hosts.deny; none if they do not apply to the service or have no rules.
    Rules(Option<&'a Verdict>),
}
