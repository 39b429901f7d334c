//! The helper takes a new spec.

use crate::journal::Event;

use super::super::clock::Moment;
use super::super::packet_filter::is_filtered;
use super::super::settings::{self, Settings, Work};
use super::Helper;

impl Helper {
    /// Takes a new spec; sessions and their counts stay.
    ///
    /// # Errors
    /// In words; everything stays as it was then.
    pub(super) fn take_spec(&mut self, text: &[u8], now: Moment) -> Result<(), String> {
        let spec = settings::parse(text)?;
        if spec.credentials != self.settings.spec.credentials {
            return Err(
                "user, group or groups has changed, which takes a restart: systemctl restart"
                    .into(),
            );
        }
        let settings = Settings::new(spec, &self.inherited)?;
        let is_wait = |settings: &Settings| matches!(settings.work, Work::Wait(_));
        if is_wait(&settings) != is_wait(&self.settings) {
            return Err("wait has changed, which takes a restart: systemctl restart".into());
        }
        let is_filtered = is_filtered(&settings.spec) || is_filtered(&self.settings.spec);
        if is_filtered
            && !self.sockets.streams().is_empty()
            && settings.spec.access != self.settings.spec.access
        {
            return Err(
                "only_from or no_access has changed, which takes another helper where the server accepts \
                 by itself: xinetdctl reload"
                    .into(),
            );
        }
        self.settings = settings;
        self.report.forget_failure();
        self.report.log().follow(&self.settings.spec);
        self.report.record(&Event::Readjusted);
        if let Some(turned_away) = self.state.reload() {
            self.end_pause(turned_away, now);
        }
        self.kinds.program.save_rate(&self.state);
        Ok(())
    }
}
