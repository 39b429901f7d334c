//! hosts.allow and hosts.deny, and what a rule does besides admitting and refusing (docs/xinetd-behaviour.md,
//! section 4.7 of docs/xinetd-behaviour.md; hosts_options(5)).

use std::ffi::CString;
use std::net::IpAddr;
use std::sync::Arc;

use crate::bytes::ByteString;
use crate::libwrap::{self, Effect, Facts, Need, Outcome, Stop, Tables, Verdict, expand};
use crate::policy::{NameAnswer, Note, Reason, Refusal};
use crate::problem::Place;
use crate::service::{Facility, Level};

use super::candidate::{Findings, Inquiry, Source};
use super::world::{Ends, RuleFiles};

/// What rules change about a client's server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// `setenv`, as `NAME=VALUE`.
    pub set: Vec<ByteString>,
    /// `umask`.
    pub umask: Option<u16>,
    /// `nice`: by so much the server's nice value is raised.
    pub nice: i32,
    /// `twist`: a shell command in place of the server.
    pub command: Option<CString>,
}

/// What is done because of a rule, before its client is served or refused.
#[derive(Debug, Default)]
pub struct Effects {
    /// What is wrong with the files, or not known of the client, where that refuses.
    pub fault: Option<String>,
    /// `banners`: what the client is sent.
    pub banners: Texts,
    /// `spawn`: shell commands, each with the environment that the options before it have made.
    pub commands: Vec<Changes>,
    /// `keepalive`: SO_KEEPALIVE is set on the connection.
    pub keepalive: bool,
    /// `twist`: the command that the client gets, and as what that is logged.
    pub twist: Option<(ByteString, Option<(Facility, Level)>)>,
}

/// What comes when the effects are done.
#[derive(Debug)]
pub(super) enum Ruling {
    /// The client may come in, to a server with these changes.
    Allow(Option<Box<Changes>>),
    /// It gets a command in place of the server.
    Twist(Box<Changes>),
    /// It may not.
    Deny(Box<Refusal>),
}

/// What has to be found out before the rules can say anything.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) asked: Inquiry,
    /// The address whose name it is, where that is not the client's.
    pub(super) local: Option<IpAddr>,
}

impl Missing {
    fn of_client(asked: Inquiry) -> Self {
        Self { asked, local: None }
    }
}

/// Texts that a client is sent.
type Texts = Vec<Arc<[u8]>>;

/// The client of a service, for rules.
#[derive(Clone, Copy, Debug)]
pub(super) struct RuleSubject<'a> {
    /// The daemon's name.
    pub(super) daemon: &'a [u8],
    /// The client.
    pub(super) source: Source,
    /// Whether there is a connection whose user can be asked for.
    pub(super) has_user: bool,
}

/// What the rules say of a client, and what their banners are.
///
/// # Errors
/// What has to be found out first.
pub(super) fn decide(
    subject: &RuleSubject<'_>,
    tables: &Tables,
    files: &mut impl RuleFiles,
    findings: &mut Findings,
) -> Result<(Verdict, Texts), Missing> {
    let Ends {
        mut client,
        mut server,
        local,
    } = files.ends();
    let source = subject.source;
    let is_datagram = matches!(source, Source::Datagram(_));
    loop {
        let known = findings.get();
        client.name = match source {
            Source::Backlog => NameAnswer::NoName,
            Source::Peer(_) | Source::Datagram(_) => known.client.clone(),
        };
        server.name.clone_from(&known.server);
        let facts = Facts {
            daemon: subject.daemon,
            process: std::process::id(),
            client: &client,
            server: &server,
            user: &known.user,
        };
        let decided = tables.decide(&facts).and_then(|verdict| {
            // Nothing is sent to the sender of a datagram but its answer.
            let banners = match is_datagram {
                true => Vec::new(),
                false => banners(&verdict, files, &facts)?,
            };
            Ok((verdict, banners))
        });
        match decided {
            Ok(decided) => return Ok(decided),
            Err(Need::ClientName) => return Err(Missing::of_client(Inquiry::Client)),
            Err(Need::ServerName) => match local {
                Some(_) => {
                    return Err(Missing {
                        asked: Inquiry::Server,
                        local,
                    });
                }
                // It does not tell where it went to: as the C library has it.
                None if is_datagram => findings.get_mut().server = NameAnswer::NoName,
                None => findings.get_mut().server = NameAnswer::Undetermined,
            },
            // As for the C library: it has no connection to ask about.
            Err(Need::User) if !subject.has_user => {
                findings.get_mut().user = libwrap::User::Unknown;
            }
            Err(Need::User) => return Err(Missing::of_client(Inquiry::UserOfRule)),
        }
    }
}

