//! Files that administrators write.

use std::path::Path;

use xinetd_core::config::{
    Configuration, Databases, MemoryTree, Roots, Sources, convert_inetd, load, set_disable,
};
use xinetd_core::options::{self, Options};
use xinetd_core::problem::Problem;
use xinetd_core::startup::Startup;
use xinetd_core::translate::{SpecDirectory, Standing, Surroundings, Translation, translate};

use super::{files, units};

const MAIN: &str = "/etc/xinetd.conf";
const INETD: &str = "/etc/inetd.conf";

/// A machine with a few services, users and groups, and with these files in the place of its own.
fn machine(others: Vec<(String, Vec<u8>)>) -> MemoryTree {
    let tree = MemoryTree::default()
        .file(
            "/etc/services",
            "tcpmux 1/tcp\necho 7/tcp\necho 7/udp\nftp 21/tcp\ntelnet 23/tcp\ntime 37/tcp\n\
             time 37/udp\ntftp 69/udp\nhttp 80/tcp www\n",
        )
        .file("/etc/protocols", "tcp 6 TCP\nudp 17 UDP\n")
        .file("/etc/rpc", "rstatd 100001 rup\nrusersd 100002\n")
        .file(
            "/etc/passwd",
            "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
        )
        .file("/etc/group", "root:x:0:\ntty:x:5:\n")
        .file("/etc/networks", "loopback 127.0.0.0\n")
        .file(
            "/etc/hosts",
            "127.0.0.1 localhost\n192.0.2.1 host.example\n",
        );
    others.into_iter().fold(tree, |tree, (path, text)| {
        tree.file(Path::new("/").join(path), text)
    })
}

/// What the generator makes of a tree: always the same, and what [`units::check`] asks for.
fn generate(tree: &MemoryTree, inetd: Option<&Path>) {
    let databases = Databases::read(tree);
    let roots = Roots {
        inetd,
        ..Roots::xinetd(Path::new(MAIN))
    };
    let run = || {
        let configuration = load(tree, roots, &databases);
        let specs = SpecDirectory::usual();
        let surroundings = Surroundings::read(tree, specs, Startup::read(tree));
        let translation = translate(&configuration, &surroundings);
        (configuration, translation)
    };
    let (configuration, translation) = run();
    let shown = check(&configuration, &translation);
    let (again, translated_again) = run();
    assert_eq!(
        check(&again, &translated_again),
        shown,
        "not the same twice"
    );
    units::same(&translation, &translated_again);
}

/// Looks at all that comes out, and shows what is said.
fn check(configuration: &Configuration, translation: &Translation) -> Vec<String> {
    assert_eq!(
        translation.services.len(),
        configuration.services.len(),
        "each service has a report"
    );
    for service in &translation.services {
        let is_served = matches!(service.report.standing, Standing::Served { .. });
        assert_eq!(is_served, !service.files.is_empty());
    }
    units::check(translation);
    // A service that is left out without a word would be missed by the administrator alone.
    for dropped in &configuration.dropped {
        assert!(
            !configuration.problems.is_empty(),
            "nothing is said of {dropped:?}"
        );
    }
    let problems = configuration.problems.iter().chain(&translation.problems);
    show(problems, &configuration.sources)
}

/// Problems as a user sees them, on a terminal that nothing talks to.
fn show<'a>(problems: impl Iterator<Item = &'a Problem>, sources: &Sources) -> Vec<String> {
    let show = |problem: &Problem| {
        // What crates/core/src/catch.rs says of a panic that it has caught.
        assert_ne!(problem.code, "internal", "{problem:?}");
        let text = problem.render(sources.line(&problem.place));
        let talks = |letter: char| letter.is_control() && letter != '\n';
        assert!(!text.contains(talks), "{text:?}");
        text
    };
    problems.map(show).collect()
}

