//! Files into sections (semantics, section 1.2).
//!
//! ```text
//! file     = { service | defaults | "include" path | "includedir" path }
//! service  = "service" name LF block
//! defaults = "defaults" LF block
//! block    = "{" LF { name blank operator { value } LF } "}" LF
//! ```
//! Where a file breaks the grammar, what gets lost is what xinetd loses: it goes on behind the
//! next line that is `}` alone.

use std::path::Path;
use std::sync::Arc;

use super::address::Remark;
use super::attribute::Attribute;
use super::include::Includes;
use super::lexer::{Line, Lines, SAFE_LENGTH, Word, Words, count};
use super::report::{Spot, nearest, quoted};
use super::section::{COPIED, Context, Scope, Section, Statement};
use super::values::{Operator, process};
use super::{Databases, Dropped, FileTree, Sources};
use crate::bytes::ByteString;
use crate::problem::{Place, Problem, Severity};

/// What first words of a line mean outside of blocks.
const KEYWORDS: [&str; 4] = ["service", "defaults", "include", "includedir"];

/// A service as written.
#[derive(Debug)]
pub(super) struct Entry {
    /// How many services stand before it.
    pub(super) ordinal: usize,
    /// The word after `service`.
    pub(super) name: ByteString,
    /// Where that word stands.
    pub(super) place: Place,
    /// Its attributes.
    pub(super) section: Section,
}

impl Entry {
    /// Its id, or the name where it has none.
    pub(super) fn id(&self) -> &ByteString {
        self.section.values.id.as_ref().unwrap_or(&self.name)
    }
}

/// A line of `defaults` about something that services copy when their blocks begin.
#[derive(Debug)]
pub(super) struct LateDefault {
    /// The attribute.
    pub(super) attribute: Attribute,
    /// Where its name stands.
    pub(super) place: Place,
    /// How many services stand before it and don't have it.
    pub(super) services_before: usize,
}

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
    pub(super) entries: Vec<Entry>,
    /// Those that could not, by their place in the order of all.
    pub(super) dropped: Vec<(usize, Dropped)>,
    /// How many service blocks there were.
    blocks: usize,
    pub(super) includes: Includes,
}

