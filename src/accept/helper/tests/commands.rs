//! What rules of hosts.allow and hosts.deny have done, and what is said where that fails.

use std::fs;
use std::time::Duration;

use nix::sys::prctl::set_no_new_privs;

use crate::journal::heard;

use super::super::super::clock::Moment;
use super::waits::ruled;
use super::{CAT, LOGGED, Scene, TASK, scratch, shell};

/// A service with this rule, whose server says this.
fn service(rule: &str, script: &str) -> Scene {
    ruled([rule, ""], &[(CAT, &shell(script)), LOGGED])
}

/// Whether one of the lines since the last time has these words.
fn is_said(words: &str) -> bool {
    heard().iter().any(|line| line.contains(words))
}

#[test]
fn a_command_runs_beside_the_service_and_the_helper_stays_for_it() {
    let mark = scratch("mark", 0);
    let command = format!("sleep 0.3; echo %a > {}", mark.display());
    let mut scene = service(&format!("ALL: ALL: spawn ({command})\n"), "echo served");
    assert_eq!(scene.text(), "served\n");
    scene.until_idle();
    let now = Moment::now().unwrap();
    let much_later = now.plus(Duration::from_secs(100_000));
    assert!(!scene.helper.expire(now) && !scene.helper.expire(much_later));
    scene.until(|helper| helper.wrap.commands.is_empty().then_some(()));
    assert_eq!(fs::read_to_string(&mark).unwrap(), "127.0.0.1\n");
    fs::remove_file(mark).unwrap();
    assert!(!scene.helper.expire(now) && scene.helper.expire(much_later));
}

#[test]
fn a_rule_changes_what_the_server_gets() {
    let mut scene = service("ALL: ALL: setenv GREETING hello\n", "echo $GREETING");
    assert_eq!(scene.text(), "hello\n");
    let banners = scratch("banners", 0);
    fs::create_dir_all(&banners).unwrap();
    fs::write(banners.join("ftpd"), "welcome to %d\n").unwrap();
    let rule = format!("ALL: ALL: banners {}\n", banners.display());
    let mut scene = service(&rule, "echo served");
    assert_eq!(scene.text(), "welcome to ftpd\r\nserved\n");
    // One that can't be shown is said.
    fs::write(banners.join("ftpd"), "x".repeat(70_000)).unwrap();
    heard();
    assert_eq!(service(&rule, "echo served").text(), "served\n");
    assert!(is_said("it is too long"));
    fs::remove_file(banners.join("ftpd")).unwrap();
    fs::create_dir(banners.join("ftpd")).unwrap();
    assert_eq!(service(&rule, "echo served").text(), "served\n");
    assert!(is_said("ftpd: Is a directory"));
    fs::remove_dir_all(banners).unwrap();
}

#[test]
fn a_command_takes_the_place_of_what_the_service_does() {
    let twist = "ALL: ALL: twist /bin/echo twisted\n";
    assert_eq!(service(twist, "echo served").text(), "twisted\n");
    let internal = (TASK, r#"internal = "echo""#);
    assert_eq!(ruled([twist, ""], &[internal]).text(), "twisted\n");
}

#[test]
fn clients_can_not_have_any_number_of_commands_run() {
    let mut scene = service("ALL: ALL: spawn (exec sleep 3)\n", "echo served");
    heard();
    for _ in 0..32 {
        assert_eq!(scene.text(), "served\n");
    }
    assert!(!is_said("is not run"));
    assert_eq!(scene.text(), "served\n");
    assert!(is_said("is not run: 32 of them run already"));
}

#[test]
fn a_rule_that_is_wrong_is_said() {
    let mut scene = service("ALL: ALL: surprise\n", "echo served");
    heard();
    scene.text();
    assert!(is_said("surprise"));
}

#[test]
fn a_command_in_the_sandbox_of_a_service_without_servers_is_remarked() {
    let said = |task: &str| {
        let mut scene = ruled(["ALL: ALL: spawn true\n", ""], &[(TASK, task)]);
        heard();
        scene.text();
        is_said("in the unit's sandbox")
    };
    let (internal, execute) = (r#"internal = "echo""#, TASK);
    assert!(!said(internal), "there is no sandbox");
    // Of this thread, which runs no other test.
    set_no_new_privs().unwrap();
    assert!(said(internal));
    assert!(!said(execute));
}
