//! The commands of xinetdctl.
#![forbid(unsafe_code)]

mod applied;
mod arguments;
mod banners;
mod bans;
mod boot;
mod check;
mod convert;
mod daemon;
mod drop_ins;
mod eject;
mod executable;
mod explain;
mod faulty;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod json;
mod layout;
mod list;
mod listening;
mod log_directories;
mod machine;
mod manager;
mod manual;
mod metrics;
mod migrate;
mod output;
mod pauses;
mod real;
mod reload;
mod reopen;
mod row;
mod show;
mod status;
mod switch;
mod text;
mod time;
mod top;
mod units;
mod value;
mod view;
mod wrappers;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::{CheckArgs, Cli, Command};
use output::{Done, Output};

pub use output::Screen;

/// Runs the program with its arguments, the first of which is its name, and prints to `out`.
pub fn main(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
    screen: Screen,
) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help goes to stdout and the rest to stderr; where both are closed there is no one
            // to tell.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let mut out = Output::new(out, screen);
    let done = run(cli.command, &mut out);
    ExitCode::from(out.finish(done))
}

fn run(command: Command, out: &mut Output<'_>) -> Done {
    match command {
        Command::Enable(arguments) => switch::run(&arguments, true, out),
        Command::Disable(arguments) => switch::run(&arguments, false, out),
        Command::Eject(arguments) => eject::run(&arguments, out),
        Command::Check(arguments) => check(&arguments, out),
        Command::List(view) => list::run(&view, out),
        Command::Show(arguments) => show::run(&arguments, out),
        Command::Explain(arguments) => explain::run(&arguments, out),
        Command::Units(arguments) => units::run(&arguments, out),
        Command::Convert(arguments) => Ok(convert::run(&arguments, out, &mut std::io::stderr())),
        Command::Reload(arguments) => reload::run(&arguments, out),
        Command::Migrate(arguments) => migrate::run(&arguments, out),
        Command::Status(arguments) => status::run(&arguments, out),
        Command::Top(arguments) => top::run(&arguments, out),
        Command::Metrics => metrics::run(out),
        Command::Kick(arguments) => status::kick(&arguments),
        Command::ReopenLogs => reopen::run(),
        Command::Bans(command) => bans::run(&command, out),
        Command::Daemon { call } => daemon::run(call, out),
        Command::Generate { what } => {
            manual::print(what, out)?;
            Ok(0)
        }
    }
}

