//! The helper: it accepts connections, decides, and runs servers.
//!
//! One process for each service that is in use, started by its socket unit, with the service's user
//! as its effective one. It goes when it has been idle for a while; systemd listens on.
#![forbid(unsafe_code)]

pub(crate) mod account;
mod activation;
pub(crate) mod ban_table;
pub(crate) mod banner;
pub(crate) mod clock;
mod common_limit;
mod control;
mod crowd;
mod environment;
mod fd_passing;
mod file;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod helper;
mod ident;
mod idle;
mod kinds;
mod libwrap;
pub(crate) mod load;
mod log;
mod mailbox;
pub(crate) mod membership;
pub(crate) mod names;
mod packet_filter;
mod parked;
mod pause;
mod peer;
mod pending;
pub(crate) mod portmap;
mod reactor;
pub(crate) mod reload;
mod room;
mod settings;
mod slab;
mod socket;
mod sockets;
mod state;
pub(crate) mod stop;
mod turn_away;

pub(crate) use kinds::internal;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use xinetd_core::bans;
use xinetd_core::portmap::RpcService;
use xinetd_core::spec::Spec;

use crate::journal::Journal;
use crate::sys::credentials::{self, Account};
use crate::sys::scheduling::Scheduling;
use crate::sys::{descriptor, signals};
use lexopt::{Arg, Parser, ValueExt};
use nix::unistd::Uid;

use activation::Activation;
use ban_table::Bans;
use clock::Moment;
use common_limit::CommonLimit;
use control::Control;
use helper::{End, Helper, Start};
use kinds::Sessions;
use log::{Notifier, StoredCounters, connect_to_supervisor};
use settings::{Inherited, Settings};
use sockets::Sockets;
use state::StateFile;

/// How long a helper stays that has nothing to do, unless it is told otherwise.
const IDLE: Duration = Duration::from_secs(60);

/// What the program is to do.
enum Command {
    /// Serve a unit, and leave after so long without anything to do.
    Serve(String, Duration),
    /// Have a unit's helper take a new spec, from this file.
    Reload(String, PathBuf),
    /// End the servers of a unit.
    Stop(String),
    /// Have the portmapper know an RPC service.
    Register(RpcService),
    /// Have it forget the service.
    Unregister(RpcService),
}

