//! hosts.allow and hosts.deny, decided by the bridge and by the real C library's tcpdmatch: random rules,
//! random clients, the same answers.
//!
//! `LIBWRAP_SEED` sets where the random numbers begin, `LIBWRAP_CASES` how many cases there are.

mod cases;

use std::fmt::Write;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Container, Result, Suite};
use xinetd_bridge::libwrap::{
    Effect, Endpoint, Facts, File, ListFile, Outcome, Rules, Tables, User, expand,
};
use xinetd_bridge::policy::NameAnswer;

use cases::{BANNER, Case, HOSTS, LISTS, Random};

/// Where the cases lie in the container, one folder for each.
const FOLDER: &str = "/cases";

fn main() {
    let arguments = Arguments::from_args();
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let test = || compare().map_err(Failed::from);
    let trial = Trial::test("tcpdmatch_says_the_same", test).with_ignored_flag(missing.is_some());
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn number(variable: &str, usual: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn compare() -> Result<()> {
    let mut random = Random(number("LIBWRAP_SEED", 7));
    let cases: Vec<_> = (0..number("LIBWRAP_CASES", 4000))
        .map(|_| random.case())
        .collect();
    let container = Container::boot(Suite::Conformance, |tree| prepare(tree, &cases))?;
    let said = container.sh(&format!(
        "cd {FOLDER}; while read -r folder daemon client; do cd {FOLDER}/$folder
         echo \"case $folder\"; tcpdmatch -d -i /etc/inetd.conf \"$daemon\" \"$client\" 2>/dev/null </dev/null
         done <list"
    ))?;
    let mut differences = String::new();
    let mut count = 0;
    let answers = said.split("case ").skip(1).zip(0..);
    for ((answer, number), case) in answers.zip(&cases) {
        let answer = answer.strip_prefix(&format!("{number}\n"));
        let wanted = answer.map(what_is_said);
        let found = decide(case);
        if wanted.as_ref() != Some(&found) {
            let _ = write!(
                differences,
                "\n--- case {number}: {} {}\n{}---\n{}--- tcpdmatch: {wanted:?}\n--- here: {found:?}\n",
                daemon(case),
                client(case),
                case.allow,
                case.deny
            );
        }
        count += 1;
    }
    match differences.is_empty() && count == cases.len() {
        true => Ok(()),
        false => Err(format!("{count} of {} cases:{differences}", cases.len())),
    }
}

fn prepare(tree: &Path, cases: &[Case]) -> Result<()> {
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for (address, name) in HOSTS {
        let _ = writeln!(hosts, "{address} {name}");
    }
    testbed::write(tree, "/etc/hosts", hosts, 0o644)?;
    testbed::write(tree, "/etc/nsswitch.conf", "hosts: files\n", 0o644)?;
    testbed::write(tree, "/etc/inetd.conf", "", 0o644)?;
    for (path, text) in LISTS {
        testbed::write(tree, path, text, 0o644)?;
    }
    let mut list = String::new();
    for (case, number) in cases.iter().zip(0..) {
        // The banner of any daemon.
        testbed::write(tree, &format!("/lists/{}", case.daemon), BANNER, 0o644)?;
        for (name, text) in [("allow", &case.allow), ("deny", &case.deny)] {
            testbed::write(
                tree,
                &format!("{FOLDER}/{number}/hosts.{name}"),
                text,
                0o644,
            )?;
        }
        let _ = writeln!(list, "{number} {} {}", daemon(case), client(case));
    }
    testbed::write(tree, &format!("{FOLDER}/list"), list, 0o644)
}

fn daemon(case: &Case) -> String {
    let server = case.server.map(|server| format!("@{server}"));
    format!("{}{}", case.daemon, server.unwrap_or_default())
}

fn client(case: &Case) -> String {
    let user = case.user.map(|user| format!("{user}@"));
    format!("{}{}", user.unwrap_or_default(), case.client)
}

/// The verdict, and the banners before it.
type Said = (String, String);

fn what_is_said(text: &str) -> Said {
    let about = |line: &&str| !line.starts_with("client: ") && !line.starts_with("server: ");
    let mut banners = String::new();
    for line in text.split_inclusive('\n').filter(about) {
        if let Some(verdict) = line.strip_prefix("access:   ") {
            return (verdict.trim().to_owned(), banners);
        }
        banners += line;
    }
    ("none".to_owned(), banners)
}

fn decide(case: &Case) -> Said {
    let rules =
        |name: &str, text: &str| File::Rules(Rules::parse(Path::new(name), text.as_bytes()));
    let read = |path: &Path| {
        let found = LISTS.iter().find(|(known, _)| Path::new(known) == path);
        ListFile::Text(found.map_or("", |(_, text)| text).into())
    };
    let tables = Tables::new(
        rules("hosts.allow", &case.allow),
        rules("hosts.deny", &case.deny),
        read,
    );
    let client = endpoint(case.client, false);
    let server = match case.server {
        Some(server) => endpoint(server, true),
        None => Endpoint::unknown(NameAnswer::NoName),
    };
    let user = case
        .user
        .map_or(User::Unknown, |user| User::Known(user.into()));
    let facts = Facts {
        daemon: case.daemon.as_bytes(),
        process: 1,
        client: &client,
        server: &server,
        user: &user,
    };
    let verdict = match tables.decide(&facts) {
        Ok(verdict) => verdict,
        Err(need) => return (format!("{need:?}"), String::new()),
    };
    let mut banners = String::new();
    for effect in &verdict.effects {
        if matches!(effect, Effect::Banners(path) if path.starts_with(b"/lists")) {
            let text = expand(BANNER.replace('\n', "\r\n").as_bytes(), &facts);
            banners += &String::from_utf8_lossy(&text.unwrap_or_default());
        }
    }
    let outcome = match verdict.outcome {
        Outcome::Allow => "granted",
        Outcome::Deny => "denied",
        Outcome::Twist(_) => "delegated",
    };
    (outcome.to_owned(), banners)
}

/// A client or server as tcpdmatch sees it. It looks up the name of a server alone where it is given
/// an address.
fn endpoint(text: &str, named: bool) -> Endpoint {
    let by_name = HOSTS.iter().find(|(_, name)| *name == text);
    let by_address = HOSTS.iter().find(|(address, _)| named && *address == text);
    let name = by_name.or(by_address).map(|(_, name)| (*name).to_owned());
    let address = by_name.map_or(text, |(address, _)| address);
    let name = match text {
        "paranoid" => NameAnswer::Unconfirmed(text.into()),
        _ => name.map_or(NameAnswer::NoName, NameAnswer::Confirmed),
    };
    match address.parse::<IpAddr>() {
        Ok(ip) => {
            let mut endpoint = Endpoint::new((ip, 0).into(), address);
            endpoint.name = name;
            endpoint
        }
        Err(_) => Endpoint::unknown(name),
    }
}
