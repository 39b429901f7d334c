use std::path::Path;

use xinetd_core::config::{Configuration, Databases, MemoryTree, Roots, TABLE, load};
use xinetd_core::options::{FILE, Options};
use xinetd_core::service::Serving;

use crate::journal::Kind;

use super::*;

fn printed(text: Artifact) -> String {
    let mut out = Vec::new();
    print(text, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// A page without its markup.
fn plain(page: &str) -> String {
    ["\\fB", "\\fI", "\\fR", "\\&", "\\"]
        .iter()
        .fold(page.to_owned(), |text, mark| text.replace(mark, ""))
}

#[test]
fn the_table_makes_sense() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_is_in_the_manual_and_in_the_completions() {
    let root = Cli::command();
    let names: Vec<_> = root
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .map(Command::get_name)
        .collect();
    assert!(names.contains(&"check"));
    let manual = printed(Artifact::Commands);
    for name in &names {
        assert!(manual.contains(&format!("\"xinetdctl {name}")), "{name}");
    }
    for shell in [Artifact::Bash, Artifact::Zsh, Artifact::Fish] {
        let script = printed(shell);
        assert!(names.iter().all(|name| script.contains(name)), "{shell:?}");
        assert!(!script.contains("generate"), "{shell:?}");
    }
}

/// A service with one line.
fn checked(line: &str) -> Configuration {
    let text = format!("service x\n{{\n{line}\n}}\n");
    let tree = MemoryTree::default().file("/etc/xinetd.conf", text);
    let roots = Roots::xinetd(Path::new("/etc/xinetd.conf"));
    load(&tree, roots, &Databases::read(&tree))
}

#[test]
fn every_attribute_is_in_its_page_with_its_meaning() {
    let page = plain(&printed(Artifact::Configuration));
    for row in TABLE {
        for name in row.names {
            assert!(page.contains(&format!("\n{name}")) || page.contains(&format!(", {name}")));
        }
        let meaning: String = row.meaning.replace(['`', '<', '>'], "");
        let here: String = row.here.replace(['`', '<', '>'], "");
        assert!(
            page.contains(&meaning) && page.contains(&here),
            "{:?}",
            row.names
        );
    }
    assert!(!page.contains('@'), "no place is left empty");
}

#[test]
fn every_word_that_an_attribute_takes_is_in_its_part_of_the_page() {
    let page = plain(&printed(Artifact::Configuration));
    // What the checker offers in place of a word that it does not know.
    let offers = [
        ("type", "?"),
        ("flags", "?"),
        ("socket_type", "?"),
        ("wait", "?"),
        ("log_type", "? x"),
        ("log_type", "SYSLOG ?"),
        ("log_type", "SYSLOG daemon ?"),
        ("log_on_success", "?"),
        ("log_on_failure", "?"),
    ];
    for (name, value) in offers {
        let configuration = checked(&format!("{name} = {value}"));
        let mut helps = configuration.problems.iter().map(|problem| &problem.help);
        let words = helps.find_map(|help| help.strip_prefix("the values are "));
        let words: Vec<_> = words.unwrap().split(", ").collect();
        let part = page.split(&format!("\n.TP\n{name} ")).nth(1).unwrap();
        let part = part.split("\n.RE").next().unwrap();
        let on_page: Vec<_> = part.split(|c: char| !c.is_alphanumeric()).collect();
        for word in &words {
            assert!(on_page.contains(word), "{name}: {word} of {words:?}");
        }
    }
    // And nothing is there that it does not take.
    for row in TABLE {
        for (word, _) in row.words {
            let value = match *word {
                "SYSLOG" => "SYSLOG daemon",
                "FILE" => "FILE /var/log/x",
                word => word,
            };
            let line = format!("{} = {value}", row.names[0]);
            let configuration = checked(&line);
            let codes = configuration.problems.iter().map(|problem| problem.code);
            assert_eq!(
                codes.filter(|code| *code == "bad-value").count(),
                0,
                "{line}"
            );
        }
    }
}

#[test]
fn the_sensor_in_the_page_is_one() {
    let page = plain(&printed(Artifact::Configuration));
    let (_, example) = page.split_once("    service decoy\n").unwrap();
    let (example, _) = example.split_once("    }\n").unwrap();
    let tree = MemoryTree::default().file(
        "/etc/xinetd.conf",
        format!("service decoy\n{example}\n}}\n"),
    );
    let tree = tree.file("/etc/passwd", "nobody:x:65534:65534::/:/bin/false\n");
    let roots = Roots::xinetd(Path::new("/etc/xinetd.conf"));
    let configuration = load(&tree, roots, &Databases::read(&tree));
    assert!(
        configuration.problems.is_empty(),
        "{:?}",
        configuration.problems
    );
    let [decoy] = configuration.services.as_slice() else {
        panic!("{:?}", configuration.dropped);
    };
    assert!(matches!(decoy.serving, Serving::Sensor(_)));
}

#[test]
fn every_event_is_in_the_page_of_the_log_as_it_is_logged() {
    let page = plain(&printed(Artifact::Log));
    for kind in Kind::ALL {
        let heading = format!("\n.SS {}\n", kind.name());
        let part = page.split(&heading).nth(1).unwrap();
        let part = part.split("\n.SS").next().unwrap();
        assert!(part.contains(kind.message_id()), "{}", kind.name());
    }
    for line in [
        "START: telnet pid=4711 from=::ffff:192.0.2.7",
        "EXIT: telnet status=0 pid=4711 duration=7(sec)",
        "FAIL: telnet address from=::ffff:192.0.2.7",
        "XINETD_RULE=/etc/xinetd.d/telnet:9:22",
        "12 log lines were lost",
        // The explanation is the catalog's.
        "no_access wins, whichever entry is narrower",
    ] {
        assert!(page.contains(line), "{line}");
    }
}

#[test]
fn the_catalog_explains_every_event() {
    let catalog = printed(Artifact::Catalog);
    let entries: Vec<_> = catalog.split("\n-- ").skip(1).collect();
    assert_eq!(entries.len(), Kind::ALL.len());
    for (kind, entry) in Kind::ALL.iter().zip(entries) {
        let (head, body) = entry.split_once("\n\n").unwrap();
        let head: Vec<_> = head.lines().collect();
        assert_eq!(head[0], kind.message_id());
        assert!(head[1].starts_with("Subject: "), "{entry}");
        assert!(!body.trim().is_empty() && !body.contains("\n\n"), "{entry}");
        // A terminal of 90 columns, with the margin of journalctl.
        assert!(entry.lines().all(|line| line.len() <= 86), "{entry}");
    }
    assert!(
        catalog.contains("\n  time                     access_times\n"),
        "lists stay as they are"
    );
}

#[test]
fn every_key_of_the_bridges_own_file_is_in_its_page() {
    let page = plain(include_str!("../../../docs/man/xinetd-bridge.toml.5"));
    for section in ["", "[bans]", "[inetd]", "[service.x.redirect]"] {
        let text = format!("{section}\nunknown = 1\n");
        let tree = MemoryTree::default().file(FILE, text);
        let options = Options::read(&tree);
        // "unknown field `unknown`, expected one of `service`, `bans`, `inetd`"
        let (_, expected) = options.problems[0]
            .message
            .split_once(", expected ")
            .unwrap();
        let keys: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        assert!(!keys.is_empty());
        for key in keys {
            assert!(page.contains(key), "{section} {key}");
        }
    }
}

#[test]
fn every_option_of_xinetd_is_in_the_page_of_its_service() {
    let page = plain(&printed(Artifact::Service));
    for row in xinetd_core::startup::TABLE {
        let term = format!("\n.TP\n{}", row.name);
        assert!(page.contains(&term), "{}", row.name);
    }
}

#[test]
fn every_option_of_the_program_without_systemd_is_in_its_page() {
    let page = plain(&printed(Artifact::Standalone));
    for row in crate::standalone::options::OPTIONS {
        let argument = row.argument.map(|argument| format!(" {argument}"));
        let term = format!("\n.TP\n{}{}\n", row.name, argument.unwrap_or_default());
        assert!(page.contains(&term), "{}", row.name);
    }
}
