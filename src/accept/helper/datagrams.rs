//! Datagrams of internal services and of sensors. All checks hold for each of them; none counts longer than it takes
//! to answer it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use xinetd_core::admission::{Candidate, Question, Source, Step};
use xinetd_core::policy::{NameAnswer, Reason, Refusal};

use crate::journal::PauseCause;

use super::super::clock::Moment;
use super::super::internal::datagram::{MOST, is_client};
use super::super::kinds::NO_PROCESS;
use super::super::names::Lookup;
use super::super::parked::ParkedDatagram;
use super::super::peer::Remote;
use super::super::settings::Work;
use super::Helper;
use super::intake::BATCH;
use super::world::ClientWorld;

impl Helper {
    /// Takes what the datagram socket `index` has.
    pub(super) fn take_datagrams(&mut self, index: u32, now: Moment) {
        let mut buffer = [0; MOST];
        for _ in 0..BATCH {
            if !self.takes_clients() {
                return;
            }
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
        }
    }

    fn meet_datagram(&mut self, index: u32, datagram: &[u8], peer: SocketAddr, now: Moment) {
        if self.pause.is_on() {
            return self.turn_away(1);
        }
        let remote = Remote::at(peer);
        let own = self.sockets.datagram_port(index);
        if !self.is_sensor()
            && !own.is_some_and(|own| is_client(peer.port(), own, &self.settings.spec.answering))
        {
            if self.report.admits_remark(now) {
                // Fedora's words.
                let (host, port) = (remote.host(), peer.port());
                log::warn!("Possible Denial of Service attack from {host} {port}");
            }
            return;
        }
        self.count_arrival(now);
        let candidate = Candidate::new(Source::Datagram(peer.ip()));
        self.admit_datagram(index, datagram, remote, candidate, now);
    }

    /// Leads the sender of a datagram through the checks that it has not passed yet.
    fn admit_datagram(
        &mut self,
        index: u32,
        datagram: &[u8],
        remote: Remote,
        mut candidate: Candidate,
        now: Moment,
    ) {
        loop {
            let step = {
                let (settings, state, mut machine) =
                    ClientWorld::around(self, &remote, &|| None, now);
                settings.admission.next(candidate, state, &mut machine)
            };
            candidate = match step {
                Step::Admit(admitted) => {
                    self.answer_datagram(index, datagram, &remote);
                    return self.state.leave(admitted.into_slot());
                }
                Step::Refuse(refusal) => return self.report.refused(&refusal, &remote, now),
                Step::Pause(refusal) => {
                    self.begin_pause(PauseCause::Rate, now);
                    return self.report.refused(&refusal, &remote, now);
                }
                // The sender may be made up: it is not banned for it.
                Step::Sense => {
                    let refusal = Refusal::by(Reason::Address);
                    return self.report.refused(&refusal, &remote, now);
                }
                Step::Do(candidate, effects) => {
                    if let Some(fault) = effects.fault {
                        self.remark_fault(&fault, now);
                    }
                    candidate
                }
                Step::Ask(mut candidate, Question::Name(address)) => {
                    match self.ask_name(address, now) {
                        Lookup::Known(answer) => candidate.named(answer),
                        Lookup::Later => {
                            self.parked.park(ParkedDatagram {
                                index,
                                content: datagram.to_vec(),
                                remote,
                                candidate,
                            });
                            return;
                        }
                    }
                    candidate
                }
                // Neither is done for a datagram.
                Step::Say(candidate, _) | Step::Ask(candidate, Question::User) => {
                    return candidate.abandon(&mut self.state);
                }
                Step::Unidentified(_) => return,
            };
        }
    }

    /// The resolver has answered: the datagrams of this sender are looked at again.
    pub(super) fn judge_parked(&mut self, address: IpAddr, answer: &NameAnswer, now: Moment) {
        for ParkedDatagram {
            index,
            content,
            remote,
            mut candidate,
        } in self.parked.take(address)
        {
            candidate.named(answer.clone());
            self.admit_datagram(index, &content, remote, candidate, now);
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
