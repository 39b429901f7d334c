//! hosts.allow and hosts.deny, for a client whom the access lists let in (docs/xinetd-behaviour.md,
//! section 4.7).

mod commands;
mod files;
mod known;

use std::collections::HashMap;
use std::ffi::CString;
use std::net::SocketAddr;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};

use crate::bytes::ByteString;
use crate::journal::Event;
use crate::libwrap::{Effect, Endpoint, Facts, Need, Outcome, Stop, User, Verdict, expand};
use crate::policy::{NameAnswer, Note, Reason, Refusal, Slot};
use crate::problem::Place;
use crate::service::{Environment, Facility, Level};
use crate::sys::spawn::{Change, Launcher};

use super::banner::Banner;
use super::clock::Moment;
use super::environment;
use super::helper::Helper;
use super::ident::{Answer, Query};
use super::peer::Remote;
use super::pending::{Connection, Next};
use super::settings::{Work, limits};

use commands::{Commands, shell};
pub(super) use files::Files;
pub(super) use known::Known;

/// What the helper has of hosts.allow and hosts.deny.
#[derive(Default)]
pub(super) struct Wrap {
    pub(super) files: Files,
    pub(super) commands: Commands,
    /// The files that `banners` names, by their paths.
    banners: HashMap<Vec<u8>, Banner>,
}

/// What rules change about a client's server.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// `setenv`, as `NAME=VALUE`.
    set: Vec<ByteString>,
    /// `umask` and `nice`.
    change: Change,
    /// `twist`: a shell command in place of the server.
    pub(super) command: Option<CString>,
}

impl Helper {
    /// Goes on with a client whom the access lists let in.
    pub(super) fn check_libwrap(&mut self, mut connection: Connection, slot: Slot, now: Moment) {
        let local = || connection.stream.local_addr().ok();
        match self.decide(&connection.remote, local, &connection.known, now) {
            None => self.welcome(connection, slot, now),
            Some(Ok((verdict, banners))) => {
                self.apply(connection, slot, verdict, banners, now);
            }
            Some(Err(Need::ClientName)) => self.find_name(connection, slot, now),
            Some(Err(Need::ServerName)) => {
                connection.known.looks_for = connection.stream.local_addr().ok().map(|to| to.ip());
                match connection.known.looks_for {
                    Some(_) => self.find_name(connection, slot, now),
                    None => {
                        connection.known.server = NameAnswer::Undetermined;
                        self.check_libwrap(connection, slot, now);
                    }
                }
            }
            // As for the C library: it has no connection to ask about.
            Some(Err(Need::User)) if self.hands_over() => {
                connection.known.user = User::Unknown;
                self.check_libwrap(connection, slot, now);
            }
            Some(Err(Need::User)) => match Query::new(&connection.stream) {
                Ok(query) => {
                    connection.known.asks_user = true;
                    connection.next = Next::Ident(slot, query);
                    self.advance(connection, now);
                }
                Err(failure) => {
                    connection.known.take_user(Err(failure));
                    self.check_libwrap(connection, slot, now);
                }
            },
        }
    }

    /// The client's machine has answered, or never will. Gives everything back where no rule had
    /// asked.
    pub(super) fn take_user(
        &mut self,
        mut connection: Connection,
        slot: Slot,
        answer: Answer,
        now: Moment,
    ) -> Option<(Connection, Slot, Answer)> {
        if !std::mem::take(&mut connection.known.asks_user) {
            return Some((connection, slot, answer));
        }
        connection.known.take_user(answer);
        self.check_libwrap(connection, slot, now);
        None
    }

