//! What systemd passes: the listening sockets, and what it kept of a predecessor.

use std::env;
use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

use crate::sys::descriptor;
use crate::sys::socket::{is_tcp_listener, is_unix_listener};

/// The name under which systemd keeps our [state](super::state).
pub(super) const STATE_NAME: &str = "state";

/// More sockets than that are no unit of ours.
const MAX_DESCRIPTORS: usize = 64;

/// The descriptors that came with the start (sd_listen_fds(3)).
#[derive(Debug)]
pub(super) struct Activation {
    /// The listening sockets, not blocking.
    pub(super) listeners: Vec<TcpListener>,
    /// Those on which tcpmux hands connections over, not blocking. There is one of either kind.
    pub(super) mux_listeners: Vec<UnixListener>,
    /// What a predecessor left.
    pub(super) state: Option<OwnedFd>,
}

impl Activation {
    /// Takes them. Only once, and before any thread is started: the variables are removed.
    ///
    /// # Errors
    /// What is wrong, in words, if there is no listener or something else among them.
    pub(super) fn take() -> Result<Self, String> {
        let variable = |name| env::var(name).ok();
        let names = announced(
            variable("LISTEN_PID").as_deref(),
            variable("LISTEN_FDS").as_deref(),
            variable("LISTEN_FDNAMES").as_deref(),
            std::process::id(),
        )?;
        let mut descriptors = ListenFd::from_env();
        let mut this = Self {
            listeners: Vec::new(),
            mux_listeners: Vec::new(),
            state: None,
        };
        for (index, name) in names.iter().enumerate() {
            let number = descriptors
                .take_raw_fd(index)
                .map_err(|error| error.to_string())?;
            let taken = number.map(descriptor::adopt).transpose();
            let taken = taken.map_err(|error| format!("descriptor {name}: {error}"))?;
            match taken {
                None => {}
                Some(kept) if name == STATE_NAME => this.state = Some(kept),
                Some(socket) => this.add(socket).map_err(|error| error.to_string())?,
            }
        }
        if this.listeners.is_empty() && this.mux_listeners.is_empty() {
            return Err("systemd passed no listening socket".into());
        }
        Ok(this)
    }

    /// Another process may be faster: waiting in accept would stop everything.
    fn add(&mut self, socket: OwnedFd) -> io::Result<()> {
        if is_tcp_listener(socket.as_fd()) {
            let listener = TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            self.listeners.push(listener);
        } else if is_unix_listener(socket.as_fd()) {
            let listener = UnixListener::from(socket);
            listener.set_nonblocking(true)?;
            self.mux_listeners.push(listener);
        } else {
            return Err(io::Error::other(
                "a descriptor is no listening stream socket; the socket unit must have Accept=no",
            ));
        }
        Ok(())
    }
}

/// The names of the descriptors, if they are meant for the process `own`: listenfd takes
/// descriptors also where LISTEN_PID is missing.
fn announced(
    pid: Option<&str>,
    count: Option<&str>,
    names: Option<&str>,
    own: u32,
) -> Result<Vec<String>, String> {
    const BY_HAND: &str = "start the .socket unit instead: it starts this program";
    let pid = pid.ok_or_else(|| format!("LISTEN_PID is not set; {BY_HAND}"))?;
    if pid.parse() != Ok(own) {
        return Err(format!(
            "LISTEN_PID is {pid}, which is another process; {BY_HAND}"
        ));
    }
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    if count == 0 || count > MAX_DESCRIPTORS {
        return Err(format!(
            "LISTEN_FDS tells of {count} descriptors; {BY_HAND}"
        ));
    }
    let mut names: Vec<String> = names
        .map(|names| names.split(':').map(str::to_owned).collect())
        .unwrap_or_default();
    names.resize(count, String::new());
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_for_another_process_are_not_taken() {
        assert!(announced(None, Some("1"), None, 7).is_err());
        assert!(announced(Some("8"), Some("1"), None, 7).is_err());
        assert!(announced(Some("7"), Some("0"), None, 7).is_err());
        assert!(announced(Some("7"), None, None, 7).is_err());
        assert!(announced(Some("7"), Some("1000000000000"), None, 7).is_err());
    }

    #[test]
    fn names_may_be_missing() {
        let names = announced(Some("7"), Some("2"), Some("telnet:state"), 7).unwrap();
        assert_eq!(names, ["telnet", "state"]);
        assert_eq!(
            announced(Some("7"), Some("2"), Some("telnet"), 7).unwrap(),
            ["telnet", ""]
        );
    }
}