/// Files of xinetd, of the bridge, and what they lead to: /etc/xinetd.conf is the first.
pub fn configuration(bytes: &[u8]) {
    let (main, others) = files(bytes);
    generate(&machine(others).file(MAIN, main), None);
}

/// An inetd.conf, read by the generator and converted by xinetdctl.
pub fn inetd(bytes: &[u8]) {
    let (text, others) = files(bytes);
    let tree = machine(others);
    let databases = Databases::read(&tree);
    let conversion = convert_inetd(Path::new(INETD), text.clone(), &databases);
    show(conversion.problems.iter(), &conversion.sources);
    for service in conversion.services {
        let tree = tree.clone().file(MAIN, service.text.clone());
        let roots = Roots::xinetd(Path::new(MAIN));
        let read = load(&tree, roots, &databases);
        let entries = read.services.len() + read.dropped.len();
        let text = service.text.escape_ascii();
        assert_eq!(entries, 1, "{text} is not one service");
    }
    generate(&tree.file(INETD, text), Some(Path::new(INETD)));
}

/// /etc/xinetd-bridge.toml, alone: of a file with a fault nothing counts but a `[bans]` without one.
pub fn options(bytes: &[u8]) {
    let tree = machine(Vec::new()).file(options::FILE, bytes);
    let options = Options::read(&tree);
    let mut sources = Sources::default();
    if let Some((place, text)) = options.source.clone() {
        sources.insert(place.file, text);
    }
    let shown = show(options.problems.iter(), &sources);
    if !shown.is_empty() {
        assert!(options.inetd().is_none());
        assert_eq!(options.services().count(), 0);
    }
    for target in options
        .services()
        .filter_map(|(_, service)| service.redirect.as_ref())
        .flat_map(|redirect| &redirect.targets)
    {
        let is_host = |byte: u8| byte.is_ascii_graphic() && !b"/\\\"'[]".contains(&byte);
        assert!(target.port != 0 && target.host.bytes().all(is_host));
    }
    assert!(options.inetd().is_none_or(Path::is_absolute));
}

/// `xinetdctl enable` and `disable`: the first byte says which, and of which line.
pub fn edit(bytes: &[u8]) {
    let Some((choice, text)) = bytes.split_first() else {
        return;
    };
    let (line, disabled) = (u32::from(choice / 2) + 1, choice % 2 == 1);
    let Ok(new) = set_disable(text, line, disabled) else {
        return;
    };
    assert_eq!(set_disable(&new, line, disabled), Ok(new.clone()));
    let (removed, added) = difference(text, &new);
    let word = if disabled { "yes" } else { "no" };
    let is_word = word
        .as_bytes()
        .windows(added.len().max(1))
        .any(|part| part == added);
    // Where the text has the same before and behind it, a new line begins in its middle.
    let is_line = removed.is_empty() && added.iter().filter(|byte| **byte == b'\n').count() == 1;
    assert!(is_word || is_line || added.is_empty(), "{added:?}");
    assert!(!removed.contains(&b'\n'), "a line is gone");

    let load = |text: &[u8]| {
        let tree = machine(Vec::new()).file(MAIN, text);
        load(
            &tree,
            Roots::xinetd(Path::new(MAIN)),
            &Databases::read(&tree),
        )
    };
    let (old, new) = (load(text), load(&new));
    let count = |all: &Configuration| all.services.len() + all.dropped.len();
    assert_eq!(count(&old), count(&new), "a service has come or gone");
    let found = new
        .services
        .iter()
        .find(|service| service.place.line == line && &*service.place.file == Path::new(MAIN));
    if disabled && let Some(service) = found {
        assert!(!service.enabled, "the service is still on");
    }
}

/// The bytes between what two texts have in common at their ends.
fn difference<'a>(old: &'a [u8], new: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - start;
    let ends = old.iter().rev().zip(new.iter().rev()).take(most);
    let end = ends.take_while(|(a, b)| a == b).count();
    (&old[start..old.len() - end], &new[start..new.len() - end])
}
