//! The report of `xinetdctl check` for people: at most 80 columns wherever words allow it.

use std::io::{self, Write};

use super::check::{Check, Counts};
use super::output::WIDTH;
use crate::problem::{Severity, printable, wrap};
use crate::translate::{AttributeReport, Fate, Native, ServiceReport, Standing};

/// Where the fate of an attribute begins, and how wide it may be.
const FATE_COLUMN: usize = 34;
const FATE_WIDTH: usize = WIDTH - FATE_COLUMN;

/// Prints the problems with their lines, then the services, then the counts.
pub(super) fn print(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    for check in checks {
        for problem in &check.problems {
            writeln!(
                out,
                "{}",
                problem.render(check.sources.line(&problem.place))
            )?;
        }
        for service in &check.services {
            print_service(service, out)?;
        }
        for dropped in &check.dropped {
            let id = dropped.id.to_text();
            let line = format!("{id} ({}): dropped, for what is said above", dropped.place);
            writeln!(out, "{}\n", printable(&line))?;
        }
    }
    let counts = Counts::of(checks);
    let services: usize = checks
        .iter()
        .map(|check| check.services.len() + check.dropped.len())
        .sum();
    writeln!(
        out,
        "{}, {}, {} in {}",
        counted(counts.errors, "error"),
        counted(counts.warnings, "warning"),
        counted(counts.notes, "note"),
        counted(services, "service"),
    )
}

/// Prints the errors with their lines.
pub(super) fn print_errors(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    for check in checks {
        let errors = check.problems.iter();
        for problem in errors.filter(|problem| problem.severity == Severity::Error) {
            let text = problem.render(check.sources.line(&problem.place));
            writeln!(out, "{text}")?;
        }
    }
    Ok(())
}

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn print_service(service: &ServiceReport, out: &mut dyn Write) -> io::Result<()> {
    let standing = match &service.standing {
        Standing::Served {
            unit,
            enabled: true,
            ..
        } => format!("served by {unit}.socket, started at boot"),
        Standing::Served {
            unit,
            enabled: false,
            ..
        } => {
            format!("switched off; `systemctl start {unit}.socket` serves it")
        }
        Standing::Native { unit, path, native } => {
            let path = path.display();
            match native {
                Native::Own => format!("left to the unit {unit} of the administrator, {path}"),
                Native::Mask => format!("masked by {path}"),
                Native::Ejected => format!("ejected to {path}"),
            }
        }
        // What would become of its other attributes is of no use to anybody.
        Standing::NotServed(_) => "not served, because of".to_owned(),
    };
    let heading = format!("{} ({}): {standing}", service.id.to_text(), service.place);
    writeln!(out, "{}", wrap(&printable(&heading), WIDTH).join("\n    "))?;
    let all = !matches!(service.standing, Standing::NotServed(_));
    let blocks = |fate: &Fate| matches!(fate, Fate::NotServed { .. });
    for attribute in &service.attributes {
        if all || attribute.fates.iter().any(blocks) {
            print_attribute(attribute, out)?;
        }
    }
    writeln!(out)
}

/// One attribute: as written on the left, what becomes of it on the right.
fn print_attribute(attribute: &AttributeReport, out: &mut dyn Write) -> io::Result<()> {
    let origin = if attribute.from_defaults {
        " (defaults)"
    } else {
        ""
    };
    let written = printable(&attribute.text.to_text());
    let written = format!("{} {written}", attribute.attribute.name());
    let room = FATE_COLUMN - 2 - origin.len() - 2;
    let mut left = written.trim_end().to_owned();
    if left.chars().count() > room {
        left = left.chars().take(room - 1).collect();
        left.push('…');
    }
    left += origin;
    let described = attribute
        .fates
        .iter()
        .map(|fate| printable(&describe(fate)));
    let mut fates = described.flat_map(|fate| wrap(&fate, FATE_WIDTH));
    let first = fates.next().unwrap_or_default();
    let padding = FATE_COLUMN - 2;
    writeln!(out, "  {left:padding$}{first}")?;
    for line in fates {
        writeln!(out, "{:FATE_COLUMN$}{line}", "")?;
    }
    Ok(())
}

/// What becomes of an attribute.
fn describe(fate: &Fate) -> String {
    match fate {
        Fate::Unit { directives } => format!("systemd: {directives}"),
        Fate::Generator { what } => format!("generator: {what}"),
        Fate::Helper { what } => format!("helper: {what}"),
        Fate::NotServed { why } => format!("NOT SERVED: {why}"),
        Fate::NoEffect { why } => format!("no effect: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::check::tests::sample;

    #[test]
    fn problems_services_and_counts() {
        let mut out = Vec::new();
        print(&[sample()], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let expected = "\
/etc/xinetd.d/foo:3:2: warning: `cps` takes 2 values, not 3
   |     cps = 5 # text
   |     ^^^^
   = help: remove the text

foo (/etc/xinetd.d/foo:1:2): served by foo.socket, started at boot
  port = 7                        systemd: ListenStream=
  log_type = FILE /v… (defaults)  no effect: the lines go to the journal, where
                                  `journalctl -u foo` shows them

b\u{fffd}r (/etc/xinetd.d/foo:20:2): dropped, for what is said above

0 errors, 1 warning, 0 notes in 2 services
";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }
}
