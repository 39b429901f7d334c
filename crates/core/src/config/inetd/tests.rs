mod converted;
mod properties;

use std::path::Path;

use super::super::testing::{codes, etc, load_tree, only};
use super::super::{Configuration, Databases, MemoryTree, Roots, load};
use crate::bytes::ByteString;
use crate::problem::Place;
use crate::service::{
    Bind, Builtin, Family, Internal, Limit, Mux, Port, Principal, Program, Reach, RpcProgram,
    RpcRange, Service, Serving,
};

const FTP: &str = "ftp stream tcp nowait root /usr/sbin/in.ftpd in.ftpd -l\n";

fn roots() -> Roots<'static> {
    Roots {
        inetd: Some(Path::new("/etc/inetd.conf")),
        ..Roots::xinetd(Path::new("/etc/xinetd.conf"))
    }
}

fn tree(main: &str, inetd: impl AsRef<[u8]>) -> MemoryTree {
    etc()
        .file("/etc/xinetd.conf", main)
        .file("/etc/inetd.conf", inetd.as_ref())
}

fn load_both(main: &str, inetd: impl AsRef<[u8]>) -> Configuration {
    let tree = tree(main, inetd);
    load(&tree, roots(), &Databases::read(&tree))
}

/// Loads an inetd.conf; the file of xinetd says nothing.
fn inetd(text: impl AsRef<[u8]>) -> Configuration {
    load_both("", text)
}

/// The one service of an entry without problems.
fn clean(entry: &str) -> Service {
    let configuration = inetd(entry);
    assert_eq!(codes(&configuration), [""; 0], "{entry}");
    only(configuration)
}

fn program(service: &Service) -> &Program {
    match &service.serving {
        Serving::Program(program) => program,
        other => panic!("{other:?}"),
    }
}

fn argv(service: &Service) -> Vec<String> {
    let argv = program(service).argv.iter();
    argv.map(ByteString::to_text).collect()
}

#[test]
fn an_entry_is_a_service_with_what_xinetd_gives_it() {
    let service = clean(FTP);
    assert_eq!(service.id, "ftp".into());
    assert!(!service.wait && service.enabled);
    assert_eq!(program(&service).path, "/usr/sbin/in.ftpd".into());
    assert_eq!(argv(&service), ["in.ftpd", "-l"]);
    assert!(service.flags.nolibwrap);
    assert!(service.credentials.unwrap().supplementary);
    let Reach::Listen(listen) = service.reach else {
        panic!("a port");
    };
    assert_eq!((listen.port, listen.family), (Port(21), Family::Any));
}

#[test]
fn attributes_have_the_places_of_their_fields() {
    let service = clean("# ftp\nftp\tstream tcp nowait root /usr/sbin/in.ftpd in.ftpd\n  -l\n");
    let place = |attribute| {
        let lines = service.attributes.iter();
        let mut lines = lines.filter(|line| line.attribute == attribute);
        let Place {
            line,
            column,
            length,
            ..
        } = lines.next_back().unwrap().place;
        (line, column, length)
    };
    use crate::config::Attribute;
    assert_eq!(place(Attribute::SocketType), (2, 5, 6));
    assert_eq!(place(Attribute::Wait), (2, 16, 6));
    assert_eq!(place(Attribute::ServerArgs), (3, 3, 2));
    assert_eq!(argv(&service), ["in.ftpd", "-l"]);
}

#[test]
fn it_is_read_behind_all_files_of_xinetd_and_the_first_has_the_port() {
    let xinetd = |disable: &str| {
        format!(
            "service ftp\n{{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\ndisable = {disable}\n}}\n"
        )
    };
    let configuration = load_both(&xinetd("no"), FTP);
    assert_eq!(codes(&configuration), ["E 1 port-clash"]);
    assert_eq!(program(&only(configuration)).path, "/bin/cat".into());
    let configuration = load_both(&xinetd("yes"), FTP);
    let on: Vec<_> = configuration.services.iter().map(|s| s.enabled).collect();
    assert_eq!(on, [false, true]);
    let kept_out = load_both("defaults\n{\ndisabled = ftp\n}\n", FTP);
    assert!(!only(kept_out).enabled);
}

