//! What a scenario is.

use testbed::Result;

use crate::stage::Stage;

/// One configuration and what clients do with it.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    /// Its name, and its transcript's.
    pub(crate) name: &'static str,
    /// The sections of xinetd's behaviour that it looks at.
    pub(crate) section: &'static str,
    /// What it shows, a sentence.
    pub(crate) claim: &'static str,
    /// /etc/xinetd.conf. `PROBE/` stands for the folder of the probe servers.
    pub(crate) configuration: &'static str,
    /// Other files that are there when it starts: path, content, mode.
    pub(crate) files: &'static [(&'static str, &'static str, u32)],
    /// What clients and administrators do.
    pub(crate) act: fn(&mut Stage<'_>) -> Result<()>,
    /// The entries of docs/deviations.md by which xinetd and the bridge differ here.
    pub(crate) differs: &'static [&'static str],
    /// Whether the newer release of xinetd plays it too.
    pub(crate) newer: bool,
}

impl Scenario {
    /// One without other files, in which all sides are the same.
    pub(crate) const SAME: Self = Self {
        name: "",
        section: "",
        claim: "",
        configuration: "",
        files: &[],
        act: |_| Ok(()),
        differs: &[],
        newer: true,
    };
}
