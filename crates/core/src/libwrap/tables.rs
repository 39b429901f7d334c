//! Both files and the lists that they name: the decision.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::problem::Place;

use super::expand::{Stop as Expansion, expand};
use super::index::Hosts;
use super::list::{ClientPattern, Daemon, DaemonPattern, hosts};
use super::matching::{Match, any};
use super::option::{End, OptionAction};
use super::pattern::Host;
use super::rules::{Rule, Rules};
use super::{Effect, Endpoint, Fact, Facts, Need, Outcome, PARANOID, UNKNOWN, Verdict, name, user};

/// How many lists the rules may name, directly or by other lists. A rule that comes to one more refuses.
const MAX_LISTS: usize = 256;

const TOO_MANY: &str = "hosts.allow and hosts.deny name more than 256 lists";

/// One of the two files.
#[derive(Clone, Debug)]
pub enum File {
    /// It could be read, or does not exist, which is the same as an empty one.
    Rules(Rules),
    /// It exists and could not be read, for this reason.
    Unreadable(String),
}

/// The content of a `/file` in a rule.
#[derive(Clone, Debug)]
pub enum ListFile {
    /// This text; an empty one where the file does not exist.
    Text(Vec<u8>),
    /// It exists and could not be read, for this reason.
    Unreadable(String),
}

/// hosts.allow, hosts.deny, and the lists that they name.
#[derive(Clone, Debug)]
pub struct Tables {
    allow: File,
    deny: File,
    lists: HashMap<PathBuf, Result<Hosts, String>>,
}

/// Why a pattern can't be matched.
enum Stop {
    Need(Need),
    /// A list that can't be read: it is not known which clients are in it.
    Unreadable(String),
}

impl From<Need> for Stop {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

impl Tables {
    /// The rules of hosts.allow and hosts.deny; `read` brings the lists that they name, each once.
    pub fn new(allow: File, deny: File, mut read: impl FnMut(&Path) -> ListFile) -> Self {
        let mut wanted = Vec::new();
        for file in [&allow, &deny] {
            if let File::Rules(rules) = file {
                wanted.extend(rules.hosts().filter_map(list_of));
            }
        }
        let mut lists = HashMap::new();
        while let Some(path) = wanted.pop() {
            if lists.contains_key(&path) || lists.len() >= MAX_LISTS {
                continue;
            }
            let list = match read(&path) {
                ListFile::Text(text) => {
                    let hosts = Hosts::new(hosts(&text));
                    wanted.extend(hosts.others.iter().filter_map(list_of));
                    Ok(hosts)
                }
                ListFile::Unreadable(why) => {
                    Err(format!("{} can't be read: {why}", path.display()))
                }
            };
            lists.insert(path, list);
        }
        Self { allow, deny, lists }
    }

    /// Whether there is nothing in them, so that everyone may come in.
    pub(crate) fn is_empty(&self) -> bool {
        let is_empty = |file: &File, by_end: bool| match file {
            File::Rules(rules) => rules.rules.is_empty() && (by_end || rules.cut.is_none()),
            File::Unreadable(_) => by_end,
        };
        is_empty(&self.allow, true) && is_empty(&self.deny, false)
    }

    /// Whether a client may come in: the first rule that matches decides, those of hosts.allow
    /// first; where none does, it may. What can't be read refuses.
    ///
    /// Where it can't be told whether a rule matches, as a name or user could not be found out, the rule
    /// admits no client by itself, and it refuses unless it would do nothing but admit the client.
    ///
    /// # Errors
    /// The lookup on which it depends. Nothing has been done then.
    pub fn decide(&self, facts: &Facts<'_>) -> Result<Verdict, Need> {
        for (file, by_default) in [(&self.allow, Outcome::Allow), (&self.deny, Outcome::Deny)] {
            let rules = match file {
                File::Rules(rules) => rules,
                File::Unreadable(_) if by_default == Outcome::Allow => continue,
                File::Unreadable(why) => {
                    return Ok(refusal(None, format!("hosts.deny can't be read: {why}")));
                }
            };
            for rule in rules.candidates(facts.client.ip()) {
                match self.matches(rule, facts) {
                    Ok(Match::No) => {}
                    Ok(Match::Yes) => return apply(rule, by_default, facts),
                    Ok(Match::Maybe(_)) if rule.only_lets_in(&by_default) => {}
                    Ok(Match::Maybe(need)) => {
                        let fault =
                            format!("{}: {} could not be found out", rule.place, what(need));
                        return Ok(refusal(Some(&rule.place), fault));
                    }
                    Err(Stop::Need(need)) => return Err(need),
                    Err(Stop::Unreadable(why)) => return Ok(refusal(Some(&rule.place), why)),
                }
            }
            if let (Some(place), Outcome::Deny) = (&rules.cut, by_default) {
                return Ok(refusal(Some(place), "hosts.deny has no end".into()));
            }
        }
        Ok(Verdict {
            outcome: Outcome::Allow,
            rule: None,
            effects: Vec::new(),
            fault: None,
        })
    }