/// `xinetdctl check`: prints the report.
fn check(arguments: &CheckArgs, out: &mut Output<'_>) -> Done {
    let mut checks = check::run(arguments.view.root.as_deref(), &arguments.files);
    if arguments.view.root.is_none() && arguments.files.is_empty() {
        check::ask_systemd(&mut checks);
    }
    for wanted in &arguments.services {
        if !checks.iter().any(|check| check.has(wanted)) {
            return Err(machine::unknown(wanted));
        }
    }
    if !arguments.services.is_empty() {
        for check in &mut checks {
            check.keep(&arguments.services);
        }
    }
    if arguments.view.json {
        json::print(&checks, out)?;
    } else {
        let fates = match arguments.verbose || !arguments.services.is_empty() {
            true => text::Fates::Printed,
            false => text::Fates::LeftOut,
        };
        text::print(&checks, fates, out)?;
    }
    Ok(check::Counts::of(&checks).exit_status())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;

    use super::*;

    /// A root with this /etc/xinetd.conf, removed with the value.
    struct Root(PathBuf);

    impl Root {
        fn new(name: &str, main: &str) -> Self {
            let name = format!("xinetdctl-{name}-{}", std::process::id());
            let root = Self(std::env::temp_dir().join(name));
            std::fs::create_dir_all(root.0.join("etc")).unwrap();
            std::fs::write(root.0.join("etc/xinetd.conf"), main).unwrap();
            root
        }

        /// Exit status and output of `xinetdctl check` on it.
        fn check(&self, arguments: &[&str]) -> (ExitCode, String) {
            let mut out = Vec::new();
            let root = self.0.to_string_lossy();
            let all = ["xinetdctl", "check", "--root", &root];
            let all = all.iter().chain(arguments).map(Into::into);
            let status = main(all, &mut out, Screen::default());
            (status, String::from_utf8(out).unwrap())
        }
    }

    impl Drop for Root {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const SERVICE: &str = "service probe\n{\n\ttype = UNLISTED\n\tport = 9\n\tsocket_type = stream\n\
        \tprotocol = tcp\n\twait = no\n\tuser = 0\n\tserver = /bin/true\n\tlog_type = SYSLOG daemon\n}\n";

    #[test]
    fn a_clean_configuration_exits_with_0() {
        let root = Root::new("clean", SERVICE);
        let (status, out) = root.check(&["--verbose"]);
        assert_eq!(status, ExitCode::SUCCESS, "{out}");
        assert!(
            out.contains("probe (/etc/xinetd.conf:1:9): served by probe.socket"),
            "{out}"
        );
        assert!(out.contains("ListenStream="), "{out}");
    }

    #[test]
    fn a_trailing_comment_is_a_warning_and_exits_with_1() {
        let limited = SERVICE.replace("}\n", "\tper_source = 10 # each\n}\n");
        let (status, out) = Root::new("warning", &limited).check(&[]);
        assert_eq!(status, ExitCode::from(1), "{out}");
        assert!(out.contains("/etc/xinetd.conf:11:"), "{out}");
        assert!(out.contains("   |     per_source = 10 # each\n"), "{out}");
    }

    #[test]
    fn an_error_exits_with_2() {
        let broken = SERVICE.replace("wait = no", "wait = maybe");
        let (status, out) = Root::new("error", &broken).check(&[]);
        assert_eq!(status, ExitCode::from(2), "{out}");
        assert!(out.contains("/etc/xinetd.conf:7:"), "{out}");
        assert!(out.contains("\nnot served: probe\n"), "{out}");
    }

    #[test]
    fn a_named_service_is_told_of_alone() {
        let other = SERVICE
            .replace("probe", "other")
            .replace("port = 9", "port = 10\n\tnonsense = 1");
        let root = Root::new("named", &format!("{SERVICE}includedir /etc/xinetd.d\n"));
        std::fs::create_dir_all(root.0.join("etc/xinetd.d")).unwrap();
        std::fs::write(root.0.join("etc/xinetd.d/other"), other).unwrap();
        let (status, out) = root.check(&["--service", "PROBE"]);
        assert_eq!(status, ExitCode::SUCCESS, "{out}");
        assert!(
            out.contains("ListenStream=") && !out.contains("other"),
            "{out}"
        );
        let (status, out) = root.check(&["-s", "other.socket"]);
        assert_eq!(status, ExitCode::from(1), "{out}");
        assert!(out.contains("nonsense") && !out.contains("probe"), "{out}");
        let (status, out) = root.check(&["-s", "nothing"]);
        assert_eq!((status, out.as_str()), (ExitCode::from(2), ""));
    }

    #[test]
    fn a_missing_main_file_is_an_error_that_says_what_to_write() {
        let root = Root::new("missing", "");
        std::fs::remove_file(root.0.join("etc/xinetd.conf")).unwrap();
        let (status, out) = root.check(&[]);
        assert_eq!(status, ExitCode::from(2), "{out}");
        assert!(out.contains("/etc/xinetd.conf"), "{out}");
        assert!(out.contains("includedir /etc/xinetd.d"), "{out}");
    }

    #[test]
    fn files_are_read_from_outside_of_the_root_as_main_files() {
        let root = Root::new("files", "rubbish\n");
        let file = root.0.join("probe");
        std::fs::write(&file, SERVICE).unwrap();
        let (status, out) = root.check(&["--json", &file.to_string_lossy()]);
        assert_eq!(status, ExitCode::SUCCESS, "{out}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["files"][0]["main"], *file.to_string_lossy());
        assert_eq!(report["files"][0]["services"][0]["id"], "probe");
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let root = Root::new("pipe", SERVICE);
        let arguments = ["xinetdctl", "check", "--root", &root.0.to_string_lossy()];
        let status = main(arguments.map(Into::into), &mut Closed, Screen::default());
        assert_eq!(status, ExitCode::SUCCESS);
    }
}
