//! What reaches a helper from outside (see [`crate::fuzzing`]).

use std::fs::File;
use std::io::Write;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sys::memfd::{MFdFlags, memfd_create};
use xinetd_core::policy::{Check, Facts, MonotonicSeconds, NameAnswer, Policy, State};
use xinetd_core::service::MinuteOfDay;
use xinetd_core::spec::MAX_SPEC;

use crate::journal::fuzzing::has_one_line;
use crate::status::RELOAD;
use crate::sys::socket::peek_now;

use super::control::{self, Request};
use super::ident::{MAX_REPLY, Ports};
use super::kinds::{MAX_LINE, Progress, RequestLine};
use super::settings::{self, Inherited, Settings};
use super::state::{Record, SIZE, StateFile};

/// The spec of a service, from the generator or by a reload: what is taken can be written, read
/// again, and made ready.
pub fn spec(bytes: &[u8]) {
    let Ok(spec) = settings::parse(bytes) else {
        return;
    };
    let text = toml::to_string(&spec);
    let again = text.map(|text| settings::parse(text.as_bytes()));
    // A load that is not a number is equal to nothing, itself included.
    let is_plain = spec.limits.load.is_none_or(|load| !load.is_nan());
    if is_plain {
        assert_eq!(again, Ok(Ok(spec.clone())));
    }
    let inherited = Inherited {
        environment: vec![("PATH".into(), "/bin".into())],
        files: 1024,
        user: None,
    };
    let Ok(settings) = Settings::new(spec, &inherited) else {
        return;
    };
    decide(settings.admission.policy(), &mut State::default());
}

/// Whether a client may come in, now and at the end of all times.
fn decide(policy: &Policy, state: &mut State) {
    for now in [0, 100, u64::MAX] {
        let facts = Facts {
            peer: IpAddr::from([192, 0, 2, 7]),
            now: MonotonicSeconds(now),
            minute: MinuteOfDay::MIDNIGHT,
            load: Some(0.5),
        };
        for check in Check::ORDER {
            let _ = policy.check(check, state, &facts);
        }
        let _ = policy.access(facts.peer, &NameAnswer::Undetermined);
    }
}

/// The memfd that a predecessor, or an attacker in its place, has left.
pub fn state(bytes: &[u8]) {
    let memfd = memfd_create(c"fuzzing", MFdFlags::MFD_CLOEXEC).map(File::from);
    let Ok(mut file) = memfd else {
        return;
    };
    if file.write_all(bytes).is_err() {
        return;
    }
    let Ok(file) = StateFile::open(OwnedFd::from(file)) else {
        return;
    };
    let records = file.records();
    assert!(records.len() <= bytes.len() / SIZE);
    for record in &records {
        assert!(record.pid > 0, "a signal to {} hits others", record.pid);
        assert_eq!(Record::decode(&record.encode()), Some(*record));
        let _ = record.is_of(7);
    }
    let mut state = State::default();
    state.restore_rate(file.read_rate());
    let slots: Vec<_> = records
        .iter()
        .map(|one| state.adopt(one.peer.ip()))
        .collect();
    for slot in slots {
        state.leave(slot);
    }
    assert_eq!(state.running(), 0);
}

/// A request to a helper: nothing but what the protocol has.
pub fn control(bytes: &[u8]) {
    match control::parse(bytes) {
        Ok(Request::Reload(spec)) => {
            assert_eq!([RELOAD.as_bytes(), &spec].concat(), bytes);
            assert!(spec.len() as u64 <= MAX_SPEC);
            let _ = settings::parse(&spec);
        }
        Ok(Request::Kick(whom)) => assert!(bytes.ends_with(whom.as_bytes())),
        Ok(Request::Stop | Request::Status | Request::Reopen) => assert!(bytes.len() < 16),
        Err(why) => assert!(!why.is_empty()),
    }
}

/// What an ident server says of a user ends as one line of the log.
pub fn ident(bytes: &[u8]) {
    let ports = Ports {
        remote: 6193,
        local: 23,
    };
    let line = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    if let Ok(user) = ports.user(line) {
        assert!(!user.is_empty() && user.len() <= 3 * line.len().min(MAX_REPLY));
        has_one_line(&user);
    }
}

/// The name of a service that a client of tcpmux asks for, in parts: the first byte says how long
/// they are. What follows the line is left for the server.
pub fn tcpmux(bytes: &[u8]) {
    let Some((size, text)) = bytes.split_first() else {
        return;
    };
    let Ok((mut client, stream)) = UnixStream::pair() else {
        return;
    };
    // More than this would wait for a reader.
    let text = &text[..text.len().min(16 * MAX_LINE)];
    let mut line = RequestLine::default();
    let mut progress = Progress::Incomplete;
    let mut sent = 0;
    for part in text.chunks(usize::from(*size) + 1) {
        if client.write_all(part).is_err() {
            return;
        }
        sent += part.len();
        progress = line.read(&stream);
        if progress != Progress::Incomplete {
            break;
        }
    }
    match progress {
        Progress::Incomplete => assert!(sent < MAX_LINE && !text[..sent].contains(&b'\n')),
        Progress::Complete(name) => {
            assert!(!name.is_empty() && !name.contains(&b'\n'));
            assert!(text.starts_with(&[&name[..], b"\r\n"].concat()));
            let mut left = vec![0; sent];
            let left = peek_now(stream.as_fd(), &mut left);
            let wanted = sent - name.len() - 2;
            assert_eq!(
                left.unwrap_or_default(),
                wanted,
                "bytes of the server are gone"
            );
        }
        Progress::Wrong => {}
    }
}
