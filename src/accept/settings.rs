//! A spec, made ready for use.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::unistd::{Uid, dup2_stdin};
use xinetd_core::admission::Admission;
use xinetd_core::bytes::ByteString;
use xinetd_core::service::{Builtin, Program, ResourceLimits, Rlimit};
use xinetd_core::spec::{MAX_SPEC, MuxTarget, Redirect, Sensor, Spec, Task};

use crate::sys::credentials::servers_user;
use crate::sys::spawn::{Launcher, LimitOf};

use super::banner::Banner;
use super::environment;
use super::kinds::Route;

/// What a service's connections go by.
pub(super) struct Settings {
    /// Which clients are served.
    pub(super) admission: Admission,
    /// What is done with a connection that is let in.
    pub(super) work: Work,
    /// `banner`.
    pub(super) always: Option<Banner>,
    /// `banner_success`.
    pub(super) success: Option<Banner>,
    /// `banner_fail`.
    pub(super) failure: Option<Banner>,
    /// The spec itself.
    pub(super) spec: Spec,
}

/// [`Task`], made ready.
pub(super) enum Work {
    /// Runs a server for each connection.
    Execute(Launcher),
    /// Runs one server at a time, which gets the service's own socket.
    Wait(Launcher),
    /// Serves each connection itself.
    Internal(Builtin),
    /// Leads each connection to one of these.
    Tcpmux(Vec<MuxTarget>),
    /// Passes the bytes of each connection on.
    Redirect(Route),
    /// Has each client banned.
    Sensor(Sensor),
}

impl Work {
    /// The services that tcpmux leads to, where the service is that.
    pub(super) fn targets(&self) -> Option<&[MuxTarget]> {
        match self {
            Self::Tcpmux(targets) => Some(targets),
            _ => None,
        }
    }
}

/// What servers get from the helper's own start.
#[derive(Clone, Debug)]
pub(super) struct Inherited {
    /// The helper's environment.
    pub(super) environment: Vec<(OsString, OsString)>,
    /// The hard limit of descriptors.
    pub(super) files: u64,
    /// The user that a child has to become before it executes a server.
    pub(super) user: Option<Uid>,
}

impl Inherited {
    /// Takes note of it, and lets the helper itself have as many descriptors as it may: one for
    /// each session.
    ///
    /// # Errors
    /// In words; never on Linux.
    pub(super) fn take() -> Result<Self, String> {
        let environment = std::env::vars_os().collect();
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
        if let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            log::warn!("the limit of descriptors can't be raised to {hard}: {error}");
        }
        Ok(Self {
            environment,
            // What xinetd takes for infinity (docs/xinetd-behaviour.md, section 4.5).
            files: if hard == RLIM_INFINITY { 4096 } else { hard },
            user: servers_user().map_err(|error| format!("getresuid: {error}"))?,
        })
    }
}

/// Reads the spec that systemd has opened as the standard input; after that there is none, so that
/// no process that is started later finds it.
///
/// # Errors
/// In words, if it can't be read.
pub(super) fn receive() -> Result<Vec<u8>, String> {
    let read = || {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        let text = contents(input.into())?;
        dup2_stdin(File::open("/dev/null")?)?;
        Ok(text)
    };
    read().map_err(|error: io::Error| {
        format!("standard input: {error}; the unit must have StandardInput=file:SPEC")
    })
}

/// Reads the spec in a file.
///
/// # Errors
/// In words, if it can't be read or is none.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let read = File::open(path).and_then(contents);
    read.map_err(|error| {
        format!(
            "{}: {error}; run systemctl daemon-reload and start the socket again",
            path.display()
        )
    })
}

fn contents(mut file: File) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if found.len() > MAX_SPEC {
        return Err(io::Error::other("it is too large"));
    }
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// How a spec of this program's version is had.
const ANEW: &str = "run systemctl daemon-reload, or start xinetd again where there is no systemd";

/// The spec that a text holds.
///
/// # Errors
/// In words, if it is none, or one for another version of this program.
pub(super) fn parse(text: &[u8]) -> Result<Spec, String> {
    let text = std::str::from_utf8(text).map_err(|error| format!("the spec: {error}"))?;
    let spec: Spec = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text
            .bytes()
            .take(start)
            .filter(|&byte| byte == b'\n')
            .count()
            + 1;
        let message = error.message();
        format!("the spec, line {line}: {message}; {ANEW}")
    })?;
    if spec.format != Spec::FORMAT {
        return Err(format!(
            "the spec has format {}, this program reads {}; {ANEW}",
            spec.format,
            Spec::FORMAT
        ));
    }
    Ok(spec)
}