#[test]
fn it_has_the_limits_of_defaults_but_not_the_lists() {
    let defaults = "defaults\n{\ninstances = 3\nlog_on_failure = HOST\nonly_from = 10.0.0.1\nbanner = /etc/issue\ngroups = no\n}\n";
    let configuration = load_both(defaults, FTP);
    assert_eq!(
        codes(&configuration),
        ["W 5 defaults-inetd", "W 6 defaults-inetd"]
    );
    let service = only(configuration);
    assert_eq!(service.limits.instances, Limit::AtMost(3));
    assert!(service.logging.failure.host);
    assert!(service.access.only_from.is_none() && service.banners.always.is_none());
    assert!(
        service.credentials.unwrap().supplementary,
        "inetd sets them"
    );
    assert_eq!(codes(&load_both(defaults, "# nothing\n")), [""; 0]);
}

#[test]
fn without_the_option_nothing_of_it_is_read() {
    let tree = tree("", FTP);
    assert!(load_tree(&tree).services.is_empty());
}

#[test]
fn a_missing_file_is_a_warning_and_an_unreadable_one_an_error() {
    let load = |tree: &MemoryTree| codes(&load(tree, roots(), &Databases::read(tree)));
    let main = etc().file("/etc/xinetd.conf", "");
    assert_eq!(load(&main), ["W 1 inetd-file"]);
    let fifo = main.entry("/etc/inetd.conf", super::super::EntryKind::Other);
    assert_eq!(load(&fifo), ["E 1 inetd-file"]);
    let alone = etc().file("/etc/inetd.conf", FTP);
    assert_eq!(load(&alone), ["N 1 main-missing"]);
}

#[test]
fn too_few_fields_are_an_error_of_that_line_alone() {
    for count in 1..6 {
        let entry = FTP.split(' ').take(count).collect::<Vec<_>>().join(" ");
        let text = format!("{entry}\ntelnet stream tcp nowait root /bin/telnetd\n");
        let configuration = inetd(text);
        assert_eq!(codes(&configuration), ["E 1 inetd-fields"], "{entry}");
        assert_eq!(configuration.dropped.len(), 1);
        assert_eq!(only(configuration).id, "telnet".into());
    }
}

#[test]
fn a_server_without_arguments_gets_its_name() {
    let service = clean("ftp stream tcp nowait root /usr/sbin/in.ftpd");
    assert_eq!(argv(&service), ["in.ftpd"]);
}

#[test]
fn limits_behind_wait_do_not_change_what_it_says() {
    let entry = |wait: &str| FTP.replace("nowait", wait);
    let configuration = inetd(entry("wait.40"));
    assert_eq!(codes(&configuration), ["W 1 inetd-rate"]);
    assert!(only(configuration).wait);
    assert_eq!(codes(&inetd(entry("nowait:400"))), ["W 1 inetd-rate"]);
    assert_eq!(clean(&entry("nowait.0")).limits.instances, Limit::Unlimited);
    let limits = clean(&entry("nowait/10/0/3")).limits;
    assert_eq!(limits.instances, Limit::AtMost(10));
    assert_eq!(limits.per_source, Limit::AtMost(3));
    let unlimited = clean(&entry("nowait/0")).limits;
    assert_eq!(unlimited.instances, Limit::Unlimited);
    for bad in [
        "no",
        "wait40",
        "nowait.",
        "nowait.x",
        "nowait/1/2/3/4",
        "nowait,1",
    ] {
        assert_eq!(codes(&inetd(entry(bad))), ["E 1 inetd-wait"], "{bad}");
    }
}

#[test]
fn a_group_stands_behind_a_dot_or_a_colon() {
    let credentials = |user: &str| {
        let configuration = inetd(FTP.replace("root", user));
        let credentials = only(configuration).credentials.unwrap();
        (credentials.user, credentials.group)
    };
    let name = |name: &str| Principal::Name(name.into());
    let nobody = (name("nobody"), Some(name("tty")));
    assert_eq!(credentials("nobody.tty"), nobody);
    assert_eq!(credentials("nobody:tty"), nobody);
    assert_eq!(credentials("nobody:tty/daemon"), nobody);
    assert_eq!(
        credentials("0.5"),
        (Principal::Id(0), Some(Principal::Id(5)))
    );
    assert_eq!(
        credentials("a.b"),
        (name("a"), Some(name("b"))),
        "as xinetd"
    );
    let class = inetd(FTP.replace("root", "nobody/daemon"));
    assert_eq!(codes(&class), ["W 1 inetd-class"]);
}

