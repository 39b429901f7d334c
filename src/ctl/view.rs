//! The arguments that several commands have.

use std::path::PathBuf;

use clap::Args;

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

/// A service.
#[derive(Debug, Args)]
pub(super) struct ServiceArgs {
    /// Its id, or to tell apart several with one id, its socket unit.
    pub(super) id: String,
    #[command(flatten)]
    pub(super) view: View,
}
