//! What helpers and the coordinator say to each other of bans: one packet each.
//!
//! A sensor names the peer alone. Which service the sensor is of, and how long its peers are banned, the
//! coordinator finds out by itself. A helper that may not open the table of bans asks for it.

use std::net::IpAddr;

/// The bytes of a packet at most.
pub(crate) const PACKET: usize = 256;

/// A helper's: it may not open the table.
pub(crate) const TABLE_REQUEST: &str = "table";

/// The coordinator's, with the table open for reading: the byte that goes with the descriptor.
pub(crate) const TABLE_PASSED: u8 = b't';

/// The coordinator's: there is no table, as no address is banned.
pub(crate) const NO_TABLE: &str = "none";

/// A sensor's: this peer has touched it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SensorReport(pub(crate) IpAddr);

impl SensorReport {
    /// The packet.
    pub(crate) fn encode(self) -> Vec<u8> {
        format!("hit {}", self.0).into_bytes()
    }

    /// The report in a packet, if there is one.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(packet).ok()?;
        text.strip_prefix("hit ")?.parse().ok().map(Self)
    }
}

/// The coordinator's: what has become of the oldest report that has no answer yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReportReply {
    /// The table has the ban.
    Done,
    /// It has not, in words why.
    Refused(String),
}

impl ReportReply {
    /// The packet.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut text = match self {
            Self::Done => "done".to_owned(),
            Self::Refused(why) => format!("no {why}"),
        };
        let ends = text
            .char_indices()
            .map(|(at, letter)| at + letter.len_utf8());
        let end = ends.take_while(|end| *end <= PACKET).last();
        text.truncate(end.unwrap_or(0));
        text.into_bytes()
    }

    /// The answer in a packet, if there is one.
    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        match std::str::from_utf8(packet).ok()? {
            "done" => Some(Self::Done),
            text => Some(Self::Refused(text.strip_prefix("no ")?.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_survive_their_way() {
        for peer in ["192.0.2.7", "2001:db8::7", "::ffff:192.0.2.7"] {
            let report = SensorReport(peer.parse().unwrap());
            assert_eq!(SensorReport::decode(&report.encode()), Some(report));
        }
        for answer in [
            ReportReply::Done,
            ReportReply::Refused("the list is full".into()),
        ] {
            assert_eq!(ReportReply::decode(&answer.encode()), Some(answer));
        }
        assert_eq!(SensorReport::decode(b"hit 192.0.2"), None);
        assert_eq!(ReportReply::decode(b"\xff"), None);
        assert_eq!(
            ReportReply::Refused("ß".repeat(PACKET)).encode().len(),
            PACKET - 1
        );
        let fits = ReportReply::Refused("x".repeat(PACKET - "no ".len()));
        assert_eq!(ReportReply::decode(&fits.encode()), Some(fits));
    }
}
