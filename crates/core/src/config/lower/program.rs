//! What serves the clients: a program, an internal service, another host, or a sensor.

use super::super::report::quoted;
use super::super::values::socket::{flag, kind};
use super::service::{Validation, deny_time};
use crate::bytes::ByteString;
use crate::problem::Severity;
use crate::service::Attribute;
use crate::service::{Builtin, Internal, Program, Serving, SocketType};

/// The internal services (docs/xinetd-behaviour.md, section 4.10).
const INTERNALS: [(&str, Internal); 6] = [
    ("echo", Internal::Builtin(Builtin::Echo)),
    ("discard", Internal::Builtin(Builtin::Discard)),
    ("time", Internal::Builtin(Builtin::Time)),
    ("daytime", Internal::Builtin(Builtin::Daytime)),
    ("chargen", Internal::Builtin(Builtin::Chargen)),
    ("tcpmux", Internal::Tcpmux),
];

/// What serves a connection.
pub(super) fn serving(
    check: &mut Validation<'_>,
    socket_type: Option<SocketType>,
    wait: Option<bool>,
) -> Option<Serving> {
    let internal = check.has_type(kind::INTERNAL);
    if internal && check.has_flag(flag::NAMEINARGS) {
        let place = check.place(Attribute::Flags);
        return check.fail(
            "nameinargs",
            place,
            "NAMEINARGS is not for internal services",
            "take NAMEINARGS away",
        );
    }
    let is_sensor = check.has_flag(flag::SENSOR);
    if !internal && check.values.server.is_none() && check.values.redirect.is_none() {
        return match is_sensor {
            true => check.fail(
                "missing-attribute",
                check.entry.place.clone(),
                format!("{} has no server", quoted(check.entry.id().as_bytes())),
                "write server = /bin/true: a sensor never executes it, but xinetd refuses one without",
            ),
            false => check.missing(Attribute::Server),
        };
    }
    if is_sensor {
        // Nothing is said of a server: xinetd requires one that can be executed.
        return Some(Serving::Sensor(deny_time(check.values)));
    }
    if internal {
        unused_server(check, "an internal service");
        return builtin(check, socket_type?).map(Serving::Internal);
    }
    if let Some((host, port)) = check.values.redirect.clone() {
        let unfit = if socket_type.is_some_and(|kind| kind != SocketType::Stream) {
            Some("needs socket_type = stream")
        } else if wait == Some(true) {
            Some("needs wait = no")
        } else if check.has_flag(flag::NAMEINARGS) {
            Some("does not go with NAMEINARGS")
        } else {
            None
        };
        if let Some(unfit) = unfit {
            let place = check.place(Attribute::Redirect);
            return check.fail(
                "redirect",
                place,
                format!("redirect {unfit}"),
                "redirect TCP services with wait = no alone",
            );
        }
        unused_server(check, "a service with redirect");
        return Some(Serving::Redirect { host, port });
    }
    program(check).map(Serving::Program)
}

/// Says that a server is never executed.
fn unused_server(check: &mut Validation<'_>, what: &str) {
    if check.values.server.is_some() {
        let place = check.place(Attribute::Server);
        check.remark(
            Severity::Note,
            "server-unused",
            place,
            format!("{what} does not execute its server"),
            "leave server out",
        );
    }
}

/// The internal service of the entry's name.
fn builtin(check: &mut Validation<'_>, socket_type: SocketType) -> Option<Internal> {
    let name = check.entry.name.as_bytes();
    let mut known = INTERNALS.iter();
    let found = known.find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
    let serves = |internal| match socket_type {
        SocketType::Stream => true,
        SocketType::Dgram => internal != Internal::Tcpmux,
        SocketType::Raw | SocketType::Seqpacket => false,
    };
    match found {
        Some((_, internal)) if serves(*internal) => Some(*internal),
        _ => {
            let message = format!(
                "there is no internal {} service {}",
                match socket_type {
                    SocketType::Stream => "stream",
                    SocketType::Dgram => "dgram",
                    SocketType::Raw => "raw",
                    SocketType::Seqpacket => "seqpacket",
                },
                quoted(name)
            );
            check.fail(
                "no-internal",
                check.entry.place.clone(),
                message,
                "the internal services are echo, discard, time, daytime, chargen and tcpmux",
            )
        }
    }
}

