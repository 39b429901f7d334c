//! The sentences of docs/threat-model.md, each of which has a test.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use testbed::Result;

use crate::{scripts, slow};

/// The tests that try a sentence outside of this folder: the sentence, a file from here, and a name or a
/// line that stands in it.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "T10",
        "systemd/process.rs",
        "descriptors_session_and_directory",
    ),
    ("T11", "systemd/process.rs", "credentials_and_groups"),
    (
        "T12",
        "systemd/lifecycle.rs",
        "a_chain_of_forks_ends_with_the_service",
    ),
    (
        "T13",
        "systemd/faults.rs",
        "a_killed_helper_leaves_its_sessions_and_limits",
    ),
    (
        "T14",
        "systemd/log_files.rs",
        "a_server_does_not_get_the_log_file_of_its_helper",
    ),
    (
        "T15",
        "systemd/lifecycle.rs",
        "a_broken_spec_is_refused_by_reload",
    ),
    (
        "T16",
        "../src/sys/credentials.rs",
        "an_account_is_taken_with_all_privileges_dropped",
    ),
    ("T17", "counts/kind.rs", "refused"),
    (
        "T18",
        "systemd/access.rs",
        "a_client_that_does_not_read_stalls_nobody",
    ),
    (
        "T19",
        "systemd/names.rs",
        "names_asked_for_in_a_flood_admit_no_client",
    ),
    (
        "T20",
        "systemd/limits.rs",
        "cps_pauses_resets_and_comes_back",
    ),
    (
        "T21",
        "systemd/mux.rs",
        "tcpmux_knows_only_services_that_are_started",
    ),
    (
        "T22",
        "systemd/internal.rs",
        "internal_services_answer_datagrams",
    ),
    (
        "T23",
        "systemd/sensor.rs",
        "loopback_and_the_allow_list_are_never_banned",
    ),
    (
        "T24",
        "../crates/core/src/bans/tests/table.rs",
        "a_full_list_fills_no_bucket",
    ),
    (
        "T25",
        "../crates/core/src/policy/budget.rs",
        "a_burst_is_logged_and_the_rest_is_counted",
    ),
    (
        "T26",
        "systemd/access.rs",
        "host_names_are_looked_up_and_confirmed",
    ),
    (
        "T27",
        "systemd/names.rs",
        "names_asked_for_in_a_flood_admit_no_client",
    ),
    (
        "T28",
        "systemd/names.rs",
        "names_that_are_numbers_open_nothing",
    ),
    (
        "T29",
        "systemd/wait.rs",
        "a_sender_whose_name_does_not_come_delays_no_other",
    ),
    ("T30", "systemd/ident.rs", "clients_are_identified"),
    (
        "T31",
        "../src/fuzzing/access.rs",
        "The shell sees the same words",
    ),
    (
        "T32",
        "systemd/ident.rs",
        "clients_are_identified_in_a_flood_of_silent_ones",
    ),
    (
        "T33",
        "systemd/redirect.rs",
        "redirect_fails_over_and_says_who_the_client_is",
    ),
    ("T34", "../src/fuzzing/rpc.rs", "portmap"),
    ("T35", "../src/bus/caller.rs", "a_stranger_is_no_caller"),
    (
        "T36",
        "../src/accept/control.rs",
        "silent_clients_are_sent_away_and_keep_nobody_from_being_heard",
    ),
    ("T37", "systemd/sensor.rs", "strangers_change_nothing"),
    (
        "T39",
        "systemd/mux.rs",
        "only_tcpmux_hands_connections_over",
    ),
    (
        "T40",
        "../src/sys/handover.rs",
        "descriptors_that_nobody_asked_for_are_closed",
    ),
    (
        "T41",
        "systemd/log_files.rs",
        "a_trap_in_place_of_a_log_file_is_not_written",
    ),
    (
        "T42",
        "../src/accept/banner.rs",
        "what_could_block_or_grow_is_refused",
    ),
    (
        "T43",
        "systemd/units.rs",
        "the_secrets_of_a_service_stay_secret",
    ),
    ("T44", "../src/fuzzing/units.rs", "has a specifier"),
    (
        "T45",
        "systemd/boot.rs",
        "a_broken_file_takes_nothing_else_down",
    ),
    (
        "T46",
        "systemd/libwrap.rs",
        "libwrap_refuses_where_hosts_deny_is_unreadable",
    ),
    (
        "T47",
        "../src/bus/tests.rs",
        "options_that_can_not_be_read_leave_the_last_good_ones_in_force",
    ),
    ("T48", "systemd/reload.rs", "xinetdctl_reload_checks_first"),
    (
        "T49",
        "../src/bus/tests.rs",
        "a_ban_keeps_over_a_boot_what_was_left_when_the_machine_was_shut_down",
    ),
    (
        "T50",
        "systemd/log_files.rs",
        "a_full_disk_costs_no_session_and_no_line",
    ),
    (
        "T51",
        "systemd/sensor.rs",
        "bans_outlive_coordinator_bus_and_boot",
    ),
    (
        "T52",
        "systemd/account.rs",
        "a_helper_that_may_not_take_its_account_serves_no_client",
    ),
];

/// Fails unless each numbered sentence of the threat model is tried, and each that is tried is
/// there.
pub(crate) fn all_are_tried() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let page = read(&here.join("../docs/threat-model.md"))?;
    let sentences: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("**"))
        .map(|(sentence, _)| sentence)
        .collect();
    let mut tried: BTreeSet<&str> = scripts::ALL
        .iter()
        .map(|script| script.sentence)
        .chain(slow::ALL.iter().map(|attack| attack.sentence))
        .collect();
    for (sentence, file, name) in ELSEWHERE {
        if !read(&here.join(file))?.contains(name) {
            return Err(format!("{sentence}: {file} has no {name}"));
        }
        tried.insert(sentence);
    }
    if sentences == tried {
        return Ok(());
    }
    let untried: Vec<_> = sentences.difference(&tried).collect();
    let unknown: Vec<_> = tried.difference(&sentences).collect();
    Err(format!("not tried: {untried:?}; no sentence: {unknown:?}"))
}
