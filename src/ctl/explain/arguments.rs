//! The arguments of `xinetdctl explain`.

use std::net::IpAddr;

use clap::{Args, value_parser};
use xinetd_core::policy::HostName;
use xinetd_core::service::MinuteOfDay;

use super::super::view::View;

/// Tell whether a service lets a client in: each check in its order, with the rule that decides.
///
/// The checks are those that the helper makes, with the files as they are now. What changes while a
/// service runs is given by options: without them the machine has the time and the load that it has,
/// and no server runs. The name of the client is looked up where a rule asks for it.
///
/// Exit status: 0 if the client gets its server, 1 if it does not, 2 if there is no such service, if
/// it is not served, or if it can't be told: root alone may see the bans.
#[derive(Debug, Args)]
pub(in crate::ctl) struct ExplainArgs {
    /// The id of the service, or to tell apart several with one id, its socket unit.
    pub(super) id: String,
    /// The address of the client.
    pub(super) address: IpAddr,
    /// The local time of the day; now without it.
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    pub(super) at: Option<MinuteOfDay>,
    /// The name of the client's address, in place of a look-up.
    #[arg(long, value_name = "HOST")]
    pub(super) name: Option<HostName>,
    /// Look no names up: rules that need one are decided as when the look-up fails.
    #[arg(long, conflicts_with = "name")]
    pub(super) offline: bool,
    /// What the ident server of the client says; nothing without it.
    #[arg(long, value_name = "USER")]
    pub(super) user: Option<String>,
    /// The port of the client.
    #[arg(long, default_value_t = 49152)]
    pub(super) port: u16,
    /// How many servers run already; as many as do now without it and `--from-source`.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=1_000_000))]
    pub(super) running: Option<u32>,
    /// How many of them run for this client.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(..=1_000_000))]
    pub(super) from_source: Option<u32>,
    /// The load average of one minute; that of the machine without it.
    #[arg(long, value_name = "LOAD")]
    pub(super) load: Option<f64>,
    #[command(flatten)]
    pub(super) view: View,
}

fn minute(text: &str) -> Result<MinuteOfDay, String> {
    let wrong = || format!("`{text}` is no time of the day; write it as in 17:05");
    let (hour, minute) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| part.parse().map_err(|_| wrong());
    MinuteOfDay::new(number(hour)?, number(minute)?).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_day_are_hours_and_minutes() {
        assert_eq!(minute("7:05"), Ok(MinuteOfDay::new(7, 5).unwrap()));
        for wrong in ["", "7", "24:00", "7:60", "-1:00", "7:05:00"] {
            assert!(minute(wrong).is_err(), "{wrong}");
        }
    }
}
