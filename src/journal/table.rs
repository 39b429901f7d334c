//! The table of events: the journal, the log files, `journalctl -x` and xinetd.log(5) go by it. A new event
//! is a row here. It is long as it is all that can happen, with its words.

use std::fmt::{self, Formatter};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU64;
use std::time::Duration;

use xinetd_core::bytes::ByteString;
use xinetd_core::policy::{Note, Refusal};
use xinetd_core::service::{DenyTime, Facility, Level};

use super::entry::Entry;
use super::event::{Ending, PauseCause, Peer};
use super::service::ServiceLog;
use super::text::{ErrorText, Text, from};

/// What holds for all entries of a kind.
#[derive(Debug)]
pub(super) struct Description {
    /// Its word in the field `XINETD_EVENT`.
    pub(super) name: &'static str,
    /// Its `MESSAGE_ID`, which never changes: the journal's catalog has its explanation under it.
    pub(super) id: &'static str,
    /// The level of xinetd's own messages (docs/xinetd-behaviour.md, section 5.7); none for the lines of the
    /// service, whose level `log_type` tells.
    pub(super) level: Option<Level>,
}

/// What the catalog says of a kind. Apart from the [`Description`], as the helper has no use for so much text.
#[derive(Debug)]
pub(super) struct Explanation {
    /// What has happened, with the entry's fields between `@`: a heading in the catalog.
    pub(super) subject: &'static str,
    /// The manual page that says more.
    pub(super) manual: &'static str,
    /// What it means and what to do, for the administrator: paragraphs, and lists whose lines begin with blanks.
    pub(super) text: &'static str,
}

/// What the examples refer to.
pub(super) struct Told {
    pub(super) refusal: Refusal,
    pub(super) command: ByteString,
    pub(super) server: ByteString,
    pub(super) banner: ByteString,
}

/// The number of the examples.
const COUNT: NonZeroU64 = NonZeroU64::MIN.saturating_add(11);

/// The client of the examples.
const CLIENT: Peer<'_> = Peer {
    host: "::ffff:192.0.2.7",
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
    port: 40321,
};

