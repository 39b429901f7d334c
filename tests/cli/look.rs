//! `list`, `show`, `units`, and what holds for all commands.

use std::fs;

use crate::bed::{Tree, command, ran, sample, tests, xinetdctl};

#[test]
fn a_list_has_each_service_in_a_line() {
    let list = xinetdctl(&sample(), &["list"]).ends_with(0).out;
    let expected = "\
ID           LISTENS          STATE       UNIT                SERVER
finger       79/tcp           off         finger.socket       /usr/sbin/in.fingerd
echo-dgram   7/udp            off         echo-dgram.socket   internal echo
echo-stream  192.0.2.1:7/tcp  on          echo-stream.socket  internal echo
decoy        2323/tcp         on          decoy.socket        sensor
stray        2424/udp         not served  wait = no with datagrams gives each server the same socket, on which xinetd breaks
telnet       23/tcp           on          telnet.socket       /usr/sbin/in.telnetd
broken       -                not served  it has errors, see `xinetdctl check`
";
    assert_eq!(list, expected);
}

#[test]
fn an_rpc_service_is_listed_with_the_port_that_was_chosen_for_it() {
    let case = tests().join("golden/50-rpc");
    let socket = fs::read_to_string(case.join("expected/rquotad.socket")).unwrap();
    let port = socket
        .lines()
        .find_map(|line| line.strip_prefix("ListenDatagram="));
    let list = xinetdctl(&case.join("root"), &["list", "--json"]).json();
    let listens = format!("{}/udp rpc 100011 v1-2", port.unwrap());
    assert_eq!(list["services"][0]["listens"], listens);
}

#[test]
fn whatever_is_configured_can_be_looked_at_in_80_columns() {
    for case in fs::read_dir(tests().join("golden")).unwrap() {
        let root = case.unwrap().path().join("root");
        let list = xinetdctl(&root, &["list", "--json"]);
        // One of the trees has nothing.
        if list.err.contains("/etc/xinetd.conf can't be read") {
            assert_eq!(list.status, 2, "{list:?}");
            continue;
        }
        let is_whole = !list.err.contains("services may be missing");
        assert_eq!(list.status, if is_whole { 0 } else { 2 }, "{list:?}");
        xinetdctl(&root, &["list"]).ends_with(list.status);
        let list = list.json();
        let services = list["services"].as_array().unwrap();
        for service in services {
            let id = service["id"].as_str().unwrap();
            // An argument is text, and an id need not be. Of two with one id the other is shown.
            let twins = services.iter().filter(|other| other["id"] == id).count();
            if id.contains('\u{fffd}') || twins > 1 {
                continue;
            }
            let show = xinetdctl(&root, &["show", "--", id]);
            if service["standing"] == "dropped" {
                assert_eq!(show.status, 2, "{show:?}");
                assert!(show.err.contains("xinetdctl"), "{show:?}");
                continue;
            }
            show.ends_with(0).fits();
            let explain = xinetdctl(&root, &["explain", "--offline", "--", id, "192.0.2.7"]).fits();
            assert_eq!(
                explain.status == 2,
                service["standing"] != "served",
                "{explain:?}"
            );
        }
    }
}

#[test]
fn a_value_stands_beside_its_line_or_its_source() {
    let show = xinetdctl(&sample(), &["show", "telnet"]).ends_with(0).out;
    for line in [
        "telnet (/etc/xinetd.d/telnet:1)",
        "  served by telnet.socket, started at boot",
        "  instances      = 60                       defaults /etc/xinetd.conf:3",
        "  per_source     = 2                        /etc/xinetd.d/telnet:13",
        "  cps            = 50 10                    xinetd's default",
        "  libwrap        = in.telnetd               from the server's name",
        "  only_from      = 192.0.2.0/24             /etc/xinetd.d/telnet:10",
    ] {
        assert!(show.lines().any(|shown| shown == line), "{line}\n{show}");
    }
    let off = xinetdctl(&sample(), &["show", "FINGER"]).ends_with(0).out;
    assert!(
        off.contains("switched off by disabled in /etc/xinetd.conf:6;"),
        "{off}"
    );
}

