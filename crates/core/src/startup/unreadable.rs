//! What of a file of assignments a shell alone can read, and what a shell may do there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::problem::Place;

/// Something that can't be read without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// Where it stands.
    pub(super) place: Place,
    /// The variable whose value is unknown by it.
    pub(super) variable: Option<String>,
    /// What it is, in words.
    pub(super) what: &'static str,
    /// The text that is passed over for it.
    pub(super) passed_over: Vec<u8>,
}

impl Unreadable {
    /// Whether a shell may set the variable there.
    pub(super) fn may_set(&self, variable: &str) -> bool {
        self.variable.as_deref() == Some(variable) || may_set(&self.passed_over, variable)
    }

    /// The file that a shell would read there (`.`, dot in sh(1)).
    pub(super) fn sourced(&self) -> Option<&Path> {
        let mut words = self.passed_over.split(u8::is_ascii_whitespace);
        let is_dot = matches!(words.next(), Some(b"." | b"source"));
        let path = words.find(|word| !word.is_empty()).filter(|_| is_dot)?;
        let path = path.strip_suffix(b";").unwrap_or(path);
        Some(Path::new(OsStr::from_bytes(path)))
    }
}

/// Whether a shell that runs the text may set the variable: comments aside, there is an assignment to it.
pub(super) fn may_set(text: &[u8], variable: &str) -> bool {
    let lines = text
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_start);
    lines.filter(|line| !line.starts_with(b"#")).any(|line| {
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let mut starts = 0..line.len();
        starts.any(|start| {
            let before = start.checked_sub(1).and_then(|at| line.get(at));
            let rest = line[start..].strip_prefix(variable.as_bytes());
            let is_assigned =
                rest.is_some_and(|rest| rest.starts_with(b"=") || rest.starts_with(b"+="));
            is_assigned && !before.is_some_and(is_part)
        })
    })
}
