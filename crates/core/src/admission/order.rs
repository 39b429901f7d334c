//! The order of the checks.

use std::net::IpAddr;
use std::ops::ControlFlow;

use crate::bytes::ByteString;
use crate::policy::{Access, Check, Facts, Policy, Reason, Refusal, State};
use crate::service::MinuteOfDay;
use crate::spec::{Spec, Task};

use super::candidate::{Admitted, Candidate, Findings, Inquiry, Seat, Source, Stage};
use super::rules::{self, Changes, Effects, Missing, RuleSubject, Ruling};
use super::user::NoUser;
use super::world::{Finding, World};
use super::{Banner, Question};

/// The checks of one service.
#[derive(Debug)]
pub struct Admission {
    policy: Policy,
    /// The daemon's name for hosts.allow and hosts.deny; none where they do not apply.
    daemon: Option<ByteString>,
    has_banner: bool,
    has_success_banner: bool,
    is_sensor: bool,
    /// One server at a time gets the service's own socket, so that there is no connection whose user
    /// could be asked for.
    is_wait: bool,
    /// USERID in `log_on_success`.
    asks_user: bool,
    /// IDONLY: a client whose user is not known is refused, where the user is asked for.
    is_idonly: bool,
}

/// What has to be done with a candidate. One that is admitted or refused is no candidate any more.
#[derive(Debug)]
#[must_use]
pub enum Step {
    /// It is sent a banner, and goes on.
    Say(Candidate, Banner),
    /// This has to be found out: [`Candidate::named`] or [`Candidate::identified`] takes the answer, and it
    /// goes on; or [`Candidate::give_up`], where the answer is not waited for.
    Ask(Candidate, Question),
    /// A rule has these effects, and it goes on.
    Do(Candidate, Box<Effects>),
    /// It is served.
    Admit(Admitted),
    /// It is refused.
    Refuse(Refusal),
    /// It is refused, and the service pauses: `cps`.
    Pause(Refusal),
    /// It has touched a sensor, which bans and refuses it.
    Sense,
    /// IDONLY refuses it: its user is not known, for this reason.
    Unidentified(NoUser),
}

impl Admission {
    /// The checks of `spec`.
    pub fn new(spec: &Spec) -> Self {
        Self {
            policy: Policy::new(spec),
            daemon: spec.libwrap.clone(),
            has_banner: spec.banners.always.is_some(),
            has_success_banner: spec.banners.success.is_some(),
            is_sensor: matches!(spec.task, Task::Sensor(_)),
            is_wait: matches!(spec.task, Task::Wait(_)),
            asks_user: spec.logging.success.userid,
            is_idonly: spec.idonly,
        }
    }

    /// Its limits and lists.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Leads a candidate to the next step; not to be asked while the service pauses.
    pub fn next<W: World>(
        &self,
        mut candidate: Candidate,
        state: &mut State,
        world: &mut W,
    ) -> Step {
        let is_datagram = matches!(candidate.source, Source::Datagram(_));
        loop {
            let moved = match candidate.stage {
                Stage::Arrived if self.has_banner && !is_datagram => {
                    candidate.stage = Stage::Limits;
                    return Step::Say(candidate, Banner::Always);
                }
                Stage::Arrived | Stage::Limits => self.limits(candidate, state, world),
                Stage::Lists(seat) => {
                    let Candidate {
                        source, findings, ..
                    } = candidate;
                    self.lists(source, findings, seat, state, world)
                }
                Stage::Rules(seat) => {
                    let Candidate {
                        source, findings, ..
                    } = candidate;
                    self.rules(source, findings, seat, world)
                }
                Stage::Ruled(seat, Ruling::Allow(changes)) => {
                    let has_banner = self.has_success_banner && !is_datagram;
                    candidate.stage = Stage::User(seat, changes);
                    if has_banner {
                        return Step::Say(candidate, Banner::Success);
                    }
                    ControlFlow::Continue(candidate)
                }
                Stage::Ruled(seat, Ruling::Twist(changes)) => {
                    let user = candidate.findings.take_answer().filter(|_| self.asks_user);
                    let source = candidate.source;
                    return Step::Admit(Admitted::new(seat, source, Some(changes), user, state));
                }
                Stage::Ruled(seat, Ruling::Deny(refusal)) => {
                    seat.leave(state);
                    return Step::Refuse(*refusal);
                }
                Stage::User(seat, changes) => {
                    let Candidate {
                        source, findings, ..
                    } = candidate;
                    return self.user(source, findings, seat, changes, state);
                }
            };
            candidate = match moved {
                ControlFlow::Continue(candidate) => candidate,
                ControlFlow::Break(step) => return step,
            };
        }
    }

