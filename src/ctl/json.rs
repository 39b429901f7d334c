//! The report of `xinetdctl check --json`, as docs/xinetdctl.md has it.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use xinetd_core::config::Dropped;
use xinetd_core::problem::Problem;
use xinetd_core::translate::{AttributeReport, Fate, ServiceReport, Standing};

use super::check::{Check, Counts};

#[derive(Serialize)]
struct Report<'a> {
    format: u32,
    #[serde(flatten)]
    counts: Counts,
    files: Vec<CheckedFile<'a>>,
}

#[derive(Serialize)]
struct CheckedFile<'a> {
    main: Cow<'a, str>,
    problems: &'a [Problem],
    services: Vec<CheckedService<'a>>,
}

#[derive(Serialize)]
struct CheckedService<'a> {
    id: String,
    file: Cow<'a, str>,
    line: u32,
    standing: &'static str,
    unit: Option<&'a str>,
    enabled: Option<bool>,
    native: Option<Cow<'a, str>>,
    attributes: Vec<Attribute<'a>>,
}

#[derive(Serialize)]
struct Attribute<'a> {
    name: &'static str,
    text: String,
    file: Cow<'a, str>,
    line: u32,
    column: u32,
    from_defaults: bool,
    fates: Vec<FateOf<'a>>,
}

#[derive(Serialize)]
struct FateOf<'a> {
    fate: &'static str,
    detail: &'a str,
}

/// Prints the report and a line feed.
pub(super) fn print(checks: &[Check], out: &mut dyn Write) -> io::Result<()> {
    let report = Report {
        format: 1,
        counts: Counts::of(checks),
        files: checks.iter().map(file).collect(),
    };
    serde_json::to_writer_pretty(&mut *out, &report)?;
    writeln!(out)
}

fn file(check: &Check) -> CheckedFile<'_> {
    let served = check.services.iter().map(service);
    CheckedFile {
        main: check.main.to_string_lossy(),
        problems: &check.problems,
        services: served.chain(check.dropped.iter().map(dropped)).collect(),
    }
}

fn service(report: &ServiceReport) -> CheckedService<'_> {
    let (standing, unit, enabled, native) = match &report.standing {
        Standing::Served { unit, enabled, .. } => ("served", Some(unit), Some(*enabled), None),
        Standing::Native { unit, path, native } => {
            let standing = native.word();
            (standing, Some(unit), None, Some(path.to_string_lossy()))
        }
        Standing::NotServed(_) => ("not_served", None, None, None),
    };
    CheckedService {
        id: report.id.to_text(),
        file: report.place.file.to_string_lossy(),
        line: report.place.line,
        standing,
        unit: unit.map(String::as_str),
        enabled,
        native,
        attributes: report.attributes.iter().map(attribute).collect(),
    }
}

fn dropped(dropped: &Dropped) -> CheckedService<'_> {
    CheckedService {
        id: dropped.id.to_text(),
        file: dropped.place.file.to_string_lossy(),
        line: dropped.place.line,
        standing: "dropped",
        unit: None,
        enabled: None,
        native: None,
        attributes: Vec::new(),
    }
}

fn attribute(report: &AttributeReport) -> Attribute<'_> {
    Attribute {
        name: report.attribute.name(),
        text: report.text.to_text(),
        file: report.place.file.to_string_lossy(),
        line: report.place.line,
        column: report.place.column,
        from_defaults: report.from_defaults,
        fates: report.fates.iter().map(fate).collect(),
    }
}

fn fate(fate: &Fate) -> FateOf<'_> {
    let (fate, detail) = match fate {
        Fate::Unit { directives } => ("unit", *directives),
        Fate::Generator { what } => ("generator", *what),
        Fate::Helper { what } => ("helper", *what),
        Fate::NotServed { why } => ("not_served", why.as_str()),
        Fate::NoEffect { why } => ("no_effect", *why),
    };
    FateOf { fate, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::check::tests::sample;

    #[test]
    fn the_schema_is_what_the_documentation_says() {
        let mut out = Vec::new();
        print(&[sample()], &mut out).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!({
            "format": 1, "errors": 0, "warnings": 1, "notes": 0,
            "files": [{
                "main": "/etc/xinetd.conf",
                "problems": [{
                    "severity": "warning", "code": "value-count",
                    "file": "/etc/xinetd.d/foo", "line": 3, "column": 2, "length": 4,
                    "message": "`cps` takes 2 values, not 3",
                    "help": "remove the text",
                }],
                "services": [{
                    "id": "foo", "file": "/etc/xinetd.d/foo", "line": 1,
                    "standing": "served", "unit": "foo", "enabled": true, "native": null,
                    "attributes": [
                        {
                            "name": "port", "text": "= 7",
                            "file": "/etc/xinetd.d/foo", "line": 4, "column": 2,
                            "from_defaults": false,
                            "fates": [{"fate": "unit", "detail": "ListenStream="}],
                        },
                        {
                            "name": "log_type", "text": "= FILE /var/log/a/very/long/name.log",
                            "file": "/etc/xinetd.d/foo", "line": 11, "column": 2,
                            "from_defaults": true,
                            "fates": [{"fate": "no_effect", "detail": "the lines go to the journal, where `journalctl -u foo` shows them"}],
                        },
                    ],
                }, {
                    "id": "b\u{fffd}r", "file": "/etc/xinetd.d/foo", "line": 20,
                    "standing": "dropped", "unit": null, "enabled": null, "native": null,
                    "attributes": [],
                }],
            }],
        });
        assert_eq!(report, expected);
    }
}