#[test]
fn a_known_user_may_have_a_dot_in_its_name() {
    let passwd = "root:x:0:0::/:\na:x:9:9::/:\na.b:x:10:10::/:\n";
    let tree = tree("", "").file("/etc/passwd", passwd).file(
        "/etc/inetd.conf",
        FTP.replace("root", "a.b")
            + &FTP
                .replace("root", "a.b.tty")
                .replace("ftp stream", "2100 stream"),
    );
    let configuration = load(&tree, roots(), &Databases::read(&tree));
    assert_eq!(codes(&configuration), [""; 0]);
    let services = configuration.services.iter();
    let users: Vec<_> = services.map(|s| s.credentials.clone().unwrap()).collect();
    let user = Principal::Name("a.b".into());
    assert_eq!((&users[0].user, &users[0].group), (&user, &None));
    let group = Some(Principal::Name("tty".into()));
    assert_eq!((&users[1].user, &users[1].group), (&user, &group));
}

#[test]
fn internal_services_have_an_id_for_each_socket_type() {
    let text = "echo stream tcp nowait root internal\necho dgram udp wait root internal\n\
                discard stream tcp nowait root internal internal\n";
    let tree = tree("", text).file("/etc/services", "echo 7/tcp\necho 7/udp\ndiscard 9/tcp\n");
    let configuration = load(&tree, roots(), &Databases::read(&tree));
    assert_eq!(codes(&configuration), [""; 0]);
    let services = configuration.services.iter();
    let shown: Vec<_> = services
        .map(|s| (s.id.to_text(), s.serving.clone()))
        .collect();
    let internal = Serving::Internal;
    assert_eq!(
        shown,
        [
            (
                "echo-stream".into(),
                internal(Internal::Builtin(Builtin::Echo))
            ),
            (
                "echo-dgram".into(),
                internal(Internal::Builtin(Builtin::Echo))
            ),
            (
                "discard-stream".into(),
                internal(Internal::Builtin(Builtin::Discard))
            )
        ]
    );
    let echo = &configuration.services[0];
    assert!(!echo.flags.nolibwrap, "for these xinetd asks hosts.allow");
    assert_eq!(echo.credentials, None, "they need no rights");
    assert_eq!(
        codes(&inetd("auth stream tcp nowait root internal")),
        ["E 1 no-internal"]
    );
}

#[test]
fn a_number_is_a_port() {
    let service = clean("8080 stream tcp nowait root /bin/web web");
    let Reach::Listen(listen) = service.reach else {
        panic!("a port");
    };
    assert_eq!(listen.port, Port(8080));
    let high = inetd("80800 stream tcp nowait root /bin/web web");
    assert_eq!(codes(&high), ["E 1 bad-value"]);
}

#[test]
fn endings_of_protocols_are_families() {
    let family = |protocol: &str| {
        let configuration = inetd(FTP.replace("tcp", protocol));
        let told = codes(&configuration);
        match only(configuration).reach {
            Reach::Listen(listen) => (listen.family, told),
            other => panic!("{other:?}"),
        }
    };
    let quiet = Vec::<String>::new();
    assert_eq!(family("tcp46"), (Family::Any, quiet.clone()));
    assert_eq!(family("tcp4"), (Family::V4, quiet.clone()));
    assert_eq!(family("tcp6only"), (Family::V6Only, quiet));
    assert_eq!(
        family("tcp6"),
        (Family::V6Only, vec!["N 1 inetd-ipv6".into()])
    );
    let both = FTP.replace("tcp", "tcp4") + &FTP.replace("tcp", "tcp6");
    assert_eq!(inetd(both).services.len(), 2, "they don't clash");
    let other = inetd(FTP.replace("tcp", "ttcp"));
    assert_eq!(codes(&other), ["E 1 bad-value"]);
}

