//! The machine around a client, for its admission.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nix::errno::Errno;
use xinetd_core::admission::{Ends, RuleFiles, World};
use xinetd_core::libwrap::{Endpoint, Tables};
use xinetd_core::policy::{MonotonicSeconds, NameAnswer, State};
use xinetd_core::service::MinuteOfDay;

use super::super::ban_table::Bans;
use super::super::banner::Banner;
use super::super::clock::{LocalClock, Moment};
use super::super::common_limit::CommonLimit;
use super::super::libwrap::Files;
use super::super::load::LoadAverage;
use super::super::log::Report;
use super::super::peer::Remote;
use super::super::settings::Settings;
use super::Helper;

/// What the checks of a client look at.
pub(super) struct ClientWorld<'a> {
    now: Moment,
    clock: &'a mut LocalClock,
    load: &'a mut LoadAverage,
    common_limit: &'a mut CommonLimit,
    bans: &'a mut Bans,
    files: &'a mut Files,
    rules: Rules<'a>,
}

/// What rules refer to.
pub(super) struct Rules<'a> {
    now: Moment,
    remote: &'a Remote,
    local: &'a dyn Fn() -> Option<SocketAddr>,
    banners: &'a mut HashMap<Vec<u8>, Banner>,
    report: &'a mut Report,
}

impl<'a> ClientWorld<'a> {
    /// The machine around a client, whose connection has a `local` address where the kernel tells it; and
    /// what decides about it.
    pub(super) fn around(
        helper: &'a mut Helper,
        remote: &'a Remote,
        local: &'a dyn Fn() -> Option<SocketAddr>,
        now: Moment,
    ) -> (&'a Settings, &'a mut State, Self) {
        let machine = Self {
            now,
            clock: &mut helper.clock,
            load: &mut helper.load,
            common_limit: &mut helper.common_limit,
            bans: &mut helper.bans,
            files: &mut helper.wrap.files,
            rules: Rules {
                now,
                remote,
                local,
                banners: &mut helper.wrap.banners,
                report: &mut helper.report,
            },
        };
        (&helper.settings, &mut helper.state, machine)
    }
}

impl<'a> World for ClientWorld<'a> {
    type Rules = Rules<'a>;

    fn now(&self) -> MonotonicSeconds {
        self.now.seconds()
    }

    fn minute(&mut self) -> MinuteOfDay {
        self.clock.minute()
    }

    fn load(&mut self) -> Option<f64> {
        self.load.get(self.now.seconds())
    }

    fn has_room(&mut self, running: u32) -> bool {
        self.common_limit.admits(running)
    }

    fn is_banned(&mut self, peer: IpAddr) -> bool {
        self.bans.until(peer, self.now).is_some()
    }

    fn rules(&mut self) -> (&Tables, &mut Rules<'a>) {
        let (tables, is_new) = self.files.tables();
        if is_new {
            self.rules.banners.clear();
        }
        (tables, &mut self.rules)
    }
}

impl RuleFiles for Rules<'_> {
    fn ends(&self) -> Ends {
        let local = (self.local)();
        let server = match local.map(Remote::at) {
            Some(local) => Endpoint::new(local.address(), local.host()),
            None => Endpoint::unknown(NameAnswer::NotAsked),
        };
        Ends {
            client: match self.remote.is_known() {
                true => Endpoint::new(self.remote.address(), self.remote.host()),
                false => Endpoint::unknown(NameAnswer::NoName),
            },
            server,
            local: local.map(|local| local.ip()),
        }
    }

    fn banner(&mut self, path: &[u8]) -> Option<Arc<[u8]>> {
        let banner = self
            .banners
            .entry(path.to_vec())
            .or_insert_with(|| Banner::new(path.into()));
        match banner.content() {
            Ok(content) => Some(content),
            // A folder has banners for some daemons.
            Err(Errno::ENOENT) => None,
            Err(errno) => {
                self.remark(path, errno.desc());
                None
            }
        }
    }

    fn too_long(&mut self, path: &[u8]) {
        self.remark(path, "it is too long");
    }
}

impl Rules<'_> {
    fn remark(&mut self, path: &[u8], why: &str) {
        if self.report.admits_remark(self.now) {
            log::warn!("{}: {why}", String::from_utf8_lossy(path));
        }
    }
}
