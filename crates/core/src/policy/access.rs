//! `only_from` and `no_access` (docs/xinetd-behaviour.md, sections 3.2 and 3.3).

use std::collections::HashMap;
use std::net::IpAddr;

use crate::problem::Place;
use crate::service::{AccessRule, AccessRules, Pattern};

use super::ranges::PrefixSet;
use super::{NameAnswer, Note, Reason, Refusal};

/// Whether the lists let a peer in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Access {
    /// It may come in.
    Allow,
    /// It may not.
    Deny(Refusal),
    /// It depends on the peer's name: ask again with any [`NameAnswer`] but `NotAsked`.
    NeedName,
}

/// Both lists of a service.
#[derive(Debug)]
pub(super) struct Lists {
    only_from: Option<List>,
    no_access: List,
}

impl Lists {
    pub(super) fn new(rules: &AccessRules) -> Self {
        Self {
            only_from: rules.only_from.as_deref().map(List::new),
            no_access: List::new(&rules.no_access),
        }
    }

    /// `no_access` always wins over `only_from`; addresses come before names, so that a name is
    /// looked up only where it decides. With the entry of `only_from` that lets the peer in, if it
    /// takes one.
    pub(super) fn decide(&self, peer: IpAddr, name: &NameAnswer) -> (Access, Option<&Place>) {
        let wanted = self.only_from.as_ref().map(|list| list.by_address(peer));
        if let Some(rule) = self.no_access.by_address(peer) {
            let both = matches!(wanted, Some(Some(_)));
            let note = if both { Note::BothLists } else { Note::Nothing };
            return (deny(Some(rule), note), None);
        }
        // From here on `only_from` is a hurdle only for a peer whose address is not in it.
        let hurdle = match (&self.only_from, wanted) {
            (Some(list), Some(None)) => Some(list),
            _ => None,
        };
        if let Some(list) = hurdle
            && !list.has_names()
        {
            return (deny(list.places.first(), Note::Nothing), None);
        }
        let listed = wanted.flatten();
        if hurdle.is_none() && !self.no_access.has_names() {
            return (Access::Allow, listed);
        }
        self.decide_by_name(hurdle, listed, name)
    }

    fn decide_by_name<'a>(
        &'a self,
        hurdle: Option<&'a List>,
        listed: Option<&'a Place>,
        name: &NameAnswer,
    ) -> (Access, Option<&'a Place>) {
        let (claimed, confirmed) = match name {
            NameAnswer::NotAsked => return (Access::NeedName, None),
            NameAnswer::Confirmed(name) => (Some(normal(name.as_str())), true),
            NameAnswer::Unconfirmed(name) => (Some(normal(name)), false),
            NameAnswer::NoName => (None, false),
            NameAnswer::Undetermined => {
                if let Some(rule) = self.no_access.first_name() {
                    return (deny(Some(rule), Note::NameUnknown), None);
                }
                (None, false)
            }
        };
        let claimed = claimed.as_deref();
        // A name that anyone may claim keeps its owner out, and lets no one in.
        let entry = match hurdle {
            None => listed,
            Some(list) => claimed
                .filter(|_| confirmed)
                .and_then(|name| list.by_name(name)),
        };
        if let Some(rule) = claimed.and_then(|name| self.no_access.by_name(name)) {
            let note = match entry {
                Some(_) => Note::BothLists,
                None => Note::Nothing,
            };
            return (deny(Some(rule), note), None);
        }
        match hurdle {
            Some(list) if entry.is_none() => {
                let note = match name {
                    NameAnswer::Undetermined => Note::NameUnknown,
                    _ => Note::Nothing,
                };
                (deny(list.places.first(), note), None)
            }
            _ => (Access::Allow, entry),
        }
    }
}

fn deny(rule: Option<&Place>, note: Note) -> Access {
    Access::Deny(Refusal::at(Reason::Address, rule).noting(note))
}

/// A name as it is compared: without case, and without the dot that may end it.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// One list.
#[derive(Debug)]
struct List {
    nets: PrefixSet,
    /// Whole names.
    hosts: HashMap<String, u32>,
    /// Ends of names, which begin with a dot.
    domains: HashMap<String, u32>,
    /// Where each rule is written, in the order of the list.
    places: Vec<Place>,
    first_name: Option<u32>,
}

impl List {
    fn new(rules: &[AccessRule]) -> Self {
        let (mut hosts, mut domains) = (HashMap::new(), HashMap::new());
        let mut nets = Vec::new();
        let mut first_name = None;
        for (rule, number) in rules.iter().zip(0..) {
            let (names, name) = match &rule.pattern {
                Pattern::Net(net) => {
                    nets.push((*net, number));
                    continue;
                }
                Pattern::Host(name) => (&mut hosts, name),
                Pattern::Domain(suffix) => (&mut domains, suffix),
            };
            names.entry(name.to_ascii_lowercase()).or_insert(number);
            first_name.get_or_insert(number);
        }
        Self {
            nets: PrefixSet::new(nets),
            hosts,
            domains,
            places: rules.iter().map(|rule| rule.place.clone()).collect(),
            first_name,
        }
    }

    fn has_names(&self) -> bool {
        self.first_name.is_some()
    }

    /// The first entry that is a name.
    fn first_name(&self) -> Option<&Place> {
        self.place(self.first_name?)
    }

    fn by_address(&self, peer: IpAddr) -> Option<&Place> {
        self.place(self.nets.find(peer)?)
    }

    /// The first entry that means the host `name`, which is [`normal`].
    fn by_name(&self, name: &str) -> Option<&Place> {
        let ends = name.match_indices('.').map(|(dot, _)| &name[dot..]);
        let rule = self
            .hosts
            .get(name)
            .into_iter()
            .chain(ends.filter_map(|end| self.domains.get(end)))
            .min()?;
        self.place(*rule)
    }

    fn place(&self, rule: u32) -> Option<&Place> {
        self.places.get(usize::try_from(rule).ok()?)
    }
}

#[cfg(test)]
mod tests;