    /// What the rules say, and what is sent first; none where there are no rules for the service.
    #[expect(clippy::type_complexity, reason = "it is taken apart at once")]
    fn decide(
        &mut self,
        remote: &Remote,
        local: impl FnOnce() -> Option<SocketAddr>,
        known: &Known,
        now: Moment,
    ) -> Option<Result<(Verdict, Vec<Arc<[u8]>>), Need>> {
        let Self {
            settings,
            wrap,
            remarks,
            ..
        } = self;
        let daemon = settings.spec.libwrap.as_ref()?.as_bytes();
        let (tables, is_new) = wrap.files.tables();
        if is_new {
            wrap.banners.clear();
        }
        if tables.is_empty() {
            return None;
        }
        let mut client = match remote.is_known() {
            true => Endpoint::new(remote.address, &remote.host),
            false => Endpoint::unknown(NameAnswer::NoName),
        };
        if remote.is_known() {
            client.name = known.client.clone();
        }
        let mut server = match local().map(Remote::new) {
            Some(local) => Endpoint::new(local.address, &local.host),
            None => Endpoint::unknown(NameAnswer::NotAsked),
        };
        server.name = known.server.clone();
        let facts = Facts {
            daemon,
            process: std::process::id(),
            client: &client,
            server: &server,
            user: &known.user,
        };
        let verdict = match tables.decide(&facts) {
            Ok(verdict) => verdict,
            Err(need) => return Some(Err(need)),
        };
        let mut texts = Vec::new();
        let mut failed = |banner: &Banner, why: &str| {
            if remarks.admits(now.seconds()) {
                log::warn!("{}: {why}", banner.file().to_text());
            }
        };
        for effect in &verdict.effects {
            if let Effect::Banners(path) = effect {
                match banner(&mut wrap.banners, path, &facts, &mut failed) {
                    Ok(text) => texts.extend(text),
                    Err(need) => return Some(Err(need)),
                }
            }
        }
        Some(Ok((verdict, texts)))
    }

    /// Whether the rules let the sender of a datagram in; none if that takes its name. Nothing can be
    /// asked of it, or run in its place, and options but `severity` have no effect.
    pub(super) fn judge_by_libwrap(
        &mut self,
        remote: &Remote,
        known: &mut Known,
        now: Moment,
    ) -> Option<Result<(), Refusal>> {
        let verdict = loop {
            match self.decide(remote, || None, known, now) {
                None => return Some(Ok(())),
                Some(Ok((verdict, _))) => break verdict,
                Some(Err(Need::ClientName)) => return None,
                // It does not tell where it went to: as the C library has it.
                Some(Err(Need::ServerName)) => known.server = NameAnswer::NoName,
                Some(Err(Need::User)) => known.user = User::Unknown,
            }
        };
        self.remark_fault(&verdict, now);
        if verdict.outcome == Outcome::Allow {
            return Some(Ok(()));
        }
        Some(Err(refusal(verdict.rule.as_ref(), verdict.severity())))
    }

    fn remark_fault(&mut self, verdict: &Verdict, now: Moment) {
        if let Some(fault) = &verdict.fault
            && self.remarks.admits(now.seconds())
        {
            log::error!("{}: {fault}", self.settings.spec.id.to_text());
        }
    }

