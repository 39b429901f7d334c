//! hosts.allow and hosts.deny, read by the bridge and by the tools of the real C library: random rules,
//! random clients, the same answers. tcpdmatch says what becomes of a client and which rule that
//! decides, tcpdchk which options are wrong.
//!
//! `LIBWRAP_SEED` sets where the random numbers begin, `LIBWRAP_CASES` how many cases there are.

mod cases;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::symlink;
use std::path::Path;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Container, Result, Suite};
use xinetd_core::libwrap::{
    Effect, Endpoint, Facts, File, ListFile, Outcome, Rules, Tables, User, expand,
};
use xinetd_core::policy::NameAnswer;
use xinetd_core::problem::Place;

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
    let trial = Trial::test("the_real_tools_say_the_same", test);
    let trial = trial.with_ignored_flag(missing.is_some());
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn number(variable: &str, usual: u64) -> u64 {
    let text = std::env::var(variable).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// What tcpdmatch, tcpdchk and the library say of a case.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    /// `granted`, `denied` or `delegated`.
    verdict: String,
    /// What the client gets before.
    banners: String,
    /// The file and line of the rule that matches.
    rule: Option<String>,
    /// The files and lines of rules with a wrong option.
    wrong: BTreeSet<String>,
}

fn compare() -> Result<()> {
    let mut random = Random(number("LIBWRAP_SEED", 7));
    let cases: Vec<_> = (0..number("LIBWRAP_CASES", 2000))
        .map(|_| random.case())
        .collect();
    let container = Container::boot(Suite::Conformance, |tree| prepare(tree, &cases))?;
    let mut wanted = ask(&container)?;
    listen(&container, &mut wanted)?;
    let mut differences = String::new();
    for ((_, wanted), (case, number)) in wanted.iter().zip(cases.iter().zip(0..)) {
        let found = decide(case);
        if *wanted != found {
            let _ = write!(
                differences,
                "\n--- case {number}: {} {}\n{}---\n{}--- there: {wanted:?}\n--- here: {found:?}\n",
                daemon(case),
                client(case),
                case.allow,
                case.deny
            );
        }
    }
    match differences.is_empty() && wanted.len() == cases.len() {
        true => Ok(()),
        false => Err(format!(
            "{} of {} cases:{differences}",
            wanted.len(),
            cases.len()
        )),
    }
}

/// Asks the tools about each case. The processes, and what tcpdmatch says on its standard output.
fn ask(container: &Container) -> Result<Vec<([String; 2], Said)>> {
    let said = container.sh(&format!(
        "cd {FOLDER}; while read -r folder daemon client; do cd {FOLDER}/$folder
         tcpdmatch -d -i /etc/inetd.conf \"$daemon\" \"$client\" 2>/dev/null </dev/null >out & match=$!
         tcpdchk -d -i /etc/inetd.conf >/dev/null 2>&1 </dev/null & echo \"case $match $!\"
         wait; cat out; done <list"
    ))?;
    let answer = |text: &str| {
        let (first, text) = text.split_once('\n')?;
        let (tcpdmatch, tcpdchk) = first.split_once(' ')?;
        Some(([tcpdmatch.to_owned(), tcpdchk.to_owned()], output(text)))
    };
    Ok(said.split("case ").skip(1).filter_map(answer).collect())
}

/// Adds what the library said in the journal, by the process that used it.
fn listen(container: &Container, answers: &mut [([String; 2], Said)]) -> Result<()> {
    let lines = container
        .lines("-t tcpdmatch -t tcpdchk --output-fields=MESSAGE,_PID -g '^(matched|error):'")?;
    let place = |text: &str| {
        let (file, line) = text.split_once(" line ")?;
        let line = line.split(':').next()?;
        Some(format!("{}:{line}", file.trim_end_matches(',')))
    };
    let mut by_process: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines {
        let process = line.field("_PID").to_owned();
        by_process
            .entry(process)
            .or_default()
            .push(line.message().to_owned());
    }
    for ([tcpdmatch, tcpdchk], said) in answers {
        for message in by_process.get(tcpdmatch).into_iter().flatten() {
            if let Some(text) = message.strip_prefix("matched:  ") {
                said.rule = place(text);
            }
        }
        for message in by_process.get(tcpdchk).into_iter().flatten() {
            if let Some(text) = message.strip_prefix("error: ") {
                said.wrong.extend(place(text));
            }
        }
    }
    Ok(())
}

