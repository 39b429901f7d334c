//! `eject` below a root: what is written, what is lost, and what is refused.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::bed::Tree;

/// A service with lines of its own.
fn service(id: &str, port: u16, lines: &str) -> String {
    format!(
        "service {id}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tuser = daemon\n\
         \tport = {port}\n\tserver = /bin/x\n{lines}}}\n"
    )
}

const UNITS: &str = "etc/systemd/system";

#[test]
fn a_service_is_written_with_all_that_it_needs_and_switched_off() {
    let tree = Tree::new();
    tree.write("etc/xinetd.d/a", service("a", 9, "\tenv = SECRET=1\n"));
    tree.write("etc/xinetd.d/b", service("b", 10, ""));
    let dry = tree.run(&["eject", "a", "--dry-run"]).ends_with(0).out;
    assert!(dry.contains("# /etc/systemd/system/a.socket\n"), "{dry}");
    assert!(!tree.path(UNITS).exists(), "nothing was written");
    let said = tree.run(&["eject", "a"]).ends_with(0).out;
    assert!(
        said.starts_with("a: ejected to /etc/systemd/system/a.socket\nTo go back:\n"),
        "{said}"
    );
    let socket = tree.read(&format!("{UNITS}/a.socket"));
    for tie in ["SourcePath", "xinetd.target", "xinetd-reconcile"] {
        assert!(!socket.contains(tie), "{socket}");
    }
    let spec = tree.path("etc/xinetd-bridge/a.toml");
    assert_eq!(
        fs::metadata(&spec).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert!(fs::read_to_string(spec).unwrap().contains("SECRET"));
    let link = tree.path(&format!("{UNITS}/sockets.target.wants/a.socket"));
    let target = fs::read_link(link).unwrap();
    assert_eq!(target.to_str().unwrap(), "/etc/systemd/system/a.socket");
    assert!(tree.read("etc/xinetd.d/a").contains("disable = yes"));
    let list = tree.run(&["list", "--json"]).ends_with(0).json();
    let standings: Vec<_> = list["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["standing"].as_str().unwrap())
        .collect();
    assert_eq!(standings, ["ejected", "served"]);
    // The others, and no service twice.
    tree.run(&["eject", "--all"]).ends_with(0);
    let again = tree.run(&["eject", "--all"]).ends_with(1).err;
    assert!(again.contains("no service is served"), "{again}");
    assert!(tree.path(&format!("{UNITS}/b.service")).exists());
}

#[test]
fn what_systemd_alone_can_not_do_is_said_before() {
    let tree = Tree::new();
    let loses = |lines: &str| {
        tree.write("etc/xinetd.d/a", service("a", 9, lines));
        let ran = tree.run(&["eject", "a", "--plain", "--dry-run"]);
        ran.ends_with(0).out
    };
    let harmless = loses("\tcps = 7 3\n\tlog_type = FILE /var/log/a\n");
    assert!(!harmless.contains("  ! "), "{harmless}");
    assert!(harmless.contains("  - bans: "), "{harmless}");
    for part in ["not 7 in a second", "nothing is written to /var/log/a"] {
        assert!(harmless.contains(part), "{harmless}");
    }
    assert!(loses("\taccess_times = 1:00-2:00\n").contains("  ! access_times"));
    assert!(loses("\tno_access = .example.com\n").contains("  ! no_access"));
    tree.write("etc/hosts.deny", "# nothing\n");
    assert!(!loses("").contains("hosts.deny"));
    tree.write("etc/hosts.deny", "ALL: ALL\n");
    assert!(loses("").contains("  ! hosts.allow, hosts.deny"));
    assert!(!loses("\tflags = NOLIBWRAP\n").contains("hosts.deny"));
    tree.write("etc/hosts.deny", "");
    let sensor = service("s", 11, "\tflags = SENSOR\n\tdeny_time = 5\n");
    tree.write("etc/xinetd.d/s", sensor);
    assert!(loses("").contains("  ! bans: "));
    let refused = tree.run(&["eject", "a", "--plain"]).ends_with(1).err;
    assert!(refused.contains("--force"), "{refused}");
    assert!(!tree.path(UNITS).exists());
    tree.run(&["eject", "a", "--plain", "--force"]).ends_with(0);
    assert!(!tree.path("etc/xinetd-bridge").exists());
    assert!(tree.path(&format!("{UNITS}/a@.service")).exists());
}

#[test]
fn numbers_limits_and_words_are_systemds_if_plain() {
    let tree = Tree::new();
    let lines = "\tinstances = 3\n\tper_source = 2\n\tnice = 5\n\trlimit_as = 10M\n\tgroup = games\n\
                 \tenv = A=b%c$d\n\tserver_args = $x %y\n";
    tree.write("etc/xinetd.d/a", service("a", 9, lines));
    tree.run(&["eject", "a", "--plain"]).ends_with(0);
    let units = [
        tree.read(&format!("{UNITS}/a.socket")),
        tree.read(&format!("{UNITS}/a@.service")),
    ]
    .concat();
    for line in [
        "Accept=yes",
        "MaxConnections=3",
        "MaxConnectionsPerSource=2",
        "Nice=5",
        "LimitAS=10485760",
        "User=daemon",
        "Group=games",
        "Environment=\"A=b%%c$d\"",
        "ExecStart=-@/bin/x x \"$$x\" \"%%y\"",
    ] {
        assert!(units.lines().any(|other| other == line), "{line}\n{units}");
    }
}

#[test]
fn what_can_not_be_ejected_says_why() {
    let tree = Tree::new();
    let internal = "service echo\n{\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\twait = no\n\
                    \tport = 7007\n}\n";
    tree.write("etc/xinetd.d/echo", internal);
    let why = |arguments: &[&str], status| tree.run(arguments).ends_with(status).err;
    assert!(why(&["eject", "echo", "--plain"], 1).contains("by the helper itself"));
    tree.write("etc/xinetd.d/off", service("off", 9, "\tdisable = yes\n"));
    assert!(why(&["eject", "off"], 1).contains("`xinetdctl enable off`"));
    assert!(why(&["eject", "none"], 2).contains("no service has the id"));
    assert!(why(&["eject"], 2).contains("<ID>"));
    let mux = "service tcpmux\n{\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\twait = no\n\
               \tport = 1\n}\nservice m\n{\n\ttype = TCPMUX UNLISTED\n\tsocket_type = stream\n\
               \twait = no\n\tuser = daemon\n\tserver = /bin/x\n}\n";
    tree.write("etc/xinetd.d/mux", mux);
    assert!(why(&["eject", "m"], 1).contains("name tcpmux as well"));
    tree.run(&["eject", "m", "tcpmux"]).ends_with(0);
    tree.run(&["eject", "echo"]).ends_with(0);
}

#[test]
fn a_file_in_the_way_leaves_all_as_it_is() {
    let tree = Tree::new();
    tree.write("etc/xinetd.d/a", service("a", 9, ""));
    tree.write("etc/xinetd-bridge/a.toml", "mine");
    let before = tree.read("etc/xinetd.d/a");
    let refused = tree.run(&["eject", "a"]).ends_with(1).err;
    assert!(refused.contains("/etc/xinetd-bridge/a.toml"), "{refused}");
    assert!(!tree.path(UNITS).exists());
    assert_eq!(tree.read("etc/xinetd-bridge/a.toml"), "mine");
    assert_eq!(tree.read("etc/xinetd.d/a"), before);
}

#[test]
fn a_line_of_inetd_conf_stays_and_has_no_effect() {
    let tree = Tree::new();
    tree.write(
        "etc/xinetd-bridge.toml",
        "[inetd]\nfile = \"/etc/inetd.conf\"\n",
    );
    tree.write("etc/services", "a 9/tcp\n");
    let line = "a stream tcp nowait root /bin/x x\n";
    tree.write("etc/inetd.conf", line);
    let said = tree.run(&["eject", "a"]).ends_with(0).out;
    assert!(said.contains("stays as it is"), "{said}");
    assert_eq!(tree.read("etc/inetd.conf"), line);
    let list = tree.run(&["list", "--json"]).ends_with(0).json();
    assert_eq!(list["services"][0]["standing"], "ejected");
}

#[test]
fn the_way_back_is_for_the_one_of_several_with_an_id() {
    let tree = Tree::new();
    let named = |port: u16, lines: &str| service("a", port, &format!("\tid = same\n{lines}"));
    tree.write("etc/xinetd.d/a", named(9, ""));
    tree.write("etc/xinetd.d/b", named(10, "\tdisable = yes\n"));
    tree.write("etc/xinetd.d/c", named(11, ""));
    let list = tree.run(&["list", "--json"]).json();
    let unit = |number: usize| list["services"][number]["unit"].as_str().unwrap();
    let socket = format!("{}.socket", unit(0));
    // The others with the id are as they were.
    let said = tree.run(&["eject", &socket]).ends_with(0).out;
    assert!(
        said.ends_with(&format!("  xinetdctl enable {socket}\n")),
        "{said}"
    );
    let is_off = |file: &str| tree.read(file).contains("disable = yes");
    let files = ["etc/xinetd.d/a", "etc/xinetd.d/b", "etc/xinetd.d/c"];
    assert_eq!(files.map(is_off), [true, true, false]);
    for line in said.lines().filter_map(|line| line.strip_prefix("  rm ")) {
        for path in line.split(' ') {
            fs::remove_file(tree.path(path.trim_start_matches('/'))).unwrap();
        }
    }
    tree.run(&["enable", &socket]).ends_with(0);
    assert_eq!(files.map(is_off), [false, true, false]);
}

#[test]
fn an_ejected_service_is_not_switched_by_its_file() {
    let tree = Tree::new();
    tree.write("etc/xinetd.d/a", service("a", 9, "\tenv = A=1\n"));
    let said = tree.run(&["eject", "a"]).ends_with(0).out;
    let file = tree.read("etc/xinetd.d/a");
    let way_back = said.split_once("To go back:\n").unwrap().1;
    for verb in ["enable", "disable"] {
        let refused = tree.run(&[verb, "a"]).ends_with(1).err;
        let what = format!("`systemctl {verb} --now a.socket`");
        for part in [
            "a was ejected to /etc/systemd/system/a.socket",
            &what,
            way_back,
        ] {
            assert!(refused.contains(part), "{part}\n{refused}");
        }
    }
    assert_eq!(tree.read("etc/xinetd.d/a"), file);
}

#[test]
fn all_that_can_not_do_without_the_helper_are_named_and_the_rest_is_shown() {
    let tree = Tree::new();
    let internal = |name: &str, port: u16| {
        format!(
            "service {name}\n{{\n\ttype = INTERNAL UNLISTED\n\tsocket_type = stream\n\twait = no\n\
             \tport = {port}\n}}\n"
        )
    };
    tree.write(
        "etc/xinetd.d/a",
        internal("echo", 7) + &internal("time", 37),
    );
    tree.write("etc/xinetd.d/b", service("b", 9, ""));
    let ran = tree
        .run(&["eject", "--all", "--plain", "--dry-run"])
        .ends_with(1);
    for id in ["echo", "time"] {
        let line = format!("{id} can't do without the helper");
        assert!(ran.err.contains(&line), "{ran:?}");
    }
    assert!(
        ran.out.contains("# /etc/systemd/system/b.socket\n"),
        "{ran:?}"
    );
    assert!(!ran.out.contains("/etc/xinetd.d/a"), "{ran:?}");
    tree.run(&["eject", "--all", "--plain"]).ends_with(1);
    assert!(!tree.path(UNITS).exists());
}
