//! Sensors: a client that connects to one is kept out of all services (docs/xinetd-behaviour.md,
//! section 4.9).

mod coordinator;

use std::os::fd::AsFd;
use std::path::PathBuf;

use nix::sys::epoll::EpollFlags;
use xinetd_core::bans::{Subject, Until};
use xinetd_core::spec;

use crate::journal::Event;

use super::super::ban_table::Bans;
use super::super::clock::Moment;
use super::super::pending::Connection;
use super::super::reactor::{Owner, Reactor};
use super::Cx;

use coordinator::Coordinator;

/// What a sensor has to report.
#[derive(Debug)]
pub(in crate::accept) struct Sensor {
    coordinator: Coordinator,
}

impl Sensor {
    /// Reports to the coordinator at this socket.
    pub(in crate::accept) fn new(coordinator: PathBuf) -> Self {
        Self {
            coordinator: Coordinator::at(coordinator),
        }
    }

    /// Has the client of `connection` banned, which has passed the limits.
    pub(in crate::accept) fn hit(
        &mut self,
        sensor: &spec::Sensor,
        connection: &Connection,
        bans: &mut Bans,
        cx: &mut Cx<'_>,
    ) {
        let Some(until) = Until::after(sensor.deny_time, cx.now.0) else {
            return;
        };
        let peer = connection.remote.ip();
        let subject = Subject::of(peer, sensor.ipv6_prefix);
        if sensor.allow.protects(subject) {
            return;
        }
        let known = bans.until(peer, cx.now);
        if known.is_none() && cx.report.admits_remark(cx.now) {
            let (peer, time) = (connection.remote.as_peer(), sensor.deny_time);
            cx.report.record(&Event::Banned { peer, time });
        }
        // A ban for ever can't be extended.
        if known < Some(until) {
            let socket = connection.socket.as_fd().try_clone_to_owned().ok();
            // One address stands for all that the ban hits: a network of many addresses is one report.
            let one = subject.network().addr().to_canonical();
            self.coordinator.report(one, socket);
            self.ready(cx.now, cx.reactor);
        }
    }

    /// Takes the coordinator's answers and sends it what it has not heard; never waits.
    pub(in crate::accept) fn ready(&mut self, now: Moment, reactor: &Reactor) {
        let fresh = self.coordinator.advance(now);
        if fresh && let Some(socket) = self.coordinator.socket() {
            let events = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
            // Where it can't be watched, it is looked at again when its time comes.
            let _ = reactor.add(socket, Owner::Coordinator.only(), events);
        }
    }

    /// When to call [`Self::expire`], if nothing happens before.
    pub(in crate::accept) fn due(&self) -> Option<Moment> {
        self.coordinator.due()
    }

    /// Tries again what could not be reported.
    pub(in crate::accept) fn expire(&mut self, now: Moment, reactor: &Reactor) {
        if self.due().is_some_and(|due| now >= due) {
            self.ready(now, reactor);
        }
    }

    /// Whether all has been reported and answered.
    pub(in crate::accept) fn is_idle(&self) -> bool {
        self.coordinator.is_idle()
    }

    /// Has a peer reported.
    #[cfg(test)]
    pub(in crate::accept) fn report(
        &mut self,
        peer: std::net::IpAddr,
        socket: Option<std::os::fd::OwnedFd>,
    ) {
        self.coordinator.report(peer, socket);
    }
}
