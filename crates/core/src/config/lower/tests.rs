use super::super::testing::{codes, load_text};

fn service(name: &str, lines: &str) -> String {
    format!(
        "service {name}\n{{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n{lines}\n}}\n"
    )
}

fn on(text: &str) -> Vec<String> {
    let services = load_text(text).services;
    let on = services.iter().filter(|service| service.enabled);
    on.map(|service| service.id.to_text()).collect()
}

#[test]
fn enabled_and_disabled_choose_by_id_wherever_they_stand() {
    let services = format!(
        "{}{}{}",
        service("telnet", "id = Tel"),
        service("ftp", "disable = yes"),
        service("http", "")
    );
    let text = |defaults: &str| format!("{services}defaults\n{{\n{defaults}\n}}\n");
    assert_eq!(on(&text("")), ["Tel", "http"]);
    assert_eq!(on(&text("enabled = TEL")), ["Tel"]);
    assert_eq!(on(&text("enabled =")), [""; 0]);
    assert_eq!(on(&text("enabled = tel http\ndisabled = http")), ["Tel"]);
    assert_eq!(
        on(&text("disabled += telnet")),
        ["Tel", "http"],
        "the id counts"
    );
    assert_eq!(
        load_text(text("enabled =")).services.len(),
        3,
        "what is off is kept"
    );
    let codes = |defaults: &str| codes(&load_text(text(defaults)));
    assert_eq!(codes("enabled = ftp"), ["W 27 enabled-disabled"]);
    assert_eq!(codes("disabled = telnet"), ["W 27 unknown-id"]);
    assert_eq!(
        codes("disabled = http\ndisabled -= http"),
        ["W 28 remove-adds"]
    );
}

#[test]
fn the_line_that_keeps_a_service_out_has_a_say_in_it() {
    let services = format!(
        "{}{}",
        service("telnet", ""),
        service("ftp", "disable = yes")
    );
    let said = |defaults: &str| {
        let text = format!("defaults\n{{\n{defaults}\n}}\n{services}");
        let services = load_text(text).services;
        let lines = services.iter().flat_map(|service| &service.attributes);
        let lines = lines.filter(|line| line.from_defaults);
        lines
            .map(|line| format!("{} {}", line.attribute.name(), line.place.line))
            .collect::<Vec<_>>()
    };
    assert_eq!(said("disabled = x\ndisabled += telnet ftp"), ["disabled 4"]);
    assert_eq!(said("enabled = x\nenabled += y"), ["enabled 4"]);
    assert_eq!(said("enabled = telnet\ndisabled = x"), [""; 0]);
}

#[test]
fn enabled_lets_a_service_run_without_a_value_that_does_not_matter() {
    let text = format!(
        "{}{}defaults\n{{\nenabled = telnet ftp\n}}\n",
        service("telnet", "log_on_success = X"),
        service("ftp", "instances = X")
    );
    assert_eq!(on(&text), ["telnet"]);
}

#[test]
fn only_from_behind_a_service_does_not_protect_it() {
    let text = format!(
        "{}{}{}defaults\n{{\nonly_from = 10.0.0.1\ninstances = 7\n}}\n{}",
        service("telnet", ""),
        service("ftp", "only_from = 10.0.0.2"),
        service("echo", "disable = yes"),
        service("http", "")
    );
    let configuration = load_text(&text);
    assert_eq!(codes(&configuration), ["W 27 defaults-late"]);
    let message = &configuration.problems[0].message;
    assert!(
        message.contains("1 service ") && message.contains("`telnet`"),
        "{message}"
    );
    let protected = configuration.services.iter();
    let protected: Vec<_> = protected
        .map(|service| service.access.only_from.is_some())
        .collect();
    assert_eq!(protected, [false, true, false, true]);
    let limits = configuration
        .services
        .iter()
        .map(|service| service.limits.instances);
    assert!(
        limits.eq([crate::service::Limit::AtMost(7); 4]),
        "this one is applied at the end"
    );
}

#[test]
fn what_is_wrong_with_a_service_that_is_off_is_a_note() {
    let text = format!(
        "defaults\n{{\ndisabled = nothing\n}}\n{}",
        service("nothing", "")
    );
    assert_eq!(codes(&load_text(text)), ["N 5 unlisted"]);
}

#[test]
fn problems_stand_in_the_order_of_the_files_and_once() {
    let defaults = "defaults\n{\nonly_from = 10.0.0.1\nno_access = 10.0.0.0/8\n}\n";
    let text = format!(
        "{defaults}{}{}",
        service("telnet", "x = y"),
        service("ftp", "port = 1")
    );
    let codes = codes(&load_text(text));
    assert_eq!(
        codes,
        [
            "W 3 access-overlap",
            "W 12 unknown-attribute",
            "E 20 port-mismatch"
        ]
    );
}
