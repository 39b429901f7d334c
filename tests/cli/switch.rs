//! `enable` and `disable`: what changes in the files, and what does not.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};

use crate::bed::Tree;

/// A service with an odd way of writing.
fn service(id: &str, port: u16, lines: &str) -> String {
    format!(
        "# {id}\n\nservice {id}\n{{\n\t# \u{e4} comment\r\n    type        = UNLISTED\n\
         \tsocket_type\t= stream\n wait =no\n\tuser = 0\n\tport = {port}\n\tserver = /bin/x \n{lines}}}\n# end"
    )
}

fn is_enabled(tree: &Tree, id: &str) -> Vec<bool> {
    let shown = tree.run(&["show", id, "--json"]).ends_with(0).json();
    let services = shown["services"].as_array().unwrap();
    let enabled = services.iter().map(|service| service["enabled"].as_bool());
    enabled.collect::<Option<_>>().unwrap()
}

#[test]
fn one_word_changes_and_back() {
    let tree = Tree::new();
    let text = service("a", 9, "\tdisable =  no\n");
    tree.write("etc/xinetd.d/a", &text);
    let said = tree.run(&["disable", "a"]).ends_with(0).fits().out;
    let expected = "a is off now in /etc/xinetd.d/a\n\
         a.socket is not stopped: systemd does not run these files\n";
    assert_eq!(said, expected);
    assert_eq!(
        tree.read("etc/xinetd.d/a"),
        text.replace("=  no\n", "=  yes\n")
    );
    assert_eq!(is_enabled(&tree, "a"), [false]);
    let inode = fs::metadata(tree.path("etc/xinetd.d/a")).unwrap().ino();
    tree.run(&["disable", "A"]).ends_with(0);
    let again = fs::metadata(tree.path("etc/xinetd.d/a")).unwrap().ino();
    assert_eq!(inode, again, "nothing had to be written");
    let answer = tree.run(&["enable", "a", "--json"]).ends_with(0).json();
    assert_eq!(answer["files"], serde_json::json!(["/etc/xinetd.d/a"]));
    assert_eq!(answer["applied"], false);
    assert_eq!(tree.read("etc/xinetd.d/a"), text);
}

#[test]
fn all_entries_with_the_id_change_wherever_they_are() {
    let tree = Tree::new();
    let several = format!(
        "{}\n{}",
        service("a", 9, ""),
        service("a", 10, "\tdisable = no\n")
    );
    tree.write("etc/xinetd.d/several", &several);
    tree.write("srv/a", service("A", 11, ""));
    tree.write("etc/xinetd.d/other", service("b", 12, ""));
    // It is read under two names, and takes its port once.
    symlink("/srv/a", tree.path("etc/xinetd.d/linked")).unwrap();
    tree.run(&["disable", "a"]).ends_with(0);
    assert_eq!(is_enabled(&tree, "a"), [false; 3]);
    assert_eq!(is_enabled(&tree, "b"), [true]);
    assert!(tree.path("etc/xinetd.d/linked").is_symlink());
    let line = "{\n    disable     = yes\n\t# \u{e4} comment\r\n";
    assert_eq!(
        tree.read("srv/a"),
        service("A", 11, "").replace("{\n\t# \u{e4} comment\r\n", line)
    );
    // One of them by its unit.
    let units = tree.run(&["list", "--json"]).json();
    let services = units["services"].as_array().unwrap();
    let second = services
        .iter()
        .find(|one| one["listens"] == "10/tcp")
        .unwrap();
    let unit = format!("{}.socket", second["unit"].as_str().unwrap());
    tree.run(&["enable", &unit]).ends_with(0);
    let enabled = tree.read("etc/xinetd.d/several").matches("= no\n").count();
    assert_eq!(enabled, 1);
    let on: Vec<_> = is_enabled(&tree, "a")
        .into_iter()
        .filter(|on| *on)
        .collect();
    assert_eq!(on.len(), 1);
}

