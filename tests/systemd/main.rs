//! The whole product on a real systemd, 252, 257 and that of Debian testing: files in, clients served. What goes over the bus is
//! played with dbus-broker in the place of dbus-daemon, too.
//!
//! One container for each suite serves all scenarios; each has services and ports of its own.

mod access;
mod account;
mod bed;
mod boot;
mod bus;
mod commands;
mod compromise;
mod eject;
mod faults;
mod ident;
mod inetd;
mod internal;
mod kills;
mod level;
mod libwrap;
mod lifecycle;
mod limits;
mod log_files;
mod lost;
mod matrix;
mod migrate;
mod mux;
mod names;
mod own;
mod process;
mod readme;
mod reboot;
mod redirect;
mod reload;
mod rpc;
mod scale;
mod sensor;
mod status;
mod switch;
mod units;
mod wait;
mod words;

use std::io::{self, Write};
use std::sync::{Arc, OnceLock};
use std::thread;

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Result, Suite};

use bed::Bed;

/// A scenario: its name and what it does.
type Scenario = (&'static str, fn(&Bed) -> Result<()>);

/// A bed that is booted when the first scenario needs it.
type Lazy = Arc<OnceLock<Result<Bed>>>;

fn main() {
    let mut arguments = Arguments::from_args();
    // Most scenarios wait more than they work.
    arguments.test_threads = arguments.test_threads.or(Some(4));
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let mut trials = Vec::new();
    let all = [
        boot::SCENARIOS,
        units::SCENARIOS,
        process::SCENARIOS,
        account::SCENARIOS,
        limits::SCENARIOS,
        access::SCENARIOS,
        libwrap::SCENARIOS,
        names::SCENARIOS,
        ident::SCENARIOS,
        log_files::SCENARIOS,
        inetd::SCENARIOS,
        wait::SCENARIOS,
        internal::SCENARIOS,
        mux::SCENARIOS,
        redirect::SCENARIOS,
        reload::SCENARIOS,
        level::SCENARIOS,
        matrix::SCENARIOS,
        lifecycle::SCENARIOS,
        sensor::SCENARIOS,
        kills::SCENARIOS,
        compromise::SCENARIOS,
        status::SCENARIOS,
        bus::SCENARIOS,
        scale::SCENARIOS,
        switch::SCENARIOS,
        eject::SCENARIOS,
        faults::SCENARIOS,
        words::SCENARIOS,
    ];
    // Debian testing has no rstatd any more.
    let and_rpc: Vec<_> = all.iter().copied().chain([rpc::SCENARIOS]).collect();
    // What goes over the bus goes over the other one as well.
    let over_the_bus = [
        sensor::SCENARIOS,
        kills::SCENARIOS,
        compromise::SCENARIOS,
        status::SCENARIOS,
        bus::SCENARIOS,
        bus::BROKER,
    ];
    let plan = [
        (Suite::Bookworm, and_rpc.as_slice()),
        (Suite::Trixie, and_rpc.as_slice()),
        (Suite::Testing, all.as_slice()),
        (Suite::Broker, over_the_bus.as_slice()),
    ];
    for (suite, groups) in plan {
        let lazy = Lazy::default();
        for (name, play) in alone(suite) {
            let booted = move || play(suite).map_err(Failed::from);
            let trial = Trial::test(format!("{}::{name}", suite.name()), booted);
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
        for &(name, scenario) in groups.iter().copied().flatten() {
            let lazy = Arc::clone(&lazy);
            let name = format!("{}::{name}", suite.name());
            let trial = Trial::test(name, move || run(&lazy, suite, scenario));
            trials.push(trial.with_ignored_flag(missing.is_some()));
        }
    }
    // The trials own the beds: they are gone, and the containers with them, when this returns.
    libtest_mimic::run(&arguments, trials).exit();
}

/// What needs a machine of its own.
type Alone = (&'static str, fn(Suite) -> Result<()>);

fn alone(suite: Suite) -> Vec<Alone> {
    let mut all: Vec<Alone> = vec![("bans_outlive_a_boot", reboot::bans_outlive_it)];
    if suite != Suite::Broker {
        all.extend([
            (
                "restarts_leave_no_socket_closed",
                own::restarts as fn(Suite) -> Result<()>,
            ),
            (
                "a_port_that_is_taken_at_boot_is_served_later",
                own::taken_at_boot,
            ),
            ("hidden_sockets_are_left_alone", own::hidden),
            (
                "a_reload_that_misses_what_was_read_is_refused",
                lost::refuses,
            ),
            (
                "a_service_without_room_for_its_units_is_down",
                own::full_run,
            ),
            ("the_commands_of_the_readme_work", readme::commands_work),
            ("calls_do_what_the_page_says", commands::matrix),
            ("one_unit_is_for_all_services", commands::unit),
            (
                "an_ejected_service_outlives_the_bridge",
                eject::outlives_the_bridge,
            ),
            ("a_thousand_new_services_start_at_once", scale::thousand),
            (
                "real_xinetd_is_left_and_returned_to",
                migrate::there_and_back,
            ),
        ]);
    }
    all
}

fn run(
    lazy: &Lazy,
    suite: Suite,
    scenario: fn(&Bed) -> Result<()>,
) -> std::result::Result<(), Failed> {
    let bed = lazy.get_or_init(|| Bed::boot(suite));
    let bed = bed.as_ref().map_err(|error| Failed::from(error.clone()))?;
    // In a thread of its own: this one may boot the next container, whose root needs a network
    // to be made.
    let inside = || bed.container.enter_network().and_then(|()| scenario(bed));
    let result = thread::scope(|scope| scope.spawn(inside).join());
    result
        .map_err(|_| "the scenario panicked")?
        .map_err(Failed::from)
}
