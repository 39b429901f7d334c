//! What else than xinetd's own files says what is served: how xinetd would be started on this machine
//! (/etc/default/xinetd, /etc/sysconfig/xinetd), /etc/xinetd-bridge.toml, and whether a real xinetd or inetd
//! serves already.

mod assignments;
mod boot;
mod command_line;
mod table;
#[cfg(test)]
mod tests;
mod unreadable;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::{FileTree, Roots};
use crate::options::Options;
use crate::problem::{Place, Problem, Severity};

use self::assignments::{Assignments, Variable};
use self::command_line::CommandLine;
use self::unreadable::{Unreadable, may_set};

pub use table::{Argument, Effect, OptionRow, TABLE};

/// The file that the configuration begins with, where no `-f` names another one.
pub const MAIN: &str = "/etc/xinetd.conf";

/// What xinetd reads with `-inetd_compat`.
pub const INETD: &str = "/etc/inetd.conf";

/// The [code](Problem::code) of what is said of real xinetd.
pub const REAL_CODE: &str = "real-xinetd";

/// The program of real xinetd.
pub const XINETD: &str = "/usr/sbin/xinetd";

/// Where distributions keep xinetd's options: the file, the variable with the options, and the one that asks for
/// [`INETD`] when its value begins with a `y`.
///
/// Debian's init script reads the first, and Fedora's unit the second.
const FILES: [(&str, &str, Option<&str>); 2] = [
    ("/etc/default/xinetd", "XINETD_OPTS", Some("INETD_COMPAT")),
    ("/etc/sysconfig/xinetd", "EXTRAOPTIONS", None),
];

/// The programs of other inetds and their services, as Debian has them.
const INETDS: [(&str, &str); 4] = [
    ("/usr/sbin/inetd", "inetd"),
    ("/usr/sbin/inetd", "openbsd-inetd"),
    ("/usr/sbin/inetutils-inetd", "inetutils-inetd"),
    ("/usr/sbin/rlinetd", "rlinetd"),
];

/// What else than xinetd's own files says what is served.
#[derive(Clone, Debug)]
pub struct Startup {
    options: Options,
    main: PathBuf,
    may_assume: bool,
    inetd: Option<PathBuf>,
    real: Option<PathBuf>,
    problems: Vec<Problem>,
    sources: Vec<(Place, Vec<u8>)>,
}

impl Default for Startup {
    fn default() -> Self {
        Self {
            options: Options::default(),
            main: MAIN.into(),
            may_assume: true,
            inetd: None,
            real: None,
            problems: Vec::new(),
            sources: Vec::new(),
        }
    }
}

impl Startup {
    /// Looks at a tree.
    pub fn read(tree: &dyn FileTree) -> Self {
        let mut this = Self {
            options: Options::read(tree),
            real: boot::starts(tree, XINETD, "xinetd"),
            ..Self::default()
        };
        let mut asked = None;
        for (path, options, compat) in FILES {
            let file: Arc<Path> = Path::new(path).into();
            match tree.read(&file) {
                Ok(text) => {
                    asked = this.file(tree, &file, &text, (options, compat)).or(asked);
                    this.sources.push((start_of(&file), text));
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => this.add(
                    Severity::Error,
                    start_of(&file),
                    format!("it can't be read: {error}"),
                    "make it a regular file; until then its options don't count",
                ),
            }
        }
        if let Some(place) = asked {
            this.inetd(tree, place);
        }
        this.occupied();
        this
    }

    /// That of a program which is told on its own command line what it serves: the main file, where it is
    /// another one than [`MAIN`], and whether [`INETD`] is served too, which need not be there. The main file is never
    /// [assumed](Roots::is_assumed): such a program does not start without it.
    pub fn commanded(tree: &dyn FileTree, main: Option<PathBuf>, has_inetd: bool) -> Self {
        let is_there = |path: &str| {
            let found = tree.read(Path::new(path));
            !found.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        Self {
            options: Options::read(tree),
            main: main.unwrap_or_else(|| MAIN.into()),
            may_assume: false,
            inetd: (has_inetd && is_there(INETD)).then(|| INETD.into()),
            ..Self::default()
        }
    }

    /// What /etc/xinetd-bridge.toml says.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The files that the configuration begins with.
    pub fn roots(&self) -> Roots<'_> {
        Roots {
            main: &self.main,
            inetd: self.options.inetd().or(self.inetd.as_deref()),
            may_assume: self.may_assume,
        }
    }

    /// The link that has real xinetd start at boot: then the bridge leaves the services to it.
    pub fn real(&self) -> Option<&Path> {
        self.real.as_deref()
    }

    /// What is wrong or surprising; that of /etc/xinetd-bridge.toml too.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.options.problems.iter().chain(&self.problems)
    }

    /// The texts of the files that were read, for showing the lines of problems.
    pub fn sources(&self) -> impl Iterator<Item = &(Place, Vec<u8>)> {
        self.options.source.iter().chain(&self.sources)
    }

