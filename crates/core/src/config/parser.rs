//! Files into sections (docs/xinetd-behaviour.md, section 1.2).
//!
//! ```text
//! file     = { service | defaults | "include" path | "includedir" path }
//! service  = "service" name LF block
//! defaults = "defaults" LF block
//! block    = "{" LF { name blank operator { value } LF } "}" LF
//! ```
//! Where a file breaks the grammar, what gets lost is what xinetd loses: it goes on behind the
//! next line that is `}` alone. Lines that ask for files are never lost, wherever they stand: all services
//! may depend on one.

mod unfit;

use std::path::Path;
use std::sync::Arc;

use super::configuration::Dropped;
use super::databases::Databases;
use super::entry::{LateDefault, ServiceEntry};
use super::include::Includes;
use super::lexer::{Line, Lines, Word};
use super::report::Spot;
use super::section::{Context, Scope, Section};
use super::sources::{FileTree, Sources};
use super::statement::{self, Statement};
use super::unread::LOST_CODE;
use super::values::process;
use crate::bytes::ByteString;
use crate::catch::{TranslationStep, contained};
use crate::problem::Remark;
use crate::problem::{Place, Problem, Severity};
use crate::service::Attribute;

use unfit::asks_for_files;

/// What first words of a line mean outside of blocks.
const KEYWORDS: [&str; 4] = ["service", "defaults", "include", "includedir"];

/// Everything that the files say, as written.
pub(super) struct Reader<'t> {
    pub(super) tree: &'t dyn FileTree,
    pub(super) databases: &'t Databases,
    /// The text of the files.
    pub(super) sources: Sources,
    /// The files, in the order in which they were first read.
    pub(super) files: Vec<Arc<Path>>,
    /// What is wrong so far.
    pub(super) problems: Vec<Problem>,
    /// All `defaults` sections together.
    pub(super) defaults: Section,
    /// The lines of `defaults` that come too late for some services.
    pub(super) late: Vec<LateDefault>,
    /// The services that could be read.
    pub(super) entries: Vec<ServiceEntry>,
    /// Those that could not, by their place in the order of all.
    pub(super) dropped: Vec<(usize, Dropped)>,
    /// How many service blocks there were.
    blocks: usize,
    pub(super) includes: Includes,
}

/// What a block came to.
struct Block<'l> {
    end: BlockEnd,
    /// The lines in it that ask for files: no attribute has their names, so that they belong behind it.
    includes: Vec<(Spot, Line<'l>)>,
}

/// How a block ended.
enum BlockEnd {
    /// With its bracket.
    Closed,
    /// In a line that can't be read.
    Broken,
    /// With the file.
    File,
}

impl<'t> Reader<'t> {
    /// A reader that has read nothing.
    pub(super) fn new(tree: &'t dyn FileTree, databases: &'t Databases) -> Self {
        Self {
            tree,
            databases,
            sources: Sources::default(),
            files: Vec::new(),
            problems: Vec::new(),
            defaults: Section::defaults(),
            late: Vec::new(),
            entries: Vec::new(),
            dropped: Vec::new(),
            blocks: 0,
            includes: Includes::default(),
        }
    }

    /// Notes a problem.
    pub(super) fn complain(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let remark = Remark::new(severity, code, message, help);
        self.problems.push(remark.at(place));
    }

    /// The number of one service more.
    pub(super) fn next_ordinal(&mut self) -> usize {
        let ordinal = self.blocks;
        self.blocks += 1;
        ordinal
    }

    /// Reads a file's text, and the files that it includes.
    pub(super) fn parse(&mut self, file: &Arc<Path>, text: &[u8]) {
        let mut lines = Lines::new(text);
        let mut defaults_seen = false;
        self.warn_of_carriage_returns(file, text);
        while let Some(line) = lines.next() {
            let spot = Spot {
                file: Arc::clone(file),
                line: line.number,
            };
            if line.overlong {
                self.overlong(&spot, &line);
                continue;
            }
            let mut words = line.words();
            let Some(keyword) = words.next() else {
                continue;
            };
            let name = words.next();
            let after = lines.clone();
            let word = name.unwrap_or(keyword);
            let read = contained(TranslationStep::Read, word.bytes, || {
                self.item(&mut lines, &spot, &line, &mut defaults_seen);
            });
            if read.is_none() {
                lines = after;
                self.lose(&mut lines, &spot, &keyword, &word);
            }
        }
    }

