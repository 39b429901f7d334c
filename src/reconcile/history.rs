//! What was done the last times that something was.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::action::{Operation, Outcome, Why};
use super::record::write;

/// What is kept of what was done, if it was not more at once.
const MOST_DONE: usize = 100;

/// What was done the last times that something was; `xinetdctl reload` removes it, to see what it
/// brings about.
pub(crate) const LAST: &str = "/run/xinetd-reconcile/last.toml";

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// The unit without suffix.
    pub(crate) unit: String,
    /// `stop`, `rebind`, `start`, `respawn`, `reload` or `keep`.
    pub(crate) step: String,
    /// What for, in words.
    pub(crate) why: String,
    /// Why it was not done after all.
    #[serde(default)]
    pub(crate) error: Option<String>,
}

impl Done {
    /// What was done with a unit, for this reason.
    pub(crate) fn new(unit: String, step: Operation, why: Why, error: Option<String>) -> Self {
        Self {
            unit,
            step: step.to_string(),
            why: why.to_string(),
            error,
        }
    }
}

/// A file of them.
#[derive(Default, Serialize, Deserialize)]
struct AllDone {
    done: Vec<Done>,
}

/// What was done the last times that something was.
///
/// # Errors
/// If there is a file that can't be read.
pub(crate) fn read_done(path: &Path) -> io::Result<Vec<Done>> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let all: AllDone = toml::from_str(&text).map_err(io::Error::other)?;
            Ok(all.done)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Notes in a file what was done, behind what is noted already.
///
/// # Errors
/// In words.
pub(super) fn write_done(path: &Path, new: &[Outcome]) -> Result<(), String> {
    if new.is_empty() {
        return Ok(());
    }
    // One that can't be read is none of ours.
    let done = behind(read_done(path).unwrap_or_default(), new);
    write(path, &AllDone { done })
}

/// What was noted before, as far as there is room for it, and what is new.
fn behind(mut done: Vec<Done>, new: &[Outcome]) -> Vec<Done> {
    done.extend(new.iter().map(|Outcome { action, fault }| {
        let error = fault.as_ref().map(ToString::to_string);
        Done::new(action.unit.clone(), action.step, action.why, error)
    }));
    let surplus = done.len().saturating_sub(MOST_DONE.max(new.len()));
    done.drain(..surplus);
    done
}

#[cfg(test)]
mod tests {
    use super::super::action::{Action, ActionError, Operation, Why};
    use super::*;

    fn outcome(unit: &str, has_failed: bool) -> Outcome {
        Outcome {
            action: Action {
                unit: unit.to_owned(),
                step: Operation::Start,
                why: Why::New,
            },
            fault: has_failed.then(|| ActionError::Told("no".to_owned())),
        }
    }

    #[test]
    fn what_was_done_is_told_with_why_it_failed() {
        let path = std::env::temp_dir().join(format!("done-{}.toml", std::process::id()));
        write_done(&path, &[]).unwrap();
        assert!(!path.exists(), "nothing was done");
        assert_eq!(read_done(&path).unwrap(), []);
        write_done(&path, &[outcome("a", true)]).unwrap();
        write_done(&path, &[outcome("b", false)]).unwrap();
        let done = |unit: &str, error: Option<&str>| Done {
            unit: unit.to_owned(),
            step: "start".to_owned(),
            why: "it is new".to_owned(),
            error: error.map(str::to_owned),
        };
        let both = [done("a", Some("no")), done("b", None)];
        assert_eq!(read_done(&path).unwrap(), both);
        fs::write(&path, "done = 1").unwrap();
        assert!(read_done(&path).is_err());
        write_done(&path, &[outcome("c", false)]).unwrap();
        assert_eq!(read_done(&path).unwrap(), [done("c", None)]);
        fs::remove_file(&path).unwrap();
        assert!(read_done(&std::env::temp_dir()).is_err());
    }

    #[test]
    fn the_file_does_not_grow_and_has_all_of_the_last_time() {
        let units = |done: Vec<Done>| done.into_iter().map(|one| one.unit).collect::<Vec<_>>();
        let new = |number| vec![outcome("new", false); number];
        let old = behind(Vec::new(), &[outcome("old", false)]);
        let full = units(behind(old.clone(), &new(MOST_DONE - 1)));
        assert_eq!((full.len(), full[0].as_str()), (MOST_DONE, "old"));
        let full = units(behind(old.clone(), &new(MOST_DONE)));
        assert_eq!((full.len(), full[0].as_str()), (MOST_DONE, "new"));
        let more = units(behind(old, &new(MOST_DONE + 1)));
        assert_eq!((more.len(), more[0].as_str()), (MOST_DONE + 1, "new"));
    }
}
