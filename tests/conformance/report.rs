//! docs/conformance.md: what the suite shows, for people.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

use testbed::Result;

use crate::known;
use crate::scenario::Scenario;
use crate::transcript;

const INTRODUCTION: &str = "\
# The same as xinetd, seen to be so

Each row is a scenario: one configuration, and clients that use it. It runs against Debian's xinetd 2.3.15.3 and against
xinetd-bridge on a real systemd 252, in containers with the same files and addresses; what xinetd 2.3.15.4 does in the
same scenarios is in [xinetd-versions.md](xinetd-versions.md). It also runs against the bridge's own program `xinetd`
([standalone.md](standalone.md)), which is started as Debian's and has to show what the bridge shows on systemd. What the
clients hear byte by byte, how their connections end, what the server finds (arguments, environment, descriptors, ids,
limits, signals, socket) and what is logged is written down, and compared. Process ids, durations and the ports of
clients are left out; nothing else is.

The sections are those of [xinetd-behaviour.md](xinetd-behaviour.md): 1 the language, 2 attributes, 3 address lists,
4 serving, 5 logging, 6 the programs and inetd.conf. *Same* means that both transcripts are equal. Where they differ, the entry of
[deviations.md](deviations.md) says why; both transcripts are in tests/conformance/transcripts, and a difference that is not
listed fails, as does a listed one that is gone.

`cargo test -p xinetd-bridge-tests --test conformance` runs it, as root; `UPDATE_GOLDEN=1` writes this page and the transcripts.
";

/// Fails unless the page is what the suite says; writes it where that is asked for.
pub(crate) fn check(scenarios: &[Scenario]) -> Result<()> {
    let mut names = BTreeSet::new();
    if let Some(twice) = scenarios
        .iter()
        .find(|scenario| !names.insert(scenario.name))
    {
        return Err(format!("two scenarios are called {}", twice.name));
    }
    check_page("docs/conformance.md", &page(scenarios)?)
}

/// Fails unless the file has this text; writes it where that is asked for.
pub(crate) fn check_page(name: &str, page: &str) -> Result<()> {
    let path = crate::repository().join(name);
    if crate::updates() {
        return fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()));
    }
    match fs::read_to_string(&path).is_ok_and(|text| text == page) {
        true => Ok(()),
        false => Err(format!(
            "{} is not what the suite says; write it with UPDATE_GOLDEN=1",
            path.display()
        )),
    }
}

fn page(scenarios: &[Scenario]) -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let same = scenarios
        .iter()
        .filter(|scenario| scenario.differs.is_empty());
    let (all, same) = (scenarios.len(), same.count());
    let _ = writeln!(
        page,
        "\n{all} scenarios: {same} are the same, {} differ on purpose.\n",
        all - same
    );
    let _ = writeln!(page, "| scenario | section | what it shows | verdict |");
    let _ = writeln!(page, "| --- | --- | --- | --- |");
    let mut known = BTreeSet::new();
    for scenario in scenarios {
        let transcript = transcript::read(scenario)?
            .ok_or_else(|| format!("{} has no transcript", scenario.name))?;
        let verdict = match scenario.differs {
            _ if transcript.is_not_served() => "not served".to_owned(),
            [] => "same".to_owned(),
            ids => format!("differs: {}", ids.join(", ")),
        };
        known.extend(scenario.differs);
        let (name, section, claim) = (scenario.name, scenario.section, scenario.claim);
        let _ = writeln!(page, "| {name} | {section} | {claim} | {verdict} |");
    }
    let _ = writeln!(page, "\n| difference | xinetd | xinetd-bridge |");
    let _ = writeln!(page, "| --- | --- | --- |");
    for id in known {
        let [xinetd, bridge] = known::reason(id)?;
        let _ = writeln!(page, "| {id} | {xinetd} | {bridge} |");
    }
    Ok(page)
}
