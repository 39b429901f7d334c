//! Datagrams of internal services and of sensors. All checks hold for each of them; none counts longer than it takes
//! to answer it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use crate::policy::{Access, NameAnswer, Reason, Refusal};

use super::clock::Moment;
use super::helper::Helper;
use super::intake::BATCH;
use super::internal::datagram::{MOST, is_client};
use super::kinds::NO_PROCESS;
use super::libwrap::Known;
use super::names::Asked;
use super::peer::Remote;
use super::settings::Work;

/// Datagrams that may wait for the names of their senders; more are lost, as datagrams may be. The names
/// are found out all the same: a sender that sends again is answered then.
const WAITING: usize = 256;

/// A datagram that waits for the name of its sender.
#[derive(Debug)]
pub(super) struct Parked {
    index: u32,
    datagram: Vec<u8>,
    remote: Remote,
    known: Known,
}

impl Helper {
    /// Takes what the datagram socket `index` has.
    pub(super) fn take_datagrams(&mut self, index: u32, now: Moment) {
        let mut buffer = [0; MOST];
        for _ in 0..BATCH {
            let Some(socket) = self.sockets.datagram(index) else {
                return;
            };
            match socket.recv_from(&mut buffer) {
                Ok((count, peer)) => self.meet_datagram(index, &buffer[..count], peer, now),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => {
                    if self.report.admits_remark(now) {
                        log::error!("recvfrom failed: {error}");
                    }
                    return;
                }
            }
            if self.stopping {
                return;
            }
        }
    }

    fn meet_datagram(&mut self, index: u32, datagram: &[u8], peer: SocketAddr, now: Moment) {
        if self.pause.is_on() {
            return self.turn_away(1);
        }
        let remote = Remote::at(peer);
        let senses = matches!(self.settings.work, Work::Sensor(_));
        let own = self.sockets.datagram_port(index);
        if !senses
            && !own.is_some_and(|own| is_client(peer.port(), own, &self.settings.spec.answering))
        {
            if self.report.admits_remark(now) {
                // Fedora's words.
                let (host, port) = (&remote.host, peer.port());
                log::warn!("Possible Denial of Service attack from {host} {port}");
            }
            return;
        }
        match self.pass_limits(peer, now) {
            Ok(slot) => {
                self.state.leave(slot);
                match senses {
                    // Its sender may be made up: nobody is banned for it.
                    true => self
                        .report
                        .refused(&Refusal::by(Reason::Address), &remote, now),
                    false => self.judge_datagram(index, datagram, remote, Known::default(), now),
                }
            }
            Err(refusal) => self.report.refused(&refusal, &remote, now),
        }
    }

    fn judge_datagram(
        &mut self,
        index: u32,
        datagram: &[u8],
        remote: Remote,
        mut known: Known,
        now: Moment,
    ) {
        match self.judge(&remote, &mut known, now) {
            Some(Ok(())) => self.answer_datagram(index, datagram, &remote),
            Some(Err(refusal)) => self.report.refused(&refusal, &remote, now),
            None if self.parked.len() < WAITING => self.parked.push(Parked {
                index,
                datagram: datagram.to_vec(),
                remote,
                known,
            }),
            None => {}
        }
    }

    /// The resolver has answered: the datagrams of this sender are looked at again.
    pub(super) fn judge_parked(&mut self, address: IpAddr, answer: &NameAnswer, now: Moment) {
        let is_from = |parked: &mut Parked| parked.remote.ip().to_canonical() == address;
        let parked: Vec<_> = self.parked.extract_if(.., is_from).collect();
        for mut parked in parked {
            parked.known.take(answer.clone());
            self.judge_datagram(
                parked.index,
                &parked.datagram,
                parked.remote,
                parked.known,
                now,
            );
        }
    }

    /// Whether bans and lists let a peer in; none where its name has to be looked up first.
    fn judge(
        &mut self,
        remote: &Remote,
        known: &mut Known,
        now: Moment,
    ) -> Option<Result<(), Refusal>> {
        let peer = remote.ip();
        loop {
            match self.access(peer, &known.client, now) {
                Access::Allow => break,
                Access::Deny(refusal) => return Some(Err(refusal)),
                Access::NeedName => known.client = self.name_of(remote, now)?,
            }
        }
        loop {
            match self.judge_by_libwrap(remote, known, now) {
                None => known.client = self.name_of(remote, now)?,
                Some(judged) => return Some(judged),
            }
        }
    }

    fn name_of(&mut self, remote: &Remote, now: Moment) -> Option<NameAnswer> {
        match self.ask_name(remote.ip(), now) {
            Asked::Known(answer) => Some(answer),
            Asked::Later => None,
        }
    }

    fn answer_datagram(&mut self, index: u32, datagram: &[u8], remote: &Remote) {
        let Work::Internal(builtin) = self.settings.work else {
            return;
        };
        self.report.started(NO_PROCESS, remote);
        if let Some(answer) = self.kinds.internal.answer(builtin, datagram)
            && let Some(socket) = self.sockets.datagram(index)
        {
            // What does not go now is lost, as datagrams may be.
            let _ = socket.send_to(&answer, remote.address());
        }
    }
}
