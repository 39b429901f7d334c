//! hosts.allow and hosts.deny, and what hostile clients put into their expansions.

use std::net::SocketAddr;
use std::path::Path;

use xinetd_core::libwrap::{
    Effect, Endpoint, Facts, File, ListFile, Need, Outcome, Rules, Tables, User, Verdict, expand,
};
use xinetd_core::policy::{NameAnswer, NoHostName};

use super::files;

/// What means something to sh(1) beyond itself.
const META: &[u8] = b"|&;<>()$`\\\"' \t\n\r*?[]#~{}^\0";

/// Two files of rules, a list that they may name, and what the client's side says of the client:
/// its name and its user. hosts.allow is the first.
pub fn hosts_access(bytes: &[u8]) {
    let (allow, others) = files(bytes);
    let other = |name: &str| {
        let found = others.iter().find(|(known, _)| known == name);
        found.map_or(&[][..], |(_, text)| text)
    };
    let rules = |name: &str, text: &[u8]| {
        let rules = Rules::parse(Path::new(name), text);
        for problem in &rules.problems {
            let shown = problem.render(None);
            assert!(!shown.contains(|letter: char| letter.is_control() && letter != '\n'));
        }
        File::Rules(rules)
    };
    let list = other("/etc/list");
    let tables = Tables::new(
        rules("/etc/hosts.allow", &allow),
        rules("/etc/hosts.deny", other("/etc/hosts.deny")),
        |_| ListFile::Text(list.to_vec()),
    );
    let text = |name: &str| String::from_utf8_lossy(other(name)).into_owned();
    let hostile = FuzzedClient {
        name: match text("name").parse() {
            Ok(name) => NameAnswer::Confirmed(name),
            Err(NoHostName) => NameAnswer::Unconfirmed(text("name")),
        },
        user: User::Known(text("user")),
    };
    let tame = FuzzedClient {
        name: "host.example"
            .parse()
            .map_or(NameAnswer::NoName, NameAnswer::Confirmed),
        user: User::Known("joe".into()),
    };
    let verdict = hostile.verdict(&tables);
    for command in commands(&verdict) {
        assert!(!command.contains(&b'\n') || allow.contains(&b'\n'));
    }
    // The shell sees the same words, whatever the client calls itself.
    let template = other("template");
    let skeleton = |client: &FuzzedClient| {
        let expanded = client.with(|facts| expand(template, facts)).ok()?;
        let meta = |byte: &u8| META.contains(byte) || !(b' '..=b'~').contains(byte);
        Some(expanded.into_iter().filter(meta).collect::<Vec<_>>())
    };
    if let (Some(hostile), Some(tame)) = (skeleton(&hostile), skeleton(&tame)) {
        assert_eq!(
            hostile.escape_ascii().to_string(),
            tame.escape_ascii().to_string()
        );
    }
}

struct FuzzedClient {
    name: NameAnswer,
    user: User,
}

impl FuzzedClient {
    fn with<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        self.asked(ask, true)
    }

    fn asked<T>(&self, ask: impl FnOnce(&Facts<'_>) -> T, is_known: bool) -> T {
        let end =
            |address: ([u8; 4], u16), text: &str| Endpoint::new(SocketAddr::from(address), text);
        let mut client = end(([192, 0, 2, 7], 1234), "192.0.2.7");
        let mut server = end(([127, 0, 0, 1], 21), "127.0.0.1");
        let mut user = &User::NotAsked;
        if is_known {
            client.name = self.name.clone();
            server.name = NameAnswer::NoName;
            user = &self.user;
        }
        ask(&Facts {
            daemon: b"in.ftpd",
            process: 7,
            client: &client,
            server: &server,
            user,
        })
    }

    /// What is decided; where it is decided without a look-up, one changes nothing.
    fn verdict(&self, tables: &Tables) -> Verdict {
        let early = self.asked(|facts| tables.decide(facts), false);
        match self.with(|facts| tables.decide(facts)) {
            Ok(verdict) => {
                if let Ok(early) = early {
                    assert_eq!(early.rule, verdict.rule);
                }
                verdict
            }
            Err(Need::ClientName | Need::ServerName | Need::User) => {
                unreachable!("all is known, and more is asked for")
            }
        }
    }
}

/// The shell commands that a verdict has.
fn commands(verdict: &Verdict) -> Vec<&[u8]> {
    let spawned = verdict.effects.iter().filter_map(|effect| match effect {
        Effect::Spawn(command) => Some(command.as_slice()),
        _ => None,
    });
    let twisted = match &verdict.outcome {
        Outcome::Twist(command) => Some(command.as_slice()),
        Outcome::Allow | Outcome::Deny => None,
    };
    spawned.chain(twisted).collect()
}
