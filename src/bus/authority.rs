//! What callers may change or see: root everything, others what polkit allows.

use std::collections::HashMap;

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
