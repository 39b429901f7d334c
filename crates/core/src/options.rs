//! /etc/xinetd-bridge.toml: what xinetd's own files have no word for.
//!
//! It holds TOML. What can't be understood is an error at its place. Then services go by what the file said
//! before, of which [`keep`](Options::keep) makes a copy, and where there is none by xinetd's files alone.
//! `[bans]` is read by itself: an error in another section does not touch it, and where it can't be
//! understood the coordinator goes by the last one that could be.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use crate::bans;
use crate::config::FileTree;
use crate::problem::{Place, Problem, Severity};
use crate::spec::{ProxyProtocol, Target};

/// The file.
pub const FILE: &str = "/etc/xinetd-bridge.toml";

/// A copy of it as it was when it had no error the last time since the boot: a typing error must not close
/// ports that are open.
pub const LAST_GOOD: &str = "/run/xinetd-reconcile/xinetd-bridge.toml";

/// What the file says.
#[derive(Clone, Debug)]
pub struct Options {
    /// By the ids of the services.
    services: BTreeMap<String, ServiceOptions>,
    /// Or what is wrong with them, in words.
    bans: Result<bans::BanOptions, String>,
    /// An inetd.conf that is served too.
    inetd: Option<PathBuf>,
    /// What is for the program that serves without systemd.
    standalone: StandaloneOptions,
    /// What is wrong in the file.
    pub problems: Vec<Problem>,
    /// The file, if there is one: for showing the lines of problems.
    pub source: Option<(Place, Vec<u8>)>,
}

/// What the file says of a service.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// Where its section begins.
    pub place: Place,
    /// How it redirects.
    pub redirect: Option<RedirectOptions>,
}

/// What the file says to the program that serves without systemd.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StandaloneOptions {
    /// How the lines of its log look, where they go to a file or a stream.
    pub log_format: LogFormat,
    /// The absolute path of the file that keeps bans.
    pub bans_file: Option<PathBuf>,
}

/// How lines of a log look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// As xinetd's.
    #[default]
    Text,
    /// As objects of JSON.
    Json,
}

/// What the file says of a redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedirectOptions {
    /// The backends, the preferred one first; none leaves the one of xinetd's file.
    pub targets: Vec<Target>,
    /// How the backend is told who the client is.
    pub proxy_protocol: Option<ProxyProtocol>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OptionsFile {
    #[serde(default)]
    service: BTreeMap<Spanned<String>, Section>,
    /// Taken from [`BansSection`].
    #[expect(dead_code, reason = "an error in it is an error of the file")]
    bans: Option<bans::BanOptions>,
    inetd: Option<Inetd>,
    standalone: Option<Standalone>,
}

/// The file, for the coordinator: the contents of the other sections don't matter, but their names do,
/// as an unknown section may be a misspelt `[bans]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BansSection {
    #[serde(default)]
    bans: bans::BanOptions,
    #[serde(rename = "service")]
    _service: Option<IgnoredAny>,
    #[serde(rename = "inetd")]
    _inetd: Option<IgnoredAny>,
    #[serde(rename = "standalone")]
    _standalone: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Inetd {
    file: Spanned<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Standalone {
    #[serde(default)]
    log_format: LogFormat,
    bans_file: Option<Spanned<PathBuf>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    redirect: Option<Redirect>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redirect {
    targets: Option<Spanned<Vec<Spanned<String>>>>,
    proxy_protocol: Option<ProxyProtocol>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            services: BTreeMap::new(),
            bans: Ok(bans::BanOptions::default()),
            inetd: None,
            standalone: StandaloneOptions::default(),
            problems: Vec::new(),
            source: None,
        }
    }
}

impl Options {
    /// Reads the file of a tree; it need not be there. Where it has an error the copy of an earlier one
    /// says what services go by.
    pub fn read(tree: &dyn FileTree) -> Self {
        let mut this = Self::read_at(tree, Path::new(FILE));
        if this.problems.is_empty() {
            return this;
        }
        let before = tree.read(Path::new(LAST_GOOD)).ok();
        let before = before.map(|text| Self::parse(Path::new(LAST_GOOD), text));
        let before = before.filter(|before| before.problems.is_empty());
        let meanwhile = match before {
            Some(before) => {
                this.services = before.services;
                this.inetd = before.inetd;
                GO_ON
            }
            None => MEANWHILE,
        };
        for problem in &mut this.problems {
            problem.help = format!("{}; {meanwhile}", problem.help);
        }
        this
    }

    /// Reads such a file at another path.
    pub fn read_at(tree: &dyn FileTree, path: &Path) -> Self {
        match tree.read(path) {
            Ok(text) => Self::parse(path, text),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::default(),
            Err(error) => {
                let mut this = Self::default();
                let place = Finder { path, text: "" }.place(&(0..0));
                let message = format!("it can't be read: {error}");
                this.bans = Err(message.clone());
                this.fail(place, message, READABLE);
                this
            }
        }
    }

