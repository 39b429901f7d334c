//! systemctl(1): alone it switches init scripts on and off as well as units.

use std::ffi::OsStr;
use std::process::Command;

/// Runs it with these arguments, waits for its end, and gives what it prints.
///
/// # Errors
/// What it says, or that it is not there.
pub(super) fn systemctl<A: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = A>,
) -> Result<String, String> {
    let said = Command::new("systemctl").args(arguments).output();
    let said = said.map_err(|error| format!("systemctl: {error}"))?;
    match said.status.success() {
        true => Ok(String::from_utf8_lossy(&said.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&said.stderr).trim().to_owned()),
    }
}
