//! The known differences: docs/deviations.md.

use std::fs;

use testbed::Result;

/// What the entry `id` says of xinetd and of the bridge.
pub(crate) fn reason(id: &str) -> Result<[String; 2]> {
    let path = crate::repository().join("docs/deviations.md");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let row = text.lines().find_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        (cells.next()? == id).then_some([cells.next()?.to_owned(), cells.next()?.to_owned()])
    });
    row.ok_or_else(|| format!("{}: there is no entry {id}", path.display()))
}
