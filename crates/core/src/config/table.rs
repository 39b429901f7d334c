//! The table of attributes: parser, checker and the manual page xinetd.conf(5) go by it. It is long as it
//! is the whole language, with its words.

use super::values::{Given, Parsed, Values, access, logging, process, resources, socket, switches};
use crate::service::Attribute;

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct AttributeRow {
    /// Which one.
    pub attribute: Attribute,
    /// Its name, and its synonyms behind it.
    pub names: &'static [&'static str],
    /// How many values it takes, and how often it may be written.
    pub class: Class,
    /// Where it may stand.
    pub sections: Sections,
    /// Whether it keeps clients out or the server within bounds: a service whose restriction can't be read
    /// must not run without it.
    pub restricts: bool,
    /// Reads the values.
    pub(super) parse: fn(&mut Values, &mut Given<'_>) -> Parsed,
    /// What stands behind the operator, as in a synopsis: names of values in `<>`.
    pub values: &'static str,
    /// What it means, in which unit, and what holds without it: xinetd's own meaning.
    pub meaning: &'static str,
    /// What the bridge does with it, and where that is not what xinetd does; empty where the meaning
    /// says it all.
    pub here: &'static str,
    /// The words that it takes, each with what it does here. xinetd compares them without case.
    pub words: &'static [(&'static str, &'static str)],
}

/// How many values an attribute takes, and how often it may be written (docs/xinetd-behaviour.md,
/// section 1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Exactly so many values, once, with `=`.
    Fixed(usize),
    /// One value or more, once, with `=`.
    List,
    /// Any number of values, any number of times, with `=`, `+=` and `-=`.
    Modifiable,
}

/// Where an attribute may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sections {
    /// In a service.
    Service,
    /// In a service and in `defaults`.
    Both(Inheritance),
    /// In `defaults` alone.
    Defaults,
}

impl Sections {
    /// Whether a service has what `defaults` says from the beginning of its block on, and may then replace
    /// or modify it.
    pub(super) fn are_copied(self) -> bool {
        matches!(self, Both(Copied | CopiedOrFilled))
    }
}

/// When a service takes what `defaults` says (docs/xinetd-behaviour.md, section 1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inheritance {
    /// At the beginning of its block: what `defaults` says behind it comes too late.
    Copied,
    /// After all files are read, if it says nothing itself.
    Filled,
    /// At the beginning of its block, and after all files if it says nothing even then.
    CopiedOrFilled,
}

use Class::{Fixed, List, Modifiable};
use Inheritance::{Copied, CopiedOrFilled, Filled};
use Sections::{Both, Defaults, Service};

macro_rules! table {
    ($($attribute:ident $names:expr, $class:expr, $sections:expr, $restricts:literal, $parse:path,
        $values:literal, $meaning:literal, $here:literal, $words:expr;)*) => {
        &[$(AttributeRow {
            attribute: Attribute::$attribute,
            names: &$names,
            class: $class,
            sections: $sections,
            restricts: $restricts,
            parse: $parse,
            values: $values,
            meaning: $meaning,
            here: $here,
            words: &$words,
        }),*]
    };
}

