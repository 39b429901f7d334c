//! The `.service` unit: the helper, which systemd starts when the first client comes.
//!
//! What a server gets that its helper must not have (resource limits, environment, descriptors,
//! signals) is in the spec. Left at their defaults, each for a reason:
//! - TasksMax=: 15 % of the machine's is more for each service than the xinetd of the same
//!   machine had for all of them, and a server that forks without end is stopped somewhere;
//! - LogRateLimitIntervalSec=: with the default `cps` the lines of a service stay below half of
//!   what the journal takes; without the limit strangers could push all else out of the journal;
//! - User=: the helper takes the service's user as its effective one alone, which systemd can't do
//!   (sys/credentials.rs); a drop-in's User= is taken as it is;
//! - LimitNOFILE=: the hard limit is what servers get, and the helper may raise its own;
//! - TimeoutStartSec=: 90 s is time enough to look up a user in LDAP;
//! - sandboxing, for helpers that run servers: it would bind the servers too (drop-ins can add it).
//!
//! No directive is younger than systemd 252.

use super::account::{self, is_root};
use super::sandbox::{self, Confinement};
use super::servable::Servable;
use super::surroundings::SpecDirectory;
use super::unit::{Directive, UnitFile, Value};
use super::unit_name::UnitName;
use super::unit_section::unit_section;
use crate::service::{LogTarget, Service};

/// The unit that serves a service's connections.
pub(super) fn service(
    service: &Service,
    servable: &Servable,
    unit: &UnitName,
    specs: &SpecDirectory,
    confinement: Confinement,
) -> UnitFile {
    UnitFile {
        sections: vec![
            ("Unit", head(service, unit)),
            ("Service", {
                let mut body = body(service, servable, unit, specs);
                body.extend(sandbox::directives(service, servable, confinement));
                body
            }),
        ],
    }
}

fn head(service: &Service, unit: &UnitName) -> Vec<Directive> {
    let mut head = unit_section(service);
    head.extend([
        // systemd refuses to start a socket whose service runs, so that a restart of the socket
        // alone would end it for good: the service goes down and up with it.
        Directive::new("Requires", Value::Unit(unit.clone(), ".socket")),
        Directive::new("PartOf", Value::Literal("xinetd.target")),
        // A failed helper leaves nothing behind that needs `systemctl reset-failed`.
        Directive::new("CollectMode", Value::Literal("inactive-or-failed")),
        // Each return from idleness is a start; five in 10 s would fail the socket with it.
        Directive::new("StartLimitIntervalSec", Value::Number(0)),
    ]);
    if let LogTarget::File { .. } = service.logging.target {
        // The coordinator opens the file; it is started by the first line.
        head.extend([
            Directive::new("Wants", Value::Literal("xinetd-coordinator.socket")),
            Directive::new("After", Value::Literal("xinetd-coordinator.socket")),
        ]);
    }
    head
}

fn body(
    service: &Service,
    servable: &Servable,
    unit: &UnitName,
    specs: &SpecDirectory,
) -> Vec<Directive> {
    let name = || unit.as_str().as_bytes().to_vec();
    let spec_path = specs.path_of(unit);
    let mut body = vec![
        Directive::new("Type", Value::Literal("notify")),
        Directive::new("NotifyAccess", Value::Literal("main")),
        Directive::new("ExecStart", Value::Helper("", vec![name()])),
        // As root, also where a drop-in has User=: the service's user must not be able to bring
        // its own spec.
        Directive::new(
            "ExecReload",
            Value::Helper("+", vec![b"--reload".to_vec(), name(), spec_path]),
        ),
        Directive::new(
            "ExecStop",
            Value::Helper("+", vec![b"--stop".to_vec(), name()]),
        ),
        Directive::new("X-Account", account::words(&servable.credentials)),
    ];
    body.extend(nice(service).map(|nice| Directive::new("Nice", Value::Number(nice.into()))));
    body.extend([
        Directive::new("UMask", Value::Octal(umask(service))),
        // systemd ignores SIGPIPE by default, and servers would inherit that.
        Directive::new("IgnoreSIGPIPE", Value::Literal("no")),
        // systemd opens it as root, also for a helper that may not. A credential would do the
        // same, and mount a file system at each start.
        Directive::new("StandardInput", specs.input(unit)),
        Directive::new("RuntimeDirectory", Value::RuntimeDirectory(unit.clone())),
        // The coordinator asks the helper there, and has no rights over the files of others.
        Directive::new("RuntimeDirectoryMode", Value::Octal(0o711)),
        // What was counted, for the next helper.
        Directive::new("RuntimeDirectoryPreserve", Value::Literal("yes")),
        // The record of live sessions, for the next helper.
        Directive::new("FileDescriptorStoreMax", Value::Number(1)),
        // Sessions outlive a helper that dies; ExecStop= ends them when they shall end.
        Directive::new("KillMode", Value::Literal("process")),
        // A server that the kernel kills for memory must not take the service along.
        Directive::new("OOMPolicy", Value::Literal("continue")),
        Directive::new("Restart", Value::Literal("on-failure")),
        // A helper that can't work tries once a second; clients wait in the backlog.
        Directive::new("RestartSec", Value::Literal("1s")),
        Directive::new("TimeoutStopSec", Value::Literal("20s")),
        Directive::new("WatchdogSec", Value::Literal("30s")),
        // The default, SIGABRT, dumps core and can be blocked.
        Directive::new("WatchdogSignal", Value::Literal("SIGKILL")),
    ]);
    body
}

/// The umask of a service: xinetd's own where it has none (docs/xinetd-behaviour.md, section 2).
pub(super) fn umask(service: &Service) -> u16 {
    service.umask.unwrap_or(0o022)
}

/// The nice value, where it has an effect in xinetd: it is set after the change of user, so that a
/// negative one needs root, and the kernel cuts it at 19 and -20.
pub(super) fn nice(service: &Service) -> Option<i32> {
    let nice = service.nice?;
    let credentials = service.credentials.as_ref();
    let is_root = credentials.is_some_and(|credentials| is_root(&credentials.user));
    (is_root || nice >= 0).then(|| nice.clamp(-20, 19))
}