fn prepare(tree: &Path, cases: &[Case]) -> Result<()> {
    let mut hosts = String::from("127.0.0.1 localhost\n");
    for (address, name) in HOSTS {
        let _ = writeln!(hosts, "{address} {name}");
    }
    testbed::write(tree, "/etc/hosts", hosts, 0o644)?;
    testbed::write(tree, "/etc/nsswitch.conf", "hosts: files\n", 0o644)?;
    testbed::write(tree, "/etc/inetd.conf", "", 0o644)?;
    // The library says some ten lines for each case.
    let journal = "[Journal]\nRateLimitIntervalSec=0\n";
    testbed::write(
        tree,
        "/etc/systemd/journald.conf.d/all.conf",
        journal,
        0o644,
    )?;
    // It finds no log to read, and would count as a failure at boot.
    let masked = tree.join("etc/systemd/system/fail2ban.service");
    symlink("/dev/null", masked).map_err(|error| format!("mask of fail2ban: {error}"))?;
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

/// The standard output of tcpdmatch.
fn output(text: &str) -> Said {
    let about = |line: &&str| !line.starts_with("client: ") && !line.starts_with("server: ");
    let mut said = Said::default();
    for line in text.split_inclusive('\n').filter(about) {
        match line.strip_prefix("access:   ") {
            Some(verdict) => said.verdict = verdict.trim().to_owned(),
            None => said.banners += line,
        }
    }
    said
}

fn decide(case: &Case) -> Said {
    let rules = |name: &str, text: &str| Rules::parse(Path::new(name), text.as_bytes());
    let (allow, deny) = (
        rules("hosts.allow", &case.allow),
        rules("hosts.deny", &case.deny),
    );
    let wrong = allow.problems.iter().chain(&deny.problems);
    let wrong = wrong.filter(|problem| problem.code == "libwrap-option");
    let wrong = wrong
        .map(|problem| last_line(case, &problem.place))
        .collect();
    let read = |path: &Path| {
        let found = LISTS.iter().find(|(known, _)| Path::new(known) == path);
        ListFile::Text(found.map_or("", |(_, text)| text).into())
    };
    let tables = Tables::new(File::Rules(allow), File::Rules(deny), read);
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
        Err(need) => {
            let verdict = format!("{need:?}");
            return Said {
                verdict,
                ..Said::default()
            };
        }
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
    // A file without an end refuses, but no rule of it matches.
    let rule = verdict
        .rule
        .filter(|_| verdict.fault.as_deref() != Some("hosts.deny has no end"));
    Said {
        verdict: outcome.to_owned(),
        banners,
        rule: rule.map(|place| last_line(case, &place)),
        wrong,
    }
}

/// The place as the library tells it: the line in which the rule ends.
fn last_line(case: &Case, place: &Place) -> String {
    let text = match place.file.to_str() {
        Some("hosts.allow") => &case.allow,
        _ => &case.deny,
    };
    let number = usize::try_from(place.line).unwrap_or(0);
    let rest = text.lines().skip(number - 1);
    let more = rest.take_while(|line| line.ends_with('\\')).count();
    format!("{}:{}", place.file.display(), number + more)
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
        _ => match name.and_then(|name| name.parse().ok()) {
            Some(name) => NameAnswer::Confirmed(name),
            None => NameAnswer::NoName,
        },
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
