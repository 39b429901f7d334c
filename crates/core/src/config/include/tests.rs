use super::super::configuration::ASSUMED;
use super::super::testing::{codes, etc, load_tree};
use super::super::{Configuration, MemoryTree};
use crate::config::EntryKind;

fn service(name: &str) -> String {
    format!(
        "service {name}\n{{\ntype = UNLISTED\nport = 4000\nbind = 127.0.0.1\nid = {name}\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n}}\n"
    )
}

fn names(configuration: &Configuration) -> Vec<String> {
    // Clashes of ports are another matter: the order is that of the files.
    let services = configuration.services.iter();
    let services = services.map(|service| (service.place.clone(), service.name.to_text()));
    let dropped = configuration.dropped.iter();
    let dropped = dropped.map(|dropped| (dropped.place.clone(), dropped.id.to_text()));
    services.chain(dropped).map(|(_, name)| name).collect()
}

#[test]
fn a_directory_is_read_in_the_order_of_bytes_without_names_with_dots() {
    let directory = "/etc/xinetd.d";
    let mut tree = etc().file("/etc/xinetd.conf", "includedir /etc/xinetd.d # all");
    for name in [
        "2a",
        "10b",
        "Z",
        "x.conf",
        ".hidden",
        "y~",
        "#q#",
        "with blank",
    ] {
        let text = service(&name.replace(' ', "_"));
        tree = tree.file(format!("{directory}/{name}"), text);
    }
    let tree = tree
        .entry(format!("{directory}/fifo"), EntryKind::Other)
        .entry(format!("{directory}/gone"), EntryKind::Dangling)
        .file(format!("{directory}/sub/deep"), service("deep"));
    let configuration = load_tree(&tree);
    assert_eq!(
        names(&configuration),
        ["#q#", "10b", "2a", "Z", "with_blank"]
    );
    let mut found = codes(&configuration);
    found.retain(|code| !code.ends_with("port-clash"));
    found.sort();
    let expected = [
        "E 1 not-a-file",
        "E 1 not-a-file",
        "N 1 file-skipped",
        "N 1 file-skipped",
        "W 1 not-a-file",
    ];
    assert_eq!(found, expected);
}

#[test]
fn without_the_first_file_the_folder_of_services_is_read_all_the_same() {
    let tree = etc().file("/etc/xinetd.d/foo", service("foo"));
    let configuration = load_tree(&tree);
    assert_eq!(names(&configuration), ["foo"]);
    assert_eq!(codes(&configuration), ["W 1 main-assumed"]);
    // That is what packages bring.
    let packaged = include_str!("../../../../../packaging/xinetd.conf");
    let tree = tree.file("/etc/xinetd.conf", packaged);
    assert_eq!(names(&load_tree(&tree)), ["foo"]);
    let folder = format!("\n{ASSUMED}\n");
    assert!(packaged.ends_with(&format!("defaults\n{{\n}}\n{folder}")));
}

#[test]
fn places_name_the_file_that_was_included() {
    let tree = etc()
        .file("/etc/xinetd.conf", "include /etc/more\nstray")
        .file("/etc/more", "\n\nstray\n}\n");
    let problems = load_tree(&tree).problems;
    let places: Vec<_> = problems
        .iter()
        .map(|problem| problem.place.to_string())
        .collect();
    assert_eq!(
        places,
        [
            "/etc/xinetd.conf:2:1",
            "/etc/xinetd.conf:2:1",
            "/etc/more:3:1"
        ]
    );
}

#[test]
fn each_file_may_have_a_defaults_section_and_they_add_up() {
    let tree = etc()
        .file(
            "/etc/xinetd.conf",
            format!(
                "defaults\n{{\nonly_from = 10.0.0.1\ninstances = 3\n}}\ninclude /etc/more\n{}",
                service("a")
            ),
        )
        .file(
            "/etc/more",
            "defaults\n{\nonly_from = 10.0.0.2\ninstances = 4\n}\n",
        );
    let configuration = load_tree(&tree);
    assert_eq!(codes(&configuration), ["W 4 already-set"]);
    let service = &configuration.services[0];
    assert_eq!(service.access.only_from.as_ref().map(Vec::len), Some(2));
    assert_eq!(service.limits.instances, crate::service::Limit::AtMost(3));
    let marked = service.attributes.iter().filter(|line| line.from_defaults);
    assert_eq!(marked.count(), 3);
}

#[test]
fn cycles_end_at_the_line_that_closes_them() {
    let tree = etc()
        .file(
            "/etc/xinetd.conf",
            format!("include /etc/a\n{}", service("x")),
        )
        .file(
            "/etc/a",
            "# nothing\ninclude /etc/xinetd.conf\ninclude /etc/a\n",
        );
    let configuration = load_tree(&tree);
    assert_eq!(
        codes(&configuration),
        ["E 2 include-cycle", "E 3 include-cycle"]
    );
    assert_eq!(configuration.services.len(), 1);
}

#[test]
fn files_that_multiply_are_cut_off() {
    let mut tree = etc().file("/etc/xinetd.conf", "include /etc/0\n");
    for level in 0..40 {
        let next = level + 1;
        tree = tree.file(
            format!("/etc/{level}"),
            format!("include /etc/{next}\ninclude /etc/{next}\n"),
        );
    }
    let configuration = load_tree(&tree);
    let found = codes(&configuration);
    assert!(found.iter().any(|code| code.ends_with("include-depth")));
    assert!(found.iter().any(|code| code.ends_with("include-number")));
}

#[test]
fn what_can_not_be_read_is_an_error_and_nothing_else_is_lost() {
    let text = format!(
        "include\ninclude /none\nincludedir /none\ninclude etc/x\n{}",
        service("x")
    );
    let configuration = load_tree(&etc().file("/etc/xinetd.conf", text));
    assert_eq!(configuration.services.len(), 1);
    let expected = [
        "E 1 missing-path",
        "E 2 include",
        "E 3 includedir",
        "W 4 relative-path",
        "E 4 include",
    ];
    assert_eq!(codes(&configuration), expected);
    let empty = load_tree(&MemoryTree::default());
    assert_eq!(codes(&empty), ["E 1 main-file"]);
    assert!(empty.problems[0].help.starts_with("create it"));
    let odd = MemoryTree::default().entry("/etc/xinetd.conf", EntryKind::Other);
    assert_eq!(load_tree(&odd).problems[0].help, "make it a regular file");
}
