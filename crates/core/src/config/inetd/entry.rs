//! Entries into the attribute lines that say the same.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::attributes::AttributeLine;
use super::draft::{Draft, Execution, word};
use super::lines::{FIELDS, Field};
use super::name::{self, Reached};
use super::protocol::{self, Family, Protocol};
use super::remarks::{Remarks, Unfit};
use super::user::{self, UserField};
use super::wait::{self, Wait};
use crate::config::databases::Databases;
use crate::config::report::{counted, quoted};
use crate::config::values::process::unfit_for_id;
use crate::problem::{Problem, Severity};
use crate::service::Attribute;

/// What turns entries into drafts.
pub(super) struct Drafts<'r, 'a> {
    file: &'r Arc<Path>,
    databases: &'r Databases,
    /// The local addresses of entries that name none; none means all.
    hosts: Vec<Field<'a>>,
}

impl<'r, 'a> Drafts<'r, 'a> {
    /// For a file, from its first line on.
    pub(super) fn new(file: &'r Arc<Path>, databases: &'r Databases) -> Self {
        Self {
            file,
            databases,
            hosts: Vec::new(),
        }
    }

    /// Reads an entry: a service for each address that it names.
    pub(super) fn read(
        &mut self,
        fields: &[Field<'a>],
        problems: &mut Vec<Problem>,
    ) -> Result<Vec<Draft<'a>>, Unfit> {
        let mut remarks = Remarks {
            file: self.file,
            problems,
        };
        if let [only] = fields
            && let (Some(hosts), service) = name::hosts(only)
            && service.bytes().is_empty()
        {
            self.hosts = hosts;
            return Ok(Vec::new());
        }
        let &[
            first,
            socket_type,
            protocol,
            wait,
            user,
            server,
            ref arguments @ ..,
        ] = fields
        else {
            let message = format!(
                "the entry has {} of {FIELDS}: name, socket type, protocol, wait, user, server",
                counted(fields.len(), "field")
            );
            let help = "write all of them, or # at the beginning of the line";
            return match fields.last() {
                Some(last) => Err(remarks.unfit("inetd-fields", last, message, help)),
                None => Ok(Vec::new()),
            };
        };
        if let Some(field) = fields.iter().find(|field| field.bytes().contains(&0)) {
            let message = "the line has a NUL byte in it";
            let help = "write the file as plain text";
            return Err(remarks.unfit("syntax", field, message, help));
        }
        let protocol = protocol::read(&protocol, self.databases, &mut remarks)?;
        let (hosts, service) = name::hosts(&first);
        let hosts = hosts.unwrap_or_else(|| self.hosts.clone());
        let (name, found) = find(&service, protocol.rpc, &mut remarks)?;
        let wait = wait::read(&wait, &mut remarks)?;
        let user = user::read(&user, self.databases, &mut remarks);
        let is_internal = server.bytes() == b"internal";
        let is_stream = socket_type.bytes() == b"stream";
        let mut lines = vec![AttributeLine::of(Attribute::SocketType, socket_type)];
        lines.extend(reached(name, found, &protocol));
        lines.extend(run(&wait));
        if !is_internal {
            lines.extend(account(&user));
        }
        let draft = Draft {
            name,
            head: kinds(name, server, found, is_internal)
                .into_iter()
                .collect(),
            lines,
            family: protocol.family.map(|family| match family {
                Family::V4 => "IPv4",
                Family::V6 => "IPv6",
            }),
            server,
            program: (!is_internal).then(|| Execution {
                path: Cow::Borrowed(server.bytes()),
                arguments: arguments.to_vec(),
                is_named: !arguments.is_empty(),
                is_wrapped: false,
            }),
            can_be_wrapped: !is_stream || !(wait.wait || protocol.rpc),
        };
        let id = is_internal.then(|| internal_id(&name, &socket_type));
        Ok(bound(&draft, id.flatten().as_deref(), &hosts))
    }
}

/// The name of a service and how clients find it.
fn find<'a>(
    service: &Field<'a>,
    rpc: bool,
    remarks: &mut Remarks<'_>,
) -> Result<(Field<'a>, Reached<'a>), Unfit> {
    let Some((name, found)) = name::found(service, rpc) else {
        let service_name = quoted(service.bytes());
        let message = format!("{service_name} has no version, which an RPC service needs");
        let help = "write NAME/VERSION, or NAME/FIRST-LAST";
        return Err(remarks.unfit("inetd-rpc", service, message, help));
    };
    if name.bytes().is_empty() {
        let help = "write a name of /etc/services, or a port";
        return Err(remarks.unfit("inetd-name", service, "the service has no name", help));
    }
    if let Some(message) = unfit_for_id(name.bytes()) {
        let help = "write a short name, such as ftp";
        return Err(remarks.unfit("service-name", &name, message, help));
    }
    if let (Reached::Listed, Some((_, rest))) = (found, service.split(b'/')) {
        let rest_shown = quoted(rest.bytes());
        remarks.add(
            Severity::Warning,
            "inetd-name",
            &rest,
            format!("{rest_shown} is for RPC services and has no effect here"),
            "take it away, or write rpc/ before the protocol",
        );
    }
    Ok((name, found))
}