    fn apply(
        &mut self,
        mut connection: Connection,
        slot: Slot,
        verdict: Verdict,
        banners: Vec<Arc<[u8]>>,
        now: Moment,
    ) {
        self.remark_fault(&verdict, now);
        for banner in banners {
            connection.outbox.push(banner);
        }
        let mut changes = Changes::default();
        let severity = verdict.severity();
        for effect in verdict.effects {
            match effect {
                Effect::Banners(_) | Effect::Severity(..) => {}
                Effect::Spawn(command) => {
                    // A command can't have a NUL: no line of a file with rules has one.
                    if let Ok(command) = CString::new(command) {
                        let changes = Changes {
                            set: changes.set.clone(),
                            command: Some(command),
                            ..Changes::default()
                        };
                        self.remark_sandbox(now);
                        self.run_command(&changes, now);
                    }
                }
                Effect::SetEnv { name, value } => {
                    changes.set.push([name, value].join(&b'=').into());
                }
                Effect::Nice(nice) => {
                    changes.change.nice = changes.change.nice.saturating_add(nice);
                }
                Effect::Umask(mask) => changes.change.umask = Some(mask),
                Effect::KeepAlive => {
                    // A connection that is gone already needs none.
                    let _ = setsockopt(&connection.stream, sockopt::KeepAlive, &true);
                }
            }
        }
        let rule = verdict.rule.as_ref();
        match verdict.outcome {
            Outcome::Deny => self.keep_out(connection, slot, rule, severity, now),
            Outcome::Allow => {
                let is_changed = !changes.set.is_empty() || changes.change != Change::default();
                connection.changes = is_changed.then(|| Box::new(changes));
                self.welcome(connection, slot, now);
            }
            Outcome::Twist(command) => {
                let text = ByteString::from(command.as_slice());
                let Ok(command) = CString::new(command) else {
                    return self.keep_out(connection, slot, rule, severity, now);
                };
                self.remark_sandbox(now);
                if self.remarks.admits(now.seconds()) {
                    self.log(&Event::LibwrapTwist {
                        peer: connection.remote.as_peer(),
                        command: &text,
                        severity,
                    });
                }
                changes.command = Some(command);
                connection.changes = Some(Box::new(changes));
                connection.next = Next::Serve(slot, 0);
                self.advance(connection, now);
            }
        }
    }

    fn keep_out(
        &mut self,
        connection: Connection,
        slot: Slot,
        rule: Option<&Place>,
        severity: Option<(Facility, Level)>,
        now: Moment,
    ) {
        self.state.leave(slot);
        self.refuse(connection, &refusal(rule, severity), now);
    }

    /// Runs what the service runs, or a command, with these changes.
    pub(super) fn launcher(&self, changes: &Changes) -> Option<Launcher> {
        let spec = &self.settings.spec;
        let mut rules: Environment = spec.environment.clone();
        rules.set.extend(changes.set.iter().cloned());
        let environment = environment::common(self.inherited.environment.iter().cloned(), &rules);
        let command = changes.command.clone().map(shell);
        match (&self.settings.work, command) {
            (Work::Execute(own) | Work::Wait(own), Some((path, argv))) => {
                Some(own.another(path, argv, environment, changes.change))
            }
            (Work::Execute(own) | Work::Wait(own), None) => {
                Some(own.with(environment, changes.change))
            }
            // In place of what the helper would do itself.
            (_, Some((path, argv))) => {
                let limits = limits(&spec.resource_limits, self.inherited.files);
                let plain = Launcher::new(path, argv, Vec::new(), limits, self.inherited.user);
                Some(plain.with(environment, changes.change))
            }
            (_, None) => None,
        }
    }
}

/// A refusal by a rule.
fn refusal(rule: Option<&Place>, severity: Option<(Facility, Level)>) -> Refusal {
    let refusal = Refusal::at(Reason::Libwrap, rule);
    match severity {
        Some((facility, level)) => refusal.noting(Note::Severity(facility, level)),
        None => refusal,
    }
}

/// The content of a banner with its expansions, and lines as telnet ends them; none where there is no
/// such file.
fn banner(
    banners: &mut HashMap<Vec<u8>, Banner>,
    path: &[u8],
    facts: &Facts<'_>,
    failed: &mut impl FnMut(&Banner, &str),
) -> Result<Option<Arc<[u8]>>, Need> {
    let banner = banners
        .entry(path.to_vec())
        .or_insert_with(|| Banner::new(path.into()));
    let content = match banner.content() {
        Ok(content) => content,
        // A folder has banners for some daemons.
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => {
            failed(banner, errno.desc());
            return Ok(None);
        }
    };
    let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
    match expand(&lines.join(&b"\r\n"[..]), facts) {
        Ok(text) => Ok(Some(text.into())),
        Err(Stop::Need(need)) => Err(need),
        Err(Stop::TooLong) => {
            failed(banner, "it is too long");
            Ok(None)
        }
    }
}