/// The whole program: `UNIT`, `--reload UNIT SPEC` or `--stop UNIT`; systemd's units call it.
///
/// A drop-in may put `--idle SECONDS` in front of `UNIT`: how long the helper stays that has nothing to
/// do. It is 60.
///
/// Exits with 0 if it did what it was to do, else with 1, and says why in the journal.
pub fn main() -> ExitCode {
    let Some(journal) = Journal::start() else {
        return ExitCode::FAILURE;
    };
    match parse_arguments(env::args_os().skip(1)).and_then(|command| run(command, journal)) {
        Ok(code) => code,
        Err(error) => {
            ::log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse_arguments(arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    const USAGE: &str = "usage: xinetd-accept [--idle SECONDS] UNIT | --reload UNIT SPEC | --stop UNIT | \
         --rpc-register SERVICE | --rpc-unregister SERVICE, where SERVICE is \
         ID PROGRAM FIRST-VERSION LAST-VERSION ENDPOINT...";
    let parse = || -> Result<Command, lexopt::Error> {
        let mut parser = Parser::from_args(arguments);
        let command = match parser.next()? {
            Some(Arg::Value(unit)) => Command::Serve(unit.string()?, IDLE),
            Some(Arg::Long("idle")) => {
                let idle = Duration::from_secs(parser.value()?.parse()?);
                Command::Serve(parser.value()?.string()?, idle)
            }
            Some(Arg::Long("reload")) => {
                Command::Reload(parser.value()?.string()?, parser.value()?.into())
            }
            Some(Arg::Long("stop")) => Command::Stop(parser.value()?.string()?),
            Some(Arg::Long("rpc-register")) => return rpc_service(parser).map(Command::Register),
            Some(Arg::Long("rpc-unregister")) => {
                return rpc_service(parser).map(Command::Unregister);
            }
            Some(other) => return Err(other.unexpected()),
            None => return Err("a unit is missing".into()),
        };
        match parser.next()? {
            Some(more) => Err(more.unexpected()),
            None => Ok(command),
        }
    };
    parse().map_err(|error| format!("{error}; {USAGE}"))
}

/// The rest of the arguments as an RPC service.
fn rpc_service(mut parser: Parser) -> Result<RpcService, lexopt::Error> {
    let id = parser.value()?.string()?;
    let program = parser.value()?.parse()?;
    let versions = (parser.value()?.parse()?, parser.value()?.parse()?);
    let endpoints = parser.values()?.map(|endpoint| endpoint.parse());
    Ok(RpcService {
        id,
        program,
        versions,
        endpoints: endpoints.collect::<Result<_, _>>()?,
    })
}

fn run(command: Command, journal: &'static Journal) -> Result<ExitCode, String> {
    match command {
        Command::Reload(unit, file) => reload::reload(&unit, &file).map(|()| ExitCode::SUCCESS),
        Command::Stop(unit) => stop::stop(&unit).map(|()| ExitCode::SUCCESS),
        Command::Register(service) => {
            portmap::register(&service);
            Ok(ExitCode::SUCCESS)
        }
        Command::Unregister(service) => {
            let done =
                portmap::unregister(&service, &service.registrations()).map(|()| ExitCode::SUCCESS);
            done.map_err(|error| format!("{} stays registered: rpcbind: {error}", service.id))
        }
        Command::Serve(unit, idle) => serve(idle, journal).map_err(|error| {
            // The client still waits, so systemd would start us again and again without a pause.
            thread::sleep(Duration::from_secs(1));
            format!("{unit} can't be served: {error}")
        }),
    }
}

fn serve(idle: Duration, journal: &'static Journal) -> Result<ExitCode, String> {
    credentials::hide().map_err(|error| format!("PR_SET_DUMPABLE: {error}"))?;
    signals::block_all().map_err(|error| format!("sigprocmask: {error}"))?;
    // It fails on kernels before 5.11, where the descriptors that the helper itself has opened are kept all the same.
    let _ = descriptor::keep_from_servers();
    connect_to_supervisor();
    let spec = settings::parse(&settings::receive()?)?;
    let activation = Activation::take()?;
    let account = match account(&spec, &activation, idle)? {
        Standing::Taken(account) => Some(account),
        Standing::AsStarted => None,
        Standing::Unknown => return Ok(ExitCode::SUCCESS),
    };
    if let Err(denied) = packet_filter::attach(&spec, &activation.listeners) {
        let never = || Err(denied.clone());
        turn_away::until_known(&activation, &spec.place, &denied, idle, never)?;
        return Ok(ExitCode::SUCCESS);
    }
    // In a folder that is root's alone.
    let folder = env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
    let control = folder.as_deref().and_then(control_socket);
    let counters = folder
        .as_deref()
        .map(StoredCounters::open)
        .unwrap_or_default();
    let now = Moment::now().map_err(|error| format!("CLOCK_BOOTTIME: {error}"))?;
    // Root may open the table; a successor of it is asked for.
    let mut bans = Bans::of_helper(bans::TABLE.into(), crate::protocol::SOCKET.into());
    bans.prepare(now).map_err(|error| error.to_string())?;
    let scheduling = Scheduling::now()
        .inspect_err(|error| ::log::warn!("sched_getaffinity: {error}"))
        .ok();
    if let Some(account) = account {
        // Few containers have the capability for it; what then can't be put back is said when it is
        // missed.
        let _ = scheduling.as_ref().map(Scheduling::reserve);
        if let Err(denied) = account::assume(&account) {
            // A reload would wait for its answer.
            drop(control);
            let never = || Err(denied.clone());
            turn_away::until_known(&activation, &spec.place, &denied, idle, never)?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    let inherited = Inherited::take()?;
    let (streams, datagrams) = (activation.listeners, activation.datagrams);
    let sockets = Sockets::new(streams, datagrams, activation.mux_listeners);
    let start = Start {
        sockets: sockets.map_err(|error| format!("getsockname: {error}"))?,
        journal,
        settings: Settings::new(spec, &inherited)?,
        inherited,
        sessions: Sessions::new(state_file(activation.state)?),
        control,
        counters,
        idle,
        scheduling,
        bans,
        common_limit: CommonLimit::new(activation.share),
        coordinator: crate::protocol::SOCKET.into(),
    };
    let served = Helper::new(start, now).and_then(|mut helper| helper.run());
    match served.map_err(|error| error.to_string())? {
        End::Done => Ok(ExitCode::SUCCESS),
        End::Abandoned => Ok(ExitCode::FAILURE),
    }
}

/// What a helper runs as.
enum Standing {
    /// This account, which is to be taken.
    Taken(Account),
    /// The user that a drop-in names, and that systemd has started it as.
    AsStarted,
    /// No name service knows the account, and no client comes any more.
    Unknown,
}

/// What the helper of this spec is to run as.
fn account(spec: &Spec, activation: &Activation, idle: Duration) -> Result<Standing, String> {
    if !Uid::effective().is_root() {
        return Ok(Standing::AsStarted);
    }
    let find = || account::find(&spec.credentials);
    let found = match find() {
        Ok(account) => Some(account),
        Err(unknown) => turn_away::until_known(activation, &spec.place, &unknown, idle, find)?,
    };
    Ok(found.map_or(Standing::Unknown, Standing::Taken))
}

/// What a predecessor left, or a new one that systemd keeps for our successor.
fn state_file(kept: Option<std::os::fd::OwnedFd>) -> Result<StateFile, String> {
    if let Some(kept) = kept {
        match StateFile::open(kept) {
            Ok(file) => return Ok(file),
            Err(error) => ::log::warn!("the state of the last helper can't be used: {error}"),
        }
    }
    let file = StateFile::create().map_err(|error| format!("memfd_create: {error}"))?;
    Notifier::new().store(file.file());
    Ok(file)
}

/// Without it reload does not work, but everything else does.
fn control_socket(folder: &Path) -> Option<Control> {
    // systemd's helpers hear root alone: with `User=` in a drop-in their servers have their user.
    let owner = match Journal::is_supervisors() {
        true => Uid::effective().as_raw(),
        false => 0,
    };
    Control::listen(folder, owner)
        .inspect_err(|error| ::log::warn!("no control socket in {}: {error}", folder.display()))
        .ok()
}

#[cfg(test)]
mod argument_tests {
    use super::*;

    #[test]
    fn arguments_are_one_unit_or_a_command_for_one() {
        let parse = |text: &str| parse_arguments(text.split_whitespace().map(OsString::from));
        assert!(
            matches!(parse("telnet"), Ok(Command::Serve(unit, idle)) if unit == "telnet" && idle == IDLE)
        );
        assert!(
            matches!(parse("--idle 3 ftp"), Ok(Command::Serve(unit, idle)) if unit == "ftp" && idle.as_secs() == 3)
        );
        assert!(matches!(parse("--stop telnet"), Ok(Command::Stop(_))));
        assert!(
            matches!(parse("--reload telnet /s"), Ok(Command::Reload(_, file)) if file == Path::new("/s"))
        );
        let rpc = "--rpc-register rstatd 100001 2 4 udp=0.0.0.0.238.73 udp6=::.238.73";
        assert!(
            matches!(parse(rpc), Ok(Command::Register(service)) if service.versions == (2, 4) && service.endpoints.len() == 2)
        );
        let wrong = [
            "",
            "a b",
            "--reload a",
            "--stop",
            "--help",
            "--stop a b",
            "--idle 3",
            "--idle x ftp",
            "--rpc-register rstatd 100001 2",
            "--rpc-unregister rstatd 100001 2 3 a",
        ];
        for wrong in wrong {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
