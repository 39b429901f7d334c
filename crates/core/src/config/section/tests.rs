use super::super::testing::{clean, codes, load_text, only, telnet};
use crate::service::{FailureFlags, Limit, SuccessFlags};

#[test]
fn the_first_of_two_lines_counts_and_the_second_is_told() {
    let configuration = telnet("instances = 3\ninstances = 4");
    assert_eq!(codes(&configuration), ["W 8 already-set"]);
    assert_eq!(only(configuration).limits.instances, Limit::AtMost(3));
}

#[test]
fn a_comment_behind_a_value_makes_the_line_have_no_effect() {
    let configuration = telnet("per_source = 10 # at most ten");
    assert_eq!(codes(&configuration), ["W 7 trailing-comment"]);
    let problem = &configuration.problems[0];
    assert_eq!(problem.place.column, 17, "the comment");
    assert!(
        problem.message.contains("never applied"),
        "{}",
        problem.message
    );
    assert!(problem.help.contains("per_source = 10"), "{}", problem.help);
    assert_eq!(only(configuration).limits.per_source, Limit::Unlimited);
}

#[test]
fn lines_that_can_have_no_effect_are_told_and_ignored() {
    for (line, code) in [
        ("cps = 10", "value-count"),
        ("instances = 1 2", "value-count"),
        ("instances =", "value-count"),
        ("instances += 1", "operator"),
        ("flags -= REUSE", "operator"),
        ("nonsense = 1", "unknown-attribute"),
        ("mdns = yes", "unknown-attribute"),
        ("disabled = telnet", "not-in-service"),
    ] {
        let configuration = telnet(line);
        assert_eq!(codes(&configuration), [format!("W 7 {code}")], "{line}");
        assert_eq!(configuration.services.len(), 1, "{line}");
    }
    let defaults = load_text("defaults\n{\nrlimit_cpu = 3\n}\n");
    assert_eq!(codes(&defaults), ["W 3 not-in-defaults"]);
}

#[test]
fn a_bad_value_drops_the_service() {
    for line in [
        "instances = many",
        "flags =",
        "user = 4294967296",
        "log_on_success = PID # x",
    ] {
        let text = "service telnet\n{\nsocket_type = stream\nwait = no\nserver = /bin/cat\n";
        let configuration = load_text(format!("{text}{line}\nuser = root\n}}\n"));
        assert!(configuration.services.is_empty(), "{line}");
        assert_eq!(configuration.dropped.len(), 1, "{line}");
        assert!(codes(&configuration)[0].starts_with("E 6"), "{line}");
    }
}

#[test]
fn disable_no_behind_a_bad_value_saves_the_service_unless_the_value_restricts() {
    let configuration = telnet("log_on_failure = HOST RECORD\ndisable = no");
    assert_eq!(codes(&configuration), ["E 7 bad-value"]);
    assert_eq!(only(configuration).logging.failure, FailureFlags::default());
    let before = telnet("disable = no\nlog_on_failure = HOST RECORD");
    assert!(before.services.is_empty());
    let restricting = telnet("instances = many\ndisable = no");
    assert!(restricting.services.is_empty());
}

#[test]
fn lists_are_replaced_added_to_and_removed_from() {
    let defaults = "defaults\n{\nlog_on_success = PID\nlog_on_success = HOST\n}\n";
    let flags = |lines: &str| {
        let text =
            "service telnet\n{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n";
        clean(load_text(format!("{defaults}{text}{lines}\n}}\n")))
    };
    let (pid, host, exit) = (true, true, true);
    let success = |lines| flags(lines).logging.success;
    assert_eq!(
        success(""),
        SuccessFlags {
            pid,
            host,
            ..SuccessFlags::default()
        }
    );
    let added = success("log_on_success += EXIT\nlog_on_success -= PID");
    assert_eq!(
        added,
        SuccessFlags {
            host,
            exit,
            ..SuccessFlags::default()
        }
    );
    assert_eq!(
        success("log_on_success = EXIT"),
        SuccessFlags {
            exit,
            ..SuccessFlags::default()
        }
    );
    assert_eq!(success("log_on_success ="), SuccessFlags::default());
    let told = |lines| {
        let attributes = flags(lines).attributes;
        attributes
            .iter()
            .map(|line| line.text.to_text())
            .collect::<Vec<_>>()
    };
    assert_eq!(told("log_on_success += EXIT")[..2], ["= PID", "= HOST"]);
    assert_eq!(told("log_on_success =\t EXIT ").last().unwrap(), "=\t EXIT");
    assert_eq!(
        told("log_on_success = EXIT").len(),
        5,
        "the defaults are gone"
    );
}

#[test]
fn unknown_names_are_guessed() {
    let help = |line: &str| telnet(line).problems[0].help.clone();
    assert_eq!(help("log_on_failer = HOST"), "did you mean log_on_failure?");
    assert_eq!(help("rlimit_nofile = 3"), "write rlimit_files");
    assert!(help("seccomp_whitelist = x").contains("xinetd.conf(5)"));
}
