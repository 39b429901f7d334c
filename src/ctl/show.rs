//! `xinetdctl show`: a service as meant, with where each value is from.

use std::io::{self, Write};

use serde::Serialize;
use xinetd_core::config::Attribute;
use xinetd_core::problem::{Place, printable};
use xinetd_core::service::WrittenAttribute;
use xinetd_core::translate::{Native, Standing};

use super::layout::fold;
use super::machine::{Found, Machine};
use super::output::{BAD, DIM, Done, GOOD, HEAD, Output, WIDTH};
use super::row::{ListRow, backends, row};
use super::value::{Meant, Origin, meant};
use super::view::ServiceArgs;

/// Where the origin of a value begins, and how wide it may be.
const ORIGIN: usize = 44;

/// The whole answer, as docs/xinetdctl.md has it.
#[derive(Serialize)]
struct ShowReport {
    format: u32,
    services: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    row: ListRow,
    attributes: Vec<Value>,
}

#[derive(Serialize)]
struct Value {
    name: &'static str,
    value: String,
    origin: &'static str,
    from: Option<&'static str>,
    lines: Vec<ShownAttribute>,
}

#[derive(Serialize)]
struct ShownAttribute {
    file: String,
    line: u32,
    column: u32,
    from_defaults: bool,
}

/// Prints each service with the id.
pub(super) fn run(arguments: &ServiceArgs, out: &mut Output<'_>) -> Done {
    let machine = Machine::read(arguments.view.root.as_deref())?;
    let found = machine.find(&arguments.id)?;
    if arguments.view.json {
        let services = found.iter().map(shown).collect();
        out.json(&ShowReport {
            format: 1,
            services,
        })?;
        return Ok(0);
    }
    for (number, found) in found.iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        heading(found, out)?;
        for value in meant(found.service) {
            print(&value, out)?;
        }
    }
    Ok(0)
}

fn shown(found: &Found<'_>) -> Shown {
    Shown {
        row: row(found),
        attributes: meant(found.service).into_iter().map(value).collect(),
    }
}

fn value(meant: Meant<'_>) -> Value {
    let line = |written: &&WrittenAttribute| ShownAttribute {
        file: written.place.file.display().to_string(),
        line: written.place.line,
        column: written.place.column,
        from_defaults: written.from_defaults,
    };
    let (origin, from, lines) = match &meant.origin {
        Origin::Lines(lines) => ("written", None, lines.iter().map(line).collect()),
        Origin::Derived(from) => ("derived", Some(*from), Vec::new()),
        Origin::Xinetd => ("xinetd", None, Vec::new()),
    };
    Value {
        name: meant.attribute.name(),
        value: meant.value,
        origin,
        from,
        lines,
    }
}

/// The service's name and place, and what becomes of it.
pub(super) fn heading(found: &Found<'_>, out: &mut Output<'_>) -> io::Result<()> {
    let service = found.service;
    let (style, standing) = match found.standing() {
        Standing::Served {
            unit,
            enabled: true,
            ..
        } => (GOOD, found.boot.server_of(unit)),
        Standing::Served { unit, .. } => (DIM, format!("switched off{}", by_whom(found, unit))),
        Standing::Native { path, native, .. } => {
            let path = path.display();
            match native {
                Native::Own => (GOOD, format!("left to the administrator's unit {path}")),
                Native::Copy => (
                    BAD,
                    format!("not served: {path} has its name, and no socket"),
                ),
                Native::Mask => (DIM, format!("masked by {path}")),
                Native::Ejected => (GOOD, format!("ejected to {path}")),
            }
        }
        Standing::NotServed(_) => {
            let reason = row(found).reason.unwrap_or_default();
            (BAD, format!("not served: {reason}"))
        }
    };
    let id = printable(&service.id.to_text());
    let place = at(&service.place);
    writeln!(out, "{}", out.paint(HEAD, format_args!("{id} ({place})")))?;
    for line in fold(&printable(&standing), WIDTH - 2) {
        writeln!(out, "  {}", out.paint(style, line))?;
    }
    if let Some(backends) = backends(found) {
        for line in fold(&printable(&format!("to {backends}")), WIDTH - 2) {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}

/// The line that switches a service off, and the way out.
fn by_whom(found: &Found<'_>, unit: &str) -> String {
    let mut lines = found.service.attributes.iter().rev();
    let switch = lines.find(|line| match line.attribute {
        Attribute::Disable | Attribute::Disabled | Attribute::Enabled => true,
        Attribute::Flags => found.service.flags.disable,
        _ => false,
    });
    let place = switch.map(|line| format!(" by {} in {}", line.attribute.name(), at(&line.place)));
    let place = place.unwrap_or_default();
    match found.boot.once(unit) {
        Some(once) => format!("{place}; {once} until the next boot"),
        None => place,
    }
}

fn print(value: &Meant<'_>, out: &mut Output<'_>) -> io::Result<()> {
    let origin = match &value.origin {
        Origin::Lines(lines) => {
            let lines: Vec<_> = lines.iter().map(|line| of_line(line)).collect();
            lines.join(", ")
        }
        Origin::Derived(from) => format!("from {from}"),
        Origin::Xinetd => "xinetd's default".to_owned(),
    };
    let name = value.attribute.name();
    let text = printable(&value.value);
    // The widest name has 14 letters.
    let left = fold(&text, ORIGIN - 2 - 14 - 3 - 1);
    let right = fold(&printable(&origin), WIDTH - ORIGIN);
    for number in 0..left.len().max(right.len()) {
        let begin = match number {
            0 => format!("  {name:<14} = "),
            _ => " ".repeat(2 + 14 + 3),
        };
        let left = left.get(number).map_or("", String::as_str);
        let width = ORIGIN - 2 - 14 - 3;
        match right.get(number) {
            Some(right) => {
                let right = out.paint(DIM, right);
                writeln!(out, "{begin}{left:width$}{right}")?;
            }
            None => writeln!(out, "{}", format!("{begin}{left}").trim_end())?,
        }
    }
    Ok(())
}

fn of_line(line: &WrittenAttribute) -> String {
    match line.from_defaults {
        true => format!("defaults {}", at(&line.place)),
        false => at(&line.place),
    }
}

/// File and line.
pub(super) fn at(place: &Place) -> String {
    printable(&format!("{}:{}", place.file.display(), place.line))
}
