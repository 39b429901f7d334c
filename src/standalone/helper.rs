//! Starting the helper of a service, as its unit would.

use std::env;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use xinetd_core::spec::Spec;
use xinetd_core::translate::{PlannedService, helper};

use super::life::WATCHDOG;
use super::places::Places;
use crate::journal::Journal;
use crate::sys::memory_file::with_bytes;
use crate::sys::process::Process;
use crate::sys::start::Start;

/// The variables that name the process that they are for.
const OWN_PID: [&str; 2] = ["LISTEN_PID", "WATCHDOG_PID"];

/// A descriptor beside the socket, and its name.
pub(super) type Named<'a> = (String, BorrowedFd<'a>);

/// Starts the helper of a service on its socket, with what its predecessor has stored and other descriptors.
///
/// # Errors
/// If there is no process or no directory for it, or its program can't be executed.
pub(super) fn start(
    planned: &PlannedService,
    socket: BorrowedFd<'_>,
    others: Vec<Named<'_>>,
    places: &Places,
) -> io::Result<Process> {
    // The helper reads it from there: no file system has to be written for it.
    let spec = with_bytes(c"spec", text_of(&planned.spec)?.as_bytes())?;
    let socket = [("listener".to_owned(), socket)];
    let (names, passed): (Vec<_>, Vec<_>) = socket.into_iter().chain(others).unzip();
    let own = [
        ("LISTEN_FDS", passed.len().to_string().into()),
        ("LISTEN_FDNAMES", names.join(":").into()),
        ("NOTIFY_SOCKET", places.notify().into_os_string()),
        (
            "RUNTIME_DIRECTORY",
            places.runtime(&planned.unit)?.into_os_string(),
        ),
        ("WATCHDOG_USEC", WATCHDOG.as_micros().to_string().into()),
        (Journal::VARIABLE, places.log().into_os_string()),
    ];
    let program = helper();
    let start = Start {
        program: CString::new(program.as_os_str().as_bytes())?,
        words: [program.as_os_str(), OsStr::new(&planned.unit)]
            .into_iter()
            .map(|word| CString::new(word.as_bytes()))
            .collect::<Result<_, _>>()?,
        environment: environment(env::vars_os(), own)?,
        own_pid: &OWN_PID,
        input: spec.as_fd(),
        passed,
        umask: planned.umask,
        nice: planned.nice,
    };
    start.run().map_err(|error| {
        let program = program.display();
        io::Error::other(format!("{program}: {error}"))
    })
}

/// Starts the helper's program with these arguments, for something else than serving.
///
/// # Errors
/// If there is no process for it, or its program can't be executed.
pub(super) fn run(arguments: &[String], places: &Places) -> io::Result<Process> {
    let program = helper();
    let input = File::open("/dev/null")?;
    let words = arguments.iter().map(String::as_bytes);
    let words = std::iter::once(program.as_os_str().as_bytes()).chain(words);
    let own = [(Journal::VARIABLE, places.log().into_os_string())];
    let start = Start {
        program: CString::new(program.as_os_str().as_bytes())?,
        words: words.map(CString::new).collect::<Result<_, _>>()?,
        environment: environment(env::vars_os(), own)?,
        own_pid: &[],
        input: input.as_fd(),
        passed: Vec::new(),
        umask: 0o022,
        nice: None,
    };
    start.run()
}

/// The environment of this program, which servers get from their helper as from xinetd, with what is for the
/// helper itself.
fn environment<const COUNT: usize>(
    inherited: impl Iterator<Item = (OsString, OsString)>,
    own: [(&str, OsString); COUNT],
) -> io::Result<Vec<CString>> {
    let is_own = |name: &OsStr| {
        let mut names = own.iter().map(|(name, _)| *name).chain(OWN_PID);
        names.any(|own| OsStr::new(own) == name)
    };
    let inherited: Vec<_> = inherited.filter(|(name, _)| !is_own(name)).collect();
    let own = own.map(|(name, value)| (name.into(), value));
    let variables = inherited.into_iter().chain(own);
    let assign = |(name, value): (OsString, OsString)| {
        let mut variable = name.into_vec();
        variable.push(b'=');
        variable.extend_from_slice(value.as_bytes());
        CString::new(variable).map_err(io::Error::from)
    };
    variables.map(assign).collect()
}

/// The spec as helpers read it.
///
/// # Errors
/// If a number in it is larger than TOML's.
pub(super) fn text_of(spec: &Spec) -> io::Result<String> {
    toml::to_string(spec).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_another_process_is_not_passed_on() {
        let inherited = [
            ("PATH", "/bin"),
            ("LISTEN_PID", "1"),
            ("NOTIFY_SOCKET", "/other"),
        ];
        let inherited = inherited.map(|(name, value)| (name.into(), value.into()));
        let names = [
            "LISTEN_FDS",
            "LISTEN_FDNAMES",
            "NOTIFY_SOCKET",
            "RUNTIME_DIRECTORY",
            "WATCHDOG_USEC",
            "X",
        ];
        let own = names.map(|name| (name, OsString::from("own")));
        let variables = environment(inherited.into_iter(), own).unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|text| text.to_str().unwrap())
            .collect();
        assert_eq!(variables[..2], ["PATH=/bin", "LISTEN_FDS=own"]);
        assert!(variables.contains(&"NOTIFY_SOCKET=own") && variables.len() == 7);
    }
}