/// The server and its arguments. Unlike in xinetd, NAMEINARGS may stand behind `server_args`.
fn program(check: &mut Validation<'_>) -> Option<Program> {
    let path = check.values.server.clone()?;
    let arguments = check.values.server_args.clone();
    let argv = if check.has_flag(flag::NAMEINARGS) {
        let Some(argv) = arguments else {
            let place = check.place(Attribute::Flags);
            return check.fail(
                "nameinargs",
                place,
                "NAMEINARGS needs server_args",
                "write server_args = and the name of the server, or take NAMEINARGS away",
            );
        };
        let (args, flags) = (
            check.place(Attribute::ServerArgs),
            check.place(Attribute::Flags),
        );
        if args.line < flags.line {
            check.remark(
                Severity::Note,
                "nameinargs-order",
                flags,
                "for xinetd NAMEINARGS must stand before server_args: it crashes otherwise",
                "move flags above server_args",
            );
        }
        argv
    } else {
        let name = path.as_bytes().rsplit(|byte| *byte == b'/').next();
        let name = ByteString::from(name.unwrap_or_default());
        std::iter::once(name)
            .chain(arguments.unwrap_or_default())
            .collect()
    };
    if path.as_bytes().ends_with(b"/") {
        let place = check.place(Attribute::Server);
        return check.fail(
            "server",
            place,
            format!("{} is a directory", quoted(path.as_bytes())),
            "write the path of a program",
        );
    }
    Some(Program { path, argv })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{codes, load_text, only, telnet};
    use super::*;

    fn argv(lines: &str) -> Vec<String> {
        match only(telnet(lines)).serving {
            Serving::Program(program) => program.argv.iter().map(ByteString::to_text).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_argument_vector_begins_with_the_name_of_the_server() {
        assert_eq!(argv(""), ["telnetd"]);
        assert_eq!(argv("server_args = -h  -n"), ["telnetd", "-h", "-n"]);
        assert_eq!(
            argv("flags = NAMEINARGS\nserver_args = name -n"),
            ["name", "-n"]
        );
    }

    #[test]
    fn nameinargs_may_stand_behind_the_arguments() {
        let lines = "server_args = name -n\nflags = NAMEINARGS";
        assert_eq!(argv(lines), ["name", "-n"]);
        assert_eq!(codes(&telnet(lines)), ["N 8 nameinargs-order"]);
        assert_eq!(codes(&telnet("flags = NAMEINARGS")), ["E 7 nameinargs"]);
    }

    #[test]
    fn internal_services_are_known_by_name_and_type() {
        let internal = |name: &str, lines: &str| {
            load_text(format!(
                "service {name}\n{{\ntype = INTERNAL UNLISTED\nport = 4000\nwait = no\n{lines}\n}}\n"
            ))
        };
        let echo = only(internal("ECHO", "socket_type = stream"));
        assert_eq!(
            echo.serving,
            Serving::Internal(Internal::Builtin(Builtin::Echo))
        );
        assert_eq!(echo.credentials, None);
        assert_eq!(
            codes(&internal("servers", "socket_type = stream")),
            ["E 1 no-internal"]
        );
        assert_eq!(
            codes(&internal("tcpmux", "socket_type = dgram")),
            ["E 1 no-internal"]
        );
        let named = internal("echo", "socket_type = stream\nflags = NAMEINARGS");
        assert_eq!(codes(&named), ["E 7 nameinargs"]);
    }

    #[test]
    fn redirect_is_for_tcp_without_wait() {
        let redirect = |kind: &str, wait: &str, lines: &str| {
            codes(&load_text(format!(
                "service echo\n{{\nsocket_type = {kind}\nwait = {wait}\nuser = root\nredirect = 192.0.2.1 80\n{lines}\n}}\n"
            )))
        };
        assert_eq!(redirect("stream", "no", ""), [""; 0]);
        assert_eq!(redirect("dgram", "yes", ""), ["E 6 redirect"]);
        assert_eq!(redirect("stream", "yes", ""), ["E 6 redirect"]);
        assert_eq!(
            redirect("stream", "no", "flags = NAMEINARGS"),
            ["E 6 redirect"]
        );
    }

    #[test]
    fn a_sensor_still_needs_a_server_unless_it_is_internal() {
        let sensor = |kind: &str| {
            load_text(format!(
                "service telnet\n{{\n{kind}\nsocket_type = stream\nwait = no\nuser = root\nflags = SENSOR\n}}\n"
            ))
        };
        let without = sensor("");
        assert_eq!(codes(&without), ["E 1 missing-attribute"]);
        let help = &without.problems[0].help;
        assert!(help.starts_with("write server = /bin/true"), "{help}");
        assert_eq!(
            codes(&sensor("server = /bin/true")),
            [""; 0],
            "one is needed"
        );
        assert!(matches!(
            only(sensor("type = INTERNAL")).serving,
            Serving::Sensor(_)
        ));
    }
}
