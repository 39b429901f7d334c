//! What helpers tell of themselves (sd_notify(3)).

/// What a message says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Notice {
    /// Its service is served from now on.
    pub(super) is_ready: bool,
    /// It ends.
    pub(super) is_stopping: bool,
    /// Its loop turns.
    pub(super) is_alive: bool,
    /// How it goes, in words.
    pub(super) status: Option<String>,
    /// The descriptor that came with it is to be kept for its successor, under this name.
    pub(super) stores: Option<String>,
}

impl Notice {
    /// Reads a message; lines that mean nothing here are passed over.
    pub(super) fn parse(message: &[u8]) -> Self {
        let mut notice = Self::default();
        let mut stores = false;
        let mut name = String::new();
        for line in String::from_utf8_lossy(message).lines() {
            match line.split_once('=') {
                Some(("READY", "1")) => notice.is_ready = true,
                Some(("STOPPING", "1")) => notice.is_stopping = true,
                Some(("WATCHDOG", "1")) => notice.is_alive = true,
                Some(("STATUS", text)) => notice.status = Some(text.to_owned()),
                Some(("FDSTORE", "1")) => stores = true,
                Some(("FDNAME", text)) => name = text.to_owned(),
                _ => {}
            }
        }
        // It goes into a list in which a colon stands between two names (sd_listen_fds(3)).
        let is_name = !name.is_empty() && !name.contains(':');
        notice.stores = (stores && is_name).then_some(name);
        notice
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helpers_tell_is_understood() {
        let ready = Notice::parse(b"READY=1\nSTATUS=1 session\n");
        assert!(ready.is_ready && !ready.is_stopping);
        assert_eq!(ready.status.as_deref(), Some("1 session"));
        let store = Notice::parse(b"FDSTORE=1\nFDNAME=state\nFDPOLL=0\n");
        assert_eq!(store.stores.as_deref(), Some("state"));
        assert!(Notice::parse(b"WATCHDOG=1").is_alive);
        assert!(Notice::parse(b"STOPPING=1").is_stopping);
    }

    #[test]
    fn rubbish_says_nothing() {
        for rubbish in [
            &b""[..],
            b"\xff=\n=",
            b"READY=0",
            b"FDSTORE=1\nFDNAME=a:b",
            b"FDNAME=state",
        ] {
            assert_eq!(Notice::parse(rubbish), Notice::default());
        }
    }
}