#[test]
fn buffers_and_sockets_in_the_file_system_are_named() {
    let buffers = inetd(FTP.replace("tcp", "tcp,sndbuf=64k,rcvbuf=1m"));
    assert_eq!(codes(&buffers), ["W 1 inetd-buffer"; 2]);
    assert!(buffers.problems[1].help.contains("ReceiveBuffer="));
    assert_eq!(only(buffers).name, "ftp".into());
    let unknown = inetd(FTP.replace("tcp", "tcp,nodelay"));
    assert_eq!(codes(&unknown), ["E 1 inetd-protocol"]);
    let unix = inetd("/run/a stream unix nowait root /bin/a a\n");
    assert_eq!(codes(&unix), ["E 1 inetd-unix"]);
    assert_eq!(unix.dropped.len(), 1);
}

#[test]
fn local_addresses_stand_before_the_name() {
    let text = "192.0.2.1:ftp stream tcp nowait root /bin/a a\n\
                [::1],10.0.0.1:\ntelnet stream tcp nowait root /bin/b b\n\
                *:\nhttp stream tcp nowait root /bin/c c\n";
    let configuration = inetd(text);
    assert_eq!(codes(&configuration), [""; 0]);
    let services = configuration.services.iter();
    let shown = services.map(|service| match &service.reach {
        Reach::Listen(listen) => match &listen.bind {
            Some(Bind::Address(address, _)) => format!("{} {address}", service.id.to_text()),
            None => service.id.to_text(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "ftp 192.0.2.1",
            "telnet-::1 ::1",
            "telnet-10.0.0.1 10.0.0.1",
            "http"
        ]
    );
}

#[test]
fn rpc_and_tcpmux_services_are_named_with_a_slash() {
    let rpc = |name: &str| {
        let text = format!("{name} dgram rpc/udp wait root /sbin/rpc.rstatd rpc.rstatd\n");
        let configuration = inetd(text);
        let told = codes(&configuration);
        (
            configuration.services.first().map(|s| s.reach.clone()),
            told,
        )
    };
    let program = |reach| match reach {
        (Some(Reach::Rpc(program, _)), told) => (program, told),
        other => panic!("{other:?}"),
    };
    let versions = RpcRange { first: 2, last: 4 };
    let number = 100_001;
    let rstatd = RpcProgram { number, versions };
    assert_eq!(program(rpc("rstatd/2-4")), (rstatd.clone(), Vec::new()));
    assert_eq!(program(rpc("100001/2-4")), (rstatd, Vec::new()));
    assert_eq!(rpc("rstatd"), (None, vec!["E 1 inetd-rpc".into()]));
    assert_eq!(rpc("rstatd/x"), (None, vec!["E 1 bad-value".into()]));

    let mux = clean("tcpmux/+date stream tcp nowait nobody /bin/date date");
    assert_eq!(
        (mux.name, mux.reach),
        ("date".into(), Reach::Mux(Mux::Plus))
    );
    let own = clean("tcpmux/phone stream tcp nowait nobody /bin/phone phone");
    assert_eq!(own.reach, Reach::Mux(Mux::Server));
    let slash = inetd(FTP.replace("ftp stream", "ftp/1 stream"));
    assert_eq!(codes(&slash), ["W 1 inetd-name"]);
    assert_eq!(only(slash).name, "ftp".into());
}

#[test]
fn what_xinetd_takes_for_something_else_is_told() {
    let told = |text: &str| codes(&inetd(text));
    assert_eq!(told("#@ in ipsec/require\n"), ["W 1 ipsec"]);
    let comment = FTP.replace('\n', " # all of it\n");
    assert_eq!(told(&comment), ["W 1 trailing-comment"]);
    assert_eq!(
        told(&format!("{}\n -x #y\n", FTP.trim_end())),
        ["W 2 trailing-comment"]
    );
    assert_eq!(told(&FTP.replace('\n', "\r\n")), ["W 1 crlf"]);
    assert_eq!(told(&FTP.replace("-l", "\0")), ["E 1 syntax"]);
    assert_eq!(told(&FTP.replace("/usr", "usr")), ["E 1 bad-value"]);
    let long = FTP.replace("-l", &"x".repeat(17_000));
    assert_eq!(told(&long), ["E 1 line-length"]);
}
