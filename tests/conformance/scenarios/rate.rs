//! cps (docs/xinetd-behaviour.md, section 4.6). The numbers are such that a machine that is busy elsewhere
//! does not change what is seen.

use std::time::{Duration, Instant};

use testbed::Result;

use crate::scenario::Scenario;
use crate::stage::Stage;

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "rate-trips",
        section: "4.6",
        claim: "one more than the first number in a second trips, and nobody is let in during the pause",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	cps = 6 20
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            burst(stage, 6)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            stage.hear("127.0.0.1", 7001)
        },
        differs: &["S2"],
        ..Scenario::SAME
    },
    Scenario {
        name: "rate-comes-back",
        section: "4.6",
        claim: "the service comes back when the second number of seconds is over",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	cps = 2 3
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            burst(stage, 2)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()?;
            stage.log()?;
            burst(stage, 1)
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "rate-zero",
        section: "2, 4.6",
        claim: "a first number of 0 switches the check off",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	cps = 0 10
}
",
        act: |stage| burst(stage, 120),
        ..Scenario::SAME
    },
    Scenario {
        name: "rate-default",
        section: "2, 4.6",
        claim: "without cps fifty are let in at once, and the next one trips",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            burst(stage, 50)?;
            stage.hear("127.0.0.1", 7001)?;
            stage.log()
        },
        ..Scenario::SAME
    },
    Scenario {
        name: "rate-counts-refused",
        section: "4.2",
        claim: "connections that other limits refuse count for cps",
        configuration: "\
service probe
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 7001
	user = root
	server = /bin/cat
	instances = 0
	cps = 4 20
	log_type = SYSLOG daemon
	log_on_failure = HOST
}
",
        act: |stage| {
            for _ in 0..5 {
                stage.hear("127.0.0.1", 7001)?;
            }
            stage.log()
        },
        ..Scenario::SAME
    },
];

/// So many clients, all served, within one second of the clock that cps counts by: begun again
/// where the machine was too slow for that.
fn burst(stage: &mut Stage<'_>, count: usize) -> Result<()> {
    let begin = Instant::now();
    for _ in 0..count {
        stage.client("127.0.0.1", 7001)?.echo(b"served")?;
    }
    if begin.elapsed() > Duration::from_secs(1) {
        return Err("the machine is too slow to tell anything of cps".into());
    }
    stage.note(&format!("{count} clients are served"));
    Ok(())
}
