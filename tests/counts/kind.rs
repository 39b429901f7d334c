//! The kinds of connection that are counted: a configuration and what a client does.

/// What a client does, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Connects and reads until the connection ends or is reset.
    Reads,
    /// As that, but sends its own end first.
    Leaves,
    /// Sends a datagram and reads the answer.
    Asks,
    /// Connects, exchanges a byte each way with the backend, and leaves first.
    Exchanges,
}

/// A kind of connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// What the page calls it.
    pub(crate) title: &'static str,
    /// The attributes that make it.
    pub(crate) attributes: &'static str,
    /// What its client does.
    pub(crate) manner: Manner,
    /// Whether one client, whose server runs on, came before: the others find the limit reached.
    pub(crate) held: bool,
}

/// A kind with this name, title and attributes.
pub(crate) const fn kind(
    name: &'static str,
    title: &'static str,
    attributes: &'static str,
) -> Kind {
    Kind {
        name,
        title,
        attributes,
        manner: Manner::Reads,
        held: false,
    }
}

const fn limited(name: &'static str, title: &'static str, attributes: &'static str) -> Kind {
    Kind {
        held: true,
        ..kind(name, title, attributes)
    }
}

/// All kinds, in the order of the table.
pub(crate) const KINDS: [Kind; 9] = [
    kind(
        "admitted",
        "admitted, no log lines",
        "server = /bin/true\ncps = 1000000 1",
    ),
    kind(
        "logged",
        "admitted, START and EXIT",
        "server = /bin/true\ncps = 1000000 1\nlog_on_success = PID HOST DURATION EXIT",
    ),
    kind(
        "no_access",
        "refused by `no_access`",
        "server = /bin/true\ncps = 1000000 1\nno_access = 127.0.0.1\nlog_on_failure = HOST",
    ),
    limited(
        "per_source",
        "refused by `per_source`",
        "server = /bin/cat\ncps = 1000000 1\nper_source = 1\nlog_on_failure = HOST",
    ),
    limited(
        "instances",
        "refused by `instances`",
        "server = /bin/cat\ncps = 1000000 1\ninstances = 1\nlog_on_failure = HOST",
    ),
    kind(
        "pause",
        "turned away while `cps` pauses",
        "server = /bin/true\ncps = 1 3600\nlog_on_failure = HOST",
    ),
    kind(
        "daytime",
        "`INTERNAL` daytime, stream",
        "type = INTERNAL\ncps = 1000000 1",
    ),
    Kind {
        manner: Manner::Asks,
        ..kind(
            "echo",
            "`INTERNAL` echo, one datagram",
            "type = INTERNAL\ncps = 1000000 1",
        )
    },
    Kind {
        manner: Manner::Exchanges,
        ..kind(
            "redirect",
            "`redirect`, a byte each way",
            "cps = 1000000 1\nredirect = 127.0.0.1 @PORT@",
        )
    },
];

impl Kind {
    /// The configuration of its service, with `more` attributes; a backend has `port`.
    pub(crate) fn configuration(&self, more: &str, port: u16) -> String {
        let (id, socket_type, protocol, wait) = match self.manner {
            Manner::Asks => ("echo", "dgram", "udp", "yes"),
            Manner::Reads if self.name == "daytime" => ("daytime", "stream", "tcp", "no"),
            Manner::Reads | Manner::Leaves | Manner::Exchanges => {
                ("counted", "stream", "tcp", "no")
            }
        };
        let unlisted = match id {
            "counted" => "type = UNLISTED\nport = 7\n",
            _ => "",
        };
        let attributes = self.attributes.replace("@PORT@", &port.to_string());
        // A client that is served has no user and no group to change to: the test is root's.
        format!(
            "service {id}\n{{\nsocket_type = {socket_type}\nprotocol = {protocol}\n\
             wait = {wait}\nuser = root\ngroups = yes\n{unlisted}{attributes}\n{more}}}\n"
        )
    }
}
