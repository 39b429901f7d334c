//! The sandbox of helpers that run no program of others: those of internal services, sensors,
//! redirects and tcpmux. docs/hardening.md says what each directive is for, and what was measured.
//!
//! A helper that runs servers has none: it is their parent, and each directive would bind them too.
//! An administrator can add what a server bears.
//!
//! What such a helper needs: the sockets that systemd passes; new ones to journald, systemd, the
//! coordinator, ident servers, backends, other helpers and whatever the name service asks; to read
//! banners, hosts.allow, hosts.deny, the lists that they name, and /proc; its runtime directory; and
//! to change to the service's user.

use std::path::Path;

use super::account::is_root;
use super::servable::{Door, Servable};
use super::unit::{Directive, Value};
use crate::config::FileTree;
use crate::libwrap::{FILES, Rules};
use crate::service::{Service, Serving};

/// Directories that each service with `PrivateTmp=` has for itself.
const PRIVATE: [&str; 2] = ["/tmp/", "/var/tmp/"];

/// What a machine lets a sandbox take away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// Whether the machine is a container whose manager may keep systemd from what most directives
    /// take: units that have them may fail to start then (226/NAMESPACE where mount(2) is forbidden;
    /// 217/USER from systemd 255 on where CAP_SYS_ADMIN is missing).
    pub restricted: bool,
    /// Whether hosts.allow or hosts.deny may run a command, which is a program of others, or name
    /// a file that only the machine's own /tmp has.
    pub commands: bool,
}

impl Confinement {
    /// What the rules of a tree ask for. They are read anew by each helper whenever they change, a
    /// unit only changes with the next daemon-reload.
    pub(super) fn read(tree: &dyn FileTree) -> Self {
        let commands = FILES.iter().any(|file| {
            let file = Path::new(file);
            let runs = |text: &[u8]| Rules::parse(file, text).run_commands();
            tree.read(file)
                .is_ok_and(|text| names_private(&text) || names_command(&text) && runs(&text))
        });
        Self {
            restricted: false,
            commands,
        }
    }
}

/// The directives for the helper of a service; none where it runs programs of others.
pub(super) fn directives(
    service: &Service,
    servable: &Servable,
    confinement: Confinement,
) -> Vec<Directive> {
    let asks_rules = service.libwrap_daemon().is_some();
    if matches!(service.serving, Serving::Program(_)) || asks_rules && confinement.commands {
        return Vec::new();
    }
    let runs_as_root = is_root(&servable.credentials.user);
    let capabilities = match runs_as_root {
        // Root's helper opens banners, whatever their mode is.
        true => "CAP_SETUID CAP_SETGID CAP_DAC_READ_SEARCH",
        false => "CAP_SETUID CAP_SETGID",
    };
    let mut list = literals(&[
        ("CapabilityBoundingSet", capabilities),
        ("NoNewPrivileges", "yes"),
    ]);
    if confinement.restricted {
        return list;
    }
    list.extend(literals(&[
        // The last one is for the name service: which addresses the machine has itself.
        (
            "RestrictAddressFamilies",
            "AF_UNIX AF_INET AF_INET6 AF_NETLINK",
        ),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("MemoryDenyWriteExecute", "yes"),
        ("ProtectClock", "yes"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallFilter", "@system-service"),
        // A library that tries something else gets an error, and the helper is not killed for it.
        ("SystemCallErrorNumber", "EPERM"),
        ("ProtectSystem", "strict"),
        // A banner may lie there.
        ("ProtectHome", "read-only"),
        ("PrivateDevices", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectControlGroups", "yes"),
    ]));
    if !has_private_banner(service) {
        list.push(Directive::new("PrivateTmp", Value::Literal("yes")));
    }
    // What tcpmux is leads over /proc: the process that hands a client on is another user's.
    if let Door::Port { .. } = servable.door {
        list.push(Directive::new("ProtectProc", Value::Literal("invisible")));
    }
    list
}

fn literals(list: &[(&'static str, &'static str)]) -> Vec<Directive> {
    let directive = |&(key, value)| Directive::new(key, Value::Literal(value));
    list.iter().map(directive).collect()
}

fn has_private_banner(service: &Service) -> bool {
    let banners = &service.banners;
    let files = [&banners.always, &banners.success, &banners.failure];
    files
        .into_iter()
        .flatten()
        .any(|file| names_private(file.as_bytes()))
}

fn names_private(text: &[u8]) -> bool {
    PRIVATE.iter().any(|directory| holds(text, directory))
}

/// Whether a rule in this text could run a command. Most files have no such word, and a file of
/// many rules takes long to read as such.
fn names_command(text: &[u8]) -> bool {
    // A line that goes on may go on inside of the word.
    ["spawn", "twist", "\\\n"]
        .iter()
        .any(|word| holds(text, word))
}

/// Whether a text has this word, in any case.
fn holds(text: &[u8], word: &str) -> bool {
    let Some((first, rest)) = word.as_bytes().split_first() else {
        return true;
    };
    let follows = |text: &[u8]| {
        let next = text.get(..rest.len());
        next.is_some_and(|next| next.eq_ignore_ascii_case(rest))
    };
    let mut text = text;
    while let Some(at) = text
        .iter()
        .position(|byte| byte.eq_ignore_ascii_case(first))
    {
        text = text.get(at + 1..).unwrap_or_default();
        if follows(text) {
            return true;
        }
    }
    false
}