    /// A part of a file, which begins with this line.
    fn item(
        &mut self,
        lines: &mut Lines<'_>,
        spot: &Spot,
        line: &Line<'_>,
        defaults_seen: &mut bool,
    ) {
        let mut words = line.words();
        let Some(keyword) = words.next() else {
            return;
        };
        let is = |word: &str| keyword.bytes.eq_ignore_ascii_case(word.as_bytes());
        if is("service") {
            let name = words.next();
            let rest = words.next();
            self.service(lines, spot, &keyword, (name, rest));
        } else if is("defaults") {
            if *defaults_seen {
                self.complain(
                    Severity::Error,
                    "second-defaults",
                    spot.word(&keyword),
                    "the file has a second defaults section, which is ignored",
                    "move its lines into the first one",
                );
                self.skip_block(lines, spot);
            } else {
                *defaults_seen = true;
                self.defaults(lines, spot, words.next());
            }
        } else if is("include") || is("includedir") {
            self.include_line(spot, line);
        } else {
            self.stray(spot, line, &keyword);
            self.skip_block(lines, spot);
        }
    }

    /// The line with the opening bracket; otherwise the block is passed over.
    ///
    /// `rest` is what stands behind the name: nothing of it counts.
    fn opening(
        &mut self,
        lines: &mut Lines<'_>,
        spot: &Spot,
        what: &str,
        rest: Option<Word<'_>>,
    ) -> bool {
        let line = lines.next();
        let early = rest.is_some_and(|word| word.bytes.starts_with(b"{"));
        if !early {
            self.warn_of_rest(spot, rest);
        }
        if line.is_some_and(|line| line.is_only(b'{')) {
            return true;
        }
        let at = Spot {
            file: Arc::clone(&spot.file),
            line: lines.number().max(spot.line),
        };
        let place = match line.and_then(|line| line.words().next()) {
            Some(word) => at.word(&word),
            None => at.stretch(1, 0),
        };
        self.complain(
            Severity::Error,
            "missing-bracket",
            place,
            format!("{what} of line {} has no {{ on the next line", spot.line),
            match early {
                true => format!("move the {{ of line {} to a line of its own", spot.line),
                false => "write { alone on the line below the name".to_owned(),
            },
        );
        if let Some(line) = line {
            self.follow_passed_over(&line, spot);
            self.skip_block(lines, spot);
        }
        false
    }

    /// A service block.
    fn service(
        &mut self,
        lines: &mut Lines<'_>,
        spot: &Spot,
        keyword: &Word<'_>,
        (name, rest): (Option<Word<'_>>, Option<Word<'_>>),
    ) {
        let Some(name) = name else {
            self.complain(
                Severity::Error,
                "missing-name",
                spot.word(keyword),
                "the service has no name",
                "write service and a name on one line",
            );
            self.skip_block(lines, spot);
            return;
        };
        let ordinal = self.next_ordinal();
        let place = spot.word(&name);
        let dropped = |id: &ByteString| {
            let id = id.clone();
            let place = place.clone();
            let note = None;
            (ordinal, Dropped { id, place, note })
        };
        let id = ByteString::from(name.bytes);
        if !self.opening(lines, spot, "the service", rest) {
            self.dropped.push(dropped(&id));
            return;
        }
        let first_problem = self.problems.len();
        if let Some(message) = process::unfit_for_id(name.bytes) {
            // With an id of its own the service does not need the name for anything but messages,
            // but in those it would do the same harm.
            let (code, help) = match name.bytes.ends_with(b"\r") {
                true => (
                    "crlf",
                    "convert the line ends of the file: sed -i 's/\\r$//'",
                ),
                false => ("service-name", "write a short name, such as ftp"),
            };
            self.complain(Severity::Error, code, place.clone(), message, help);
        }
        let named = self.problems.len() == first_problem;
        let mut section = Section::service(&self.defaults);
        let Block { end, includes } = self.block(lines, spot, &mut section, Scope::Service);
        if section.values.disable == Some(true) {
            // xinetd reads no further than to `disable = yes`.
            let own = self.problems[first_problem..].iter_mut();
            let costs_others = ["missing-bracket", LOST_CODE];
            for problem in own.filter(|problem| !costs_others.contains(&problem.code)) {
                problem.severity = Severity::Note;
            }
        }
        let entry = ServiceEntry {
            ordinal,
            name: id,
            place: place.clone(),
            section,
        };
        match end {
            BlockEnd::Closed if named && includes.is_empty() => self.entries.push(entry),
            BlockEnd::Closed | BlockEnd::File => self.dropped.push(dropped(entry.id())),
            BlockEnd::Broken => {
                self.dropped.push(dropped(entry.id()));
                self.skip_block(lines, spot);
            }
        }
        self.follow(&includes);
    }