    fn matches(&self, rule: &Rule, facts: &Facts<'_>) -> Result<Match, Stop> {
        let daemons = &rule.daemons;
        let daemon = daemons.matches(|daemon| self.is_daemon(daemon, facts))?;
        if daemon == Match::No {
            return Ok(Match::No);
        }
        let clients = &rule.clients;
        Ok(daemon.and(clients.matches(|client| self.is_client(client, facts))?))
    }

    fn is_daemon(&self, daemon: &Daemon, facts: &Facts<'_>) -> Result<Match, Stop> {
        let named = match &daemon.process {
            DaemonPattern::Name(name) => name.matches(facts.daemon),
            DaemonPattern::Port(port) => {
                facts.server.address.is_some() && facts.server.port == *port
            }
        };
        match &daemon.host {
            Some(host) if named => {
                self.is_host(host, facts.server, Need::ServerName, &mut Vec::new())
            }
            _ => Ok(named.into()),
        }
    }

    fn is_client(&self, client: &ClientPattern, facts: &Facts<'_>) -> Result<Match, Stop> {
        let host = &client.host;
        let host = self.is_host(host, facts.client, Need::ClientName, &mut Vec::new())?;
        match &client.user {
            Some(pattern) if host != Match::No => {
                Ok(host.and(user(facts)?.matches(pattern, Need::User)))
            }
            _ => Ok(host),
        }
    }

    /// Names are asked for only where they decide. The lists in `seen` have been looked at and don't
    /// match: without them, lists that name each other have no end.
    fn is_host<'t>(
        &'t self,
        pattern: &'t Host,
        host: &Endpoint,
        need: Need,
        seen: &mut Vec<&'t Path>,
    ) -> Result<Match, Stop> {
        Ok(match pattern {
            Host::Netgroup | Host::NoNet => Match::No,
            Host::File(path) => {
                if seen.contains(&&**path) {
                    return Ok(Match::No);
                }
                seen.push(path);
                let list = match self.lists.get(path) {
                    Some(list) => list.as_ref().map_err(Clone::clone),
                    None => Err(format!("{} is not read: {TOO_MANY}", path.display())),
                };
                let list = list.map_err(Stop::Unreadable)?;
                match list.contains(host.ip()) {
                    true => Match::Yes,
                    false => any(&list.others, |pattern| {
                        self.is_host(pattern, host, need, seen)
                    })?,
                }
            }
            Host::Known => match name(host, need)? {
                _ if host.address.is_none() => Match::No,
                Fact::Is(name) => is_known(name).into(),
                Fact::Open => Match::Maybe(need),
            },
            Host::Local => match name(host, need)? {
                Fact::Is(name) => (is_known(name) && !name.contains(&b'.')).into(),
                Fact::Open => Match::Maybe(need),
            },
            Host::Net4 { .. } | Host::Net6 { .. } => pattern.contains(host.ip()).into(),
            Host::Text { text, .. } if text.matches(host.address_text()) => Match::Yes,
            Host::Text { or_name: false, .. } => Match::No,
            Host::Text { text, .. } => name(host, need)?.matches(text, need),
        })
    }
}

