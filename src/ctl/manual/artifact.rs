//! What `xinetdctl generate` prints.

use clap::ValueEnum;

/// What packages install beside the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::ctl) enum Artifact {
    /// The manual page of this program.
    #[value(name = "xinetdctl.8")]
    Commands,
    /// The manual page of xinetd's files.
    #[value(name = "xinetd.conf.5")]
    Configuration,
    /// The manual page of the log.
    #[value(name = "xinetd.log.5")]
    Log,
    /// The manual page on what is typed in place of xinetd's commands.
    #[value(name = "xinetd.service.8")]
    Service,
    /// The manual page of the program that serves without systemd.
    #[value(name = "xinetd.8")]
    Standalone,
    /// The journal's catalog.
    #[value(name = "xinetd-bridge.catalog")]
    Catalog,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}
