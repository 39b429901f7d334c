//! The commands of xinetdctl and their options: usage, manual page and completions come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::bans::BansCommand;
use super::convert::ConvertArgs;
use super::daemon::Call;
use super::eject::EjectArgs;
use super::explain::ExplainArgs;
use super::manual::Artifact;
use super::migrate::MigrateArgs;
use super::reload::ReloadArgs;
use super::status::{KickArgs, StatusArgs};
use super::top::TopArgs;
use super::view::{ServiceArgs, View};

/// Looks after services that are configured for xinetd and served through systemd, or by xinetd where there is none.
#[derive(Debug, Parser)]
#[command(
    name = "xinetdctl",
    version,
    term_width = 80,
    subcommand_value_name = "COMMAND"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
#[command(subcommand_help_heading = "Commands")]
pub(super) enum Command {
    /// Print all services: where each listens, and what becomes of it.
    ///
    /// STATE is `on` for a service whose socket xinetd.target starts, `down` for one that should listen
    /// and does not, with the reason, `off` for one that is switched off, `native` where a unit of the
    /// administrator has its name, `masked` and `ejected` with the unit file that makes it so, and
    /// `not served` with the reason where there are no units. One that was ejected is `down`, too, if it is
    /// enabled and does not listen. Below stands what is served otherwise than
    /// the files say, until they are applied.
    ///
    /// Exit status: 0, or 2 if the configuration or a part of it can't be read, so that services may be
    /// missing; standard error has the reason.
    List(View),
    /// Print a service as meant: each attribute with its value and where that is from.
    ///
    /// A value is from lines of the files, from something else that determines it, or from xinetd
    /// itself where nothing is written.
    ///
    /// Exit status: 0, or 2 if there is no such service.
    Show(ServiceArgs),
    /// Print the units that the generator writes for a service.
    ///
    /// The spec of the helper, which may hold passwords, is shown to root alone.
    ///
    /// Exit status: 0, or 2 if there is no such service or it has no units.
    Units(ServiceArgs),
    Explain(ExplainArgs),
    /// Switch a service on: in its file, for each boot, and at once.
    ///
    /// The value of `disable` is changed, all else in the file stays. Then systemd makes its units
    /// anew and the socket is started; not so for the files below another root, or where systemd does
    /// not run. What `enabled` or `disabled` in defaults keeps out is left alone, and the line is named; so
    /// is a service that was ejected, with the way back.
    ///
    /// Exit status: 0 if it is on, 1 if it is not, 2 if there is no such service or it can't be served for
    /// what is wrong in its file.
    Enable(ServiceArgs),
    /// Switch a service off: in its file, for each boot, and at once.
    ///
    /// As enable does, the other way round: the socket is stopped, which ends the sessions as well.
    ///
    /// Exit status: 0 if it is off, 1 if it is not, 2 if there is no such service.
    Disable(ServiceArgs),
    Eject(EjectArgs),
    Check(CheckArgs),
    Convert(ConvertArgs),
    Reload(ReloadArgs),
    Migrate(MigrateArgs),
    Status(StatusArgs),
    Top(TopArgs),
    /// Print the counters in the OpenMetrics text format.
    ///
    /// Exit status: 0, or 1 if the coordinator can't be asked, or xinetd where there is no systemd.
    Metrics,
    Kick(KickArgs),
    /// Have all services that run write to their log files by name again.
    ///
    /// For the postrotate of logrotate: when it returns, nothing more goes to a file that has been
    /// renamed. Without it that is noticed within about a second of the next line.
    ///
    /// Exit status: 0, or 1 if the coordinator can't be asked, or xinetd where there is no systemd, or a service
    /// does not answer.
    ReopenLogs,
    #[command(subcommand)]
    Bans(BansCommand),
    /// Do what is asked of xinetd.service, which calls it.
    #[command(hide = true)]
    Daemon {
        call: Call,
    },
    /// Print what packages install beside the program.
    #[command(hide = true)]
    Generate {
        what: Artifact,
    },
}

/// Tell what is wrong or surprising, and what becomes of each attribute.
///
/// Exit status: 0 if all is well, 1 if there are warnings, 2 if there are errors or no such service.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Files that are each read in place of /etc/xinetd.conf.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Print what becomes of each attribute of each service, before the problems.
    #[arg(short, long)]
    pub(super) verbose: bool,
    /// Print that of the services with this id or unit alone, and the problems of their files and those
    /// that name them; may be given several times.
    #[arg(short, long = "service", value_name = "ID")]
    pub(super) services: Vec<String>,
    #[command(flatten)]
    pub(super) view: View,
}
