//! The report of `xinetdctl check` for people: at most 80 columns wherever words allow it.

use std::io::{self, Write};

use xinetd_core::problem::{printable, wrap};
use xinetd_core::translate::{AttributeReport, Fate, Native, ServiceReport, Standing};

use super::boot::Boot;
use super::check::{Check, Counts};
use super::output::WIDTH;

/// Whether it is printed what becomes of each attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fates {
    Printed,
    LeftOut,
}

/// Where the fate of an attribute begins, and how wide it may be.
const FATE_COLUMN: usize = 34;
const FATE_WIDTH: usize = WIDTH - FATE_COLUMN;

/// Prints what becomes of each attribute if that is wanted, then the problems with their lines, and in the
/// end what a reader of the last lines needs to know.
pub(super) fn print(checks: &[Check], fates: Fates, out: &mut dyn Write) -> io::Result<()> {
    if fates == Fates::Printed {
        for check in checks {
            for service in &check.services {
                print_service(service, check.boot, out)?;
            }
            for dropped in &check.dropped {
                let id = dropped.id.to_text();
                let line = format!("{id} ({}): dropped, for what is said below", dropped.place);
                writeln!(out, "{}\n", printable(&line))?;
            }
        }
    }
    for check in checks {
        for problem in &check.problems {
            let line = check.sources.line(&problem.place);
            writeln!(out, "{}", problem.render(line))?;
        }
    }
    print_end(checks, out)?;
    if fates == Fates::LeftOut {
        writeln!(
            out,
            "`xinetdctl check --verbose` prints what becomes of each attribute as well."
        )?;
    }
    Ok(())
}

/// Which services are not served, and the counts.
fn print_end(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let dropped = checks.iter().flat_map(|check| &check.dropped);
    let mut unserved: Vec<String> = dropped.map(|dropped| dropped.id.to_text()).collect();
    let served = checks.iter().flat_map(|check| &check.services);
    let left_out = served.filter(|one| matches!(one.standing, Standing::NotServed(_)));
    unserved.extend(left_out.map(|service| service.id.to_text()));
    if !unserved.is_empty() {
        let line = format!("not served: {}", unserved.join(", "));
        writeln!(out, "{}", wrap(&printable(&line), WIDTH).join("\n    "))?;
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

fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn print_service(service: &ServiceReport, boot: Boot, out: &mut dyn Write) -> io::Result<()> {
    let standing = match &service.standing {
        Standing::Served {
            unit,
            enabled: true,
            ..
        } => boot.server_of(unit),
        Standing::Served {
            unit,
            enabled: false,
            ..
        } => match boot.once(unit) {
            Some(once) => format!("switched off; {once}"),
            None => "switched off".to_owned(),
        },
        Standing::Native { unit, path, native } => {
            let path = path.display();
            match native {
                Native::Own => format!("left to the unit {unit} of the administrator, {path}"),
                Native::Copy => format!("not served: {path} has its name, and no socket"),
                Native::Mask => format!("masked by {path}"),
                Native::Ejected => format!("ejected to {path}"),
            }
        }
        // What would become of its other attributes is of no use.
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

    const PROBLEM: &str = "\
/etc/xinetd.d/foo:3:2: warning: `cps` takes 2 values, not 3
   |     cps = 5 # text
   |     ^^^^
   = help: remove the text

";
    const END: &str = "\
not served: b\u{fffd}r
0 errors, 1 warning, 0 notes in 2 services
";

    fn printed(fates: Fates) -> String {
        let mut out = Vec::new();
        print(&[sample()], fates, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_short_form_ends_with_problems_and_counts() {
        let hint = "`xinetdctl check --verbose` prints what becomes of each attribute as well.\n";
        assert_eq!(printed(Fates::LeftOut), format!("{PROBLEM}{END}{hint}"));
    }

    #[test]
    fn the_fates_stand_before_the_problems() {
        let text = printed(Fates::Printed);
        let fates = "\
foo (/etc/xinetd.d/foo:1:2): served by foo.socket, started at boot
  port = 7                        systemd: ListenStream=
  log_type = FILE /v… (defaults)  no effect: the lines go to the journal, where
                                  `journalctl -u foo` shows them

b\u{fffd}r (/etc/xinetd.d/foo:20:2): dropped, for what is said below

";
        let expected = format!("{fates}{PROBLEM}{END}");
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80));
    }
}
