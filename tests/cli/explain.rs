//! `explain`: each way in which a client may be refused, and the exit status.

use std::fs::File;
use std::os::unix::fs::FileExt;

use xinetd_core::bans::table::{Header, SIZE, Slot};
use xinetd_core::bans::{BootId, Ipv6Prefix, Subject, TABLE, Until};

use crate::bed::{Ran, Tree, sample, xinetdctl};

/// Explains with what holds for all cases that do not say otherwise.
fn explain(arguments: &str) -> Ran {
    let mut all = vec!["explain"];
    all.extend(arguments.split(' '));
    for (option, value) in [("--at", "12:00"), ("--load", "1")] {
        if !all.contains(&option) {
            all.extend([option, value]);
        }
    }
    if !all.contains(&"--name") {
        all.push("--offline");
    }
    xinetdctl(&sample(), &all)
}

/// The check that decides, and its rule.
fn decisive(arguments: &str) -> (bool, String) {
    let ran = explain(&format!("{arguments} --json"));
    let json = ran.json();
    let service = &json["services"][0];
    let admitted = service["admitted"].as_bool().unwrap();
    assert_eq!(ran.status, i32::from(!admitted), "{ran:?}");
    let checks = service["checks"].as_array().unwrap();
    let refused: Vec<_> = checks
        .iter()
        .filter(|check| check["result"] == "refused")
        .collect();
    assert_eq!(refused.is_empty(), admitted, "{ran:?}");
    let last = refused.first().copied().or(checks.last()).unwrap();
    let rule = &last["rule"];
    let place = match rule.is_null() {
        true => String::new(),
        false => format!(" {}:{}", rule["file"].as_str().unwrap(), rule["line"]),
    };
    (
        admitted,
        format!("{}{place}", last["check"].as_str().unwrap()),
    )
}

#[test]
fn each_check_refuses_by_its_rule() {
    let telnet = "/etc/xinetd.d/telnet";
    let others = "/etc/xinetd.d/others";
    for (arguments, expected) in [
        (
            "telnet 192.0.2.7 --name a --load 8.5",
            format!("max_load {telnet}:14"),
        ),
        (
            "telnet 192.0.2.7 --name a --at 18:01",
            format!("access_times {telnet}:12"),
        ),
        (
            "telnet 192.0.2.7 --name a --running 60",
            "instances /etc/xinetd.conf:3".into(),
        ),
        (
            "telnet 192.0.2.7 --name a --from-source 2",
            format!("per_source {telnet}:13"),
        ),
        ("telnet 192.0.2.66", format!("access {telnet}:11")),
        ("telnet 192.0.2.7", format!("access {telnet}:11")),
        (
            "telnet 192.0.2.7 --name evil.example.com",
            format!("access {telnet}:11"),
        ),
        (
            "telnet 10.0.0.7 --name example.com",
            format!("access {telnet}:10"),
        ),
        (
            "telnet 192.0.2.8 --name a.b",
            "libwrap /etc/hosts.deny:2".into(),
        ),
        (
            "telnet 192.0.2.9 --name a.b --user root",
            "libwrap /etc/hosts.deny:1".into(),
        ),
        ("decoy 192.0.2.7", format!("sensor {others}:37")),
        ("echo-stream 2001:db8::7", "listener".into()),
        ("echo-dgram 192.0.2.7 --port 53", "port".into()),
    ] {
        assert_eq!(decisive(arguments), (false, expected), "{arguments}");
    }
}

#[test]
fn who_passes_all_checks_is_admitted() {
    for (arguments, expected) in [
        ("telnet 192.0.2.7 --name a.b", "libwrap /etc/hosts.allow:2"),
        ("telnet 10.0.0.7 --name A.Example.com --at 18:00", "libwrap"),
        (
            "telnet 192.0.2.7 --name a.b --running 59 --from-source 1 --load 8.4",
            "libwrap /etc/hosts.allow:2",
        ),
        ("telnet 192.0.2.9 --name a.b --user nobody", "libwrap"),
        ("telnet 192.0.2.9 --name a.b", "libwrap"),
        // As if it was on.
        ("finger 192.0.2.7 --at 3:00", "libwrap"),
        ("echo-dgram 192.0.2.7", "libwrap"),
    ] {
        assert_eq!(
            decisive(arguments),
            (true, expected.to_owned()),
            "{arguments}"
        );
    }
}