/// All attributes, in the order of [`Attribute`]. The texts are read by people, in xinetd.conf(5):
/// what stands in backquotes is bold there, and what stands in `<>` underlined.
pub static TABLE: &[AttributeRow] = table! {
    Id ["id"], Fixed(1), Service, false, process::id,
        "<name>",
        "The name of the service in log lines, in `enabled` and in `disabled`. Without it, the word \
         behind `service`.",
        "It also names the units, <id>.socket and <id>.service, and has at most 60 bytes and no \
         control characters. Where a package has units of that name, they are called `xinetd-`<id>.",
        [];
    Type ["type"], List, Service, true, socket::kind,
        "<word> ...",
        "What kind of service it is.",
        "",
        [
            ("RPC", "An RPC program, which is registered with rpcbind(8). Its port is `port`, or a free \
                one. hosts.allow and hosts.deny are not asked if it uses TCP."),
            ("INTERNAL", "The helper itself is the server, without a process for each client: `echo`, \
                `discard`, `time`, `daytime` and `chargen` by stream and dgram, and `tcpmux` by stream. \
                Without `user` it runs as a user that owns nothing."),
            ("UNLISTED", "The service is not looked up in /etc/services, or /etc/rpc: write `port` and \
                `protocol`, or `rpc_number`."),
            ("SPECIAL", "No effect, as in xinetd."),
            ("TCPMUX", "Clients of the service `tcpmux` reach it by its name (RFC 1078), and its server \
                answers them. All its own limits and lists hold."),
            ("TCPMUXPLUS", "As TCPMUX, and `+Go` is sent before the server runs."),
        ];
    Flags ["flags"], List, Service, true, socket::flags,
        "<word> ...",
        "Any number of switches.",
        "",
        [
            ("REUSE", "No effect: SO_REUSEADDR is always set, as in xinetd."),
            ("INTERCEPT", "The service is not served: it does not work in xinetd."),
            ("NORETRY", "When no process can be made for a server, its client is refused at once. \
                Otherwise it is tried again, five times in 20 seconds."),
            ("IDONLY", "With USERID in `log_on_success`, clients are refused whose machine does not \
                say which user they are (RFC 1413); 30 seconds are the limit."),
            ("NAMEINARGS", "`server_args` begins with argv[0], the server's own name. The order of the two \
                lines does not matter."),
            ("NODELAY", "Small pieces of data are sent at once: `NoDelay=` of the socket unit."),
            ("KEEPALIVE", "Silent peers are asked whether they are still there: `KeepAlive=` of the socket \
                unit, and for `redirect` the same towards the backend."),
            ("NOLIBWRAP", "hosts.allow and hosts.deny are not asked."),
            ("SENSOR", "Clients are logged and banned, and no server runs: see `SENSORS`. `server` and `user` \
                are needed all the same."),
            ("IPv4", "IPv4 alone. Log lines then have addresses without `::ffff:`."),
            ("IPv6", "IPv6, and IPv4 through it unless `v6only` is set. Without both flags it is the same, \
                and IPv4 alone on a machine without IPv6."),
            ("LABELED", "The service is not served: write a socket unit with Accept=yes and \
                SELinuxContextFromNet=yes."),
            ("DISABLE", "The same as `disable = yes`. xinetd takes the word for a bad value, and switches the \
                service off for that."),
        ];
    Disable ["disable"], Fixed(1), Service, false, switches::disable,
        "yes | no",
        "Whether the service is switched off. Without it, no.",
        "A service that is switched off has units, too, which are not started at boot; \
         `systemctl start` <id>.socket works on it. xinetd stops reading the service at this line: \
         here the whole is read, and faults in it are notes. See `xinetdctl enable` and `disable`.",
        [];
    SocketType ["socket_type"], Fixed(1), Service, false, socket::socket_type,
        "<word>",
        "The type of the socket. Without it, stream for tcp and dgram for udp.",
        "",
        [
            ("stream", "TCP: `ListenStream=` of the socket unit."),
            ("dgram", "UDP: `ListenDatagram=` of the socket unit. It needs `wait = yes`, unless the \
                service is internal."),
            ("raw", "The service is not served."),
            ("seqpacket", "The service is not served."),
        ];
    Protocol ["protocol"], Fixed(1), Service, false, socket::protocol,
        "<name>",
        "A protocol of /etc/protocols. Without it, tcp for stream and udp for dgram.",
        "A service with another protocol than tcp and udp is not served.",
        [];
    Wait ["wait"], Fixed(1), Service, false, switches::wait,
        "yes | no",
        "Whether the server gets the listening socket itself, one server at a time (yes), or each \
         connection gets a server of its own (no). Needed in each service.",
        "The helper accepts the connections. With yes it does not, and so can't send banners or ask for \
         the client's user, and the lists of addresses of a stream service are a filter of packets. What has been queued for a server of \
         datagrams is kept when the server ends.",
        [];
    User ["user"], Fixed(1), Service, true, process::user,
        "<name> | <number>",
        "The user of the server. Needed in each service that is not internal.",
        "A name is looked up when the helper starts. As long as there is no such user, clients are \
         reset at once, and the journal says why.",
        [];
    Group ["group"], Fixed(1), Service, true, process::group,
        "<name> | <number>",
        "The group of the server. Without it, the user's own; if the user is a number, the group of that \
         number.",
        "",
        [];
    Groups ["groups"], Fixed(1), Both(Filled), false, switches::groups,
        "yes | no",
        "Whether the server has the supplementary groups of its user. Without it, no.",
        "",
        [];
    Instances ["instances"], Fixed(1), Both(Filled), true, resources::instances,
        "<number> | UNLIMITED",
        "How many servers of the service run at once. Further clients are refused with the reason \
         `service_limit`. Without it, UNLIMITED.",
        "",
        [("UNLIMITED", "No limit.")];
    PerSource ["per_source"], Fixed(1), Both(Filled), true, resources::per_source,
        "<number> | UNLIMITED",
        "How many servers of the service run at once for one address. Further clients from there are refused \
         with the reason `per_source_limit`. Without it, UNLIMITED.",
        "",
        [("UNLIMITED", "No limit.")];
    Cps ["cps"], Fixed(2), Both(Filled), true, resources::rate,
        "<connections> <seconds>",
        "How many connections are taken in a second on average, and for how many seconds the service pauses \
         when there are more. Without it, `50 10`; `0` as the first number switches it off.",
        "The average is taken since a window began, as in xinetd. The window has as many seconds as the first \
         number, and the next connection behind it begins a new one. After quiet seconds in a window many \
         clients may come at once: with `20 3` it is about 20 in the first second, and nearly 400 if they all \
         come in the last one. `instances` and `per_source` are firm at any time. In the pause connections are \
         reset, where xinetd closes the socket; the journal has their number. To set the time of day does not \
         disturb it.",
        [];
    MaxLoad ["max_load"], Fixed(1), Both(Filled), true, resources::load,
        "<number>",
        "The load average of one minute at which clients are refused, with the reason `load`.",
        "",
        [];
    Nice ["nice"], Fixed(1), Service, false, process::nice,
        "<number>",
        "What is added to the priority of the server, -20 to 19.",
        "`Nice=` of the service unit. A negative number counts for root's services alone, as in xinetd.",
        [];
    Server ["server"], Fixed(1), Service, false, process::server,
        "<path>",
        "The program that serves the clients. Needed in each service that is neither internal nor \
         redirected.",
        "The path must begin with `/`. While there is no such program, the socket is not started \
         (`ConditionFileIsExecutable=`), and `xinetdctl reload` and `list` say so.",
        [];
    ServerArgs ["server_args"], List, Service, true, process::server_args,
        "<word> ...",
        "The arguments of the server, without its own name unless NAMEINARGS is set. There are no \
         quotation marks, so that no argument can have a blank.",
        "",
        [];
    Libwrap ["libwrap"], Fixed(1), Service, true, process::libwrap,
        "<name>",
        "The daemon name in hosts.allow and hosts.deny. Without it, the last part of `server`, of argv[0] \
         with NAMEINARGS; for internal services and redirects, the word behind `service`.",
        "The helper reads both files itself, and anew whenever they change: see hosts_access(5).",
        [];
    OnlyFrom ["only_from"], Modifiable, Both(Copied), true, access::only_from,
        "<address> ...",
        "The addresses that may connect; all others are refused with the reason `address`. Without it, \
         all may; with an empty list, none.",
        "See `ADDRESSES`. For a stream service with `wait = yes` the kernel drops the packets of others: they \
         wait in vain, nothing is logged, and host names match no client.",
        [];
    NoAccess ["no_access"], Modifiable, Both(Copied), true, access::no_access,
        "<address> ...",
        "The addresses that may not connect, even if `only_from` has them too.",
        "As `only_from`. A word that can't be read keeps the service from being served.",
        [];
    AccessTimes ["access_times"], List, Service, true, access::times,
        "<hour>:<minute>-<hour>:<minute> ...",
        "The times of the day, in local time, at which clients are served, the last minute included. \
         Others are refused with the reason `time`.",
        "24:00 is taken, and so is `22:00-06:00`, which xinetd refuses.",
        [];
    LogType ["log_type"], List, Both(Filled), false, logging::log_type,
        "SYSLOG <facility> [<level>] | FILE <path> [<soft> [<hard>]]",
        "Where the lines go that `log_on_success` and `log_on_failure` ask for.",
        "All of them go to the journal in any case: see xinetd.log(5). Without it, xinetd logs nothing; \
         here the refusals are in the journal.",
        [
            ("SYSLOG", "The lines have this facility, one of `daemon auth authpriv user mail lpr news uucp \
                ftp` and `local0 local1 local2 local3 local4 local5 local6 local7`, and this level, one of \
                `emerg alert crit err warning notice info debug`; without one, `info`."),
            ("FILE", "The lines are written to this file as well. Its sizes are in bytes, with `k` or `m` \
                for KiB or MiB. The journal says when the file is larger than the soft limit, and above the \
                hard one lines are left out until it is smaller. Without a hard limit, a hundredth more \
                than the soft one, but 5 KiB at least and 20 KiB at most. A file that was renamed is \
                noticed within a second of the next line."),
        ];
    LogOnSuccess ["log_on_success"], Modifiable, Both(CopiedOrFilled), false, logging::on_success,
        "<word> ...",
        "What the lines START and EXIT have. Without any word there are none.",
        "",
        [
            ("PID", "The process of the server; 0 for what the helper serves itself."),
            ("HOST", "The address of the client, in START."),
            ("USERID", "Which user the client's machine says that the connection belongs to (RFC 1413): \
                the line USERID. It is asked for before the server starts, and for 30 seconds at most."),
            ("EXIT", "The exit status of the server, or the signal that ended it."),
            ("DURATION", "How many seconds the session lasted."),
            ("TRAFFIC", "How many bytes a redirect has passed on: the line TRAFFIC. For other services it \
                is an error."),
        ];
    LogOnFailure ["log_on_failure"], Modifiable, Both(CopiedOrFilled), false, logging::on_failure,
        "<word> ...",
        "What the lines FAIL have. With any word there is a line for each refusal.",
        "Without any word the journal has lines, too, with addresses; in a flood, a part of them and the \
         number of the others.",
        [
            ("HOST", "The address of the client."),
            ("USERID", "As in `log_on_success`, for each refusal."),
            ("ATTEMPT", "The line itself, and nothing more."),
        ];
    RpcVersion ["rpc_version"], Fixed(1), Service, false, socket::rpc_version,
        "<number>[-<number>]",
        "The version of an RPC program, or all from one to another. Needed for the type RPC.",
        "It is registered with rpcbind(8) when the socket is started.",
        [];
    RpcNumber ["rpc_number"], Fixed(1), Service, false, socket::rpc_number,
        "<number>",
        "The number of an RPC program that is UNLISTED. Others have the one of /etc/rpc.",
        "",
        [];
    Env ["env"], Modifiable, Service, true, process::env,
        "<name>=<value> ...",
        "Variables that the server has in its environment. `-=` is an error.",
        "The values are kept from other users. REMOTE_HOST, the client's address, is always set, and here \
         REMOTE_ADDR (without `::ffff:`) and REMOTE_PORT are, too.",
        [];
    Passenv ["passenv"], Modifiable, Both(CopiedOrFilled), false, process::passenv,
        "<name> ...",
        "Which variables of its own environment the helper passes on to the server. Without it, all.",
        "That is systemd's environment for services, or without systemd that of xinetd, as a container has it, \
         without the variables for the helper itself. USER, LOGNAME, HOME and SHELL are passed on only if they \
         are named and set: not those of the service's `user`, which `env` can set.",
        [];
    Port ["port"], Fixed(1), Service, false, socket::port,
        "<number>",
        "The port. Without it, the one of /etc/services; for a service that is not UNLISTED, both must \
         agree.",
        "`ListenStream=` or `ListenDatagram=` of the socket unit. A service with the port 0 is not \
         served.",
        [];
    Redirect ["redirect"], Fixed(2), Service, true, socket::redirect,
        "<host> <port>",
        "The helper passes the bytes of each client on to this TCP server and back.",
        "The host is an address or a name, and several hosts and the PROXY protocol can be written in \
         xinetd-bridge.toml(5). When one side has no more to say, the other may still go on.",
        [];
    Bind ["bind", "interface"], Fixed(1), Both(Filled), true, socket::bind,
        "<address> | <host>",
        "The address of this machine that the service listens on. Without it, all of them.",
        "It may be one that the machine gets later (`FreeBind=`). A host name must be in /etc/hosts; of \
         several addresses the first one of IPv6 counts, or with the flag IPv4 the first one of IPv4. So `localhost` \
         may be `::1` alone: write the address. A name of an interface is not taken, as in xinetd: use `BindToDevice=` in a drop-in of the socket unit.",
        [];
    Banner ["banner"], Fixed(1), Both(Copied), false, logging::banner,
        "<path>",
        "A file that is sent to each client before anything else.",
        "A regular file of up to 1 MiB, which the user of the service must be able to read. No effect with \
         `wait = yes`.",
        [];
    BannerSuccess ["banner_success"], Fixed(1), Both(Copied), false, logging::banner_success,
        "<path>",
        "A file that is sent to each client that is let in.",
        "As `banner`.",
        [];
    BannerFail ["banner_fail"], Fixed(1), Both(Copied), false, logging::banner_fail,
        "<path>",
        "A file that is sent to each client that is refused.",
        "As `banner`. A client that comes while `cps` pauses the service is reset, and gets none.",
        [];
    V6only ["v6only"], Fixed(1), Both(Filled), true, switches::v6only,
        "yes | no",
        "Whether an IPv6 socket leaves IPv4 clients out. Without it, no.",
        "`BindIPv6Only=` of the socket unit. xinetd takes no for yes, and ignores it in defaults.",
        [];
    DenyTime ["deny_time"], Fixed(1), Service, false, resources::deny_time,
        "<minutes> | FOREVER | NEVER",
        "How long an address is kept out of all services that has connected to a service with the flag \
         SENSOR. Without it, NEVER.",
        "The ban counts at once, for the address alone (of IPv6, for its /64), is prolonged by each \
         further connection, and outlives restarts. See `xinetdctl bans` and [bans] in \
         xinetd-bridge.toml(5). A datagram never causes a ban.",
        [
            ("FOREVER", "Until it is removed by `xinetdctl bans remove`."),
            ("NEVER", "The connection is logged, and the address is not banned."),
        ];
    Umask ["umask"], Fixed(1), Both(Filled), true, process::umask,
        "<octal number>",
        "The file mode creation mask of the server.",
        "`UMask=` of the service unit. Without it, 022.",
        [];
    Enabled ["enabled"], Modifiable, Defaults, true, switches::enabled,
        "<id> ...",
        "The only services that are on. An empty list switches all off.",
        "",
        [];
    Disabled ["disabled"], Modifiable, Defaults, true, switches::disabled,
        "<id> ...",
        "Services that are off, even if `enabled` names them.",
        "",
        [];
    RlimitAs ["rlimit_as"], Fixed(1), Service, true, resources::rlimit_as,
        "<size> | UNLIMITED",
        "The limit of the server's address space in bytes, or with `k` or `m` in KiB or MiB.",
        "",
        [("UNLIMITED", "No limit.")];
    RlimitCpu ["rlimit_cpu"], Fixed(1), Service, true, resources::rlimit_cpu,
        "<seconds> | UNLIMITED",
        "The limit of the server's processor time.",
        "",
        [("UNLIMITED", "No limit.")];
    RlimitData ["rlimit_data"], Fixed(1), Service, true, resources::rlimit_data,
        "<size> | UNLIMITED",
        "The limit of the server's data, as for `rlimit_as`.",
        "",
        [("UNLIMITED", "No limit.")];
    RlimitRss ["rlimit_rss"], Fixed(1), Service, true, resources::rlimit_rss,
        "<size> | UNLIMITED",
        "The limit of the server's resident memory, as for `rlimit_as`. Linux ignores it: use \
         `MemoryMax=` in a drop-in of the service unit.",
        "",
        [("UNLIMITED", "No limit.")];
    RlimitStack ["rlimit_stack"], Fixed(1), Service, true, resources::rlimit_stack,
        "<size> | UNLIMITED",
        "The limit of the server's stack, as for `rlimit_as`.",
        "",
        [("UNLIMITED", "No limit.")];
    RlimitFiles ["rlimit_files"], Fixed(1), Service, true, resources::rlimit_files,
        "<number> | UNLIMITED",
        "The limit of the server's open files.",
        "",
        [("UNLIMITED", "No limit.")];
    Mdns ["mdns"], Fixed(1), Service, false, switches::mdns,
        "yes | no",
        "No attribute of xinetd 2.3.15: the line is ignored with a warning. Older versions had multicast DNS.",
        "",
        [];
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_has_its_row_in_its_place() {
        for (index, row) in TABLE.iter().enumerate() {
            assert_eq!(row.attribute as usize, index, "{:?}", row.names);
            assert_eq!(
                Attribute::find(row.names[0].as_bytes()),
                Some(row.attribute)
            );
        }
        assert_eq!(
            TABLE.len(),
            Attribute::Mdns as usize + 1,
            "Mdns is the last"
        );
    }

    #[test]
    fn the_texts_are_sentences_with_whole_markup() {
        for row in TABLE {
            let words = row.words.iter().map(|(_, text)| *text);
            for text in words.chain([row.meaning, row.here]) {
                let whole = text.matches('`').count() % 2 == 0
                    && text.matches('<').count() == text.matches('>').count();
                let ends = text.is_empty() || text.ends_with('.');
                assert!(whole && ends && !text.contains("  "), "{text}");
            }
            assert!(!row.meaning.is_empty() && !row.values.is_empty());
        }
    }
}