    /// Takes what a file says; where it asks for /etc/inetd.conf.
    fn file(
        &mut self,
        tree: &dyn FileTree,
        file: &Arc<Path>,
        text: &[u8],
        (options, compat): (&str, Option<&str>),
    ) -> Option<Place> {
        let all = Assignments::parse(file, text);
        let mut unknown = Vec::new();
        for fault in &all.faults {
            let sourced = fault.sourced().map(|path| tree.read(path));
            let sets = |name: &&str| {
                let text = sourced.as_ref().and_then(|text| text.as_ref().ok());
                fault.may_set(name) || text.is_some_and(|text| may_set(text, name))
            };
            let set: Vec<&str> = [Some(options), compat]
                .into_iter()
                .flatten()
                .filter(sets)
                .collect();
            self.fault(fault, &set);
            unknown.extend(set);
        }
        let known = |name: &str| all.get(name).filter(|_| !unknown.contains(&name));
        let exported = |(name, variable): &(&str, &Variable)| variable.exported && *name != options;
        for (name, variable) in all.iter().filter(exported) {
            self.add(
                Severity::Warning,
                variable.place.clone(),
                format!("servers do not get the variable {name} from here"),
                &format!("write `env += {name}=VALUE` in the defaults of {MAIN}"),
            );
        }
        let words = known(options).map(Variable::words).unwrap_or_default();
        let line = CommandLine::parse(&words);
        self.problems.extend(line.problems);
        self.main = line.main.unwrap_or_else(|| std::mem::take(&mut self.main));
        let yes = compat.and_then(|name| known(name)?.words().into_iter().next());
        // As the init script tests it.
        let yes = yes.filter(|word| word.text.first().is_some_and(|first| b"Yy".contains(first)));
        yes.map(|word| word.place).or(line.inetd)
    }

    /// Says what a fault has for a consequence: these variables of ours may be set there.
    fn fault(&mut self, fault: &Unreadable, set: &[&str]) {
        let what = fault.what;
        let (severity, message) = match (set, &fault.variable, fault.sourced()) {
            ([_, ..], ..) => {
                let verb = if set.len() == 1 { "does" } else { "do" };
                let names = set.join(" and ");
                (
                    Severity::Error,
                    format!("{what}, so that {names} {verb} not count"),
                )
            }
            ([], Some(_), _) => (Severity::Note, format!("{what}, and is passed over")),
            ([], None, Some(_)) => (
                Severity::Warning,
                format!("{what}; options that it sets do not count"),
            ),
            ([], None, None) => (Severity::Warning, format!("{what}, and is passed over")),
        };
        let help = "write NAME=\"WORDS\", as no shell runs here";
        self.add(severity, fault.place.clone(), message, help);
    }

    /// Takes /etc/inetd.conf, which was asked for at this place, unless an inetd serves it.
    fn inetd(&mut self, tree: &dyn FileTree, place: Place) {
        let entries = match tree.read(Path::new(INETD)) {
            Ok(text) => has_entries(&text),
            // xinetd serves its own files then, and says nothing.
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(_) => true,
        };
        let mut inetds = INETDS.iter();
        let other = inetds.find_map(|(program, name)| {
            let link = boot::starts(tree, program, name)?;
            Some((program, link))
        });
        if other.is_none() {
            self.inetd = Some(INETD.into());
        }
        if !entries || self.options.inetd().is_some() {
            return;
        }
        match other {
            None => self.add(
                Severity::Note,
                place,
                format!("{INETD} is served too"),
                "write INETD_COMPAT=No, and no -inetd_compat, if that is not meant",
            ),
            Some((program, link)) => self.add(
                Severity::Warning,
                place,
                format!(
                    "{INETD} is left to {program}, which starts at boot ({})",
                    link.display()
                ),
                "disable its service and run `xinetdctl reload` to have it served here",
            ),
        }
    }

    /// Says that real xinetd serves.
    fn occupied(&mut self) {
        if let Some(link) = &self.real {
            self.problems.push(Problem {
                severity: Severity::Warning,
                code: REAL_CODE,
                place: start_of(&link.as_path().into()),
                message: format!(
                    "{XINETD} starts at boot and serves these files: at boot the bridge leaves them to it"
                ),
                help: "`xinetdctl migrate --dry-run` says what would change, and `xinetdctl migrate` goes over"
                    .to_owned(),
            });
        }
    }

    fn add(&mut self, severity: Severity, place: Place, message: String, help: &str) {
        self.problems.push(Problem {
            severity,
            code: "startup",
            place,
            message,
            help: help.to_owned(),
        });
    }
}

/// Where a file begins.
fn start_of(file: &Arc<Path>) -> Place {
    Place {
        file: Arc::clone(file),
        line: 1,
        column: 1,
        length: 0,
    }
}

/// Whether an inetd.conf has more than comments.
fn has_entries(text: &[u8]) -> bool {
    let lines = text.split(|&byte| byte == b'\n');
    let mut lines = lines.map(<[u8]>::trim_ascii);
    lines.any(|line| !line.is_empty() && line[0] != b'#')
}
