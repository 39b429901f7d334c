//! A service that an entry describes, before it is one of xinetd.

use std::borrow::Cow;

use super::attributes::AttributeLine;
use super::lines::Field;
use crate::config::values::Operator;
use crate::service::Attribute;

/// A service that an entry describes.
#[derive(Clone, Debug)]
pub(super) struct Draft<'a> {
    /// Its name.
    pub(super) name: Field<'a>,
    /// `id` and `type`.
    pub(super) head: Vec<AttributeLine<'a>>,
    /// Everything but these, `flags` and the program.
    pub(super) lines: Vec<AttributeLine<'a>>,
    /// `flags` about the family of addresses.
    pub(super) family: Option<&'static str>,
    /// Where the server stands.
    pub(super) server: Field<'a>,
    /// What is executed; none for an internal service.
    pub(super) program: Option<Execution<'a>>,
    /// Whether xinetd can ask hosts.allow and hosts.deny about its clients: not where it does not
    /// know them, and not for RPC over TCP.
    pub(super) can_be_wrapped: bool,
}

/// How a server is executed.
#[derive(Clone, Debug)]
pub(super) struct Execution<'a> {
    /// The program.
    pub(super) path: Cow<'a, [u8]>,
    /// Its arguments: all of them from `argv[0]` on, or all behind that.
    pub(super) arguments: Vec<Field<'a>>,
    /// Whether `argv[0]` is among them.
    pub(super) is_named: bool,
    /// Whether hosts.allow and hosts.deny are asked.
    pub(super) is_wrapped: bool,
}

impl<'a> Draft<'a> {
    /// Its attribute lines; `flags` before `server_args`, as xinetd needs it.
    pub(super) fn lines(&self) -> Vec<AttributeLine<'a>> {
        let mut lines = self.head.clone();
        let program = self.program.as_ref();
        let flags = [
            program.filter(|it| it.is_named).map(|_| "NAMEINARGS"),
            program.filter(|it| !it.is_wrapped).map(|_| "NOLIBWRAP"),
            self.family,
        ];
        let flags: Vec<_> = flags.into_iter().flatten().map(word).collect();
        if !flags.is_empty() {
            lines.push(AttributeLine::new(Attribute::Flags, self.server, flags));
        }
        lines.extend(self.lines.iter().cloned());
        if let Some(program) = program {
            let path = program.path.clone();
            lines.push(AttributeLine::new(Attribute::Server, self.server, [path]));
            // Those of each line make an attribute line of their own, so that places are right.
            let same_line = |a: &Field<'_>, b: &Field<'_>| a.word().0 == b.word().0;
            for (index, row) in program.arguments.chunk_by(same_line).enumerate() {
                lines.push(AttributeLine {
                    attribute: Attribute::ServerArgs,
                    operator: match index {
                        0 => Operator::Set,
                        _ => Operator::Add,
                    },
                    field: row[0],
                    words: row
                        .iter()
                        .map(|field| Cow::Borrowed(field.bytes()))
                        .collect(),
                    columns: row.iter().map(|field| field.word().1.column).collect(),
                });
            }
        }
        lines
    }
}

/// A word of the language.
pub(super) fn word<'a>(text: &'static str) -> Cow<'a, [u8]> {
    Cow::Borrowed(text.as_bytes())
}
