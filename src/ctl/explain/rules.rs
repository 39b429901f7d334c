//! hosts.allow and hosts.deny.

use std::io::ErrorKind;
use std::path::Path;

use super::asked::Asked;
use super::client::Client;
use super::verdict::{Outcome, Rule, Verdict};
use crate::config::{FileTree, Sources};
use crate::libwrap::{
    self, Effect, Endpoint, FILES, Facts, File, ListFile, Need, Rules, Tables, User,
};
use crate::policy::{NameAnswer, Reason};
use crate::service::SocketType;
use crate::spec::Task;

const NAME: &str = "libwrap";

/// Asks both files about a client.
pub(super) fn libwrap(
    asked: &Asked<'_>,
    tree: &dyn FileTree,
    client: &mut Client,
    verdict: &mut Verdict,
) {
    let Some(daemon) = &asked.spec.libwrap else {
        let detail = "hosts.allow and hosts.deny are not asked";
        return verdict.note(NAME, Outcome::NoRule, detail, None);
    };
    let mut sources = Sources::default();
    let [allow, deny] = FILES.map(|path| file(tree, path, &mut sources));
    let tables = Tables::new(allow, deny, |path| match read(tree, path) {
        Ok(text) => ListFile::Text(text),
        Err(why) => ListFile::Unreadable(why),
    });
    if tables.is_empty() {
        let detail = "hosts.allow and hosts.deny have no rules";
        return verdict.note(NAME, Outcome::NoRule, detail, None);
    }
    let decided = decide(asked, &tables, daemon.as_bytes(), client, verdict);
    let rule = decided.rule.as_ref().map(|place| Rule::at(place, &sources));
    let daemon = daemon.to_text();
    let mut detail = match (&decided.fault, &decided.rule) {
        (Some(fault), _) => fault.clone(),
        (None, Some(_)) => format!("the first rule that matches for {daemon}"),
        (None, None) => format!("no rule matches for {daemon}"),
    };
    for effect in &decided.effects {
        if let Effect::Spawn(command) = effect {
            detail += &format!("; runs {}", String::from_utf8_lossy(command));
        }
    }
    match decided.outcome {
        libwrap::Outcome::Allow => verdict.note(NAME, Outcome::Passed, detail, rule),
        libwrap::Outcome::Deny => verdict.refuse(NAME, Reason::Libwrap, detail, rule),
        libwrap::Outcome::Twist(command) => {
            let command = String::from_utf8_lossy(&command);
            detail += &format!("; in place of the server it runs {command}");
            verdict.refuse(NAME, Reason::Libwrap, detail, rule);
        }
    }
}

/// Decides, and finds out what that takes.
fn decide(
    asked: &Asked<'_>,
    tables: &Tables,
    daemon: &[u8],
    client: &mut Client,
    verdict: &mut Verdict,
) -> libwrap::Verdict {
    let datagram = asked.service.socket_type == SocketType::Dgram;
    let mut server_name = NameAnswer::NotAsked;
    loop {
        let mut peer = Endpoint::new(
            (client.address, client.port).into(),
            &client.address.to_string(),
        );
        peer.name = client.name.clone();
        if asked.is_blind() {
            peer = Endpoint::unknown(NameAnswer::NoName);
        }
        // A datagram that the helper answers does not tell where it went to.
        let untold = datagram && matches!(asked.spec.task, Task::Internal(_));
        let local = asked.local(client);
        let mut server = match untold {
            true => Endpoint::unknown(NameAnswer::NotAsked),
            false => Endpoint::new(local, &local.ip().to_string()),
        };
        server.name = server_name.clone();
        let facts = Facts {
            daemon,
            process: std::process::id(),
            client: &peer,
            server: &server,
            user: match datagram {
                true => &User::Unknown,
                false => &client.user,
            },
        };
        match tables.decide(&facts) {
            Ok(decided) => return decided,
            Err(Need::ClientName) => {
                client.find_name();
                verdict.note("name", client.name_found(), client.about_name(), None);
            }
            Err(Need::ServerName) if untold => server_name = NameAnswer::NoName,
            Err(Need::ServerName) => server_name = client.look_up(local.ip()),
            Err(Need::User) => {
                let detail = "taken for unknown; --user says what the ident server would";
                verdict.note("user", Outcome::Unknown, detail, None);
                client.user = User::Unknown;
            }
        }
    }
}

fn file(tree: &dyn FileTree, path: &str, sources: &mut Sources) -> File {
    match read(tree, Path::new(path)) {
        Ok(text) => {
            let text = sources.insert(Path::new(path).into(), text);
            File::Rules(Rules::parse(Path::new(path), &text))
        }
        Err(why) => File::Unreadable(why),
    }
}

/// What a file holds; nothing if it does not exist.
fn read(tree: &dyn FileTree, path: &Path) -> Result<Vec<u8>, String> {
    match tree.read(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}
