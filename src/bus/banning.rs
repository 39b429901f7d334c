//! What administrators do with bans, over the bus or the supervisor's socket.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use xinetd_core::problem::printable;

use super::ban_store::{BanStore, Refused};
use super::client::BanRow;

/// Why something was not done with bans.
#[derive(Debug)]
pub(crate) enum BanError {
    /// It is no address of one peer.
    InvalidAddress(String),
    /// There is no ban for the peer.
    NotBanned(String),
    /// The list or its table does not allow it.
    Refused(Refused),
}

impl fmt::Display for BanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAddress(why) | Self::NotBanned(why) => f.write_str(why),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl From<Refused> for BanError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// All bans that hold now, the newest first.
///
/// # Errors
/// If there is no clock, or the table can't be written.
pub(crate) fn list(store: &mut BanStore) -> Result<Vec<BanRow>, Refused> {
    let (bans, clocks) = store.bans()?;
    Ok(bans.iter().map(|ban| BanRow::of(ban, clocks)).collect())
}

/// Bans a peer for so many seconds; 0 is for ever. Tells what the ban hits: an address, or an IPv6 network.
///
/// # Errors
/// If it is no peer's address, or is not banned.
pub(crate) fn add(store: &mut BanStore, peer: &str, seconds: u64) -> Result<String, BanError> {
    let peer = address(peer)?;
    let time = (seconds > 0).then(|| Duration::from_secs(seconds));
    let subject = store.add(peer, time)?;
    log::info!("{subject} was banned by an administrator");
    Ok(subject.to_string())
}

/// Ends the ban that hits a peer.
///
/// # Errors
/// If it is no peer's address, there is no such ban, or the table can't be written.
pub(crate) fn remove(store: &mut BanStore, peer: &str) -> Result<(), BanError> {
    let address = address(peer)?;
    match store.remove(address)? {
        true => {
            log::info!("the ban of {address} was removed by an administrator");
            Ok(())
        }
        false => Err(BanError::NotBanned(format!("{address} is not banned"))),
    }
}

/// Ends all bans. Tells how many there were.
///
/// # Errors
/// If the table can't be written.
pub(crate) fn flush(store: &mut BanStore) -> Result<u32, Refused> {
    let count = store.flush()?;
    log::info!("all bans were removed by an administrator: {count}");
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The longest text of an address: an IPv6 address with a v4-mapped end, and a prefix.
const LONGEST: usize = 64;

/// The address of a peer as people write it, which may have the prefix of a ban behind it.
///
/// # Errors
/// [`BanError::InvalidAddress`].
pub(super) fn address(text: &str) -> Result<IpAddr, BanError> {
    let wrong = |why| {
        let shown: String = printable(text).chars().take(LONGEST).collect();
        BanError::InvalidAddress(format!("{shown} {why}"))
    };
    if text.len() > LONGEST {
        return Err(wrong("... is no address"));
    }
    let alone = text.parse::<IpAddr>().map(IpNet::from);
    match alone.ok().or_else(|| text.parse().ok()) {
        Some(net) if net.prefix_len() < 32 => {
            Err(wrong("is a network: a ban is for one peer; see no_access"))
        }
        Some(net) if net.addr().to_canonical().is_unspecified() => {
            Err(wrong("is no peer's address"))
        }
        Some(net) => Ok(net.addr()),
        None => Err(wrong("is no address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_an_address_and_never_a_network_of_many() {
        for good in [
            "192.0.2.7",
            "192.0.2.7/32",
            "2001:db8::/64",
            "::ffff:192.0.2.7",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for wrong in [
            "192.0.2.0/24",
            "10/8",
            "",
            "0.0.0.0",
            "::",
            "0.0.0.0/32",
            "::/64",
            "::ffff:0.0.0.0",
            "host",
            "192.0.2.7 ",
            "192.0.2.7\n",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
        let Err(BanError::InvalidAddress(said)) = address(&"\u{1b}[2J".repeat(1 << 20)) else {
            panic!("an address");
        };
        assert!(said.len() < 256 && !said.contains('\u{1b}'), "{said}");
    }
}
