//! hosts.allow and hosts.deny.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use xinetd_core::admission::{Ends, RuleFiles};
use xinetd_core::config::{FileTree, Sources};
use xinetd_core::libwrap::{self, Effect, Endpoint, FILES, File, ListFile, Rules, Tables};
use xinetd_core::policy::{NameAnswer, Reason};

use super::asked::ExplainedService;
use super::client::Client;
use super::verdict::{CheckOutcome, Rule, Verdict};

const NAME: &str = "libwrap";

/// Both files as they are, and what rules refer to.
pub(super) struct RuleTables {
    tables: Tables,
    sources: Sources,
    connection: AskedConnection,
}

/// The connection that the client would have.
pub(super) struct AskedConnection {
    ends: Ends,
}

impl RuleTables {
    /// Reads both files and the lists that they name.
    pub(super) fn read(asked: &ExplainedService<'_>, tree: &dyn FileTree, client: &Client) -> Self {
        let mut sources = Sources::default();
        let [allow, deny] = FILES.map(|path| file(tree, path, &mut sources));
        let tables = Tables::new(allow, deny, |path| match read(tree, path) {
            Ok(text) => ListFile::Text(text),
            Err(why) => ListFile::Unreadable(why),
        });
        let address = client.address;
        let peer = match asked.is_blind() {
            true => Endpoint::unknown(NameAnswer::NoName),
            false => Endpoint::new((address, client.port).into(), &address.to_string()),
        };
        // A datagram that the helper answers does not tell where it went to.
        let local = match asked.answers_datagrams() {
            Some(_) => None,
            None => Some(asked.local(client)),
        };
        let server = local.map_or(Endpoint::unknown(NameAnswer::NotAsked), |local| {
            Endpoint::new(local, &local.ip().to_string())
        });
        let ends = Ends {
            client: peer,
            server,
            local: local.map(|local| local.ip()),
        };
        Self {
            tables,
            sources,
            connection: AskedConnection { ends },
        }
    }

    /// The rules, and what they refer to.
    pub(super) fn parts(&mut self) -> (&Tables, &mut AskedConnection) {
        (&self.tables, &mut self.connection)
    }
}

impl RuleFiles for AskedConnection {
    fn ends(&self) -> Ends {
        self.ends.clone()
    }

    fn banner(&mut self, _path: &[u8]) -> Option<Arc<[u8]>> {
        None
    }

    fn too_long(&mut self, _path: &[u8]) {}
}

/// Notes what the rules say; `decided` is none where there are none for the service.
pub(super) fn ruling(
    asked: &ExplainedService<'_>,
    decided: Option<&libwrap::Verdict>,
    tables: Option<&RuleTables>,
    verdict: &mut Verdict,
) {
    let Some(daemon) = &asked.spec.libwrap else {
        let detail = "hosts.allow and hosts.deny are not asked";
        return verdict.note(NAME, CheckOutcome::NoRule, detail, None);
    };
    let (Some(decided), Some(tables)) = (decided, tables) else {
        let detail = "hosts.allow and hosts.deny have no rules";
        return verdict.note(NAME, CheckOutcome::NoRule, detail, None);
    };
    let rule = decided.rule.as_ref();
    let rule = rule.map(|place| Rule::at(place, &tables.sources));
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
    match &decided.outcome {
        libwrap::Outcome::Allow => verdict.note(NAME, CheckOutcome::Passed, detail, rule),
        libwrap::Outcome::Deny => verdict.refuse(NAME, Reason::Libwrap, detail, rule),
        libwrap::Outcome::Twist(command) => {
            let command = String::from_utf8_lossy(command);
            detail += &format!("; in place of the server it runs {command}");
            verdict.refuse(NAME, Reason::Libwrap, detail, rule);
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
