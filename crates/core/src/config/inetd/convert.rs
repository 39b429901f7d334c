//! An inetd.conf as services of xinetd: what itox and xconv.pl did (docs/xinetd-behaviour.md, sections 6.7,
//! 6.8).

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::draft::{Draft, Execution};
use super::entry::Drafts;
use super::lines::{Field, Item, Items, fields, is_entry, policy};
use super::remarks::Remarks;
use super::section;
use crate::bytes::ByteString;
use crate::config::databases::Databases;
use crate::config::lexer::{self, Line, Lines};
use crate::config::report::Spot;
use crate::config::section::Section;
use crate::config::sources::Sources;
use crate::problem::{Problem, Severity};
use crate::service::Attribute;

/// What an inetd.conf becomes.
#[derive(Debug)]
pub struct Conversion {
    /// The services, in the order of their lines.
    pub services: Vec<Converted>,
    /// The comments behind the last of them.
    pub rest: Vec<u8>,
    /// What is wrong or surprising.
    pub problems: Vec<Problem>,
    /// The text of the file, for showing the lines of problems.
    pub sources: Sources,
}

/// A service of xinetd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// Its id, or its name where it has none.
    pub id: ByteString,
    /// The comments before its line, and its block.
    pub text: Vec<u8>,
}

/// Converts the text of an inetd.conf. What can't be converted becomes a comment, and an error says
/// why; a comment that is an entry becomes a service that is off.
pub fn convert(path: &Path, text: Vec<u8>, databases: &Databases) -> Conversion {
    let file: Arc<Path> = path.into();
    let mut sources = Sources::default();
    let text = sources.insert(Arc::clone(&file), text);
    let mut converter = Converter {
        drafts: Drafts::new(&file, databases),
        file: &file,
        databases,
        services: Vec::new(),
        comments: Vec::new(),
        problems: Vec::new(),
    };
    for item in Items::new(Lines::new(&text)) {
        converter.take(item);
    }
    let Converter {
        services,
        comments,
        problems,
        ..
    } = converter;
    Conversion {
        services,
        rest: joined(&comments),
        problems,
        sources,
    }
}

struct Converter<'r, 'a> {
    drafts: Drafts<'r, 'a>,
    file: &'r Arc<Path>,
    databases: &'r Databases,
    services: Vec<Converted>,
    /// The lines of comments that no service has taken yet.
    comments: Vec<Cow<'a, [u8]>>,
    problems: Vec<Problem>,
}

impl<'a> Converter<'_, 'a> {
    fn take(&mut self, item: Item<'a>) {
        match item {
            Item::Blank => self.comments.push(Cow::Borrowed(b"")),
            Item::Comment(line) => {
                let off = switched_off(&line).and_then(|fields| self.blocks(&fields, true).ok());
                match off {
                    Some(blocks) => self.add(blocks),
                    None => self.comments.push(Cow::Borrowed(line.text)),
                }
            }
            Item::Policy(line) => {
                self.problems.push(policy(self.file, &line));
                self.comments.push(Cow::Borrowed(line.text));
            }
            Item::Overlong(line) => {
                let spot = Spot {
                    file: Arc::clone(self.file),
                    line: line.number,
                };
                self.problems.push(lexer::overlong(&spot, &line));
            }
            Item::Entry(fields) => match self.blocks(&fields, false) {
                Ok(blocks) => self.add(blocks),
                Err(problems) => {
                    self.problems.extend(problems);
                    let words: Vec<_> = fields.iter().map(Field::bytes).collect();
                    let line = [b"# not converted: ".as_slice(), &words.join(&b' ')].concat();
                    self.comments.push(Cow::Owned(line));
                }
            },
        }
    }

    /// The services of an entry, or all that is wrong with it.
    fn blocks(
        &mut self,
        fields: &[Field<'a>],
        is_off: bool,
    ) -> Result<Vec<Converted>, Vec<Problem>> {
        let mut problems = Vec::new();
        let drafts = match self.drafts.read(fields, &mut problems) {
            Ok(drafts) => drafts,
            Err(unfit) => {
                problems.push(unfit.0);
                return Err(problems);
            }
        };
        let mut blocks = Vec::new();
        for mut draft in drafts {
            let section = section(&draft, self.file, self.databases, &mut problems);
            if !section.faults.is_empty() {
                return Err(problems);
            }
            simplify(&mut draft, self.file, &mut problems);
            blocks.push(Converted {
                id: id(&draft, &section),
                text: block(&draft, is_off),
            });
        }
        if is_off {
            for problem in &mut problems {
                problem.severity = Severity::Note;
            }
        }
        self.problems.extend(problems);
        Ok(blocks)
    }

    /// Adds services, the first one with the comments so far.
    fn add(&mut self, blocks: Vec<Converted>) {
        for mut block in blocks {
            let mut text = joined(&self.comments);
            self.comments.clear();
            text.append(&mut block.text);
            self.services.push(Converted { text, ..block });
        }
    }
}

