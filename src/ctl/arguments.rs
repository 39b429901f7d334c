//! The commands of xinetdctl and their options: usage, manual page and completions come from here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::bans::BansCommand;
use super::manual::Text;

/// Looks after services that are configured for xinetd and served through systemd.
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
    Check(CheckArgs),
    #[command(subcommand)]
    Bans(BansCommand),
    /// Print what packages install beside the program.
    #[command(hide = true)]
    Generate {
        what: Text,
    },
}

/// Where the configuration is, and how it is printed.
#[derive(Debug, Args)]
pub(super) struct View {
    /// The directory that stands for / when files are read.
    #[arg(long, value_name = "DIR", env = "XINETD_BRIDGE_ROOT")]
    pub(super) root: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Tell what is wrong or surprising, and what becomes of each attribute.
///
/// Exit status: 0 if all is well, 1 if there are warnings, 2 if there are errors.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Files that are each read in place of /etc/xinetd.conf.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) view: View,
}
