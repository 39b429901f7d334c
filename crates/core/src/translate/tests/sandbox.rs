//! Helpers in a sandbox.

use super::*;

fn echo() -> Service {
    let mut echo = service("echo");
    echo.serving = Serving::Internal(Internal::Builtin(Builtin::Echo));
    echo
}

/// The unit of a service where /etc/hosts.deny has this text.
fn unit(service: Service, rules: &str) -> String {
    let tree = MemoryTree::default().file("/etc/hosts.deny", rules);
    let files = &translation(&tree, vec![service]).services[0].files;
    let unit = files
        .iter()
        .find(|file| file.path.extension() == Some("service".as_ref()));
    String::from_utf8(unit.unwrap().content.clone()).unwrap()
}

fn is_confined(unit: &str) -> bool {
    let directives = [
        "NoNewPrivileges=yes",
        "SystemCallFilter=@system-service",
        "ProtectSystem=strict",
    ];
    let found = directives
        .iter()
        .filter(|line| has_line(unit, line))
        .count();
    assert!(found == 0 || found == directives.len(), "{unit}");
    found != 0
}

#[test]
fn helpers_that_run_no_program_are_confined_and_others_are_not() {
    let redirect = Serving::Redirect {
        host: "127.0.0.1".into(),
        port: Port(8),
    };
    for serving in [
        Serving::Internal(Internal::Tcpmux),
        redirect,
        Serving::Sensor(DenyTime::Forever),
    ] {
        let mut other = service("foo");
        other.serving = serving;
        assert!(is_confined(&unit(other, "")));
    }
    assert!(is_confined(&unit(echo(), "")));
    assert!(!is_confined(&unit(service("foo"), "")));
}

#[test]
fn commands_of_hosts_deny_are_not_confined() {
    let open = [
        "ALL: ALL: spawn true\n",
        "ALL: ALL: SPA\\\nwn true\n",
        "x: ALL: twist true\n",
        "ALL: /tmp/list\n",
    ];
    for rules in open {
        assert!(!is_confined(&unit(echo(), rules)), "{rules}");
        let mut free = echo();
        free.flags.nolibwrap = true;
        assert!(is_confined(&unit(free, rules)), "{rules}");
    }
    for rules in ["ALL: 10.0.0.0/8: severity info\n", "# spawn\nspawnd: ALL\n"] {
        assert!(is_confined(&unit(echo(), rules)), "{rules}");
    }
}

#[test]
fn banners_stay_where_the_helper_can_read_them() {
    let mut echo = echo();
    assert!(has_line(&unit(echo.clone(), ""), "PrivateTmp=yes"));
    echo.banners.failure = Some("/var/tmp/banner".into());
    let shared = unit(echo.clone(), "");
    assert!(
        is_confined(&shared) && !shared.contains("PrivateTmp"),
        "{shared}"
    );
    let root = Principal::Name("root".into());
    echo.credentials.as_mut().unwrap().user = root;
    assert!(unit(echo, "").contains("CAP_DAC_READ_SEARCH"));
    assert!(!shared.contains("CAP_DAC_READ_SEARCH"));
}

#[test]
fn who_is_led_by_tcpmux_sees_the_processes_of_others() {
    let mut led = echo();
    assert!(has_line(&unit(led.clone(), ""), "ProtectProc=invisible"));
    led.reach = Reach::Mux(Mux::Server);
    let led = unit(led, "");
    assert!(is_confined(&led) && !led.contains("ProtectProc"), "{led}");
}
