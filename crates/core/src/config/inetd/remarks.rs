//! What is said about an entry while it is read.

use std::path::Path;
use std::sync::Arc;

use super::lines::Field;
use crate::problem::Remark;
use crate::problem::{Problem, Severity};

/// Why an entry can't be used.
pub(super) struct Unfit(pub(super) Problem);

/// Where remarks on an entry go.
pub(super) struct Remarks<'r> {
    pub(super) file: &'r Arc<Path>,
    pub(super) problems: &'r mut Vec<Problem>,
}

impl Remarks<'_> {
    /// Says something that does not keep the entry from being used.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        field: &Field<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let remark = Remark::new(severity, code, message, help);
        self.problems.push(remark.at(field.place(self.file)));
    }

    /// Why the entry can't be used.
    pub(super) fn unfit(
        &self,
        code: &'static str,
        field: &Field<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Unfit {
        let remark = Remark::new(Severity::Error, code, message, help);
        Unfit(remark.at(field.place(self.file)))
    }
}
