//! Who may change anything: root, and whom polkit lets (`org.xinetd.Bridge1.manage`).

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;
use zbus::message::Header;
use zbus::names::BusName;
use zbus::wire::Variant;
use zbus::{Connection, fdo, proxy};

use super::manager::Error;

/// What polkit is asked for.
const ACTION: &str = "org.xinetd.Bridge1.manage";

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

/// Lets the caller through or not: the bus says who it is.
///
/// # Errors
/// [`Error::Denied`] where it may not change anything.
pub(super) async fn check(connection: &Connection, header: &Header<'_>) -> Result<(), Error> {
    let denied = || Error::Denied("only root may do that, or whom polkit lets".to_owned());
    let sender = header.sender().ok_or_else(denied)?;
    let bus = fdo::DBusProxy::new(connection).await?;
    let user = bus.get_connection_unix_user(BusName::from(sender.clone()));
    if user.await.map_err(|_| denied())? == 0 {
        return Ok(());
    }
    let polkit = PolkitProxy::new(connection).await?;
    let name = HashMap::from([("name", Variant::from(sender.as_str()))]);
    let subject = ("system-bus-name", name);
    // The call is answered at once: nobody is asked for a password here.
    let details = HashMap::new();
    let asked = polkit.check_authorization(&subject, ACTION, &details, 0, "");
    match asked.await {
        Ok((true, ..)) => Ok(()),
        _ => Err(denied()),
    }
}

/// The address of a peer as people write it, which may have the prefix of a ban behind it.
///
/// # Errors
/// [`Error::InvalidAddress`].
pub(super) fn address(text: &str) -> Result<IpAddr, Error> {
    let wrong = |why| Error::InvalidAddress(format!("{text} {why}"));
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
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
