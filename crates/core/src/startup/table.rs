//! The options of xinetd(8), and what becomes of each here: parser, `xinetdctl check` and docs/migration.md go by
//! this table.

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The name of a file.
    File,
    /// A facility of syslog(3).
    Facility,
    /// A number.
    Number,
}

/// What becomes of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The configuration begins with the file that it names.
    Main,
    /// /etc/inetd.conf is served too.
    Inetd,
    /// It makes no difference to clients or administrators: for this reason.
    Moot(&'static str),
    /// What it does is missing here.
    Missing {
        /// What that comes to.
        consequence: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct OptionRow {
    /// The option as it is written.
    pub name: &'static str,
    /// What follows it.
    pub argument: Option<Argument>,
    /// What becomes of it.
    pub effect: Effect,
}

/// All options that xinetd 2.3.15 knows, and `-inetd_ipv6`, which Debian's init script adds.
pub const TABLE: &[OptionRow] = &[
    row("-f", Some(Argument::File), Effect::Main),
    row("-inetd_compat", None, Effect::Inetd),
    row(
        "-limit",
        Some(Argument::Number),
        Effect::Missing {
            consequence: "no limit is common to all services",
            instead: "set `instances` of the services so that together they are not more than the limit",
        },
    ),
    row(
        "-filelog",
        Some(Argument::File),
        Effect::Missing {
            consequence: "nothing is written to that file, the messages go to the journal",
            instead: "read them with `journalctl -u ID`; `log_type = FILE` still has its own lines",
        },
    ),
    row(
        "-syslog",
        Some(Argument::Facility),
        Effect::Missing {
            consequence: "messages about the service itself have the facility daemon",
            instead: "have syslog filter by the program's name; `log_type = SYSLOG` still has its own facility",
        },
    ),
    row(
        "-pidfile",
        Some(Argument::File),
        Effect::Missing {
            consequence: "the file is not written, as there is no such process",
            instead: "use `systemctl reload xinetd` in place of a signal",
        },
    ),
    row(
        "-d",
        None,
        Effect::Missing {
            consequence: "no debugging output is written",
            instead: "use `xinetdctl explain ID ADDRESS` and `journalctl -u ID`",
        },
    ),
    row(
        "-version",
        None,
        Effect::Missing {
            consequence: "xinetd prints its version and ends, but here the services are served",
            instead: "remove it; `xinetdctl --version` prints the version",
        },
    ),
    row(
        "-stayalive",
        None,
        Effect::Moot("there is no process that could end for want of services"),
    ),
    row(
        "-dontfork",
        None,
        Effect::Moot("there is no process that could go to the background"),
    ),
    row(
        "-reuse",
        None,
        Effect::Moot("xinetd always does it, and so does systemd"),
    ),
    row(
        "-cc",
        Some(Argument::Number),
        Effect::Moot("what is configured and what listens is compared at each reload"),
    ),
    row(
        "-logprocs",
        Some(Argument::Number),
        Effect::Moot("xinetd takes it and does nothing"),
    ),
    row(
        "-shutdownprocs",
        Some(Argument::Number),
        Effect::Moot("xinetd takes it and does nothing"),
    ),
    row(
        "-inetd_ipv6",
        None,
        Effect::Moot("xinetd takes it and does nothing"),
    ),
];

const fn row(name: &'static str, argument: Option<Argument>, effect: Effect) -> OptionRow {
    OptionRow {
        name,
        argument,
        effect,
    }
}

impl Argument {
    /// The word that stands for it in xinetd's usage text.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "FILE",
            Self::Facility => "FACILITY",
            Self::Number => "NUMBER",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of the document.
    fn markdown(row: &OptionRow) -> String {
        let argument = row.argument.map_or("", Argument::word);
        let option = format!("{} {argument}", row.name);
        let here = match row.effect {
            Effect::Main => {
                "The configuration begins with that file, for all programs here.".to_owned()
            }
            Effect::Inetd => "/etc/inetd.conf is served too, see above.".to_owned(),
            Effect::Moot(why) => format!("Nothing is lost: {why}."),
            Effect::Missing {
                consequence,
                instead,
            } => format!("**Not done**, and `check` warns: {consequence}. Instead: {instead}."),
        };
        format!("| `{}` | {here} |", option.trim_end())
    }

    #[test]
    fn the_document_has_each_option() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migration.md");
        let document = std::fs::read_to_string(path).unwrap();
        for row in TABLE {
            let line = markdown(row);
            assert!(document.lines().any(|other| other == line), "{line}");
        }
    }
}
