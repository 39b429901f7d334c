//! What `convert` writes.

use std::path::Path;

use super::super::super::Databases;
use super::super::super::testing::etc;
use super::super::{Conversion, convert};
use super::FTP;

/// What `convert` makes of a text, as one file.
pub(super) fn converted(text: &str) -> String {
    let conversion = convert_text(text);
    let blocks = conversion.services.into_iter().map(|service| service.text);
    let all = blocks.chain([conversion.rest]).collect::<Vec<_>>().concat();
    String::from_utf8(all).unwrap()
}

fn convert_text(text: &str) -> Conversion {
    let path = Path::new("/etc/inetd.conf");
    convert(path, text.as_bytes().to_vec(), &Databases::read(&etc()))
}

#[test]
fn a_converted_service_has_its_comments_and_no_argv0_that_xinetd_makes_itself() {
    let text = "\n# All of it.\n\n# FTP\nftp stream tcp4 nowait nobody.tty /usr/sbin/in.ftpd in.ftpd -l\n  -d\n\n# the end\n";
    assert_eq!(
        converted(text),
        "# All of it.\n\n# FTP\nservice ftp\n{\n\tflags       = NOLIBWRAP IPv4\n\tsocket_type = stream\n\
         \tprotocol    = tcp\n\twait        = no\n\tuser        = nobody\n\tgroup       = tty\n\
         \tgroups      = yes\n\tserver      = /usr/sbin/in.ftpd\n\tserver_args = -l -d\n}\n# the end\n"
    );
    let other = converted("ftp stream tcp nowait root /bin/busybox ftpd -w\n");
    assert!(
        other.contains("flags       = NAMEINARGS NOLIBWRAP\n"),
        "{other}"
    );
    assert!(other.contains("server_args = ftpd -w\n"), "{other}");
}

#[test]
fn a_server_behind_tcpd_is_asked_for_by_xinetd_itself() {
    let tcpd = |protocol: &str, wait: &str, argv: &str| {
        let text = format!("ftp {protocol} {wait} root /usr/sbin/tcpd {argv}\n");
        let text = converted(&text);
        let lines = text.lines().filter_map(|line| {
            let wanted = ["flags", "server", "server_args"];
            let (name, value) = line.trim().split_once('=')?;
            wanted
                .contains(&name.trim())
                .then(|| value.trim().to_owned())
        });
        lines.collect::<Vec<_>>()
    };
    let stream = |argv: &str| tcpd("stream tcp", "nowait", argv);
    assert_eq!(stream("in.ftpd -l"), ["/usr/sbin/in.ftpd", "-l"]);
    assert_eq!(stream("in.ftpd"), ["/usr/sbin/in.ftpd"]);
    let path = "/opt/ftpd";
    assert_eq!(
        stream(path),
        ["NAMEINARGS", path, path],
        "it is its argv[0] too"
    );
    assert_eq!(stream(""), ["NOLIBWRAP", "/usr/sbin/tcpd"]);
    let kept = ["NAMEINARGS NOLIBWRAP", "/usr/sbin/tcpd", "in.ftpd"];
    assert_eq!(tcpd("stream tcp", "wait", "in.ftpd"), kept);
    assert_eq!(tcpd("dgram udp", "wait", "in.ftpd"), ["/usr/sbin/in.ftpd"]);
}

#[test]
fn an_entry_in_a_comment_is_a_service_that_is_off() {
    let entry = FTP.trim_end();
    for mark in ["#", "# ", "#<off># ", "#disabled#", "##\t#"] {
        let text = converted(&format!("# FTP\n{mark}{entry}\n"));
        assert!(
            text.starts_with("# FTP\nservice ftp\n{\n\tdisable     = yes\n"),
            "{text}"
        );
    }
    for comment in [
        "# name stream protocol wait user server",
        "# <service_name> <sock_type> <proto> <flags> <user> <server_path> <args>",
        "#:STANDARD: These are standard services.",
        "# ftp stream tcp nowait root ftpd",
    ] {
        assert_eq!(converted(&format!("{comment}\n")), format!("{comment}\n"));
    }
}

#[test]
fn what_can_not_be_converted_stays_as_a_comment() {
    let conversion = convert_text("ftp stream unix  nowait root /bin/a\n");
    let problems = conversion.problems.iter().map(|problem| problem.code);
    assert_eq!(problems.collect::<Vec<_>>(), ["inetd-unix"]);
    let rest = "# not converted: ftp stream unix nowait root /bin/a\n";
    assert_eq!(conversion.rest, rest.as_bytes());
    assert!(conversion.services.is_empty());
}
