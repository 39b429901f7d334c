//! The values of attributes: words in, typed values out (docs/xinetd-behaviour.md, section 2).

pub(super) mod access;
pub(super) mod logging;
pub(super) mod number;
pub(super) mod process;
pub(super) mod resources;
pub(super) mod socket;
pub(super) mod switches;
pub(super) mod vocabulary;

use std::collections::BTreeSet;
use std::rc::Rc;

use super::databases::Databases;
use super::lexer::Word;
use super::report::{Spot, quoted};
use crate::bytes::ByteString;
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};
use crate::service::{
    Banners, Bind, ConnectionRate, DenyTime, Limit, LogTarget, Port, Principal, Protocol,
    ResourceLimits, RpcRange, SocketType, TimeWindow,
};
use access::AddressList;

/// What the attribute lines of one section say so far.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) id: Option<ByteString>,
    pub(super) kind: Option<u32>,
    pub(super) flags: Option<u32>,
    pub(super) disable: Option<bool>,
    pub(super) socket_type: Option<SocketType>,
    pub(super) protocol: Option<Protocol>,
    pub(super) wait: Option<bool>,
    pub(super) user: Option<Principal>,
    pub(super) group: Option<Principal>,
    pub(super) groups: Option<bool>,
    pub(super) instances: Option<Limit>,
    pub(super) per_source: Option<Limit>,
    /// `cps`; inside, none where it switches the check off.
    pub(super) rate: Option<Option<ConnectionRate>>,
    /// `max_load`; inside, none where the number can never be reached.
    pub(super) load: Option<Option<f64>>,
    pub(super) nice: Option<i32>,
    pub(super) server: Option<ByteString>,
    pub(super) server_args: Option<Vec<ByteString>>,
    pub(super) libwrap: Option<ByteString>,
    pub(super) access_times: Vec<TimeWindow>,
    pub(super) log_type: Option<LogTarget>,
    pub(super) rpc_versions: Option<RpcRange>,
    pub(super) rpc_number: Option<u32>,
    pub(super) env: Vec<ByteString>,
    pub(super) port: Option<Port>,
    pub(super) redirect: Option<(ByteString, Port)>,
    pub(super) bind: Option<Bind>,
    pub(super) v6only: Option<bool>,
    pub(super) deny_time: Option<DenyTime>,
    pub(super) umask: Option<u16>,
    pub(super) resource_limits: ResourceLimits,
    pub(super) enabled: Option<Vec<(ByteString, Place)>>,
    pub(super) disabled: Vec<(ByteString, Place)>,
    /// What a service copies from `defaults` when its block begins.
    pub(super) copied: Copied,
}

/// The attributes that a service has from `defaults` from the beginning of its block on, and may
/// then replace or modify (docs/xinetd-behaviour.md, section 1.5).
#[derive(Clone, Debug, Default)]
pub(super) struct Copied {
    pub(super) only_from: Option<Rc<AddressList>>,
    pub(super) no_access: Option<Rc<AddressList>>,
    pub(super) passenv: Option<BTreeSet<ByteString>>,
    pub(super) success: Option<u32>,
    pub(super) failure: Option<u32>,
    pub(super) banners: Banners,
}

/// What stands between an attribute's name and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `=`
    Set,
    /// `+=`
    Add,
    /// `-=`
    Remove,
}

/// Nothing, or the problem for which the service is dropped.
pub(super) type Parsed<T = ()> = Result<T, Problem>;

/// The values of one attribute line, and what is needed to read them.
pub(super) struct Given<'a> {
    /// The operator; in `defaults`, `=` of a modifiable attribute is `+=`.
    pub(super) operator: Operator,
    /// The values.
    pub(super) words: &'a [Word<'a>],
    /// Their line.
    pub(super) spot: &'a Spot,
    /// The name of the attribute, as the table writes it.
    pub(super) name: &'static str,
    /// The databases of the machine.
    pub(super) databases: &'a Databases,
    /// Where remarks go that don't keep the values from being used.
    pub(super) problems: &'a mut Vec<Problem>,
}

impl<'a> Given<'a> {
    /// The value with this number, empty if there are not as many.
    pub(super) fn word(&self, index: usize) -> Word<'a> {
        let end = Word {
            bytes: b"",
            column: 1,
        };
        self.words.get(index).copied().unwrap_or(end)
    }

    /// The place of a word.
    pub(super) fn place(&self, word: &Word<'_>) -> Place {
        self.spot.word(word)
    }

    /// A problem for which the attribute can't be used.
    pub(super) fn fault(
        &self,
        word: &Word<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        Remark::new(Severity::Error, "bad-value", message, help).at(self.place(word))
    }

    /// The problem of a word that is nothing of what is `wanted`.
    pub(super) fn unfit(&self, word: &Word<'_>, wanted: &str) -> Problem {
        let message = format!("{} is not {wanted}", quoted(word.bytes));
        self.fault(word, message, format!("write {wanted}"))
    }

    /// Says something about a word that is used all the same.
    pub(super) fn remark(
        &mut self,
        word: &Word<'_>,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let place = self.place(word);
        let remark = Remark::new(severity, code, message, help);
        self.problems.push(remark.at(place));
    }

    /// The first value as a path; a relative one begins at `/`, as xinetd's does after a reload.
    pub(super) fn path(&mut self) -> ByteString {
        self.path_of(self.word(0))
    }

    /// A word as a path.
    pub(super) fn path_of(&mut self, word: Word<'_>) -> ByteString {
        if word.bytes.first() != Some(&b'/') {
            self.remark(
                &word,
                Severity::Warning,
                "relative-path",
                format!("{} is looked for below /", quoted(word.bytes)),
                "write the absolute path",
            );
            return [b"/", word.bytes].concat().into();
        }
        word.bytes.into()
    }
}