fn id(draft: &Draft<'_>, section: &Section) -> ByteString {
    let own = section.values.id.clone();
    own.unwrap_or_else(|| draft.name.bytes().into())
}

/// Lines as text, without blank ones at both ends.
fn joined(lines: &[Cow<'_, [u8]>]) -> Vec<u8> {
    let said = |line: &Cow<'_, [u8]>| !line.is_empty();
    let start = lines.iter().position(said).unwrap_or(0);
    let end = lines.iter().rposition(said).map_or(0, |last| last + 1);
    let lines = lines.get(start..end).unwrap_or_default();
    lines
        .iter()
        .flat_map(|line| [line.as_ref(), b"\n"])
        .flatten()
        .copied()
        .collect()
}

/// The entry in a comment: update-inetd writes `#<off># ` before it, people write `#`, FreeBSD's
/// tools `#disabled#`.
fn switched_off<'a>(line: &Line<'a>) -> Option<Vec<Field<'a>>> {
    let mut text = line.text;
    let marks: [&[u8]; 5] = [b"#", b" ", b"\t", b"<off>#", b"disabled#"];
    while let Some(rest) = marks.iter().find_map(|mark| text.strip_prefix(*mark)) {
        text = rest;
    }
    let skipped = line.text.len() - text.len();
    let all = fields(line);
    // The marks may be a part of the first word.
    let entry: Vec<_> = all
        .into_iter()
        .filter_map(|field| field.behind(skipped))
        .collect();
    let is_word = |field: &Field<'_>| field.bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    let serves =
        |field: &Field<'_>| field.bytes() == b"internal" || field.bytes().starts_with(b"/");
    let waits = |field: &Field<'_>| {
        let word = field.bytes();
        word.starts_with(b"wait") || word.starts_with(b"nowait")
    };
    let is_one = is_entry(&entry) && is_word(&entry[0]) && waits(&entry[3]) && serves(&entry[5]);
    is_one.then_some(entry)
}

/// Says the same with less: the server that tcpd executes in the place of tcpd, and no `argv[0]`
/// where xinetd makes the same one.
fn simplify(draft: &mut Draft<'_>, file: &Arc<Path>, problems: &mut Vec<Problem>) {
    let server = draft.server;
    let can_be_wrapped = draft.can_be_wrapped;
    let Some(program) = &mut draft.program else {
        return;
    };
    if basename(&program.path) == b"tcpd" && !program.arguments.is_empty() {
        if can_be_wrapped {
            unwrap(program);
        } else {
            Remarks { file, problems }.add(
                Severity::Note,
                "tcpd-kept",
                &server,
                "tcpd stays: xinetd itself asks hosts.allow and hosts.deny for no such service",
                "protect the service with only_from, or in its own configuration",
            );
        }
    }
    let first = program.arguments.first();
    if program.is_named && first.is_some_and(|name| name.bytes() == basename(&program.path)) {
        program.arguments.remove(0);
        program.is_named = false;
    }
}

/// What tcpd does: a name without a slash at its beginning lies in the directory of the servers,
/// which is tcpd's own.
fn unwrap(program: &mut Execution<'_>) {
    let Some(real) = program.arguments.first().map(Field::bytes) else {
        return;
    };
    let path = if real.starts_with(b"/") {
        real.to_vec()
    } else {
        let directory = program.path.len() - basename(&program.path).len();
        [&program.path[..directory], real].concat()
    };
    program.path = Cow::Owned(path);
    program.is_wrapped = true;
}

fn basename(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The block of a service.
fn block(draft: &Draft<'_>, is_off: bool) -> Vec<u8> {
    let mut text = [b"service ".as_slice(), draft.name.bytes(), b"\n{\n"].concat();
    let mut last = None;
    if is_off {
        text.extend_from_slice(b"\tdisable     = yes");
        last = Some(Attribute::Disable);
    }
    for line in draft.lines() {
        // The arguments of further lines go on in this one.
        if last != Some(line.attribute) {
            if last.is_some() {
                text.push(b'\n');
            }
            text.extend_from_slice(format!("\t{:<11} =", line.attribute.name()).as_bytes());
            last = Some(line.attribute);
        }
        for word in &line.words {
            text.push(b' ');
            text.extend_from_slice(word);
        }
    }
    text.extend_from_slice(b"\n}\n");
    text
}