impl Settings {
    /// What `spec` says.
    ///
    /// # Errors
    /// In words, if no server could ever run by it.
    pub(super) fn new(spec: Spec, inherited: &Inherited) -> Result<Self, String> {
        let work = match &spec.task {
            Task::Execute(program) => Work::Execute(launcher(program, &spec, inherited)?),
            Task::Wait(program) => Work::Wait(launcher(program, &spec, inherited)?),
            Task::Internal(builtin) => Work::Internal(*builtin),
            Task::Tcpmux(targets) => Work::Tcpmux(targets.clone()),
            Task::Redirect(redirect) => Work::Redirect(route(redirect)?),
            Task::Sensor(sensor) => Work::Sensor(sensor.clone()),
        };
        // Nothing can be sent to a client before the server has accepted it.
        let sends = !matches!(work, Work::Wait(_));
        let banner = |file: &Option<ByteString>| file.clone().filter(|_| sends).map(Banner::new);
        Ok(Self {
            admission: Admission::new(&spec),
            work,
            always: banner(&spec.banners.always),
            success: banner(&spec.banners.success),
            failure: banner(&spec.banners.failure),
            spec,
        })
    }
}

fn route(redirect: &Redirect) -> Result<Route, String> {
    if redirect.targets.is_empty() {
        return Err("the spec: redirect has no targets".into());
    }
    Ok(Route {
        targets: redirect.targets.as_slice().into(),
        keepalive: redirect.keepalive,
        proxy_protocol: redirect.proxy_protocol,
    })
}

fn launcher(program: &Program, spec: &Spec, inherited: &Inherited) -> Result<Launcher, String> {
    let argv: Vec<_> = program
        .argv
        .iter()
        .map(c_string)
        .collect::<Result<_, _>>()?;
    if argv.is_empty() {
        return Err("the spec: the argv of the program is empty".into());
    }
    let environment = environment::common(inherited.environment.iter().cloned(), &spec.environment);
    let limits = limits(&spec.resource_limits, inherited.files);
    Ok(Launcher::new(
        c_string(&program.path)?,
        argv,
        environment,
        limits,
        inherited.user,
    ))
}

fn c_string(bytes: &ByteString) -> Result<CString, String> {
    CString::new(bytes.as_bytes()).map_err(|_| format!("the spec: {bytes:?} has a NUL byte"))
}

/// The limits to set in each server, in xinetd's order. What the helper has already itself costs
/// no system call.
pub(super) fn limits(wanted: &ResourceLimits, inherited_files: u64) -> Vec<LimitOf> {
    let number = |limit: Rlimit| match limit {
        Rlimit::Unlimited => RLIM_INFINITY,
        Rlimit::AtMost(most) => most,
    };
    let files = wanted.files.map_or(inherited_files, number);
    let list = [
        (Resource::RLIMIT_NOFILE, Some(files)),
        (Resource::RLIMIT_AS, wanted.address_space.map(number)),
        (Resource::RLIMIT_CPU, wanted.cpu.map(number)),
        (Resource::RLIMIT_DATA, wanted.data.map(number)),
        (Resource::RLIMIT_RSS, wanted.rss.map(number)),
        (Resource::RLIMIT_STACK, wanted.stack.map(number)),
    ];
    let mut limits = Vec::new();
    for (resource, value) in list {
        let Some(value) = value else { continue };
        let (soft, hard) = getrlimit(resource).unwrap_or((0, RLIM_INFINITY));
        if (soft, hard) == (value, value) {
            continue;
        }
        if value > hard && !Uid::effective().is_root() {
            log::warn!("{resource:?} {value} is above the hard limit {hard}, which stays");
            log::warn!("to raise it, set the matching Limit…= in the unit");
        }
        limits.push(LimitOf { resource, value });
    }
    limits
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A spec with what every one has.
    pub(crate) const MINIMAL: &str = r#"
        format = 3
        id = "test"
        name = "test"
        place = "/etc/xinetd.d/test:1:1"
        credentials = { user = "nobody" }
        unmap = true
        limits = { instances = "unlimited", per_source = "unlimited" }
        access = {}
        logging = { target = "unset", success = {}, failure = {} }
        environment = {}
        banners = {}
        resource_limits = {}
        task = { execute = { path = "/bin/cat", argv = ["cat"] } }
    "#;

    #[test]
    fn a_spec_of_another_format_is_refused_with_a_way_out() {
        assert!(parse(MINIMAL.as_bytes()).is_ok());
        let other = MINIMAL.replace("format = 3", "format = 4");
        assert!(
            parse(other.as_bytes())
                .unwrap_err()
                .contains("daemon-reload")
        );
        let unknown = format!("surprise = 1\n{MINIMAL}");
        let error = parse(unknown.as_bytes()).unwrap_err();
        assert!(
            error.contains("line 1") && error.contains("surprise"),
            "{error}"
        );
        assert!(parse(b"\xff").is_err());
    }

    #[test]
    fn a_limit_that_holds_already_is_not_set() {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        let none = ResourceLimits::default();
        assert_eq!(limits(&none, hard).is_empty(), soft == hard);
        let wanted = ResourceLimits {
            files: Some(Rlimit::AtMost(17)),
            stack: Some(Rlimit::Unlimited),
            ..ResourceLimits::default()
        };
        let (first, rest) = (limits(&wanted, hard)[0], &limits(&wanted, hard)[1..]);
        assert_eq!((first.resource, first.value), (Resource::RLIMIT_NOFILE, 17));
        assert!(
            rest.iter()
                .all(|limit| limit.resource == Resource::RLIMIT_STACK)
        );
    }
}
