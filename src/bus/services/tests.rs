//! What is told of services.

use super::*;

fn service(id: &str, unit: &str) -> BridgeService {
    BridgeService {
        id: id.to_owned(),
        unit: unit.to_owned(),
        source: "/etc/xinetd.conf:1:9".to_owned(),
        runtime: PathBuf::new(),
    }
}

#[test]
fn a_service_is_found_by_its_unit_and_by_its_id_in_any_case() {
    let services = [
        service("Telnet", "xinetd-Telnet"),
        service("twice", "twice"),
        service("TWICE", "twice-2"),
        service("double", "double-tcp"),
        service("double", "double-udp"),
    ];
    let found = |name: &str| find(&services, name).map(|service| service.unit.as_str());
    for name in [
        "telnet",
        "TELNET",
        "xinetd-Telnet",
        "xinetd-Telnet.socket",
        "xinetd-Telnet.service",
    ] {
        assert_eq!(found(name), Ok("xinetd-Telnet"), "{name}");
    }
    assert_eq!(found("twice"), Ok("twice"), "a unit is stronger");
    assert_eq!(found("twice-2.socket"), Ok("twice-2"));
    assert!(found("DOUBLE").is_err_and(|error| error.contains("several")));
    assert!(found("ssh").is_err_and(|error| error.contains("no service")));
}

#[test]
fn one_object_asks_one_helper_and_many_ask_all_once() {
    let active = |unit: &str| active(&service(unit, unit), "stopped", Status::default());
    let now = Instant::now();
    let later = now + FRESH;
    let mut known = ServicesCache::default();
    assert_eq!(known.whom("a", now), Whom::One);
    known.alone = Some((now, active("a")));
    assert_eq!(known.whom("a", now), Whom::Nobody(Box::new(active("a"))));
    assert_eq!(known.whom("b", now), Whom::All);
    assert_eq!(known.whom("b", later), Whom::One);
    known.active = Some((now, Arc::new(vec![active("a"), active("b")])));
    assert_eq!(known.whom("b", now), Whom::Nobody(Box::new(active("b"))));
    assert_eq!(known.whom("b", later), Whom::One);
}

#[test]
fn a_state_is_what_systemd_and_the_helper_say_of_it() {
    let paused = Status {
        paused_for: Some(3),
        ..Status::default()
    };
    let serving = Status::default();
    assert_eq!(word(None, false, None), "stopped");
    assert_eq!(word(Some("active"), false, None), "listening");
    assert_eq!(word(Some("failed"), false, None), "failed");
    assert_eq!(word(Some("active"), true, Some(&serving)), "serving");
    assert_eq!(word(Some("active"), true, Some(&paused)), "paused");
    assert_eq!(word(Some("active"), true, None), "silent");
}
