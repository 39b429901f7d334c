//! inetd.conf, with `-inetd_compat` (docs/xinetd-behaviour.md, section 6.6).

use crate::scenario::Scenario;

/// Says in the bridge's own file that inetd.conf is to be read.
const ASKED_FOR: (&str, &str, u32) = (
    "/etc/xinetd-bridge.toml",
    "[inetd]\nfile = \"/etc/inetd.conf\"\n",
    0o644,
);

const LOGGED: &str = "\
defaults
{
	log_type = SYSLOG daemon
	log_on_success = HOST EXIT
	log_on_failure = HOST
}
";

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "inetd-entry",
        section: "6.6",
        claim: "an entry has its argv[0], its user and group, and the groups of the user",
        configuration: LOGGED,
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "# name type protocol wait user server arguments\n\n\
                 finger\tstream\ttcp\tnowait\tnobody\t/opt/probe/argv\twho -x \"y z\" # w\n\
                   systat stream tcp nowait games.tty /opt/probe/identity identity\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.log()?;
            stage.hear("127.0.0.1", 11)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-defaults",
        section: "6.6",
        claim: "of defaults the limits hold, the lists, banners and groups don't",
        configuration: "\
defaults
{
	log_type = SYSLOG daemon
	log_on_success = HOST
	log_on_failure = HOST
	only_from = 10.0.0.1
	banner = /etc/hosts
	groups = no
	per_source = 0
}
",
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "finger stream tcp nowait games /opt/probe/identity identity\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.log()?;
            stage.configure("defaults\n{\n\tonly_from = 10.0.0.1\n\tbanner = /etc/hosts\n}\n")?;
            stage.hear("127.0.0.1", 79)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-disabled",
        section: "6.6",
        claim: "enabled and disabled of defaults hold",
        configuration: "defaults\n{\n\tdisabled = finger\n}\n",
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "finger stream tcp nowait nobody /opt/probe/argv finger\n\
                 systat stream tcp nowait nobody /opt/probe/argv systat\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.hear("127.0.0.1", 11)?;
            stage.configure("defaults\n{\n\tenabled = finger\n}\n")?;
            stage.hear("127.0.0.1", 79)?;
            stage.hear("127.0.0.1", 11)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-and-xinetd",
        section: "6.6",
        claim: "a service of xinetd's own files has its port before one of inetd.conf, unless it is off",
        configuration: "\
service finger
{
	socket_type = stream
	wait = no
	user = nobody
	server = PROBE/argv
	server_args = of xinetd
}
",
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "finger stream tcp nowait nobody /opt/probe/argv argv of inetd\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.configure(
                "service finger\n{\n\tsocket_type = stream\n\twait = no\n\tuser = nobody\n\
                 \tserver = PROBE/argv\n\tdisable = yes\n}\n",
            )?;
            stage.hear("127.0.0.1", 79)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-wait",
        section: "6.6",
        claim: "wait hands the socket over, of streams and of datagrams",
        configuration: LOGGED,
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "finger stream tcp wait nobody /opt/probe/accept accept\n\
                 talk dgram udp wait nobody /opt/probe/datagram datagram\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.log()?;
            stage.exchange("127.0.0.1", 517, b"one")?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-libwrap",
        section: "4.7, 6.6",
        claim: "hosts.deny is asked for internal services alone",
        configuration: LOGGED,
        files: &[
            ASKED_FOR,
            ("/etc/hosts.deny", "ALL: ALL\n", 0o644),
            (
                "/etc/inetd.conf",
                "finger stream tcp nowait nobody /opt/probe/argv finger\n\
                 daytime dgram udp wait root internal\n\
                 time stream tcp nowait root internal\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.log()?;
            stage.hear("127.0.0.1", 37)?;
            stage.log()
        },
        differs: &["N6"],
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-internal",
        section: "6.6",
        claim: "internal services answer, and are logged by an id of their own",
        configuration: LOGGED,
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "echo stream tcp nowait root internal\n\
                 echo dgram udp wait root internal\n\
                 discard stream tcp nowait root internal\n",
                0o644,
            ),
        ],
        act: |stage| {
            let mut peer = stage.client("127.0.0.1", 7)?;
            peer.send(b"said")?;
            peer.finish()?;
            stage.finish("a client that is echoed", peer)?;
            stage.log()?;
            stage.exchange("127.0.0.1", 7, b"a datagram")?;
            stage.log()?;
            match stage.connect("127.0.0.1", 9)? {
                Ok(_) => stage.note("discard listens"),
                Err(_) => stage.note("discard does not listen"),
            }
            Ok(())
        },
        differs: &["N6"],
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-of-others",
        section: "6.6",
        claim: "what inetds of BSD and GNU write in the fields is read",
        configuration: LOGGED,
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "finger stream tcp4 nowait nobody /opt/probe/socket socket\n\
                 systat stream tcp wait.40 nobody /opt/probe/accept accept\n\
                 netstat stream tcp nowait games:tty /opt/probe/identity identity\n\
                 7001 stream tcp nowait nobody /opt/probe/argv argv\n\
                 ftp stream tcp nowait nobody /opt/probe/argv\n\
                 telnet stream tcp nowait nobody /opt/probe/argv argv one\n\
                 \ttwo three four five\n",
                0o644,
            ),
        ],
        act: |stage| {
            for port in [79, 15, 7001, 21, 23] {
                stage.hear("127.0.0.1", port)?;
            }
            Ok(())
        },
        differs: &["N4", "N5", "N8", "N9"],
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-limit-behind-wait",
        section: "6.6",
        claim: "a limit behind wait does not make it nowait",
        configuration: LOGGED,
        files: &[
            ASKED_FOR,
            (
                "/etc/inetd.conf",
                "talk dgram udp wait.40 nobody /opt/probe/datagram datagram\n\
                 systat stream tcp wait.40 nobody /opt/probe/accept accept\n\
                 finger stream tcp nowait.400 nobody /opt/probe/argv argv\n",
                0o644,
            ),
        ],
        act: |stage| {
            stage.hear("127.0.0.1", 79)?;
            stage.hear("127.0.0.1", 11)
        },
        differs: &["N1"],
        ..Scenario::SAME
    },
    Scenario {
        name: "inetd-converted",
        section: "6.6, 6.7",
        claim: "both read what xinetdctl convert writes, without a complaint",
        configuration: LOGGED,
        files: &[(
            "/etc/sample",
            "# inetd.conf\n\
             #:INTERNAL:\n\
             time stream tcp nowait root internal\n\
             discard dgram udp wait root internal\n\
             #:STANDARD:\n\
             finger stream tcp nowait nobody /usr/sbin/tcpd /opt/probe/argv -x\n\
             #<off># telnet stream tcp nowait root /usr/sbin/in.telnetd in.telnetd\n\
             systat stream tcp4 nowait games /opt/probe/identity identity\n\
             netstat stream tcp6 nowait/3/0/1 nobody /opt/probe/argv argv0 y\n\
             talk dgram udp wait nobody /opt/probe/datagram datagram\n\
             127.0.0.1:7001 stream tcp nowait nobody /opt/probe/argv\n\
             # the end\n",
            0o644,
        )],
        act: |stage| {
            stage.sh(
                "rm -rf /etc/converted; xinetdctl convert --inetd /etc/sample --out /etc/converted",
            )?;
            stage.configure(&format!("{LOGGED}includedir /etc/converted\n"))?;
            stage.complaints()?;
            for port in [79, 11, 15, 7001] {
                stage.hear("127.0.0.1", port)?;
            }
            stage.exchange("127.0.0.1", 517, b"one")?;
            stage.hear("::1", 15)?;
            stage.hear("127.0.0.1", 23)
        },
        ..Scenario::SAME
    },
];