#[test]
fn units_are_what_the_generator_writes() {
    let tests = tests();
    let case = tests.join("golden/02-defaults");
    let units = xinetdctl(&case.join("root"), &["units", "telnet", "--json"]).ends_with(0);
    let units = units.json();
    let files = units["services"][0]["files"].as_array().unwrap();
    assert_eq!(files.len(), 3);
    for file in files.iter().filter(|file| file["private"] == false) {
        let path = file["path"].as_str().unwrap();
        let name = path.strip_prefix("/run/systemd/generator.late/").unwrap();
        let golden = fs::read_to_string(case.join("expected").join(name)).unwrap();
        assert_eq!(file["content"], *golden, "{name}");
    }
    let text = xinetdctl(&case.join("root"), &["units", "telnet.socket"])
        .ends_with(0)
        .out;
    assert!(
        text.starts_with("# /run/systemd/generator.late/telnet.socket\n"),
        "{text}"
    );
}

#[test]
fn one_of_several_with_one_id_is_chosen_by_its_unit() {
    let root = tests().join("golden/06-one-id/root");
    let list = xinetdctl(&root, &["list", "--json"]).json();
    let all = list["services"].as_array().unwrap();
    let id = all[0]["id"].as_str().unwrap();
    let shown = |wanted: &str| {
        let show = xinetdctl(&root, &["show", wanted, "--json"])
            .ends_with(0)
            .json();
        show["services"].as_array().unwrap().clone()
    };
    let several = shown(id);
    assert!(several.len() > 1);
    let unit = several[1]["unit"].as_str().unwrap();
    let one = shown(&format!("{unit}.socket"));
    assert_eq!(one, several[1..2]);
}

#[test]
fn errors_name_the_next_step() {
    let nothing = Tree::new();
    fs::remove_file(nothing.path("etc/xinetd.conf")).unwrap();
    fs::remove_dir(nothing.path("etc/xinetd.d")).unwrap();
    let ran = nothing.run(&["list"]).ends_with(2);
    assert!(
        ran.err.contains("xinetdctl check") && ran.out.is_empty(),
        "{ran:?}"
    );
    for (arguments, next) in [
        (&["show", "nobody"][..], "xinetdctl list"),
        (&["units", "nobody"], "xinetdctl list"),
        (&["explain", "nobody", "192.0.2.7"], "xinetdctl list"),
        (&["enable", "nobody"], "xinetdctl list"),
        (&["disable", "nobody"], "xinetdctl list"),
        (&["check", "--service", "nobody"], "xinetdctl list"),
        (&["show", "broken"], "xinetdctl check"),
        (&["units", "stray"], "xinetdctl show stray"),
        (&["explain", "stray", "192.0.2.7"], "xinetdctl show stray"),
        (&["explain", "telnet", "somewhere"], "--help"),
        (&["explain", "telnet", "192.0.2.7", "--at", "noon"], "17:05"),
    ] {
        let ran = xinetdctl(&sample(), arguments).ends_with(2);
        assert!(ran.err.contains(next), "{ran:?}");
    }
}

#[test]
fn a_call_with_what_is_no_address_and_no_process_is_a_wrong_one() {
    for (arguments, next) in [
        (&["kick", "pwn", "abc"][..], "xinetdctl status"),
        (&["kick", "pwn", "0"], "xinetdctl status"),
        (&["bans", "add", "foo"], "192.0.2.7"),
        (&["bans", "remove", "foo"], "192.0.2.7"),
    ] {
        let ran = xinetdctl(&sample(), arguments).ends_with(2);
        assert!(ran.err.contains(next), "{ran:?}");
    }
}

#[test]
fn the_way_out_of_a_missing_file_fits_the_file() {
    let ran = xinetdctl(&sample(), &["check", "/nonexist"]).ends_with(2);
    assert!(
        ran.out.contains("/nonexist can't be read") && !ran.out.contains("includedir"),
        "{ran:?}"
    );
}