    /// A `defaults` block.
    fn defaults(&mut self, lines: &mut Lines<'_>, spot: &Spot, rest: Option<Word<'_>>) {
        if !self.opening(lines, spot, "defaults", rest) {
            self.lose_defaults(spot);
            return;
        }
        let mut section = std::mem::replace(&mut self.defaults, Section::defaults());
        // Where a line breaks the block, xinetd takes the next one for one outside of blocks.
        let block = self.block(lines, spot, &mut section, Scope::Defaults);
        self.defaults = section;
        match block.end {
            BlockEnd::Closed => {}
            // A line that asks for files ends the section as a bracket would.
            BlockEnd::File if !block.includes.is_empty() => {}
            BlockEnd::Broken | BlockEnd::File => self.lose_defaults(spot),
        }
        self.follow(&block.includes);
    }

    /// The lines of a block up to its end.
    fn block<'l>(
        &mut self,
        lines: &mut Lines<'l>,
        opened: &Spot,
        section: &mut Section,
        scope: Scope,
    ) -> Block<'l> {
        let mut includes = Vec::new();
        for line in lines.by_ref() {
            let spot = Spot {
                file: Arc::clone(&opened.file),
                line: line.number,
            };
            if line.overlong {
                self.overlong(&spot, &line);
                let end = BlockEnd::Broken;
                return Block { end, includes };
            }
            if line.is_only(b'}') {
                let end = BlockEnd::Closed;
                return Block { end, includes };
            }
            if asks_for_files(&line) {
                self.misplaced(&spot, &line, opened, scope);
                includes.push((spot, line));
                continue;
            }
            let statement = match statement::read(spot, &line) {
                Ok(statement) => statement,
                Err(problem) => {
                    self.problems.push(problem);
                    if scope == Scope::Service {
                        self.lose_defaults_in(&line, opened);
                    }
                    let end = BlockEnd::Broken;
                    return Block { end, includes };
                }
            };
            let mut context = Context {
                databases: self.databases,
                problems: &mut self.problems,
            };
            section.assign(&statement, &mut context);
            if scope == Scope::Defaults && self.blocks > 0 {
                self.note_late(&statement);
            }
        }
        if includes.is_empty() {
            let end = Spot {
                file: Arc::clone(&opened.file),
                line: lines.number().max(opened.line),
            };
            self.complain(
                Severity::Error,
                "missing-bracket",
                end.stretch(1, 0),
                format!("the block of line {} is not closed", opened.line),
                "close it with } on a line of its own",
            );
        }
        let end = BlockEnd::File;
        Block { end, includes }
    }

    /// Remembers a line of `defaults` that some services can't copy any more.
    fn note_late(&mut self, statement: &Statement<'_>) {
        let attribute = Attribute::find(statement.name.bytes);
        if let Some(attribute) = attribute.filter(|attribute| attribute.row().sections.are_copied())
        {
            self.late.push(LateDefault {
                attribute,
                place: statement.spot.word(&statement.name),
                services_before: self.entries.len(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