#[test]
fn the_walk_ends_where_the_client_is_refused() {
    let ran = explain("telnet 192.0.2.8 --name a.b");
    let expected = "\
telnet (/etc/xinetd.d/telnet:1)
  served by telnet.socket, started at boot
  a client at 192.0.2.8 (a.b):
  cps             passed  50 a second on average: one connection alone is less
  max_load        passed  the load is 1, the limit 8.5
                          /etc/xinetd.d/telnet:14: max_load = 8.5
  access_times    passed  12:00 is inside
                          /etc/xinetd.d/telnet:12: access_times = 08:00-18:00
  instances       passed  0 of 60 run
                          /etc/xinetd.conf:3: instances = 60
  per_source      passed  0 of 2 run
                          /etc/xinetd.d/telnet:13: per_source = 2
  bans            passed  not banned
  name            found   192.0.2.8 is taken for a.b
  access          passed  only_from has 192.0.2.0/24
                          /etc/xinetd.d/telnet:10: only_from = 192.0.2.0/24
                          .example.com
  libwrap         refused the first rule that matches for in.telnetd; in place
                          of the server it runs /bin/echo go away, 192.0.2.8
                          /etc/hosts.deny:2: in.telnetd: 192.0.2.8: twist
                          /bin/echo go away, %a
  refused: libwrap
";
    assert_eq!(ran.ends_with(1).fits().out, expected);
}

#[test]
fn hosts_deny_that_can_not_be_read_refuses() {
    let tree = Tree::new();
    tree.write(
        "etc/xinetd.d/a",
        "service a\n{\ntype = UNLISTED\nport = 9\nsocket_type = stream\nwait = no\nuser = 0\nserver = /bin/x\n}\n",
    );
    tree.run(&["explain", "a", "192.0.2.7"]).ends_with(0);
    std::fs::create_dir(tree.path("etc/hosts.deny")).unwrap();
    let ran = tree.run(&["explain", "a", "192.0.2.7"]).ends_with(1);
    assert!(ran.out.contains("hosts.deny can't be read"), "{ran:?}");
}

#[test]
fn the_table_of_bans_keeps_a_peer_out() {
    let tree = Tree::new();
    tree.write(
        "etc/xinetd.d/a",
        "service a\n{\ntype = UNLISTED\nport = 9\nsocket_type = stream\nwait = no\nuser = 0\nserver = /bin/x\n}\n",
    );
    ban(&tree, "192.0.2.7");
    let banned = tree.run(&["explain", "a", "192.0.2.7"]).ends_with(1).out;
    assert!(
        banned.contains("`xinetdctl bans remove 192.0.2.7`"),
        "{banned}"
    );
    tree.run(&["explain", "a", "192.0.2.8"]).ends_with(0);
    // systemd alone would let it in.
    let ejected = tree.run(&["eject", "a", "--plain"]).ends_with(1);
    assert!(ejected.out.contains("  ! bans: "), "{ejected:?}");
}

/// Writes a table with one ban in it, for ever.
fn ban(tree: &Tree, address: &str) {
    let path = TABLE.trim_start_matches('/');
    tree.write(path, "");
    let prefix = Ipv6Prefix::default();
    let header = Header {
        boot: BootId::from_bytes([1; 16]),
        key: [1, 2],
        prefix,
    };
    let subject = Subject::of(address.parse().unwrap(), prefix);
    let slot = Slot {
        address: subject.to_bits(),
        until: Until::Forever,
        administrator: true,
    };
    let table = File::options().write(true).open(tree.path(path)).unwrap();
    table.set_len(SIZE).unwrap();
    table.write_all_at(&header.encode(), 0).unwrap();
    table
        .write_all_at(&slot.encode(), header.bucket(subject))
        .unwrap();
}

#[test]
fn the_filter_of_a_server_that_accepts_decides_by_the_clients_address() {
    let tree = Tree::new();
    let explained = |lists: &str, client: &str| {
        let service = format!(
            "service a\n{{\ntype = UNLISTED\nport = 9\nsocket_type = stream\nwait = yes\nuser = 0\n\
             server = /bin/x\n{lists}\n}}\n"
        );
        tree.write("etc/xinetd.d/a", service);
        tree.run(&["explain", "a", client]).status
    };
    for (lists, client, status) in [
        ("no_access = 127.0.0.1", "127.0.0.1", 1),
        ("no_access = 127.0.0.1", "127.0.0.2", 0),
        ("only_from = 10.0.0.1", "10.0.0.1", 0),
        ("only_from = 10.0.0.1", "10.0.0.2", 1),
        ("flags = IPv4\nonly_from = 10.0.0.1", "10.0.0.1", 0),
        ("only_from = ::ffff:10.0.0.0/104", "10.0.0.1", 0),
        ("only_from = 2001:db8::/32", "2001:db8::1", 0),
        ("no_access = 2001:db8::/32", "2001:db8::1", 1),
    ] {
        assert_eq!(explained(lists, client), status, "{lists}: {client}");
    }
}

#[test]
fn servers_of_others_do_not_count_for_the_client() {
    let tree = Tree::new();
    tree.write(
        "etc/xinetd.d/a",
        "service a\n{\ntype = UNLISTED\nport = 9\nsocket_type = stream\nwait = no\nuser = 0\nserver = /bin/x\n\
         per_source = 1\n}\n",
    );
    for client in ["127.0.0.1", "192.0.2.1", "::1"] {
        let others = ["explain", "a", client, "--running", "5"];
        tree.run(&others).ends_with(0);
        let own = tree.run(&["explain", "a", client, "--from-source", "1"]);
        assert!(own.ends_with(1).out.contains("refused: per_source_limit"));
    }
}
