//! The text of an event, as xinetd writes it.

use std::fmt::{self, Display, Formatter};

use nix::errno::Errno;

use crate::bytes::ByteString;

use super::event::{Ending, Event, Peer};
use super::service::ServiceLog;

/// The line of an event (semantics, sections 5.2 and 5.7). Control characters are still in it.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a>(pub &'a ServiceLog, pub &'a Event<'a>);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(service, event) = *self;
        let (id, name) = (Text(&service.id), Text(&service.name));
        match *event {
            Event::Start { pid, peer } => {
                write!(f, "START: {id}")?;
                if service.success.pid {
                    write!(f, " pid={pid}")?;
                }
                from(f, peer, service.success.host)
            }
            Event::Exit {
                pid,
                ending,
                duration,
                ..
            } => {
                write!(f, "EXIT: {id}")?;
                match ending {
                    Some(Ending::Exited(status)) if service.success.exit => {
                        write!(f, " status={status}")?;
                    }
                    Some(Ending::Signaled(signal)) if service.success.exit => {
                        write!(f, " signal={signal}")?;
                    }
                    _ => {}
                }
                if service.success.pid {
                    write!(f, " pid={pid}")?;
                }
                if service.success.duration {
                    write!(f, " duration={}(sec)", duration.as_secs())?;
                }
                Ok(())
            }
            Event::Fail { refusal, peer } => {
                write!(f, "FAIL: {id} {}", refusal.reason)?;
                from(f, peer, service.failure.host)
            }
            Event::ExcessiveLoad { peer } => {
                write!(
                    f,
                    "refused connect from {} due to excessive load",
                    peer.host
                )
            }
            Event::BothListsMatch { peer } => write!(
                f,
                "Service={id}: only_from list and no_access list match equally the address {}",
                peer.host
            ),
            Event::NameUnknown { peer } => write!(
                f,
                "Service={id}: the name of {} could not be found out, and no_access has names",
                peer.host
            ),
            Event::RefusalsWithheld { count } => {
                write!(
                    f,
                    "Service={id}: {count} more refusals were not logged one by one"
                )
            }
            Event::Deactivating { cause, seconds } => write!(
                f,
                "Deactivating service {name} due to {cause}.  Restarting in {seconds} seconds."
            ),
            Event::Activating => write!(f, "Activating service {name}"),
            Event::TurnedAway { count } => {
                write!(
                    f,
                    "Service={id}: {count} connections were reset during the pause"
                )
            }
            Event::ExecFailed { server, errno } => {
                write!(f, "execv( {} ) failed: {}", Text(server), Error(errno))
            }
            Event::ForkFailed { errno } => write!(f, "{id}: fork failed: {}", Error(errno)),
            Event::BannerUnreadable { file, errno } => write!(
                f,
                "service = {id}, open of banner {} failed: {}",
                Text(file),
                Error(errno)
            ),
            Event::Adopted { sessions } => write!(
                f,
                "Service={id}: the helper was restarted and found {sessions} running servers"
            ),
            Event::Readjusted => write!(f, "readjusting service {id}"),
        }
    }
}

fn from(f: &mut Formatter<'_>, peer: Peer<'_>, wanted: bool) -> fmt::Result {
    if wanted {
        write!(f, " from={}", peer.host)?;
    }
    Ok(())
}

/// An error as xinetd words it.
struct Error(i32);

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} (errno = {})", Errno::from_raw(self.0).desc(), self.0)
    }
}

/// Bytes as text, with `\xNN` in place of those that are not UTF-8.
struct Text<'a>(&'a ByteString);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for chunk in self.0.as_bytes().utf8_chunks() {
            f.write_str(chunk.valid())?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}