/// What a look-up is about.
fn what(need: Need) -> &'static str {
    match need {
        Need::ClientName => "the client's name",
        Need::ServerName => "the name of the address that the client has connected to",
        Need::User => "the client's user",
    }
}

impl Rule {
    /// Whether it lets clients in and does nothing else that a client could want to get around.
    fn only_lets_in(&self, by_default: &Outcome) -> bool {
        let lets_in = match &self.options.end {
            End::File => *by_default == Outcome::Allow,
            End::Allow => true,
            End::Deny | End::Twist(_) | End::Fault(_) => false,
        };
        lets_in
            && self.options.steps.iter().all(|step| match step {
                OptionAction::SetEnv(_) | OptionAction::Nice(_) | OptionAction::Umask(_) => false,
                OptionAction::Spawn(_)
                | OptionAction::Banners(_)
                | OptionAction::Severity(..)
                | OptionAction::KeepAlive
                | OptionAction::User => true,
            })
    }
}

fn is_known(name: &[u8]) -> bool {
    !name.eq_ignore_ascii_case(UNKNOWN) && !name.eq_ignore_ascii_case(PARANOID)
}

fn list_of(host: &Host) -> Option<PathBuf> {
    match host {
        Host::File(path) => Some(path.clone()),
        _ => None,
    }
}

fn refusal(rule: Option<&Place>, fault: String) -> Verdict {
    Verdict {
        outcome: Outcome::Deny,
        rule: rule.cloned(),
        effects: Vec::new(),
        fault: Some(fault),
    }
}

/// What the options of a rule that matches make of a client.
fn apply(rule: &Rule, by_default: Outcome, facts: &Facts<'_>) -> Result<Verdict, Need> {
    let mut verdict = Verdict {
        outcome: by_default,
        rule: Some(rule.place.clone()),
        effects: Vec::new(),
        fault: None,
    };
    let mut run = || -> Result<(), Expansion> {
        let expanded = |text: &[u8]| Ok::<_, Expansion>(expand(text, facts)?.trim_ascii().to_vec());
        for step in &rule.options.steps {
            let effect = match step {
                OptionAction::Spawn(command) => Effect::Spawn(expanded(command)?),
                OptionAction::Banners(directory) => {
                    Effect::Banners([directory, &b"/"[..], facts.daemon].concat())
                }
                OptionAction::Severity(facility, level) => Effect::Severity(*facility, *level),
                OptionAction::SetEnv(text) => match set_env(&expanded(text)?) {
                    Some(effect) => effect,
                    None => {
                        verdict.outcome = Outcome::Deny;
                        verdict.fault = Some("setenv has no name that a variable may have".into());
                        return Ok(());
                    }
                },
                OptionAction::Nice(nice) => Effect::Nice(*nice),
                OptionAction::Umask(mask) => Effect::Umask(*mask),
                OptionAction::KeepAlive => Effect::KeepAlive,
                OptionAction::User => {
                    user(facts)?;
                    continue;
                }
            };
            verdict.effects.push(effect);
        }
        match &rule.options.end {
            End::File => {}
            End::Allow => verdict.outcome = Outcome::Allow,
            End::Deny => verdict.outcome = Outcome::Deny,
            End::Twist(command) => verdict.outcome = Outcome::Twist(expanded(command)?),
            End::Fault(fault) => {
                verdict.outcome = Outcome::Deny;
                verdict.fault = Some(format!("{}: {}", fault.place, fault.message));
            }
        }
        Ok(())
    };
    match run() {
        Ok(()) => Ok(verdict),
        Err(Expansion::Need(need)) => Err(need),
        Err(Expansion::TooLong) => Ok(refusal(
            Some(&rule.place),
            "an option becomes too long by its expansions".into(),
        )),
    }
}

/// None where setenv(3) takes no such name.
fn set_env(text: &[u8]) -> Option<Effect> {
    let end = text.iter().position(u8::is_ascii_whitespace);
    let (name, value) = text.split_at(end.unwrap_or(text.len()));
    let valid = !name.is_empty() && !name.contains(&b'=');
    valid.then(|| Effect::SetEnv {
        name: name.to_vec(),
        value: value.trim_ascii().to_vec(),
    })
}