    /// The limits, each of which counts every client that comes to it.
    fn limits<W: World>(
        &self,
        candidate: Candidate,
        state: &mut State,
        world: &mut W,
    ) -> ControlFlow<Step, Candidate> {
        let policy = &self.policy;
        let source = candidate.source;
        let facts = Facts {
            peer: source.peer(),
            now: world.now(),
            minute: match policy.needs_minute() {
                true => world.minute(),
                false => MinuteOfDay::MIDNIGHT,
            },
            load: policy.needs_load().then(|| world.load()).flatten(),
        };
        for check in Check::ORDER {
            let refusal = policy.check(check, state, &facts);
            world.found(Finding::Limit {
                check,
                facts: &facts,
                state,
                refusal: refusal.as_ref(),
            });
            let Some(refusal) = refusal else { continue };
            return ControlFlow::Break(match check {
                Check::Rate => {
                    policy.pause(state, facts.now);
                    Step::Pause(refusal)
                }
                Check::Load | Check::Time | Check::Instances | Check::PerSource => {
                    Step::Refuse(refusal)
                }
            });
        }
        if self.is_sensor {
            return ControlFlow::Break(Step::Sense);
        }
        if !world.has_room(state.running()) {
            let refusal = Refusal::by(Reason::ProcessLimit);
            return ControlFlow::Break(Step::Refuse(refusal));
        }
        let stage = match source {
            Source::Peer(peer) => Stage::Lists(Seat::Counted(state.enter(peer))),
            Source::Datagram(_) => Stage::Lists(Seat::Uncounted),
            Source::Backlog => Stage::Rules(Seat::Counted(state.enter(source.peer()))),
        };
        ControlFlow::Continue(Candidate { stage, ..candidate })
    }

    /// Bans, `only_from` and `no_access`.
    fn lists<W: World>(
        &self,
        source: Source,
        findings: Findings,
        seat: Seat,
        state: &mut State,
        world: &mut W,
    ) -> ControlFlow<Step, Candidate> {
        let peer = source.peer();
        if world.is_banned(peer) {
            seat.leave(state);
            return ControlFlow::Break(Step::Refuse(Refusal::by_ban()));
        }
        let (access, by) = self.policy.access(peer, &findings.get().client);
        world.found(Finding::Lists(&access, by));
        let at = |stage| Candidate {
            source,
            stage,
            findings,
        };
        match access {
            Access::Allow => ControlFlow::Continue(at(Stage::Rules(seat))),
            Access::Deny(refusal) => {
                seat.leave(state);
                ControlFlow::Break(Step::Refuse(refusal))
            }
            // It may be banned by the time that its name is known: the same check again.
            Access::NeedName => {
                ControlFlow::Break(at(Stage::Lists(seat)).ask(Inquiry::Client, None))
            }
        }
    }

    /// hosts.allow and hosts.deny.
    fn rules<W: World>(
        &self,
        source: Source,
        mut findings: Findings,
        seat: Seat,
        world: &mut W,
    ) -> ControlFlow<Step, Candidate> {
        let is_datagram = matches!(source, Source::Datagram(_));
        let rules = self.daemon.as_ref().map(|daemon| (daemon, world.rules()));
        let Some((daemon, (tables, files))) = rules.filter(|(_, (tables, _))| !tables.is_empty())
        else {
            world.found(Finding::Rules(None));
            return ControlFlow::Continue(Candidate {
                source,
                stage: Stage::Ruled(seat, Ruling::Allow(None)),
                findings,
            });
        };
        let subject = RuleSubject {
            daemon: daemon.as_bytes(),
            source,
            has_user: !self.is_wait && !is_datagram,
        };
        let (verdict, banners) = match rules::decide(&subject, tables, files, &mut findings) {
            Ok(decided) => decided,
            Err(Missing { asked, local }) => {
                let stage = Stage::Rules(seat);
                let candidate = Candidate {
                    source,
                    stage,
                    findings,
                };
                return ControlFlow::Break(candidate.ask(asked, local));
            }
        };
        world.found(Finding::Rules(Some(&verdict)));
        let (effects, ruling) = match is_datagram {
            true => rules::for_datagram(verdict),
            false => rules::take_apart(verdict, banners),
        };
        let candidate = Candidate {
            source,
            stage: Stage::Ruled(seat, ruling),
            findings,
        };
        match effects.is_empty() {
            true => ControlFlow::Continue(candidate),
            false => ControlFlow::Break(Step::Do(candidate, Box::new(effects))),
        }
    }

    /// The client's user, where it is asked for.
    fn user(
        &self,
        source: Source,
        mut findings: Findings,
        seat: Seat,
        changes: Option<Box<Changes>>,
        state: &mut State,
    ) -> Step {
        let asks = self.asks_user && !matches!(source, Source::Datagram(_));
        match findings.take_answer() {
            None if asks => {
                let candidate = Candidate {
                    source,
                    stage: Stage::User(seat, changes),
                    findings,
                };
                candidate.ask(Inquiry::User, None)
            }
            Some(Err(failure)) if asks && self.is_idonly => {
                seat.leave(state);
                Step::Unidentified(failure)
            }
            // A rule may have asked for one that is not to be logged.
            user => {
                let user = user.filter(|_| asks);
                Step::Admit(Admitted::new(seat, source, changes, user, state))
            }
        }
    }
}

impl Candidate {
    /// Has something found out; the candidate goes on at the same check.
    fn ask(mut self, asked: Inquiry, local: Option<IpAddr>) -> Step {
        self.findings.get_mut().asked = asked;
        let question = match (asked, local) {
            (Inquiry::User | Inquiry::UserOfRule, _) => Question::User,
            (Inquiry::Client | Inquiry::Server, Some(address)) => {
                Question::Name(address.to_canonical())
            }
            (Inquiry::Client | Inquiry::Server, None) => {
                Question::Name(self.source.peer().to_canonical())
            }
        };
        Step::Ask(self, question)
    }
}