/// Each row has a kind and what an event of it carries, then its [`Description`], how it is written, and its
/// [`Explanation`]: `line` is the text of xinetd (docs/xinetd-behaviour.md, sections 5.2 and 5.7), in which what is not
/// visible still stands; `fields` are those that only this kind has. Both see what the event carries, by name.
macro_rules! events {
    (
        line($f:ident, $log:ident, $id:ident) fields($entry:ident, $service:ident) example($told:ident)
        $(
            $(#[$doc:meta])*
            $kind:ident $({ $($(#[$about:meta])* $part:ident: $type:ty,)* })?
                $name:literal, $message_id:literal, $level:expr,
                line: $line:expr,
                fields: $fields:expr,
                example: $example:expr,
                catalog: $subject:literal, $manual:literal, $explanation:literal;
        )*
    ) => {
        /// Something that happened to a service, or to the log itself.
        #[derive(Clone, Copy, Debug)]
        pub(crate) enum Event<'a> {
            $($(#[$doc])* $kind $({ $($(#[$about])* $part: $type,)* })?,)*
        }

        /// Kinds of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$kind,)*];
        }

        /// All rows, in the order of [`Kind`].
        pub(super) static TABLE: [Description; Kind::ALL.len()] = [$(Description {
            name: $name,
            id: $message_id,
            level: $level,
        },)*];

        /// What the catalog says of each, in the same order.
        pub(super) static CATALOG: [Explanation; Kind::ALL.len()] = [$(Explanation {
            subject: $subject,
            manual: $manual,
            text: $explanation,
        },)*];

        impl<'a> Event<'a> {
            /// Which kind of event it is.
            pub(crate) fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind { .. } => Kind::$kind,)*
                }
            }

            /// Writes its line.
            #[allow(unused_variables, reason = "a line need not have all that its event carries")]
            pub(super) fn write_line(&self, $f: &mut Formatter<'_>, $log: &ServiceLog) -> fmt::Result {
                let $id = Text(&$log.id);
                match *self {
                    $(Self::$kind $({ $($part,)* })? => $line,)*
                }
            }

            /// Puts the fields into an entry that only its kind has.
            #[allow(unused_variables, reason = "the fields need not have all that their event carries")]
            pub(super) fn put_fields(&self, $entry: &mut Entry, $service: &ServiceLog) {
                match *self {
                    $(Self::$kind $({ $($part,)* })? => $fields,)*
                }
            }

            /// One of a kind, for xinetd.log(5).
            pub(super) fn example(kind: Kind, $told: &'a Told) -> Self {
                match kind {
                    $(Kind::$kind => $example,)*
                }
            }
        }
    };
}

events! {
    line(f, log, id) fields(entry, service) example(told)

    /// A server was started.
    Start {
        /// Its process.
        pid: i32,
        /// Its client.
        peer: Peer<'a>,
    }
        "START", "e7292512edb546d58bc4cf10926d7ea2", None,
        line: {
            write!(f, "START: {id}")?;
            if log.success.pid {
                write!(f, " pid={pid}")?;
            }
            from(f, peer, log.success.host)
        },
        fields: {
            entry.client(peer, service.names_served());
            entry.text("XINETD_PID", pid);
        },
        example: Event::Start { pid: 4711, peer: CLIENT },
        catalog: "A server of @XINETD_SERVICE@ was started", "xinetd.conf(5)",
            "A client was let in, and a server runs for it. The line is xinetd's; log_on_success in the \
             service's file says which parts it has.";

    /// A server has ended.
    Exit {
        /// Its process.
        pid: i32,
        /// Its client.
        peer: Peer<'a>,
        /// How it ended; none where that can't be known: an earlier helper had started it.
        ending: Option<Ending>,
        /// How long it ran.
        duration: Duration,
    }
        "EXIT", "8636611d46714974bbf197ccc779cba6", None,
        line: {
            write!(f, "EXIT: {id}")?;
            match ending {
                Some(Ending::Exited(status)) if log.success.exit => write!(f, " status={status}")?,
                Some(Ending::Signaled(signal)) if log.success.exit => write!(f, " signal={signal}")?,
                _ => {}
            }
            if log.success.pid {
                write!(f, " pid={pid}")?;
            }
            if log.success.duration {
                write!(f, " duration={}(sec)", duration.as_secs())?;
            }
            Ok(())
        },
        fields: {
            entry.client(peer, service.names_served());
            entry.text("XINETD_PID", pid);
            match ending {
                Some(Ending::Exited(status)) => entry.text("XINETD_STATUS", status),
                Some(Ending::Signaled(signal)) => entry.text("XINETD_SIGNAL", signal),
                None => {}
            }
            entry.text("XINETD_DURATION_USEC", duration.as_micros());
        },
        example: Event::Exit {
            pid: 4711,
            peer: CLIENT,
            ending: Some(Ending::Exited(0)),
            duration: Duration::from_micros(7_250_000),
        },
        catalog: "A server of @XINETD_SERVICE@ has ended", "xinetd.conf(5)",
            "The line is xinetd's; log_on_success says which parts it has. A server that outlived the helper \
             that had started it ends without a status: that went to the dead helper.";

    /// What was passed on between a client and its backend.
    Traffic {
        /// The client.
        peer: Peer<'a>,
        /// Bytes from the client to the backend.
        up: u64,
        /// Bytes from the backend to the client.
        down: u64,
    }
        "TRAFFIC", "c57e267955694c8ebbf1967019a0abf0", None,
        line: write!(f, "TRAFFIC: {id} in={up}(bytes) out={down}(bytes)"),
        fields: {
            entry.client(peer, service.names_served());
            entry.text("XINETD_BYTES_IN", up);
            entry.text("XINETD_BYTES_OUT", down);
        },
        example: Event::Traffic { peer: CLIENT, up: 512, down: 20480 },
        catalog: "Bytes were passed on for a client of @XINETD_SERVICE@", "xinetd.conf(5)",
            "The service redirects its clients, and log_on_success has TRAFFIC. From the client to the \
             backend: @XINETD_BYTES_IN@ bytes, and back: @XINETD_BYTES_OUT@ bytes.";

    /// A backend could not be reached.
    Unreachable {
        /// Its client.
        peer: Peer<'a>,
        /// The backend's address, or its name where it has none.
        host: &'a str,
        /// Why, in words.
        failure: &'a str,
    }
        "UNREACHABLE", "7b1aa4eb72e0428c9af9f2a016d9d42d", Some(Level::Err),
        line: write!(f, "can't connect to remote host {host}: {failure}"),
        fields: {
            entry.client(peer, service.names_served());
            entry.text("XINETD_HOST", host);
            entry.text("XINETD_REASON", failure);
        },
        example: Event::Unreachable {
            peer: CLIENT,
            host: "192.0.2.80",
            failure: "Connection refused (errno = 111)",
        },
        catalog: "The backend of @XINETD_SERVICE@ can't be reached", "xinetd.conf(5)",
            "The service redirects its clients to @XINETD_HOST@, which takes no connection: @XINETD_REASON@. \
             A client for which no backend is left is sent away.";

    /// A client was refused. See [`Event::companion`].
    Fail {
        /// Why.
        refusal: &'a Refusal,
        /// The client.
        peer: Peer<'a>,
    }
        "FAIL", "0c22afc9d8ab4c3790063685743ab448", None,
        line: {
            write!(f, "FAIL: {id} {}", refusal.reason)?;
            from(f, peer, log.failure.host)
        },
        fields: {
            entry.client(peer, service.names_refused());
            entry.text("XINETD_REASON", refusal.reason);
            if let Some(rule) = &refusal.rule {
                entry.text("XINETD_RULE", rule);
            } else if refusal.note == Note::Banned {
                entry.text("XINETD_RULE", "xinetdctl bans list");
            }
        },
        example: Event::Fail { refusal: &told.refusal, peer: CLIENT },
        catalog: "A client of @XINETD_SERVICE@ was refused (@XINETD_REASON@)", "xinetd.conf(5)",
            "The reason is one of\n  \
               address                  only_from, no_access, or a ban (xinetdctl bans list)\n  \
               libwrap                  hosts.allow or hosts.deny\n  \
               time                     access_times\n  \
               service_limit            instances\n  \
               per_source_limit         per_source\n  \
               process_limit            -limit of xinetd(8), which holds without systemd\n  \
               load                     max_load\n  \
               connections per second   cps\n  \
               fork                     the machine could make no process\n\
             The field XINETD_RULE names the entry of a list or of access_times that refused, with its file, \
             line and column; a ban has \"xinetdctl bans list\". Limits have none: xinetdctl explain names their line. \
             XINETD_CONFIG names the service:\n  \
               journalctl -o verbose XINETD_EVENT=FAIL";

    /// A client was refused because of `max_load`: goes before its [`Event::Fail`].
    ExcessiveLoad {
        /// The client.
        peer: Peer<'a>,
    }
        "LOAD", "dddf54824d6042e09d470e280f5b7db3", Some(Level::Err),
        line: write!(f, "refused connect from {} due to excessive load", peer.host),
        fields: entry.client(peer, true),
        example: Event::ExcessiveLoad { peer: CLIENT },
        catalog: "@XINETD_SERVICE@ refuses clients because of the machine's load", "xinetd.conf(5)",
            "The 1-minute load average is at or above max_load. Clients are let in again as soon as it is \
             lower.";

    /// A client is in `only_from` and in `no_access`: goes before its [`Event::Fail`].
    BothListsMatch {
        /// The client.
        peer: Peer<'a>,
    }
        "BOTH_LISTS", "c2d7f9b71af943899c6839daf98ea642", Some(Level::Err),
        line: write!(
            f,
            "Service={id}: only_from list and no_access list match equally the address {}",
            peer.host
        ),
        fields: entry.client(peer, true),
        example: Event::BothListsMatch { peer: CLIENT },
        catalog: "A client of @XINETD_SERVICE@ is in only_from and in no_access", "xinetd.conf(5)",
            "no_access wins, whichever entry is narrower, as in xinetd. If the client is to be let in, take \
             its address out of no_access.";

    /// A client was refused because its name could not be found out, and `only_from` or `no_access` depends
    /// on it: goes before its [`Event::Fail`].
    NameUnknown {
        /// The client.
        peer: Peer<'a>,
    }
        "NAME_UNKNOWN", "63ce8638571244379d6541b54ffcc5f4", Some(Level::Warning),
        line: write!(
            f,
            "Service={id}: the name of {} could not be found out, and a rule depends on it",
            peer.host
        ),
        fields: entry.client(peer, true),
        example: Event::NameUnknown { peer: CLIENT },
        catalog: "The name of a client of @XINETD_SERVICE@ could not be found out", "xinetd.conf(5)",
            "no_access or only_from has host names, and the lookup failed, took too long, or found too many \
             others before it. So the client may be one of those that are kept out, or none of those that are \
             let in, and it was refused. Look at the resolver, or write addresses in the lists.";

    /// A client was refused by hosts.allow or hosts.deny: goes before its [`Event::Fail`].
    LibwrapRefused {
        /// The client.
        peer: Peer<'a>,
        /// What the rule's `severity` says.
        severity: Option<(Facility, Level)>,
    }
        // xinetd's own usual level.
        "LIBWRAP", "851269bf05ea4e53a469c6c7b4175232", Some(Level::Info),
        line: write!(
            f,
            "libwrap refused connection to {id} (libwrap={}) from {}",
            Text(&log.daemon),
            peer.host
        ),
        fields: entry.client(peer, true),
        example: Event::LibwrapRefused { peer: CLIENT, severity: None },
        catalog: "@XINETD_SERVICE@ refuses a client because of hosts.allow or hosts.deny", "hosts_access(5)",
            "A rule of /etc/hosts.allow or /etc/hosts.deny keeps the client out. The service has the name that \
             the line shows (libwrap=NAME) there; the FAIL line that follows has the rule in its field \
             XINETD_RULE. flags = NOLIBWRAP in the service's file takes a service out of those rules.";

    /// A client gets a command in place of the server (`twist` in hosts_options(5)).
    LibwrapTwist {
        /// The client.
        peer: Peer<'a>,
        /// The command.
        command: &'a ByteString,
        /// What the rule's `severity` says.
        severity: Option<(Facility, Level)>,
    }
        // As for LIBWRAP.
        "TWIST", "a13a8f73c6f642019471f0bf85ca2591", Some(Level::Info),
        // Without `::ffff:`, as the C library has it.
        line: write!(f, "twist {} to {}", peer.address.to_canonical(), Text(command)),
        fields: {
            entry.client(peer, true);
            entry.bytes("XINETD_COMMAND", command.as_bytes());
        },
        example: Event::LibwrapTwist { peer: CLIENT, command: &told.command, severity: None },
        catalog: "A client of @XINETD_SERVICE@ gets a command in place of the server", "hosts_options(5)",
            "A rule of /etc/hosts.allow or /etc/hosts.deny with the option twist matches the client. The \
             command runs as the service's user, with the connection as its standard input, output and error.";

    /// A client was identified.
    UserId {
        /// The client.
        peer: Peer<'a>,
        /// Its system and user, in its own machine's words.
        user: &'a str,
    }
        "USERID", "9c523edd6c2b497e875d1b5de59847eb", None,
        line: write!(f, "USERID: {id} {user}"),
        fields: {
            entry.client(peer, true);
            // As RFC 3875, section 4.1.10 calls it.
            entry.text("REMOTE_IDENT", user);
        },
        example: Event::UserId { peer: CLIENT, user: "UNIX : joe" },
        catalog: "A client of @XINETD_SERVICE@ is @REMOTE_IDENT@", "xinetd.conf(5)",
            "The client's own machine says so (RFC 1413), because log_on_success or log_on_failure has USERID. \
             It can't be checked: the administrator of that machine can write anything here.";

    /// A client was refused because its machine did not identify it (IDONLY).
    NoId {
        /// The client.
        peer: Peer<'a>,
        /// Why, in xinetd's words (docs/xinetd-behaviour.md, section 5.6).
        failure: &'a str,
    }
        "NOID", "7a887e7a84fe41d19503007369d77b0e", None,
        line: write!(f, "NOID: {id} {} {failure}", peer.host),
        fields: {
            entry.client(peer, true);
            entry.text("XINETD_REASON", failure);
        },
        example: Event::NoId { peer: CLIENT, failure: "no server" },
        catalog: "A client of @XINETD_SERVICE@ was refused, as its machine did not identify it", "xinetd.conf(5)",
            "The service has the flag IDONLY: only clients are let in whose machine runs an ident server \
             (RFC 1413). Reason: @XINETD_REASON@.";

    /// The ident server of a client gave no answer that can be used.
    IdentFailed {
        /// The client.
        peer: Peer<'a>,
        /// Why, in xinetd's words (docs/xinetd-behaviour.md, section 5.6).
        failure: &'a str,
    }
        "IDENT_FAILED", "b3f229b1dde248209fbcb924356dcc0b", Some(Level::Err),
        line: write!(f, "Service={id}: the ident server of {}: {failure}", peer.host),
        fields: {
            entry.client(peer, true);
            entry.text("XINETD_REASON", failure);
        },
        example: Event::IdentFailed { peer: CLIENT, failure: "bad response" },
        catalog: "The ident server of a client of @XINETD_SERVICE@ gave no answer", "xinetd.conf(5)",
            "log_on_success or log_on_failure has USERID, and the client's machine did not say in a way that \
             can be understood (RFC 1413) which user the connection belongs to.";

    /// Refusals were not logged one by one.
    RefusalsWithheld {
        /// How many.
        count: NonZeroU64,
    }
        "REFUSALS_WITHHELD", "615b826788de4a53823841c110c53ca1", Some(Level::Notice),
        line: write!(f, "Service={id}: {count} more refusals were not logged one by one"),
        fields: entry.text("XINETD_COUNT", count),
        example: Event::RefusalsWithheld { count: COUNT },
        catalog: "Refusals of @XINETD_SERVICE@ were not logged one by one", "xinetd.conf(5)",
            "log_on_failure is empty, so only a part of the refusals has lines of its own, lest strangers fill \
             the journal. With log_on_failure = HOST each has one.";

    /// Other lines that clients had caused were not logged one by one.
    RemarksWithheld {
        /// How many.
        count: NonZeroU64,
    }
        "REMARKS_WITHHELD", "62c0365127134889b779e88f194571d2", Some(Level::Notice),
        line: write!(f, "Service={id}: {count} more messages were not logged one by one"),
        fields: entry.text("XINETD_COUNT", count),
        example: Event::RemarksWithheld { count: COUNT },
        catalog: "Messages about clients of @XINETD_SERVICE@ were left out", "xinetd.conf(5)",
            "Clients caused more messages than are logged one by one, such as one for each client that does \
             not read its banner or whose banner could not be opened. The first ones are there.";

    /// The service pauses.
    Deactivating {
        /// Why.
        cause: PauseCause,
        /// For how many seconds.
        seconds: u32,
    }
        "DEACTIVATING", "3f53a0816c3a4e75bcd224eb1b7b4313", Some(Level::Err),
        line: write!(
            f,
            "Deactivating service {} due to {cause}.  Restarting in {seconds} seconds.",
            Text(&log.name)
        ),
        fields: {
            entry.text("XINETD_REASON", cause);
            entry.text("XINETD_PAUSE_SEC", seconds);
        },
        example: Event::Deactivating { cause: PauseCause::Rate, seconds: 10 },
        catalog: "@XINETD_SERVICE@ pauses", "xinetd.conf(5)",
            "More connections came than cps allows, or the machine had no descriptors left. Until the pause \
             ends, by itself, new connections are reset. Sessions go on.";

    /// The pause is over.
    Activating
        "ACTIVATING", "8dd9248acaa2425d8a58ec70c9510a9f", Some(Level::Err),
        line: write!(f, "Activating service {}", Text(&log.name)),
        fields: {},
        example: Event::Activating,
        catalog: "@XINETD_SERVICE@ takes connections again", "xinetd.conf(5)",
            "The pause is over.";

    /// How many connections were reset in the pause.
    TurnedAway {
        /// How many.
        count: NonZeroU64,
    }
        "TURNED_AWAY", "c54e3a8f3e0e4e7896d7fd4f4c7209bf", Some(Level::Notice),
        line: write!(f, "Service={id}: {count} connections were reset during the pause"),
        fields: entry.text("XINETD_COUNT", count),
        example: Event::TurnedAway { count: COUNT },
        catalog: "Connections to @XINETD_SERVICE@ were reset during its pause", "xinetd.conf(5)",
            "So many connections came while the service paused. If they were welcome, raise the first number \
             of cps, or lower the second.";

    /// The server could not be executed.
    ExecFailed {
        /// Its file.
        server: &'a ByteString,
        /// Why, as in errno(3).
        errno: i32,
    }
        "EXEC_FAILED", "3826054388404a04970a7532e9414982", Some(Level::Err),
        line: write!(f, "execv( {} ) failed: {}", Text(server), ErrorText(errno)),
        fields: {
            entry.bytes("XINETD_FILE", server.as_bytes());
            entry.text("ERRNO", errno);
        },
        example: Event::ExecFailed { server: &told.server, errno: 2 },
        catalog: "The server of @XINETD_SERVICE@ could not be executed", "xinetd.conf(5)",
            "The client's connection was closed. See that the file exists, that the service's user may execute \
             it, and that its interpreter is there.";

    /// No process could be made for a server.
    ForkFailed {
        /// Why, as in errno(3).
        errno: i32,
    }
        "FORK_FAILED", "a75dcd47ec79459dbb857061282d1fcd", Some(Level::Err),
        line: write!(f, "{id}: fork failed: {}", ErrorText(errno)),
        fields: entry.text("ERRNO", errno),
        example: Event::ForkFailed { errno: 11 },
        catalog: "No process could be made for a server of @XINETD_SERVICE@", "xinetd.conf(5)",
            "It is tried again for a while, unless the flag NORETRY is set. See TasksMax= of the unit, the \
             limits of the user, and the machine's memory.";

    /// The file of a banner could not be read.
    BannerUnreadable {
        /// The file.
        file: &'a ByteString,
        /// Why, as in errno(3).
        errno: i32,
    }
        "BANNER_UNREADABLE", "e5e091cbc7ad40d48b246d487e1c4468", Some(Level::Err),
        line: write!(
            f,
            "service = {id}, open of banner {} failed: {}",
            Text(file),
            ErrorText(errno)
        ),
        fields: {
            entry.bytes("XINETD_FILE", file.as_bytes());
            entry.text("ERRNO", errno);
        },
        example: Event::BannerUnreadable { file: &told.banner, errno: 13 },
        catalog: "A banner of @XINETD_SERVICE@ could not be read", "xinetd.conf(5)",
            "The client was served or refused without it. The helper runs as the service's user, who must be \
             able to read the file.";

    /// A new helper found servers that an earlier one had started.
    Adopted {
        /// How many.
        sessions: u32,
    }
        "ADOPTED", "541ec2c692dc4727bc04d41c38cba106", Some(Level::Notice),
        line: write!(
            f,
            "Service={id}: the helper was restarted and found {sessions} running servers"
        ),
        fields: entry.text("XINETD_COUNT", sessions),
        example: Event::Adopted { sessions: 3 },
        catalog: "The helper of @XINETD_SERVICE@ was started anew", "xinetd.conf(5)",
            "An earlier one had died. The servers that it had started go on, and count against the service's \
             limits.";

    /// The service has new settings.
    Readjusted
        "READJUSTED", "9d5c1a00ddfd4e4ba32d2bffe6e32372", Some(Level::Notice),
        line: write!(f, "readjusting service {id}"),
        fields: {},
        example: Event::Readjusted,
        catalog: "@XINETD_SERVICE@ has new settings", "xinetd.conf(5)",
            "The new settings hold for new connections. Sessions that were open go on as before.";

    /// A client of a sensor is banned: goes before its [`Event::Fail`].
    Banned {
        /// The client.
        peer: Peer<'a>,
        /// For how long.
        time: DenyTime,
    }
        "BANNED", "5cf17f5b1943496b96f481a8c76e529c", Some(Level::Crit),
        // As xinetd writes its critical messages: its process and function, and -1 for ever.
        line: {
            write!(
                f,
                "{} {{process_sensor}} Adding {} to the global_no_access list for ",
                std::process::id(),
                peer.host
            )?;
            match time {
                DenyTime::Never => f.write_str("0"),
                DenyTime::Minutes(minutes) => write!(f, "{minutes}"),
                DenyTime::Forever => f.write_str("-1"),
            }?;
            f.write_str(" minutes")
        },
        fields: entry.client(peer, true),
        example: Event::Banned { peer: CLIENT, time: DenyTime::Minutes(60) },
        catalog: "A client of the sensor @XINETD_SERVICE@ is banned", "xinetd.conf(5)",
            "The service has the flag SENSOR: no client has a reason to connect to it. For deny_time (-1 is for \
             ever) all services refuse @REMOTE_ADDR@. To see and to end bans:\n  \
               xinetdctl bans list\n  \
               xinetdctl bans remove ADDRESS";

    /// The journal did not take entries in time. It happens to no service: see [`ServiceLog::of_none`].
    LinesLost {
        /// How many.
        count: NonZeroU64,
    }
        "LINES_LOST", "12faccf2d5fe4a2aa41dfd00bed7d423", Some(Level::Warning),
        line: write!(f, "{count} log lines were lost because the journal did not take them"),
        fields: entry.text("XINETD_COUNT", count),
        example: Event::LinesLost { count: COUNT },
        catalog: "Lines of the log were lost", "systemd-journald.service(8)",
            "The journal did not take them in time, and clients do not wait for the journal.";
}
