//! What callers may change or see: root everything, others what polkit allows.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use xinetd_core::problem::printable;
use zbus::message::Header;
use zbus::names::BusName;
use zbus::wire::Variant;
use zbus::{Connection, fdo, proxy};

use super::error::Error;

/// An action of polkit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Change anything.
    Manage,
    /// See the addresses of peers.
    Inspect,
}

impl Action {
    fn id(self) -> &'static str {
        match self {
            Self::Manage => "org.xinetd.Bridge1.manage",
            Self::Inspect => "org.xinetd.Bridge1.inspect",
        }
    }

    fn denied(self) -> Error {
        let what = match self {
            Self::Manage => "only root may do that",
            Self::Inspect => "only root may see the addresses of peers",
        };
        let id = self.id();
        Error::Denied(format!("{what}, or whom polkit lets ({id})"))
    }
}

#[proxy(
    interface = "org.freedesktop.PolicyKit1.Authority",
    default_service = "org.freedesktop.PolicyKit1",
    default_path = "/org/freedesktop/PolicyKit1/Authority"
)]
trait Polkit {
    fn check_authorization(
        &self,
        subject: &(&str, HashMap<&str, Variant<'_>>),
        action: &str,
        details: &HashMap<&str, &str>,
        flags: u32,
        cancellation: &str,
    ) -> zbus::Result<(bool, bool, HashMap<String, String>)>;
}

/// Lets the caller through or not: the bus says which user it is.
///
/// # Errors
/// [`Error::Denied`] where it may not do that.
pub(super) async fn check(
    action: Action,
    connection: &Connection,
    header: &Header<'_>,
) -> Result<(), Error> {
    let denied = || action.denied();
    let sender = header.sender().ok_or_else(denied)?;
    let bus = fdo::DBusProxy::new(connection).await?;
    let user = bus.get_connection_unix_user(BusName::from(sender.clone()));
    if user.await.map_err(|_| denied())? == 0 {
        return Ok(());
    }
    let polkit = PolkitProxy::new(connection).await?;
    let name = HashMap::from([("name", Variant::from(sender.as_str()))]);
    let subject = ("system-bus-name", name);
    // The call is answered at once: no user is asked for a password here.
    let details = HashMap::new();
    let asked = polkit.check_authorization(&subject, action.id(), &details, 0, "");
    match asked.await {
        Ok((true, ..)) => Ok(()),
        _ => Err(denied()),
    }
}

/// The longest text of an address: an IPv6 address with a v4-mapped end, and a prefix.
const LONGEST: usize = 64;

/// The address of a peer as people write it, which may have the prefix of a ban behind it.
///
/// # Errors
/// [`Error::InvalidAddress`].
pub(super) fn address(text: &str) -> Result<IpAddr, Error> {
    let wrong = |why| {
        let shown: String = printable(text).chars().take(LONGEST).collect();
        Error::InvalidAddress(format!("{shown} {why}"))
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
        let Err(Error::InvalidAddress(said)) = address(&"\u{1b}[2J".repeat(1 << 20)) else {
            panic!("an address");
        };
        assert!(said.len() < 256 && !said.contains('\u{1b}'), "{said}");
    }
}
