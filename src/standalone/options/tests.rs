//! Command lines as images and init scripts have them.

use std::num::NonZeroU32;
use std::path::Path;

use xinetd_core::startup;

use super::*;

fn parse(line: &str) -> Result<CommandLine, UsageError> {
    super::parse(line.split_whitespace().map(OsString::from))
}

fn serve(line: &str) -> Invocation {
    match parse(line) {
        Ok(CommandLine::Serve(invocation)) => invocation,
        other => panic!("{line}: {other:?}"),
    }
}

fn wrong(line: &str) -> String {
    parse(line).expect_err(line).to_string()
}

#[test]
fn the_lines_of_images_are_understood() {
    let plain = serve("-dontfork");
    assert!(plain.is_foreground && plain.stays && plain.log == LogTo::Usual);
    let long = serve("-dontfork -stayalive -filelog /var/log/x -pidfile /run/x.pid -cc 60 -reuse");
    assert_eq!(long.log, LogTo::File("/var/log/x".into()));
    assert_eq!(long.pid_file.as_deref(), Some(Path::new("/run/x.pid")));
    let relative = serve("-filelog - -dontfork -f service.conf -inetd_compat");
    assert_eq!(relative.log, LogTo::Output);
    assert!(relative.has_inetd);
    let here = std::env::current_dir().unwrap();
    assert_eq!(relative.main, Some(here.join("service.conf")));
    assert_eq!(serve("-syslog local0").log, LogTo::Syslog(Facility::Local0));
    let debug = serve("-d");
    assert!(debug.is_foreground && !debug.stays && debug.log == LogTo::Error);
    assert_eq!(serve("-d -filelog /x").log, LogTo::File("/x".into()));
    let daemon = serve("");
    assert!(!daemon.is_foreground && !daemon.stays);
    assert_eq!(serve("-f /a -f /b").main.as_deref(), Some(Path::new("/b")));
    assert_eq!(serve("-limit 20").limit.map(NonZeroU32::get), Some(20));
    assert_eq!(serve("-limit 20 -limit 0").limit, None);
    assert_eq!(parse("-version"), Ok(CommandLine::Version));
    assert_eq!(parse("--help"), Ok(CommandLine::Help));
}

#[test]
fn what_has_no_effect_is_said() {
    assert!(serve("-loop 20").remarks[0].starts_with("-loop has no effect"));
    assert!(serve("-syslog locale0").remarks[0].contains("no such facility"));
    assert_eq!(
        serve("-logprocs 3 -shutdownprocs 3 -inetd_ipv6").remarks,
        [""; 0]
    );
}

#[test]
fn what_is_no_option_is_an_error_that_names_the_nearest() {
    assert_eq!(
        wrong("-dontfrok"),
        "there is no option -dontfrok; did you mean -dontfork?"
    );
    assert_eq!(
        wrong("--pid-file /x"),
        "there is no option --pid-file; did you mean -pidfile?"
    );
    assert_eq!(
        wrong("serve"),
        "there is no option serve; -help prints all of them"
    );
    assert_eq!(wrong("-f"), "-f needs FILE behind it");
    assert_eq!(wrong("-limit many"), "-limit many: this is no number");
    assert_eq!(
        wrong("-limit 4294967296"),
        "-limit 4294967296: this is too large"
    );
    assert!(wrong("-filelog /a -syslog mail").contains("exclude each other"));
}

#[test]
fn each_option_of_xinetd_is_known() {
    for row in startup::TABLE {
        let own = OPTIONS.iter().find(|own| own.name == row.name);
        assert_eq!(
            own.map(|own| own.argument.is_some()),
            Some(row.argument.is_some()),
            "{}",
            row.name
        );
    }
    let usage = usage();
    assert!(
        OPTIONS
            .iter()
            .all(|row| usage.contains(&format!("\n  {}", row.name)))
    );
}
