//! Sensors: who touches one is kept out of all services (docs/xinetd-behaviour.md, section 4.9).

use std::os::fd::AsFd;

use nix::sys::epoll::EpollFlags;

use crate::bans::{Subject, Until};
use crate::journal::Event;
use crate::policy::{Reason, Refusal};

use super::clock::Moment;
use super::helper::{Helper, Token};
use super::pending::Connection;
use super::settings::Work;

impl Helper {
    /// The end of a client whose connection has passed the limits, if the service is a sensor.
    pub(super) fn sense(&mut self, connection: Connection, now: Moment) {
        if let Work::Sensor(sensor) = &self.settings.work
            && let Some(until) = Until::after(sensor.deny_time, now.0)
        {
            let peer = connection.remote.address.ip();
            let subject = Subject::of(peer, sensor.ipv6_prefix);
            if !sensor.allow.protects(subject) {
                let time = sensor.deny_time;
                let known = self.bans.until(peer, now);
                if known.is_none() && self.remarks.admits(now.seconds()) {
                    let peer = connection.remote.as_peer();
                    self.log(&Event::Banned { peer, time });
                }
                // A ban for ever can't be extended.
                if known < Some(until) {
                    let stream = connection.stream.try_clone().ok();
                    // One address stands for all that the ban hits: a network of many addresses is
                    // one report.
                    let one = subject.network().addr().to_canonical();
                    self.door.report(one, stream);
                    self.serve_door(now);
                }
            }
        }
        self.refuse(connection, &Refusal::by(Reason::Address), now);
    }

    /// Takes the coordinator's answers and sends it what it has not heard; never waits.
    pub(super) fn serve_door(&mut self, now: Moment) {
        let fresh = self.door.advance(now);
        if fresh && let Some(socket) = self.door.socket() {
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            // Where it can't be watched, it is looked at again when its time comes.
            let _ = self.watch(socket.as_fd(), Token::Door, events);
        }
    }
}