    /// Makes the copy of the file at `copy`, [`LAST_GOOD`], unless it has an error now.
    ///
    /// # Errors
    /// As of writing files.
    pub fn keep(&self, copy: &Path) -> io::Result<()> {
        if !self.problems.is_empty() {
            return Ok(());
        }
        match &self.source {
            Some((_, text)) if fs::read(copy).is_ok_and(|kept| kept == *text) => Ok(()),
            Some((_, text)) => {
                let new = copy.with_extension("new");
                fs::write(&new, text)?;
                fs::rename(new, copy)
            }
            None => match fs::remove_file(copy) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// What is said of the service `id`.
    pub(crate) fn service(&self, id: &str) -> Option<&ServiceOptions> {
        self.services.get(id)
    }

    /// What is said of bans.
    ///
    /// # Errors
    /// What is wrong, in words with the line.
    pub fn bans(&self) -> Result<bans::BanOptions, String> {
        self.bans.clone()
    }

    /// The inetd.conf that is served too, by its absolute path.
    pub fn inetd(&self) -> Option<&Path> {
        self.inetd.as_deref()
    }

    /// What is for the program that serves without systemd; nothing while the file has an error.
    pub fn standalone(&self) -> &StandaloneOptions {
        &self.standalone
    }

    /// All services of which something is said, by their ids.
    pub fn services(&self) -> impl Iterator<Item = (&str, &ServiceOptions)> {
        let services = self.services.iter();
        services.map(|(id, options)| (id.as_str(), options))
    }

    fn parse(path: &Path, bytes: Vec<u8>) -> Self {
        let mut this = Self::default();
        let text = String::from_utf8_lossy(&bytes);
        let find = Finder { path, text: &text };
        this.bans = match toml::from_str::<BansSection>(&text) {
            Ok(file) => Ok(file.bans),
            Err(error) => {
                let line = find.place(&error.span().unwrap_or(0..0)).line;
                Err(format!("line {line}: {}", error.message()))
            }
        };
        match toml::from_str::<OptionsFile>(&text) {
            Ok(file) => this.take(file, &find),
            Err(error) => {
                let place = find.place(&error.span().unwrap_or(0..0));
                this.fail(place, error.message().to_owned(), KNOWN);
            }
        }
        if !this.problems.is_empty() {
            this.services.clear();
            this.inetd = None;
            this.standalone = StandaloneOptions::default();
        }
        this.source = Some((find.place(&(0..0)), bytes));
        this
    }

    fn take(&mut self, file: OptionsFile, find: &Finder<'_>) {
        if let Some(inetd) = file.inetd {
            if inetd.file.get_ref().is_relative() {
                let message = format!("{} is not absolute", inetd.file.get_ref().display());
                self.fail(find.place(&inetd.file.span()), message, INETD);
            }
            self.inetd = Some(inetd.file.into_inner());
        }
        if let Some(standalone) = file.standalone {
            let bans_file = standalone.bans_file;
            if let Some(path) = bans_file
                .as_ref()
                .filter(|path| path.get_ref().is_relative())
            {
                let message = format!("{} is not absolute", path.get_ref().display());
                self.fail(find.place(&path.span()), message, BANS_FILE);
            }
            self.standalone = StandaloneOptions {
                log_format: standalone.log_format,
                bans_file: bans_file.map(Spanned::into_inner),
            };
        }
        for (id, section) in file.service {
            let place = find.place(&id.span());
            let redirect = section.redirect.map(|redirect| RedirectOptions {
                targets: self.targets(redirect.targets, find),
                proxy_protocol: redirect.proxy_protocol,
            });
            let options = ServiceOptions { place, redirect };
            self.services.insert(id.into_inner(), options);
        }
    }

    fn targets(
        &mut self,
        words: Option<Spanned<Vec<Spanned<String>>>>,
        find: &Finder<'_>,
    ) -> Vec<Target> {
        let Some(words) = words else {
            return Vec::new();
        };
        let place = find.place(&words.span());
        let words = words.into_inner();
        if words.is_empty() {
            self.fail(place, "there is no target".to_owned(), TARGET);
        }
        let mut targets = Vec::new();
        for word in words {
            match target(word.get_ref()) {
                Some(target) => targets.push(target),
                None => {
                    let message = format!("{:?} is no target", word.get_ref());
                    self.fail(find.place(&word.span()), message, TARGET);
                }
            }
        }
        targets
    }

    fn fail(&mut self, place: Place, message: String, help: &str) {
        self.problems.push(Problem {
            severity: Severity::Error,
            code: "bridge-file",
            place,
            message,
            help: help.to_owned(),
        });
    }
}

const READABLE: &str = "make it a regular file";
const KNOWN: &str = "the file may have [bans] with allow = [\"NETWORK\"] and ipv6_prefix = 64, [inetd] with \
    file = \"PATH\", [standalone] with log_format = \"text\" or \"json\" and bans_file = \"PATH\", and \
    [service.ID.redirect] with targets = [\"HOST:PORT\"] and proxy_protocol = \"v1\" or \"v2\"";
const BANS_FILE: &str = "write the path from / on, such as \"/var/lib/xinetd-bridge/bans.toml\"";
const INETD: &str = "write the path from / on, such as \"/etc/inetd.conf\"";
const TARGET: &str = "write \"HOST:PORT\", with an IPv6 address in brackets";
const MEANWHILE: &str = "until then its [service], [inetd] and [standalone] sections don't count, and bans go by the last \
    [bans] section that could be read";
const GO_ON: &str = "until then services go by what the file said before, and bans by the last [bans] section that could be \
    read";

/// `host:port`, or none if it is not that.
fn target(word: &str) -> Option<Target> {
    let (host, port) = word.rsplit_once(':')?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').filter(|host| host.contains(':'))?,
        None => Some(host).filter(|host| !host.contains(':'))?,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:%".contains(&byte);
    let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
    (!host.is_empty() && host.bytes().all(is_host)).then(|| Target {
        host: host.to_owned(),
        port,
    })
}

/// Finds the places of byte offsets.
struct Finder<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Finder<'_> {
    fn place(&self, span: &Range<usize>) -> Place {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.bytes().filter(|&byte| byte == b'\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |end| end + 1);
        let stretch = self.text.get(span.clone()).unwrap_or_default();
        let length = stretch.lines().next().unwrap_or_default().len();
        Place {
            file: self.path.into(),
            line: number(line + 1),
            column: number(column + 1),
            length: number(length),
        }
    }
}
