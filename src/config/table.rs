//! The table of attributes: it drives the parser, the checker, the report and the documentation.

use super::attribute::Attribute;
use super::values::{Given, Parsed, Values, access, logging, process, resources, socket, switches};

/// One attribute.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one.
    pub attribute: Attribute,
    /// Its name, and its synonyms behind it.
    pub names: &'static [&'static str],
    /// How many values it takes, and how often it may be written.
    pub class: Class,
    /// Where it may stand.
    pub sections: Sections,
    /// Whether it keeps someone or something out: a service whose restriction can't be read must
    /// not run without it.
    pub restricts: bool,
    /// Reads the values.
    pub(super) parse: fn(&mut Values, &mut Given<'_>) -> Parsed,
    /// What serves it here.
    pub served: Served,
    /// What it means, and in which unit: one sentence without a full stop.
    pub summary: &'static str,
}

/// How many values an attribute takes, and how often it may be written (semantics, section 1.3).
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
    Both,
    /// In `defaults` alone.
    Defaults,
}

/// What serves an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// A directive of the units.
    Unit(&'static str),
    /// The helper, which does this.
    Helper(&'static str),
    /// The generator, which does this.
    Generator(&'static str),
    /// Nothing so far, for this reason.
    NotYet(&'static str),
    /// Nothing, as in xinetd, for this reason.
    Ignored(&'static str),
}

use Class::{Fixed, List, Modifiable};
use Sections::{Both, Defaults, Service};
use Served::{Generator, Helper, Ignored, NotYet, Unit};

macro_rules! table {
    ($($attribute:ident $names:expr, $class:expr, $sections:ident, $restricts:literal,
        $parse:path, $served:expr, $summary:literal;)*) => {
        &[$(Row {
            attribute: Attribute::$attribute,
            names: &$names,
            class: $class,
            sections: $sections,
            restricts: $restricts,
            parse: $parse,
            served: $served,
            summary: $summary,
        }),*]
    };
}

/// All attributes, in the order of [`Attribute`].
pub static TABLE: &[Row] = table! {
    Id ["id"], Fixed(1), Service, false, process::id,
        Generator("names the units and the log lines"),
        "the name of the service in logs, `enabled` and `disabled`; the word after `service` if absent";
    Type ["type"], List, Service, true, socket::kind,
        Generator("chooses how the service is reached and who serves it"),
        "any of RPC INTERNAL UNLISTED SPECIAL TCPMUX TCPMUXPLUS";
    Flags ["flags"], List, Service, true, socket::flags,
        Generator("NODELAY, KEEPALIVE, IPv4 and IPv6 become directives of the socket unit, NAMEINARGS makes the argv"),
        "any of REUSE INTERCEPT NORETRY IDONLY NAMEINARGS NODELAY KEEPALIVE NOLIBWRAP SENSOR IPv4 IPv6 LABELED";
    Disable ["disable"], Fixed(1), Service, false, switches::disable,
        Generator("the socket unit exists and is not started at boot"),
        "yes switches the service off; no if absent";
    SocketType ["socket_type"], Fixed(1), Service, false, socket::socket_type,
        Unit("ListenStream="),
        "stream, dgram, raw or seqpacket; follows from protocol if absent";
    Protocol ["protocol"], Fixed(1), Service, false, socket::protocol,
        Unit("ListenStream="),
        "a name of /etc/protocols; follows from socket_type if absent";
    Wait ["wait"], Fixed(1), Service, false, switches::wait,
        Generator("chooses between a server for each connection and one for the socket"),
        "yes hands the listening socket to one server at a time, no starts a server for each connection";
    User ["user"], Fixed(1), Service, true, process::user,
        Helper("looks the user up, and runs the server as that user"),
        "the user of the server, by name or number";
    Group ["group"], Fixed(1), Service, true, process::group,
        Helper("looks the group up, and runs the server in that group"),
        "the group of the server, by name or number; the user's own if absent";
    Groups ["groups"], Fixed(1), Both, false, switches::groups,
        Helper("gives the server the supplementary groups of its user, or none"),
        "whether the server has the user's supplementary groups; no if absent";
    Instances ["instances"], Fixed(1), Both, true, resources::instances,
        Helper("refuses connections beyond it"),
        "how many servers run at once: a number or UNLIMITED, which it is if absent";
    PerSource ["per_source"], Fixed(1), Both, true, resources::per_source,
        Helper("refuses connections beyond it"),
        "how many servers run at once for one address: a number or UNLIMITED, which it is if absent";
    Cps ["cps"], Fixed(2), Both, true, resources::rate,
        Helper("pauses the service when it is exceeded"),
        "connections per second, and the seconds of the pause when there are more; 50 10 if absent";
    MaxLoad ["max_load"], Fixed(1), Both, true, resources::load,
        Helper("refuses connections while the load is as high"),
        "the load average of one minute at which connections are refused; none if absent";
    Nice ["nice"], Fixed(1), Service, false, process::nice,
        Unit("Nice="),
        "what is added to the priority of the server, -20 to 19";
    Server ["server"], Fixed(1), Service, false, process::server,
        Helper("executes it for each connection"),
        "the program, by its absolute path";
    ServerArgs ["server_args"], List, Service, true, process::server_args,
        Helper("gives them to the server"),
        "the arguments of the server; with the flag NAMEINARGS from argv[0] on";
    Libwrap ["libwrap"], Fixed(1), Service, true, process::libwrap,
        Helper("asks hosts.allow and hosts.deny about that daemon"),
        "the daemon name for hosts.allow and hosts.deny";
    OnlyFrom ["only_from"], Modifiable, Both, true, access::only_from,
        Helper("refuses everyone else"),
        "the addresses, networks and hosts that may connect; everyone if absent, no one if empty";
    NoAccess ["no_access"], Modifiable, Both, true, access::no_access,
        Helper("refuses them"),
        "the addresses, networks and hosts that may not connect, whatever only_from says";
    AccessTimes ["access_times"], List, Service, true, access::times,
        Helper("refuses connections at other times"),
        "the times of the day, in local time, at which connections are served: HH:MM-HH:MM";
    LogType ["log_type"], List, Both, false, logging::log_type,
        Helper("gives the journal lines this facility and level; FILE is not served"),
        "SYSLOG facility [level], or FILE path [soft limit [hard limit]]";
    LogOnSuccess ["log_on_success"], Modifiable, Both, false, logging::on_success,
        Helper("writes the lines START and EXIT with these fields"),
        "any of PID HOST USERID EXIT DURATION TRAFFIC";
    LogOnFailure ["log_on_failure"], Modifiable, Both, false, logging::on_failure,
        Helper("writes the line FAIL with these fields"),
        "any of HOST USERID ATTEMPT";
    RpcVersion ["rpc_version"], Fixed(1), Service, false, socket::rpc_version,
        Generator("has them registered with rpcbind"),
        "the version of the RPC program, or a range of them: 2-4";
    RpcNumber ["rpc_number"], Fixed(1), Service, false, socket::rpc_number,
        Generator("has it registered with rpcbind"),
        "the number of an RPC program that /etc/rpc does not list";
    Env ["env"], Modifiable, Service, true, process::env,
        Helper("sets them for the server"),
        "environment variables of the server: NAME=VALUE";
    Passenv ["passenv"], Modifiable, Both, false, process::passenv,
        Helper("leaves out all others"),
        "the inherited environment variables that the server gets; all if absent";
    Port ["port"], Fixed(1), Service, false, socket::port,
        Unit("ListenStream="),
        "the port; the one of /etc/services if absent";
    Redirect ["redirect"], Fixed(2), Service, true, socket::redirect,
        NotYet("redirection is not served"),
        "the host and the port to which connections are passed on";
    Bind ["bind", "interface"], Fixed(1), Both, true, socket::bind,
        Unit("ListenStream="),
        "the local address to listen on; all if absent";
    Banner ["banner"], Fixed(1), Both, false, logging::banner,
        Helper("sends it"),
        "a file that is sent to every client";
    BannerSuccess ["banner_success"], Fixed(1), Both, false, logging::banner_success,
        Helper("sends it"),
        "a file that is sent to clients that are let in";
    BannerFail ["banner_fail"], Fixed(1), Both, false, logging::banner_fail,
        Helper("sends it"),
        "a file that is sent to clients that are refused";
    V6only ["v6only"], Fixed(1), Both, true, switches::v6only,
        Unit("BindIPv6Only="),
        "whether an IPv6 socket leaves IPv4 out; no if absent";
    DenyTime ["deny_time"], Fixed(1), Service, false, resources::deny_time,
        NotYet("SENSOR is not served"),
        "how long who touches a SENSOR stays out: minutes, FOREVER or NEVER";
    Umask ["umask"], Fixed(1), Both, true, process::umask,
        Unit("UMask="),
        "the file mode creation mask of the server, octal";
    Enabled ["enabled"], Modifiable, Defaults, true, switches::enabled,
        Generator("starts the sockets of these at boot"),
        "the ids of the only services that are on";
    Disabled ["disabled"], Modifiable, Defaults, true, switches::disabled,
        Generator("does not start the sockets of these at boot"),
        "the ids of services that are off";
    RlimitAs ["rlimit_as"], Fixed(1), Service, true, resources::rlimit_as,
        Helper("sets it for the server"),
        "the limit of address space in bytes, with k or m behind it, or UNLIMITED";
    RlimitCpu ["rlimit_cpu"], Fixed(1), Service, true, resources::rlimit_cpu,
        Helper("sets it for the server"),
        "the limit of processor time in seconds, or UNLIMITED";
    RlimitData ["rlimit_data"], Fixed(1), Service, true, resources::rlimit_data,
        Helper("sets it for the server"),
        "the limit of data in bytes, with k or m behind it, or UNLIMITED";
    RlimitRss ["rlimit_rss"], Fixed(1), Service, true, resources::rlimit_rss,
        Helper("sets it for the server"),
        "the limit of resident memory in bytes, with k or m behind it, or UNLIMITED";
    RlimitStack ["rlimit_stack"], Fixed(1), Service, true, resources::rlimit_stack,
        Helper("sets it for the server"),
        "the limit of stack in bytes, with k or m behind it, or UNLIMITED";
    RlimitFiles ["rlimit_files"], Fixed(1), Service, true, resources::rlimit_files,
        Helper("sets it for the server"),
        "the limit of open files, or UNLIMITED";
    Mdns ["mdns"], Fixed(1), Service, false, switches::mdns,
        Ignored("xinetd 2.3.15.3 does not know it either"),
        "announcement of the service by multicast DNS";
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
    fn the_texts_are_for_people() {
        for row in TABLE {
            assert!(!row.summary.ends_with('.') && !row.summary.is_empty());
        }
    }
}