/// The banners of a verdict, expanded, with lines as telnet ends them.
fn banners(
    verdict: &Verdict,
    files: &mut impl RuleFiles,
    facts: &Facts<'_>,
) -> Result<Texts, Need> {
    let mut texts = Vec::new();
    for effect in &verdict.effects {
        let Effect::Banners(path) = effect else {
            continue;
        };
        let Some(content) = files.banner(path) else {
            continue;
        };
        let lines: Vec<_> = content.split(|byte| *byte == b'\n').collect();
        match expand(&lines.join(&b"\r\n"[..]), facts) {
            Ok(text) => texts.push(text.into()),
            Err(Stop::Need(need)) => return Err(need),
            Err(Stop::TooLong) => files.too_long(path),
        }
    }
    Ok(texts)
}

/// Takes a verdict apart: what is done, and what comes then.
pub(super) fn take_apart(verdict: Verdict, banners: Texts) -> (Effects, Ruling) {
    let mut changes = Changes::default();
    let severity = verdict.severity();
    let mut effects = Effects {
        fault: verdict.fault,
        banners,
        ..Effects::default()
    };
    for effect in verdict.effects {
        match effect {
            Effect::Banners(_) | Effect::Severity(..) => {}
            Effect::Spawn(command) => {
                // A command can't have a NUL: no line of a file with rules has one.
                if let Ok(command) = CString::new(command) {
                    effects.commands.push(Changes {
                        set: changes.set.clone(),
                        command: Some(command),
                        ..Changes::default()
                    });
                }
            }
            Effect::SetEnv { name, value } => changes.set.push([name, value].join(&b'=').into()),
            Effect::Nice(nice) => changes.nice = changes.nice.saturating_add(nice),
            Effect::Umask(mask) => changes.umask = Some(mask),
            Effect::KeepAlive => effects.keepalive = true,
        }
    }
    let rule = verdict.rule.as_ref();
    let ruling = match verdict.outcome {
        Outcome::Deny => Ruling::Deny(Box::new(refusal(rule, severity))),
        Outcome::Allow => {
            let is_changed = changes != Changes::default();
            Ruling::Allow(is_changed.then(|| Box::new(changes)))
        }
        Outcome::Twist(command) => match CString::new(command) {
            Err(_) => Ruling::Deny(Box::new(refusal(rule, severity))),
            Ok(command) => {
                effects.twist = Some((command.as_bytes().into(), severity));
                changes.command = Some(command);
                Ruling::Twist(Box::new(changes))
            }
        },
    };
    (effects, ruling)
}

/// The same for a datagram that the helper answers: no option but `severity` has an effect.
pub(super) fn for_datagram(verdict: Verdict) -> (Effects, Ruling) {
    let severity = verdict.severity();
    let Verdict {
        outcome,
        rule,
        fault,
        ..
    } = verdict;
    let effects = Effects {
        fault,
        ..Effects::default()
    };
    let ruling = match outcome {
        Outcome::Allow => Ruling::Allow(None),
        Outcome::Deny | Outcome::Twist(_) => {
            Ruling::Deny(Box::new(refusal(rule.as_ref(), severity)))
        }
    };
    (effects, ruling)
}

impl Effects {
    /// Whether nothing is to be done.
    pub(super) fn is_empty(&self) -> bool {
        self.fault.is_none()
            && self.banners.is_empty()
            && self.commands.is_empty()
            && !self.keepalive
            && self.twist.is_none()
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