#[test]
fn a_redirect_is_shown_with_the_backends_that_it_really_has() {
    let tree = Tree::new();
    let service = "service web\n{\n\ttype = UNLISTED\n\tport = 8080\n\tsocket_type = stream\n\
                   \twait = no\n\tuser = nobody\n\tredirect = 192.0.2.1 80\n}\n";
    tree.write("etc/xinetd.d/web", service);
    let list = |tree: &Tree| tree.run(&["list", "--json"]).json();
    assert_eq!(
        list(&tree)["services"][0]["server"],
        "redirect 192.0.2.1:80"
    );
    tree.write(
        "etc/xinetd-bridge.toml",
        "[service.web.redirect]\ntargets = [\"[2001:db8::9]:80\", \"spare:81\"]\n",
    );
    let backends = "[2001:db8::9]:80, spare:81";
    let shown = &list(&tree)["services"][0]["server"];
    assert_eq!(*shown, format!("redirect {backends}"));
    let show = tree.run(&["show", "web"]).ends_with(0).fits().out;
    assert!(show.contains(&format!("  to {backends}\n")), "{show}");
    let check = tree.run(&["check", "--verbose"]).out;
    let fate = "to the targets of /etc/xinetd-bridge.toml";
    assert!(check.contains(fate), "{check}");
}

/// What a purge of Debian's xinetd leaves where other packages have brought services.
#[test]
fn a_folder_of_services_does_without_the_first_file() {
    let purged = Tree::new();
    fs::remove_file(purged.path("etc/xinetd.conf")).unwrap();
    purged.write(
        "etc/xinetd.d/left",
        "service left\n{\n\ttype = UNLISTED\n\tport = 7\n\tsocket_type = stream\n\twait = no\n\
         \tuser = 0\n\tserver = /bin/cat\n\tlog_type = SYSLOG daemon\n}\n",
    );
    let warning = "/etc/xinetd.conf:1:1: warning: /etc/xinetd.conf is not there: it is read as if it said \
                   `includedir /etc/xinetd.d`, and restrictions that it had for all services hold no more\n";
    for (command, status, service) in [("list", 0, "left"), ("check", 1, " in 1 service\n")] {
        let ran = purged.run(&[command]).ends_with(status);
        assert!(
            ran.out.contains(service) && ran.out.contains(warning),
            "{ran:?}"
        );
        assert!(
            ran.out.contains("   | includedir /etc/xinetd.d\n"),
            "{ran:?}"
        );
    }
}

#[test]
fn colours_are_for_terminals_alone() {
    let list = |variable: &str| {
        let mut command = command(&["list"]);
        command
            .env("XINETD_BRIDGE_ROOT", sample())
            .env(variable, "1");
        ran(&command.output().unwrap()).out
    };
    assert!(!list("TERM").contains('\x1b'));
    assert!(list("CLICOLOR_FORCE").contains('\x1b'));
}

#[test]
fn the_options_of_xinetd_hold_for_all_commands() {
    let root = tests().join("golden/42-startup/root");
    let list = xinetdctl(&root, &["list", "--json"]).ends_with(0).json();
    let ids = list["services"].as_array().unwrap().iter();
    let found: Vec<_> = ids.map(|row| (&row["id"], &row["file"])).collect();
    assert_eq!(found[0].0, "telnet");
    assert_eq!(found[0].1, "/etc/other.conf");
    assert_eq!(found[1].1, "/etc/inetd.conf");
    let check = xinetdctl(&root, &["check"]).ends_with(1).out;
    for part in [
        "/etc/default/xinetd:4:36: warning: `-limit` has no effect",
        "   | XINETD_OPTS=\"-stayalive -f $CONFIG -limit 40\"",
        "/etc/default/xinetd:5:1: warning: a shell would read another file here",
        "/etc/default/xinetd:2:14: note: /etc/inetd.conf is served too",
    ] {
        assert!(check.contains(part), "{part}\n{check}");
    }
    // The file that -f names is the one that is edited.
    let tree = Tree::new();
    for file in [
        "etc/other.conf",
        "etc/default/xinetd",
        "etc/services",
        "etc/passwd",
    ] {
        tree.write(file, fs::read(root.join(file)).unwrap());
    }
    tree.run(&["disable", "telnet"]).ends_with(0);
    assert!(tree.read("etc/other.conf").contains("disable"));
}

