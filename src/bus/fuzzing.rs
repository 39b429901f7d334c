//! What reaches the coordinator from outside (see [`crate::fuzzing`]).

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;

use xinetd_core::bans::{AllowList, Ipv6Prefix, Subject};

use crate::protocol::bans::{PACKET, ReportReply, SensorReport};
use crate::protocol::log_file::{LogFileReply, LogFileRequest};

use super::{banning, service};

/// The argument of AddBan and RemoveBan: one peer, which is not all of them.
pub(crate) fn address(text: &str) {
    let Ok(address) = banning::address(text) else {
        return;
    };
    assert!(!address.to_canonical().is_unspecified());
    let subject = Subject::of(address, Ipv6Prefix::DEFAULT);
    if AllowList::default().protects(subject) {
        return;
    }
    let subject = subject.to_string();
    let again = banning::address(&subject);
    assert!(again.is_ok(), "what the list shows of {text} is not taken");
    let again = again.map(|address| Subject::of(address, Ipv6Prefix::DEFAULT).to_string());
    assert_eq!(again.ok(), Some(subject));
}

/// The name of a unit as the path of an object.
pub(crate) fn unit(text: &str) {
    if text.is_empty() {
        return;
    }
    let path = service::path(text);
    assert!(path.as_str().starts_with(super::MANAGER), "{path}");
}

/// The packets of helpers and of the coordinator.
pub fn packets(bytes: &[u8]) {
    if let Some(report) = SensorReport::decode(bytes) {
        assert_eq!(SensorReport::decode(&report.encode()), Some(report));
    }
    if let Some(question) = LogFileRequest::decode(bytes) {
        assert_eq!(
            LogFileRequest::decode(question.encode().as_bytes()),
            Some(question)
        );
    }
    if let Some(answer) = ReportReply::decode(bytes) {
        assert!(answer.encode().len() <= PACKET);
    }
    let Ok((ours, theirs)) = UnixDatagram::pair() else {
        return;
    };
    if ours.send(bytes).is_ok() {
        match LogFileReply::receive(theirs.as_fd()) {
            Ok(LogFileReply::File(_)) => unreachable!("no file was sent"),
            Ok(LogFileReply::Same | LogFileReply::Refused(_)) => {}
            Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock),
        }
    }
}