#[test]
fn what_a_list_in_defaults_keeps_out_is_named_and_nothing_is_written() {
    for (list, place) in [
        ("disabled = x a", "take it away"),
        ("enabled = x", "add it"),
    ] {
        let tree = Tree::new();
        let main = format!("defaults\n{{\n\t{list}\n}}\nincludedir /etc/xinetd.d\n");
        tree.write("etc/xinetd.conf", main);
        let text = service("a", 9, "\tdisable = yes\n");
        tree.write("etc/xinetd.d/a", &text);
        let ran = tree.run(&["enable", "a"]).ends_with(1);
        assert!(
            ran.err.contains("/etc/xinetd.conf:3;") && ran.err.contains(place),
            "{ran:?}"
        );
        assert_eq!(tree.read("etc/xinetd.d/a"), text);
        tree.run(&["disable", "a"]).ends_with(0);
    }
}

#[test]
fn the_flag_disable_is_named_and_nothing_is_written() {
    let tree = Tree::new();
    let text = service("a", 9, "\tflags = DISABLE\n");
    tree.write("etc/xinetd.d/a", &text);
    let ran = tree.run(&["enable", "a"]).ends_with(1);
    assert!(
        ran.err
            .contains("a (/etc/xinetd.d/a:3) is off by DISABLE in its flags;"),
        "{ran:?}"
    );
    assert_eq!(tree.read("etc/xinetd.d/a"), text);
    let show = tree.run(&["show", "a"]).ends_with(0).out;
    assert!(
        show.contains("switched off by flags in /etc/xinetd.d/a:12;"),
        "{show}"
    );
}

#[test]
fn what_has_errors_can_be_switched_off_and_not_on() {
    let tree = Tree::new();
    let text = service("a", 9, "\tinstances = many\n\tdisable = no\n");
    tree.write("etc/xinetd.d/a", &text);
    tree.run(&["disable", "a"]).ends_with(0);
    let off = text.replace("disable = no", "disable = yes");
    assert_eq!(tree.read("etc/xinetd.d/a"), off);
    let ran = tree.run(&["enable", "a"]).ends_with(2);
    assert!(ran.err.contains("xinetdctl check"), "{ran:?}");
    assert_eq!(tree.read("etc/xinetd.d/a"), off);
}

#[test]
fn a_service_that_can_not_be_served_is_on_in_its_file_and_the_reason_is_said() {
    let tree = Tree::new();
    let text = service("a", 9, "\tdisable = yes\n").replace("stream", "dgram\n\tprotocol = udp");
    tree.write("etc/xinetd.d/a", &text);
    let ran = tree.run(&["enable", "a"]).ends_with(1);
    assert!(ran.err.contains("a is not served: wait = no"), "{ran:?}");
    assert!(tree.read("etc/xinetd.d/a").contains("disable = no"));
}

#[test]
fn a_value_with_a_carriage_return_is_left_to_the_administrator() {
    let tree = Tree::new();
    let text = service("a", 9, "\tdisable = yes\r\n");
    tree.write("etc/xinetd.d/a", &text);
    let ran = tree.run(&["enable", "a"]);
    assert!(
        ran.status != 0 && ran.err.contains("xinetdctl check"),
        "{ran:?}"
    );
    assert_eq!(tree.read("etc/xinetd.d/a"), text);
}

#[test]
fn a_line_of_inetd_conf_is_left_to_the_administrator() {
    let tree = Tree::new();
    let line = "9999 stream tcp nowait root /bin/x x\n";
    tree.write("etc/inetd.conf", line);
    tree.write(
        "etc/xinetd-bridge.toml",
        "[inetd]\nfile = \"/etc/inetd.conf\"\n",
    );
    let list = tree.run(&["list", "--json"]).ends_with(0).json();
    let id = list["services"][0]["id"].as_str().unwrap().to_owned();
    let ran = tree.run(&["disable", &id]).ends_with(1);
    assert!(
        ran.err
            .contains("/etc/inetd.conf:1 is a line of inetd.conf; write #"),
        "{ran:?}"
    );
    tree.run(&["enable", &id]).ends_with(0);
    assert_eq!(tree.read("etc/inetd.conf"), line);
}
