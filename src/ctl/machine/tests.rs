//! What is seen of the files of a machine.

use xinetd_core::config::MemoryTree;

use super::*;

#[test]
fn a_service_without_units_is_told_from_one_that_no_file_has() {
    let service = |id: &str, kind: &str, wait: &str| {
        format!(
            "service {id}\n{{\ntype = UNLISTED\nport = 9\nsocket_type = {kind}\n\
             user = 0\nserver = /bin/true\n{wait}\n}}\n"
        )
    };
    let text = [
        service("new", "stream", "wait = no"),
        service("broken", "stream", ""),
        service("stray", "dgram", "wait = no"),
    ];
    let tree = MemoryTree::default().file("/etc/xinetd.conf", text.concat());
    let machine = Machine::of(&tree).ok().unwrap();
    for (id, why) in [
        ("new", "xinetdctl reload"),
        ("broken", "broken (/etc/xinetd.conf:10:9) has errors"),
        ("stray", "xinetdctl show"),
        ("none", "no service has the id none"),
    ] {
        let failure = format!("{:?}", machine.why_not_running(id));
        assert!(failure.contains(why), "{failure}");
    }
}
