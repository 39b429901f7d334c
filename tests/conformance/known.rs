//! The known differences: docs/deviations.md, and docs/standalone.md of the bridge without systemd.

use std::fs;

use testbed::Result;

/// A page that lists differences, a row of a table for each.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Page {
    /// Between xinetd and the bridge.
    Deviations,
    /// Between the bridge on systemd and without.
    Standalone,
}

/// What the entry `id` says of the one and of the other.
pub(crate) fn reason(page: Page, id: &str) -> Result<[String; 2]> {
    let path = crate::repository().join(match page {
        Page::Deviations => "docs/deviations.md",
        Page::Standalone => "docs/standalone.md",
    });
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let row = text.lines().find_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        (cells.next()? == id).then_some([cells.next()?.to_owned(), cells.next()?.to_owned()])
    });
    row.ok_or_else(|| format!("{}: there is no entry {id}", path.display()))
}
