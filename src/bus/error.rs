//! What a caller on the bus is told when a call fails.

use zbus::DBusError;

use super::ban_store::Refused;
use super::banning::BanError;

/// Errors of the bus interface, in `org.xinetd.Bridge1.Error`.
#[derive(Debug, DBusError)]
#[zbus(prefix = "org.xinetd.Bridge1.Error")]
pub(super) enum Error {
    /// Of the bus itself.
    #[zbus(error)]
    Bus(zbus::Error),
    /// The caller is neither root nor authorized by polkit.
    Denied(String),
    /// It is no address of one peer.
    InvalidAddress(String),
    /// The peer is on the allow-list.
    Protected(String),
    /// The list is full of what administrators have said.
    Full(String),
    /// There is no ban for the peer.
    NotBanned(String),
    /// There is no such service.
    NoService(String),
    /// There is no such session.
    NoSession(String),
    /// Something of the machine does not work.
    Failed(String),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let text = refused.to_string();
        match refused {
            Refused::Allowed => Self::Protected(text),
            Refused::Full => Self::Full(text),
            Refused::Clock(_) | Refused::Table(_) => Self::Failed(text),
        }
    }
}

impl From<BanError> for Error {
    fn from(error: BanError) -> Self {
        match error {
            BanError::InvalidAddress(why) => Self::InvalidAddress(why),
            BanError::NotBanned(why) => Self::NotBanned(why),
            BanError::Refused(refused) => refused.into(),
        }
    }
}
