//! The structured fields of an event.

use super::entry::Entry;
use super::event::{Ending, Event, Peer};
use super::line::Line;
use super::service::ServiceLog;

/// Puts an event into `entry`.
///
/// The client's address is in the fields where it is in the line: who leaves out HOST may have
/// reasons not to keep addresses.
pub(super) fn encode(entry: &mut Entry, service: &ServiceLog, event: &Event<'_>, pid: u32) {
    let kind = event.kind();
    let line = Line(service, event);
    entry.begin(format_args!("{line}"), service.urgency(kind), pid);
    entry.text("MESSAGE_ID", kind.message_id());
    entry.text("XINETD_EVENT", kind.name());
    entry.bytes("XINETD_SERVICE", service.id.as_bytes());
    entry.text("XINETD_CONFIG", &service.place);
    match *event {
        Event::Start { pid, peer } => {
            remote(entry, peer, service.success.host);
            entry.text("XINETD_PID", pid);
        }
        Event::Exit {
            pid,
            peer,
            ending,
            duration,
        } => {
            remote(entry, peer, service.success.host);
            entry.text("XINETD_PID", pid);
            match ending {
                Some(Ending::Exited(status)) => entry.text("XINETD_STATUS", status),
                Some(Ending::Signaled(signal)) => entry.text("XINETD_SIGNAL", signal),
                None => {}
            }
            entry.text("XINETD_DURATION_USEC", duration.as_micros());
        }
        Event::Fail { refusal, peer } => {
            remote(entry, peer, service.failure.host);
            entry.text("XINETD_REASON", refusal.reason);
            if let Some(rule) = &refusal.rule {
                entry.text("XINETD_RULE", rule);
            }
        }
        Event::ExcessiveLoad { peer }
        | Event::BothListsMatch { peer }
        | Event::NameUnknown { peer } => remote(entry, peer, true),
        Event::RefusalsWithheld { count } | Event::TurnedAway { count } => {
            entry.text("XINETD_COUNT", count);
        }
        Event::Adopted { sessions } => entry.text("XINETD_COUNT", sessions),
        Event::Deactivating { cause, seconds } => {
            entry.text("XINETD_REASON", cause);
            entry.text("XINETD_PAUSE_SEC", seconds);
        }
        Event::ExecFailed {
            server: file,
            errno,
        }
        | Event::BannerUnreadable { file, errno } => {
            entry.bytes("XINETD_FILE", file.as_bytes());
            entry.text("ERRNO", errno);
        }
        Event::ForkFailed { errno } => entry.text("ERRNO", errno),
        Event::Activating | Event::Readjusted => {}
    }
}

/// The client, in the form that its server finds in its environment.
fn remote(entry: &mut Entry, peer: Peer<'_>, wanted: bool) {
    if wanted {
        entry.text("REMOTE_HOST", peer.host);
        entry.text("REMOTE_ADDR", peer.address.to_canonical());
        entry.text("REMOTE_PORT", peer.port);
    }
}
