//! Files that no administrator would write: no bytes make a parser panic, and each problem has a place
//! that can be shown.
//!
//! The seeds are the files of the golden trees, and the corpus where it lies beside the
//! repository; each case changes one of them at random. `PROPTEST_CASES` says how many cases each
//! test has: with some ten thousands they are fuzzers.
#![expect(
    clippy::unwrap_used,
    reason = "a panic here is the verdict of the test"
)]

mod mutation;
mod seeds;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use xinetd_core::bans;
use xinetd_core::config::{Databases, MemoryTree, Roots, Sources, convert_inetd, load};
use xinetd_core::libwrap::{Endpoint, Facts, File, ListFile, Rules, Tables, User, expand};
use xinetd_core::options::Options;
use xinetd_core::policy::NameAnswer;
use xinetd_core::problem::Problem;
use xinetd_core::spec::Spec;
use xinetd_core::startup::Startup;
use xinetd_core::translate::{SpecDirectory, Surroundings, translate};

use mutation::mutated;

const MAIN: &str = "/etc/xinetd.conf";
const INETD: &str = "/etc/inetd.conf";

/// Shows each problem as a user sees it.
fn show(problems: &[Problem], sources: &Sources) {
    for problem in problems {
        let text = problem.render(sources.line(&problem.place));
        assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'));
    }
}

/// What the generator does with a tree.
fn generate(tree: &MemoryTree, inetd: bool) {
    let databases = Databases::read(tree);
    let roots = Roots {
        inetd: inetd.then_some(Path::new(INETD)),
        ..Roots::xinetd(Path::new(MAIN))
    };
    let configuration = load(tree, roots, &databases);
    let specs = SpecDirectory::usual();
    let surroundings = Surroundings::read(tree, specs, Startup::read(tree));
    let translation = translate(&configuration, &surroundings);
    show(&configuration.problems, &configuration.sources);
    show(&translation.problems, &configuration.sources);
    assert_eq!(
        translation.services.len(),
        configuration.services.len(),
        "each service has a report"
    );
    let files = translation
        .services
        .iter()
        .flat_map(|service| &service.files);
    for file in files.filter(|file| file.path.extension().is_some_and(|end| end == "toml")) {
        let text = std::str::from_utf8(&file.content).unwrap();
        toml::from_str::<Spec>(text).unwrap();
    }
}

proptest! {
    #[test]
    fn files_of_xinetd(text in mutated(seeds::xinetd())) {
        let included = "service time\n{\n\ttype = INTERNAL\n\tsocket_type = stream\n\twait = no\n}\n";
        let tree = seeds::etc().file(MAIN, text).file("/etc/xinetd.d/time", included);
        generate(&tree, false);
    }

    #[test]
    fn inetd_conf(text in mutated(seeds::inetd())) {
        generate(&seeds::etc().file(INETD, text.clone()), true);
        let conversion = convert_inetd(Path::new(INETD), text, &Databases::read(&seeds::etc()));
        show(&conversion.problems, &conversion.sources);
        let mut all = conversion.rest;
        for service in conversion.services {
            all.extend(service.text);
        }
        generate(&seeds::etc().file(MAIN, all), false);
    }

    /// /etc/services and its like are read by hand too.
    #[test]
    fn databases(text in mutated(seeds::databases()), which in 0_usize..7) {
        let name = ["services", "protocols", "rpc", "passwd", "group", "networks", "hosts"][which];
        let tree = seeds::etc().file(format!("/etc/{name}"), text);
        let services = seeds::services();
        generate(&tree.file(MAIN, services), false);
    }

    #[test]
    fn options_of_the_bridge(text in mutated(seeds::options())) {
        let services = seeds::services();
        let tree = seeds::etc().file("/etc/xinetd-bridge.toml", text);
        let options = Options::read(&tree);
        let _ = options.bans();
        let mut sources = Sources::default();
        if let Some((place, text)) = options.source.clone() {
            sources.insert(place.file, text);
        }
        show(&options.problems, &sources);
        generate(&tree.file(MAIN, services), false);
    }

    /// What the helper gets from the generator.
    #[test]
    fn specs(text in mutated(seeds::specs())) {
        if let Ok(spec) = toml::from_str::<Spec>(&String::from_utf8_lossy(&text)) {
            let again = toml::to_string(&spec).unwrap();
            prop_assert_eq!(toml::from_str::<Spec>(&again).unwrap(), spec);
        }
    }

    #[test]
    fn saved_bans(text in mutated(seeds::bans())) {
        if let Ok(saved) = bans::SavedBans::parse(&text) {
            let at = |number, seconds| bans::BootTime {
                boot: bans::BootId::from_bytes([number; 16]),
                at: Duration::from_secs(seconds),
            };
            let clocks = bans::Clocks {
                boot: at(0xbb, 100),
                wall: Duration::from_secs(1_700_000_000),
            };
            let shutdown = Some(at(0xaa, u64::MAX));
            let _ = saved.bans(bans::BanOptions::default().ipv6_prefix(), shutdown, clocks);
        }
    }

    #[test]
    fn hosts_access(
        allow in mutated(seeds::rules()),
        deny in mutated(seeds::rules()),
        list in mutated(seeds::rules()),
        name in prop::sample::select(seeds::names()),
        user in prop::sample::select(vec![User::Unknown, User::Known("joe%h\n".to_owned())]),
        client in any::<IpAddr>(),
    ) {
        let rules = |name: &str, text: &[u8]| File::Rules(Rules::parse(Path::new(name), text));
        let (allow, deny) = (rules("/etc/hosts.allow", &allow), rules("/etc/hosts.deny", &deny));
        let tables = Tables::new(allow, deny, |_| ListFile::Text(list.clone()));
        let mut client = Endpoint::new(SocketAddr::new(client, 1234), &client.to_string());
        let mut server = Endpoint::new(([127, 0, 0, 1], 21).into(), "127.0.0.1");
        client.name = name.clone();
        server.name = NameAnswer::NoName;
        let facts = Facts {
            daemon: b"in.ftpd",
            process: 7,
            client: &client,
            server: &server,
            user: &user,
        };
        let _ = tables.decide(&facts);
        let _ = expand(&list, &facts);
    }
}