#[test]
fn what_keeps_a_service_that_is_off_from_being_served_is_no_error() {
    let tree = Tree::new();
    let servers = "service servers\n{\n\ttype = INTERNAL UNLISTED\n\tport = 9099\n\tsocket_type = stream\n\
                   \tprotocol = tcp\n\twait = no\n\tdisable = yes\n}\n";
    tree.write("etc/xinetd.d/servers", servers);
    let why = "there is no internal stream service `servers`";
    let list = tree.run(&["list"]).ends_with(0).out;
    assert!(list.contains(&format!("not served  {why}\n")), "{list}");
    assert!(tree.run(&["check"]).ends_with(0).out.contains("0 errors"));
    for command in ["show", "enable"] {
        let ran = tree.run(&[command, "servers"]).ends_with(2);
        let expected = format!("is switched off, and can't be served: {why}");
        assert!(ran.err.contains(&expected), "{ran:?}");
    }
    // Switched on it has an error.
    tree.write("etc/xinetd.d/servers", servers.replace("= yes", "= no"));
    let list = tree.run(&["list"]).ends_with(0).out;
    assert!(list.contains("it has errors, see"), "{list}");
}

#[test]
fn a_check_of_one_service_tells_what_another_one_says_of_it() {
    let tree = Tree::new();
    let service = |id: &str| {
        format!(
            "service {id}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tuser = daemon\n\
             \tport = 9\n\tserver = /bin/x\n}}\n"
        )
    };
    for id in ["dup", "old"] {
        tree.write(&format!("etc/xinetd.d/{id}"), service(id));
    }
    let said = tree.run(&["check", "-s", "dup"]).ends_with(2).out;
    assert!(said.contains("`old` wants"), "{said}");
}

#[test]
fn list_says_where_services_may_be_missing() {
    let tree = Tree::new();
    let service = "service a\n{\ntype = UNLISTED\nport = 9\nsocket_type = stream\nwait = no\nuser = 0\n\
                   server = /bin/x\ninstances = 0\n}\n";
    tree.write("etc/xinetd.d/a", service);
    let all = tree.run(&["list"]).ends_with(0);
    assert!(all.out.contains("refused: instances is 0"), "{all:?}");
    tree.write(
        "etc/xinetd.conf",
        "defaults\n{\ninstances = 5\n\nincludedir /etc/xinetd.d\n",
    );
    let open = tree.run(&["list"]).ends_with(2);
    assert!(open.out.contains("9/tcp"), "{open:?}");
    assert!(open.err.contains("/etc/xinetd.conf:5:1: "), "{open:?}");
    tree.write("etc/xinetd.conf", "includedir /etc/nowhere\n");
    let none = tree.run(&["list", "--json"]).ends_with(2);
    assert!(none.err.contains("services may be missing"), "{none:?}");
}

#[test]
fn a_file_that_is_asked_for_must_be_there() {
    let tree = Tree::new();
    tree.write("etc/default/xinetd", "INETD_COMPAT=Yes\n");
    tree.write("etc/inetd.conf", "echo stream tcp nowait root internal\n");
    let check = tree.run(&["check", "/nonexistent/xinetd.conf"]);
    assert!(
        check.ends_with(2).out.contains("/nonexistent/xinetd.conf"),
        "it is named"
    );
}

#[test]
fn a_list_says_that_real_xinetd_starts_at_boot() {
    let tree = Tree::new();
    tree.write("usr/sbin/xinetd", "");
    let unit = "usr/lib/systemd/system/xinetd.service";
    tree.write(unit, "[Service]\nExecStart=/usr/sbin/xinetd -dontfork\n");
    let said = |tree: &Tree| {
        let list = tree.run(&["list"]).ends_with(0).out;
        list.contains("/usr/sbin/xinetd starts at boot")
    };
    assert!(!said(&tree));
    tree.write(
        "etc/systemd/system/multi-user.target.wants/xinetd.service",
        "",
    );
    assert!(said(&tree));
}
