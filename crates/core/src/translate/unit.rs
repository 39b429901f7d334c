//! A unit file as data, and the one printer that writes it.

use std::fmt::{self, Display, Write};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::escape;
use super::unit_name::{RUNTIME_DIRECTORY, UnitName, rpc_unit};
use super::zone::Zone;
use crate::spec::MUX_DIRECTORY;

/// Where the packages put the helper.
const LIBEXECDIR: &str = match option_env!("XINETD_BRIDGE_LIBEXECDIR") {
    Some(directory) => directory,
    None => "/usr/libexec/xinetd-bridge",
};

/// The program of the helper.
pub fn helper() -> PathBuf {
    Path::new(LIBEXECDIR).join("xinetd-accept")
}

/// Where they put xinetdctl.
pub(super) const BINDIR: &str = match option_env!("XINETD_BRIDGE_BINDIR") {
    Some(directory) => directory,
    None => "/usr/bin",
};

/// Few units have more bytes.
const USUAL_SIZE: usize = 1536;

/// What generated units begin with.
pub(super) const GENERATED: &str =
    "# Made by xinetd-generator at each daemon-reload: change the xinetd file, not this.\n";

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnitFile {
    /// The sections, each with its directives.
    pub(super) sections: Vec<(&'static str, Vec<Directive>)>,
}

/// One line of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directive {
    key: &'static str,
    value: Value,
}

/// What stands behind the `=`. What comes from a configuration is escaped by the printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Text of this program, specifiers included.
    Literal(&'static str),
    /// A number.
    Number(i64),
    /// A file mode or mask.
    Octal(u16),
    /// An address to listen on, and its zone.
    Listen(SocketAddr, Option<Zone>),
    /// Where the helper takes connections from tcpmux.
    MuxSocket(UnitName),
    /// The unit's directory below /run.
    RuntimeDirectory(UnitName),
    /// Text for people.
    Prose(Vec<u8>),
    /// Text that has passed [`Plain::new`].
    Plain(Plain),
    /// A path in a list of paths, which need not be there.
    Optional(Plain),
    /// The spec as a file to read, by the specs' directory and the unit.
    Spec(Plain, UnitName),
    /// A unit, by its name and suffix.
    Unit(UnitName, &'static str),
    /// The unit that registers an RPC service, by the service's unit.
    RpcUnit(UnitName),
    /// A command line of the helper: special characters of systemd.service(5) that stand before
    /// it, and its arguments.
    Helper(&'static str, Vec<Vec<u8>>),
    /// A command line of a server: what systemd.service(5) has before it, and its words.
    Command(&'static str, Vec<Vec<u8>>),
    /// A variable and its value, for `Environment=`.
    Assignment(Vec<u8>),
}

/// Text that can be written as it stands, specifiers escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plain(String);

impl Plain {
    /// A text of ours, which needs no escaping.
    pub(super) fn literal(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// The text, if there is a way to write it.
    pub(super) fn new(text: &[u8]) -> Option<Self> {
        escape::plain(text).map(Self)
    }

    /// A path, if there is a way to write it that systemd takes: it must be absolute and without
    /// `..`.
    pub(super) fn path(path: &Path) -> Option<Self> {
        let normal =
            path.is_absolute() && !path.components().any(|part| part == Component::ParentDir);
        normal.then(|| Self::new(path.as_os_str().as_bytes()))?
    }
}

impl Directive {
    /// `key=value`.
    pub(super) fn new(key: &'static str, value: Value) -> Self {
        Self { key, value }
    }

    /// Whether it has this key and, if one is given, this value, which is a text of ours.
    fn is(&self, (key, value): (&str, Option<&str>)) -> bool {
        let is_value = |value: &str| matches!(self.value, Value::Literal(text) if text == value);
        self.key == key && value.is_none_or(is_value)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Number(number) => number.fmt(f),
            Self::Octal(mode) => write!(f, "{mode:04o}"),
            // A zone stands behind the port (systemd.socket(5)).
            Self::Listen(address, Some(zone)) => write!(f, "{address}%%{zone}"),
            Self::Listen(address, None) => address.fmt(f),
            Self::MuxSocket(unit) => write!(f, "{MUX_DIRECTORY}/{}", unit.simple()),
            Self::RuntimeDirectory(unit) => write!(f, "{RUNTIME_DIRECTORY}/{}", unit.simple()),
            Self::Prose(text) => f.write_str(&escape::prose(text)),
            Self::Plain(text) => f.write_str(&text.0),
            Self::Optional(path) => write!(f, "-{}", escape::list_word(&path.0)),
            Self::Spec(directory, unit) => write!(f, "file:{}/{}.toml", directory.0, unit.simple()),
            Self::Unit(unit, suffix) => write!(f, "{unit}{suffix}"),
            Self::RpcUnit(unit) => f.write_str(&rpc_unit(unit.as_str())),
            Self::Command(prefix, words) => {
                f.write_str(prefix)?;
                for (number, word) in words.iter().enumerate() {
                    let blank = if number == 0 { "" } else { " " };
                    write!(f, "{blank}{}", escape::exec_word(word))?;
                }
                Ok(())
            }
            Self::Assignment(text) => f.write_str(&escape::quoted(text)),
            Self::Helper(prefix, arguments) => {
                write!(f, "{prefix}{LIBEXECDIR}/xinetd-accept")?;
                arguments
                    .iter()
                    .try_for_each(|word| write!(f, " {}", escape::exec_word(word)))
            }
        }
    }
}

impl UnitFile {
    /// What stands in the file that the generator writes.
    pub(super) fn text(&self) -> String {
        self.text_below(GENERATED)
    }

    /// Takes directives out, each by its key and, where one is given, its value.
    pub(super) fn without(&mut self, directives: &[(&str, Option<&str>)]) {
        for (_, section) in &mut self.sections {
            section.retain(|directive| !directives.iter().any(|named| directive.is(*named)));
        }
    }

    /// What stands in a file that begins with these lines.
    pub(super) fn text_below(&self, head: &str) -> String {
        let mut text = String::with_capacity(USUAL_SIZE);
        text.push_str(head);
        for (name, directives) in &self.sections {
            text.extend(["\n[", name, "]\n"]);
            for Directive { key, value } in directives {
                text.extend([key, "="]);
                // A String takes all that is written to it.
                let _ = writeln!(text, "{value}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_printed_by_section() {
        let unit = UnitFile {
            sections: vec![
                (
                    "Unit",
                    vec![Directive::new(
                        "Description",
                        Value::Prose(b"50%\n".to_vec()),
                    )],
                ),
                (
                    "Service",
                    vec![
                        Directive::new("UMask", Value::Octal(0o22)),
                        Directive::new(
                            "ExecReload",
                            Value::Helper("+", vec![b"a b".to_vec(), b"c".to_vec()]),
                        ),
                    ],
                ),
            ],
        };
        let text = unit.text();
        let (comment, rest) = text.split_once('\n').unwrap();
        assert!(comment.starts_with("# "));
        assert_eq!(
            rest,
            "\n[Unit]\nDescription=50%%\\x0a\n\n[Service]\nUMask=0022\nExecReload=+/usr/libexec/xinetd-bridge/xinetd-accept \"a b\" c\n"
        );
    }

    #[test]
    fn paths_are_absolute_and_normal() {
        assert_eq!(
            Plain::path(Path::new("/a%")),
            Some(Plain("/a%%".to_owned()))
        );
        assert_eq!(Plain::path(Path::new("a")), None);
        assert_eq!(Plain::path(Path::new("/a/../b")), None);
    }
}