/// How a block ended.
enum End {
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
            let is = |word: &str| keyword.bytes.eq_ignore_ascii_case(word.as_bytes());
            if is("service") {
                self.service(&mut lines, &spot, &keyword, words.next());
            } else if is("defaults") {
                if defaults_seen {
                    self.complain(
                        Severity::Error,
                        "second-defaults",
                        spot.word(&keyword),
                        "the file has a second defaults section, which is ignored",
                        "move its lines into the first one",
                    );
                    self.skip_block(&mut lines, &spot);
                } else {
                    defaults_seen = true;
                    self.defaults(&mut lines, &spot);
                }
            } else if is("include") || is("includedir") {
                self.include(&spot, &keyword, words.next(), is("includedir"));
            } else {
                self.stray(&spot, &line, &keyword);
                self.skip_block(&mut lines, &spot);
            }
        }
    }

    /// Says once for each file that carriage returns are part of the values.
    fn warn_of_carriage_returns(&mut self, file: &Arc<Path>, text: &[u8]) {
        let returns = |line: &Line<'_>| line.text.ends_with(b"\r");
        let Some(line) = Lines::new(text).find(returns) else {
            return;
        };
        let spot = Spot {
            file: Arc::clone(file),
            line: line.number,
        };
        self.complain(
            Severity::Warning,
            "crlf",
            spot.stretch(count(line.text.len()), 1),
            "lines of this file end in CR LF, and CR is part of the last word for xinetd",
            format!(
                "convert the line ends: sed -i 's/\\r$//' {}",
                file.display()
            ),
        );
    }

    /// A line that xinetd would break in two.
    fn overlong(&mut self, spot: &Spot, line: &Line<'_>) {
        self.complain(
            Severity::Error,
            "line-length",
            spot.stretch(1, 1),
            format!(
                "the line has {} bytes, and xinetd reads it as two lines",
                line.text.len()
            ),
            format!("write lines of at most {SAFE_LENGTH} bytes"),
        );
    }

    /// A word outside of blocks that is no keyword.
    fn stray(&mut self, spot: &Spot, line: &Line<'_>, keyword: &Word<'_>) {
        let bytes = keyword.bytes;
        let (message, help) = if bytes.starts_with(b"\xef\xbb\xbf") {
            (
                "the file begins with a byte order mark, which is part of the first word"
                    .to_owned(),
                "save the file as UTF-8 without a byte order mark".to_owned(),
            )
        } else if line.is_only(b'{') {
            (
                "a block begins here without service or defaults before it".to_owned(),
                "write service and a name, or defaults, on the line above".to_owned(),
            )
        } else if line.is_only(b'}') {
            (
                "this bracket closes nothing".to_owned(),
                "take it away: what follows up to the next one is lost".to_owned(),
            )
        } else {
            let help = match nearest(bytes, KEYWORDS.into_iter()) {
                Some(word) if word.as_bytes() != bytes => format!("write {word}"),
                _ => "write service, defaults, include or includedir here; \
                     what follows up to the next lone } is lost"
                    .to_owned(),
            };
            (format!("{} is not a keyword", quoted(bytes)), help)
        };
        self.complain(
            Severity::Error,
            "keyword",
            spot.word(keyword),
            message,
            help,
        );
    }

    /// Passes over everything up to the next line that is `}` alone.
    fn skip_block(&mut self, lines: &mut Lines<'_>, from: &Spot) {
        for line in lines.by_ref() {
            if line.is_only(b'}') {
                return;
            }
        }
        let end = Spot {
            file: Arc::clone(&from.file),
            line: lines.number().max(from.line),
        };
        self.complain(
            Severity::Warning,
            "missing-bracket",
            end.stretch(1, 0),
            format!("no line that is }} alone follows line {}", from.line),
            "close each block with } on a line of its own",
        );
    }

    /// The line with the opening bracket; otherwise the block is passed over.
    fn opening(&mut self, lines: &mut Lines<'_>, spot: &Spot, what: &str) -> bool {
        let line = lines.next();
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
            "write { alone on the line below the name",
        );
        if line.is_some() {
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
        name: Option<Word<'_>>,
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
        let ordinal = self.blocks;
        self.blocks += 1;
        let place = spot.word(&name);
        let dropped = |id: &ByteString| {
            let id = id.clone();
            let place = place.clone();
            (ordinal, Dropped { id, place })
        };
        let id = ByteString::from(name.bytes);
        if !self.opening(lines, spot, "the service") {
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
        let end = self.block(lines, spot, &mut section, Scope::Service);
        if section.values.disable == Some(true) {
            // xinetd reads no further than to `disable = yes`.
            let own = self.problems[first_problem..].iter_mut();
            for problem in own.filter(|problem| problem.code != "missing-bracket") {
                problem.severity = Severity::Note;
            }
        }
        let entry = Entry {
            ordinal,
            name: id,
            place: place.clone(),
            section,
        };
        match end {
            End::Closed if named => self.entries.push(entry),
            End::Closed => self.dropped.push(dropped(entry.id())),
            End::Broken => {
                self.dropped.push(dropped(entry.id()));
                self.skip_block(lines, spot);
            }
            End::File => self.dropped.push(dropped(entry.id())),
        }
    }

    /// A `defaults` block.
    fn defaults(&mut self, lines: &mut Lines<'_>, spot: &Spot) {
        if !self.opening(lines, spot, "defaults") {
            return;
        }
        let mut section = std::mem::replace(&mut self.defaults, Section::defaults());
        // Where a line breaks the block, xinetd takes the next one for one outside of blocks.
        self.block(lines, spot, &mut section, Scope::Defaults);
        self.defaults = section;
    }

    /// The lines of a block up to its end.
    fn block(
        &mut self,
        lines: &mut Lines<'_>,
        opened: &Spot,
        section: &mut Section,
        scope: Scope,
    ) -> End {
        for line in lines.by_ref() {
            let spot = Spot {
                file: Arc::clone(&opened.file),
                line: line.number,
            };
            if line.overlong {
                self.overlong(&spot, &line);
                return End::Broken;
            }
            if line.is_only(b'}') {
                return End::Closed;
            }
            let statement = match statement(spot, &line) {
                Ok(statement) => statement,
                Err(problem) => {
                    self.problems.push(problem);
                    return End::Broken;
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
        End::File
    }

    /// Remembers a line of `defaults` that some services can't copy any more.
    fn note_late(&mut self, statement: &Statement<'_>) {
        let attribute = Attribute::find(statement.name.bytes);
        if let Some(attribute) = attribute.filter(|attribute| COPIED.contains(attribute)) {
            self.late.push(LateDefault {
                attribute,
                place: statement.spot.word(&statement.name),
                services_before: self.entries.len(),
            });
        }
    }
}

/// An attribute line.
fn statement<'a>(spot: Spot, line: &Line<'a>) -> Result<Statement<'a>, Problem> {
    let mut words = line.words();
    let Some(name) = words.next() else {
        // Control characters that count as blank, but not as separators.
        return Err(malformed(&spot, line.text, None, None));
    };
    let Some(second) = words.next() else {
        return Err(malformed(&spot, line.text, Some(&name), None));
    };
    let (operator, length) = match second.bytes {
        [b'=', ..] => (Operator::Set, 1),
        [b'+', b'=', ..] => (Operator::Add, 2),
        [b'-', b'=', ..] => (Operator::Remove, 2),
        _ => return Err(malformed(&spot, line.text, Some(&name), Some(&second))),
    };
    if line.text.contains(&0) {
        return Err(malformed(&spot, line.text, Some(&name), None));
    }
    let start = usize::try_from(second.column).unwrap_or(usize::MAX) - 1;
    Ok(Statement {
        name,
        operator,
        words: Words::after(line.text, start + length).collect(),
        text: line.text[start..].trim_ascii_end(),
        spot,
    })
}

/// The problem of a line in a block that is not of the form of an attribute line.
fn malformed(
    spot: &Spot,
    text: &[u8],
    name: Option<&Word<'_>>,
    second: Option<&Word<'_>>,
) -> Problem {
    let error = |code, place, message: String, help: String| {
        Remark::new(Severity::Error, code, message, help).at(place)
    };
    let lost = "what follows up to the next lone } is lost";
    let Some(name) = name else {
        let message = format!("the line has nothing but control characters; {lost}");
        return error(
            "syntax",
            spot.stretch(1, 0),
            message,
            "take the line away".to_owned(),
        );
    };
    let place = spot.word(name);
    if text.contains(&0) {
        let message = format!("the line has a NUL byte in it; {lost}");
        return error(
            "syntax",
            place,
            message,
            "write the file as plain text".to_owned(),
        );
    }
    let bytes = name.bytes;
    let is = |word: &str| bytes.eq_ignore_ascii_case(word.as_bytes());
    if is("service") && second.is_some() || is("defaults") {
        let message = format!(
            "{} stands inside a block that is not closed; {lost}",
            quoted(bytes)
        );
        let help = "write } alone on a line above this one".to_owned();
        return error("missing-bracket", place, message, help);
    }
    if bytes.starts_with(b"}") || second.is_some_and(|_| bytes == b"}") {
        let message = format!(
            "{} does not close the block: the bracket must stand alone",
            quoted(text.trim_ascii())
        );
        let help = "write } alone, and a comment on a line of its own".to_owned();
        return error("syntax", place, message, help);
    }
    if is("include") || is("includedir") {
        let message = format!(
            "{} stands inside a block, and so the service is lost",
            quoted(bytes)
        );
        let help = "move the line behind the closing }".to_owned();
        return error("syntax", place, message, help);
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == b'=') {
        let before = bytes[..at]
            .strip_suffix(b"+")
            .or(bytes[..at].strip_suffix(b"-"));
        let attribute = before.unwrap_or(&bytes[..at]);
        let operator = &bytes[attribute.len()..=at];
        let start = usize::try_from(name.column).unwrap_or(1);
        let rest = &text[start + at..];
        let message = format!(
            "there must be a blank between {} and the operator; {lost}",
            quoted(attribute)
        );
        let help = format!(
            "write {} {} {}",
            attribute.escape_ascii(),
            operator.escape_ascii(),
            rest.trim_ascii().escape_ascii()
        );
        return error("missing-blank", place, message, help);
    }
    let (place, message) = match second {
        Some(word) => (
            spot.word(word),
            format!("{} is not =, += or -=; {lost}", quoted(word.bytes)),
        ),
        None => (place, format!("nothing follows {}; {lost}", quoted(bytes))),
    };
    error(
        "syntax",
        place,
        message,
        "write attribute = value".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::strategy::Strategy;

    use super::super::testing::{codes, load_text};

    const GOOD: &str = "service telnet\n{\n socket_type = stream\n wait = no\n user = root\n server = /bin/cat\n}\n";

    fn ids(text: impl AsRef<[u8]>) -> Vec<String> {
        let services = load_text(text).services;
        services
            .iter()
            .map(|service| service.id.to_text())
            .collect()
    }

    fn codes_of(text: impl AsRef<[u8]>) -> Vec<String> {
        codes(&load_text(text))
    }

    #[test]
    fn keywords_and_names_are_read_without_case_and_with_blanks() {
        let text = "\tSERVICE\ttelnet and more\n\n# comment\n  {  \nSocket_Type =stream\nWAIT\t=\tNO\nuser = root\nserver = /bin/cat\n\t}\t";
        assert_eq!(ids(text), ["telnet"]);
        assert_eq!(codes_of(text), [""; 0]);
        assert_eq!(ids(""), [""; 0]);
    }

    #[test]
    fn a_stray_word_swallows_the_block_that_follows_it() {
        let text = format!("stray\n{GOOD}{}", GOOD.replace("telnet", "ftp"));
        assert_eq!(ids(&text), ["ftp"]);
        assert_eq!(codes_of(&text), ["E 1 keyword"]);
    }

    #[test]
    fn a_byte_order_mark_is_part_of_the_first_word() {
        let text = format!("\u{feff}{GOOD}{}", GOOD.replace("telnet", "ftp"));
        assert_eq!(ids(&text), ["ftp"]);
        let configuration = load_text(&text);
        assert_eq!(codes(&configuration), ["E 1 keyword"]);
        assert!(
            configuration.problems[0]
                .message
                .contains("byte order mark")
        );
    }

    #[test]
    fn the_opening_bracket_stands_alone_on_the_next_line() {
        let text = format!("service ftp {{\n wait = no\n}}\n{GOOD}");
        assert_eq!(ids(&text), ["telnet"]);
        assert_eq!(codes_of(&text), ["E 2 missing-bracket"]);
        assert_eq!(codes_of("service ftp"), ["E 1 missing-bracket"]);
        assert_eq!(codes_of("service\n{\n}\n"), ["E 1 missing-name"]);
    }

    #[test]
    fn a_broken_line_loses_its_service_alone() {
        for line in [
            "instances=5",
            "instances := 5",
            "instances + 5",
            "include x",
            "bare",
            "} # end",
        ] {
            let broken = GOOD.replace(" wait", &format!("{line}\n wait"));
            let text = format!("{broken}{}", GOOD.replace("telnet", "ftp"));
            assert_eq!(ids(&text), ["ftp"], "{line}");
            let configuration = load_text(&text);
            assert_eq!(configuration.problems.len(), 1, "{line}");
            assert_eq!(configuration.problems[0].place.line, 4, "{line}");
            assert_eq!(configuration.dropped[0].id, "telnet".into());
        }
    }

    #[test]
    fn a_missing_blank_is_told_with_the_line_to_write() {
        let configuration = load_text(GOOD.replace(" wait = no", " cps+=10 30\n"));
        assert_eq!(codes(&configuration), ["E 4 missing-blank"]);
        let problem = &configuration.problems[0];
        assert_eq!(problem.help, "write cps += 10 30");
        assert_eq!((problem.place.column, problem.place.length), (2, 7));
    }

    #[test]
    fn an_open_block_swallows_the_next_service_and_says_so() {
        let open = GOOD.replace('}', "").replace("telnet", "ftp");
        let text = format!("{open}{GOOD}{}", GOOD.replace("telnet", "http"));
        assert_eq!(ids(&text), ["http"]);
        assert_eq!(codes_of(&text), ["E 8 missing-bracket"]);
        assert_eq!(codes_of(&open), ["E 7 missing-bracket"]);
        let off = open.replace(" wait", " disable = yes\n wait");
        assert_eq!(codes_of(format!("{off}{GOOD}")), ["E 9 missing-bracket"]);
    }

    #[test]
    fn a_broken_line_in_defaults_spills_the_rest_of_it() {
        let text = format!("defaults\n{{\ninstances=5\nper_source = 3\n}}\n{GOOD}");
        assert_eq!(codes_of(&text), ["E 3 missing-blank", "E 4 keyword"]);
        assert_eq!(ids(&text), ["telnet"]);
        let at_the_end = format!("defaults\n{{\ninstances=5\n}}\n{GOOD}");
        assert_eq!(ids(at_the_end), [""; 0], "the bracket swallows the service");
    }

    #[test]
    fn a_file_has_one_defaults_section() {
        let text =
            format!("defaults\n{{\ninstances = 5\n}}\ndefaults\n{{\ninstances = 6\n}}\n{GOOD}");
        assert_eq!(codes_of(&text), ["E 5 second-defaults"]);
        let instances = load_text(&text).services[0].limits.instances;
        assert_eq!(instances, crate::service::Limit::AtMost(5));
    }

    #[test]
    fn carriage_returns_are_part_of_the_last_word() {
        let configuration = load_text(GOOD.replace('\n', "\r\n"));
        assert!(configuration.services.is_empty());
        let lines = codes(&configuration);
        assert_eq!(lines[0], "E 1 crlf");
        for expected in ["W 1 crlf", "E 3 crlf", "E 4 crlf", "E 5 crlf", "E 6 crlf"] {
            assert!(
                lines.iter().any(|line| line == expected),
                "{expected}: {lines:?}"
            );
        }
    }

    #[test]
    fn binary_rubbish_and_long_lines_lose_what_they_stand_in() {
        let nul = GOOD.replace("= no", "= no\0");
        assert_eq!(codes_of(format!("{nul}{GOOD}")), ["E 4 syntax"]);
        let long = format!("# {}\n", "x".repeat(20_000));
        assert_eq!(codes_of(format!("{long}{GOOD}")), ["E 1 line-length"]);
        assert_eq!(ids(format!("{long}{GOOD}")), ["telnet"]);
        let inside = GOOD.replace(" wait", &format!("{long} wait"));
        assert_eq!(codes_of(&inside), ["E 4 line-length"]);
        assert_eq!(
            ids(format!("{inside}{}", GOOD.replace("telnet", "ftp"))),
            ["ftp"]
        );
    }

    #[test]
    fn a_disabled_service_is_read_to_its_end() {
        let text = GOOD.replace(" wait", " disable = yes\n wait");
        let configuration = load_text(&text);
        assert_eq!(codes(&configuration), [""; 0]);
        assert!(!configuration.services[0].enabled);
        let faulty = text.replace("root", "root\n instances = many\n nonsense = 1");
        let configuration = load_text(faulty);
        assert_eq!(
            codes(&configuration),
            ["N 7 bad-value", "N 8 unknown-attribute"]
        );
        assert_eq!(configuration.dropped.len(), 1);
    }

    #[test]
    fn many_lines_are_read_in_one_pass() {
        let mut text = String::from("defaults\n{\n");
        for number in 0..50_000 {
            text.push_str(&format!(
                "only_from += 10.{}.{}.1\n",
                number / 250,
                number % 250
            ));
            text.push_str(&format!(
                "only_from -= 10.{}.{}.1\n",
                number / 250,
                number % 250
            ));
        }
        text.push_str("}\n");
        for _ in 0..20_000 {
            text.push_str("service telnet\n{\nbroken\n}\n");
        }
        text.push_str(GOOD);
        let configuration = load_text(&text);
        assert_eq!(configuration.services.len(), 1);
        assert_eq!(configuration.services[0].access.only_from, Some(Vec::new()));
        assert_eq!(configuration.dropped.len(), 20_000);
    }

    proptest::proptest! {
        #[test]
        fn no_text_breaks_it_and_every_place_lies_in_the_text(
            text in proptest::collection::vec(
                proptest::prelude::prop_oneof![
                    proptest::prelude::any::<Vec<u8>>(),
                    proptest::sample::select(vec![
                        "service telnet\n{\n", "service ftp\n{\n", "defaults\n{\n", "}\n", "{\n", "\r\n",
                        "wait = no\n", "socket_type = stream\n", "user = root\n", "server = /bin/cat\n",
                        "type = UNLISTED\n", "port = 70\n", "instances = 5 # five\n", "cps = 0 1\n",
                        "only_from += 10.1 x, .b ::1\n", "only_from -= 10.1\n", "access_times = 22:00-6:00\n",
                        "log_type = FILE x 1k 2\n", "env = A=B C\n", "flags = IPv4 SENSOR\n", "bind = ::1\n",
                        "disable = yes\n", "disable = no\n", "redirect = a 1\n", "include /etc/xinetd.conf\n",
                        "enabled = telnet\n", "disabled -= x\n", "=\n", "no_access = 10.0.0.0/8 ,\n",
                    ]).prop_map(|text| text.as_bytes().to_vec()),
                ],
                0..40,
            )
        ) {
            use proptest::prop_assert;
            let text = text.concat();
            let configuration = load_text(&text);
            let lines: Vec<_> = text.split(|byte| *byte == b'\n').collect();
            for problem in &configuration.problems {
                let place = &problem.place;
                let line = lines.get(place.line as usize - 1);
                prop_assert!(line.is_some(), "{problem:?}");
                let end = place.column as usize - 1 + place.length as usize;
                prop_assert!(end <= line.unwrap().len(), "{problem:?}");
                prop_assert!(!problem.message.is_empty() && !problem.help.is_empty());
                prop_assert!(!problem.message.contains(char::is_control), "{problem:?}");
            }
            for dropped in &configuration.dropped {
                prop_assert!(!configuration.problems.is_empty(), "{dropped:?}");
            }
        }
    }
}
