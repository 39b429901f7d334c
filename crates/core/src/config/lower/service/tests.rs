use super::super::super::testing::{clean, codes, load_text, only, telnet};

#[test]
fn each_missing_attribute_is_named() {
    let configuration = load_text("service telnet\n{\n}\n");
    let messages: Vec<_> = configuration
        .problems
        .iter()
        .map(|problem| (problem.code, problem.message.as_str()))
        .collect();
    let expected = ["socket_type", "wait", "server", "user"]
        .map(|name| ("missing-attribute", format!("`telnet` has no {name}")));
    let expected = expected.iter().map(|(code, text)| (*code, text.as_str()));
    assert!(messages.iter().copied().eq(expected), "{messages:?}");
}

#[test]
fn traffic_is_for_redirected_services() {
    assert_eq!(codes(&telnet("log_on_success = TRAFFIC")), ["E 7 traffic"]);
    let service = only(telnet("log_on_success = TRAFFIC\nredirect = 192.0.2.1 80"));
    assert!(service.logging.success.traffic);
}

#[test]
fn the_ident_port_is_never_asked_back() {
    let text = "service auth\n{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n\
                    log_on_success = USERID PID\n}\n";
    let configuration = load_text(text);
    assert_eq!(codes(&configuration), ["W 7 ident-loop"]);
    let success = only(configuration).logging.success;
    assert!(success.pid && !success.userid);
}

#[test]
fn flags_that_do_not_fit_are_cleared_or_drop_the_service() {
    let intercept = telnet("flags = INTERCEPT NORETRY");
    assert_eq!(codes(&intercept), ["W 7 intercept"]);
    let flags = only(intercept).flags;
    assert!(flags.noretry && !flags.intercept);
    assert!(clean(telnet("flags = LABELED")).flags.labeled);
    assert_eq!(
        codes(&telnet("flags = LABELED\nredirect = 192.0.2.1 80")),
        ["N 6 server-unused", "E 7 labeled"]
    );
}

#[test]
fn a_list_that_lets_no_client_in_is_an_error_unless_it_is_meant() {
    let partial = telnet("only_from = 127.0.0.");
    assert_eq!(codes(&partial), ["E 7 only-from-empty", "E 7 address"]);
    let told: Vec<_> = partial
        .problems
        .iter()
        .map(|one| &one.message[..])
        .collect();
    assert_eq!(
        told,
        [
            "telnet: no word of only_from is left that lets a client in, so that every client is refused",
            "`127.0.0.` is neither an address nor a name: it lets no client in",
        ]
    );
    assert_eq!(partial.problems[1].help, "write 127.0.0.0/24");
    assert_eq!(codes(&telnet("only_from =")), ["N 7 only-from-empty"]);
    assert_eq!(codes(&telnet("instances = 0")), ["N 7 limit-zero"]);
    assert_eq!(codes(&telnet("per_source = 0")), ["N 7 limit-zero"]);
    let other = telnet("only_from = 127.0.0. 10.0.0.1");
    assert_eq!(codes(&other), ["E 7 address"]);
}

#[test]
fn an_exception_in_only_from_does_not_win_over_no_access() {
    let configuration = telnet("only_from = 10.1.2.3 192.0.2.1\nno_access = 10.0.0.0/8");
    assert_eq!(codes(&configuration), ["W 7 access-overlap"]);
    assert_eq!(configuration.problems[0].place.column, 13);
    assert_eq!(
        codes(&telnet("only_from = 10.0.0.0/8\nno_access = 10.1.2.3")),
        [""; 0]
    );
}

#[test]
fn supplementary_groups_need_a_user_with_a_name() {
    let text = |user: &str| {
        load_text(format!(
            "service telnet\n{{\nsocket_type = stream\nwait = no\nserver = /bin/cat\nuser = {user}\ngroups = yes\n}}\n"
        ))
    };
    assert_eq!(codes(&text("4321")), ["W 6 unknown-user"]);
    assert!(clean(text("65534")).credentials.unwrap().supplementary);
}

#[test]
fn a_datagram_server_should_wait() {
    let text =
        "service echo\n{\nsocket_type = dgram\nwait = no\nuser = root\nserver = /bin/cat\n}\n";
    assert_eq!(codes(&load_text(text)), ["W 4 dgram-nowait"]);
}
