//! The way of a client through the checks of the helper.

use xinetd_core::admission::{Admission, Candidate, Question, Source, Step};
use xinetd_core::config::{Attribute, FileTree};
use xinetd_core::policy::{PacketLists, Reason};

use super::super::machine::{Found, Machine};
use super::super::output::Failure;
use super::asked::ExplainedService;
use super::client::Client;
use super::options::ExplainedClient;
use super::verdict::{CheckOutcome, Verdict};
use crate::accept::internal::datagram::is_client;

/// Takes a client through all checks, up to the one that refuses it: the helper's own checks, with the
/// command's options in place of a connection.
pub(super) fn walk(
    found: &Found<'_>,
    machine: &Machine,
    tree: &dyn FileTree,
    client: &mut Client,
) -> Result<Verdict, Failure> {
    let asked = ExplainedService {
        service: found.service,
        spec: found.spec().map_err(Failure::unanswered)?,
        sources: &machine.configuration.sources,
    };
    let mut verdict = Verdict::default();
    let peer = match asked.peer(client.address) {
        Ok(peer) => peer,
        Err(why) => {
            verdict.note("listener", CheckOutcome::Refused, why, None);
            verdict.refused = Some("no connection");
            return Ok(verdict);
        }
    };
    let source = match asked.answers_datagrams() {
        Some(port)
            if !asked.is_sensor() && !is_client(client.port, port, &asked.spec.answering) =>
        {
            let detail = format!("a datagram from port {} is not answered", client.port);
            verdict.note("port", CheckOutcome::Refused, detail, None);
            verdict.refused = Some("possible denial of service attack");
            return Ok(verdict);
        }
        Some(_) => Source::Datagram(peer),
        None if asked.is_blind() => {
            filter(&asked, client, &mut verdict);
            if verdict.admits() {
                let detail = "not asked: the server accepts its clients by itself";
                verdict.note("bans", CheckOutcome::NoRule, detail, None);
            }
            Source::Backlog
        }
        None => Source::Peer(peer),
    };
    if verdict.admits() {
        checks(&asked, source, tree, client, &mut verdict);
    }
    Ok(verdict)
}

/// The checks that the helper makes.
fn checks(
    asked: &ExplainedService<'_>,
    source: Source,
    tree: &dyn FileTree,
    client: &mut Client,
    verdict: &mut Verdict,
) {
    let admission = Admission::new(&asked.spec);
    let mut state = client.state(source);
    let mut options = ExplainedClient::new(asked, tree, client, verdict);
    let mut candidate = Candidate::new(source);
    loop {
        candidate = match admission.next(candidate, &mut state, &mut options) {
            Step::Say(candidate, _) | Step::Do(candidate, _) => candidate,
            Step::Ask(mut candidate, question) => {
                match question {
                    Question::Name(address) => candidate.named(options.name(address)),
                    Question::User => candidate.identified(options.user()),
                }
                candidate
            }
            Step::Admit(admitted) => {
                state.leave(admitted.into_slot());
                return options.identified(true);
            }
            Step::Unidentified(_) => return options.identified(false),
            Step::Sense => return options.sense(),
            // It was noted when it was found.
            Step::Refuse(_) | Step::Pause(_) => return,
        };
    }
}

/// The lists of a server that accepts by itself: packets have no names.
fn filter(asked: &ExplainedService<'_>, client: &Client, verdict: &mut Verdict) {
    let address = client.address.to_canonical();
    let lists = PacketLists::new(&asked.spec.access, asked.listens_on_v6());
    let attribute = match lists.denied.iter().any(|net| net.contains(&address)) {
        true => Attribute::NoAccess,
        false => Attribute::OnlyFrom,
    };
    let rule = asked.written(attribute);
    match lists.admits(address) {
        true if lists.is_empty() => {
            let detail = "neither only_from nor no_access is set";
            verdict.note("access", CheckOutcome::NoRule, detail, None);
        }
        true => verdict.note("access", CheckOutcome::Passed, "its packets pass", rule),
        false => {
            let detail = "the kernel drops its packets, and it waits in vain";
            verdict.refuse("access", Reason::Address, detail, rule);
        }
    }
}