/// What says how clients reach the service, but for local addresses.
fn reached<'a>(
    name: Field<'a>,
    found: Reached<'a>,
    protocol: &Protocol<'a>,
) -> Vec<AttributeLine<'a>> {
    let mut lines = vec![AttributeLine::of(Attribute::Protocol, protocol.name)];
    match found {
        Reached::Port(port) => lines.push(AttributeLine::of(Attribute::Port, port)),
        Reached::Rpc { versions, numbered } => {
            let number = numbered.then(|| AttributeLine::of(Attribute::RpcNumber, name));
            lines.extend(number);
            lines.push(AttributeLine::of(Attribute::RpcVersion, versions));
        }
        Reached::Listed | Reached::Mux { .. } => {}
    }
    if protocol.family == Some(Family::V6) {
        let only = AttributeLine::meant(Attribute::V6only, protocol.name, "yes");
        lines.push(only);
    }
    lines
}

/// What says how many servers run, and what they get.
fn run<'a>(wait: &Wait<'a>) -> impl Iterator<Item = AttributeLine<'a>> {
    let yes = if wait.wait { "yes" } else { "no" };
    let of = |attribute| move |number| AttributeLine::of(attribute, number);
    let lines = [
        Some(AttributeLine::meant(Attribute::Wait, wait.word, yes)),
        wait.instances.map(of(Attribute::Instances)),
        wait.per_source.map(of(Attribute::PerSource)),
    ];
    lines.into_iter().flatten()
}

/// What says whose rights the server has.
fn account<'a>(user: &UserField<'a>) -> impl Iterator<Item = AttributeLine<'a>> {
    let lines = [
        Some(AttributeLine::of(Attribute::User, user.user)),
        user.group
            .map(|group| AttributeLine::of(Attribute::Group, group)),
        // As for inetd, whatever defaults say.
        Some(AttributeLine::meant(Attribute::Groups, user.user, "yes")),
    ];
    lines.into_iter().flatten()
}

/// `type`, where the service has one.
fn kinds<'a>(
    name: Field<'a>,
    server: Field<'a>,
    found: Reached<'a>,
    is_internal: bool,
) -> Option<AttributeLine<'a>> {
    let reached: &[&str] = match found {
        Reached::Listed => &[],
        Reached::Port(_) => &["UNLISTED"],
        Reached::Rpc { numbered: true, .. } => &["RPC", "UNLISTED"],
        Reached::Rpc { .. } => &["RPC"],
        Reached::Mux { plus: true } => &["TCPMUXPLUS", "UNLISTED"],
        Reached::Mux { plus: false } => &["TCPMUX", "UNLISTED"],
    };
    let served = is_internal.then_some("INTERNAL");
    let words: Vec<_> = reached.iter().copied().chain(served).map(word).collect();
    let field = if is_internal { server } else { name };
    (!words.is_empty()).then(|| AttributeLine::new(Attribute::Type, field, words))
}

/// The id of an internal service that there is for streams and for datagrams.
fn internal_id(name: &Field<'_>, socket_type: &Field<'_>) -> Option<Vec<u8>> {
    const BOTH: [&[u8]; 5] = [b"echo", b"discard", b"time", b"daytime", b"chargen"];
    let is_both = BOTH.contains(&name.bytes());
    is_both.then(|| [name.bytes(), b"-", socket_type.bytes()].concat())
}

/// The draft for each of these local addresses, and once for all of them if there are none.
fn bound<'a>(draft: &Draft<'a>, id: Option<&[u8]>, hosts: &[Field<'a>]) -> Vec<Draft<'a>> {
    let with_id = |id: Option<Cow<'a, [u8]>>| {
        let mut draft = draft.clone();
        let line = id.map(|id| AttributeLine::new(Attribute::Id, draft.name, [id]));
        draft.head.splice(0..0, line);
        draft
    };
    let own = || id.map(|id| Cow::Owned(id.to_vec()));
    if hosts.is_empty() {
        return vec![with_id(own())];
    }
    let bound = hosts.iter().map(|host| {
        // Two services of one id are hard to tell apart.
        let id = match hosts {
            [_] => own(),
            _ => {
                let id = id.unwrap_or(draft.name.bytes());
                Some(Cow::Owned([id, b"-", host.bytes()].concat()))
            }
        };
        let mut draft = with_id(id);
        if !name::is_any(host) {
            draft.lines.push(AttributeLine::of(Attribute::Bind, *host));
        }
        draft
    });
    bound.collect()
}
