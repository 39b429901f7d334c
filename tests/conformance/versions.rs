//! docs/xinetd-versions.md: where the newer release of xinetd differs from the one that the bridge goes by.

use std::fmt::Write;
use std::fs;

use testbed::{Corpus, Release, Result};

use crate::report::check_page;
use crate::scenario::Scenario;
use crate::transcript;

const INTRODUCTION: &str = "\
# xinetd 2.3.15.4 beside 2.3.15.3

The bridge does what xinetd 2.3.15.3 does (Debian 12). Debian 13 has 2.3.15.4, and this page lists all in which the two are
seen to differ. It is written by the tests: each scenario of [conformance.md](conformance.md) runs against both, and both are asked
what they make of each configuration file in tests/corpus/own. A difference that is not here fails the tests, as does one that is
gone. Real configuration files, where the tests have some, get the same answers from both.

In each difference a line with `-` is of 2.3.15.3 alone, and one with `+` of 2.3.15.4 alone. Each runs on its own Debian, and a
difference may be one of that: SigIgn, in which the signals 32 and 33 are the C library's own, is inherited from systemd.
";

/// Fails unless the page is what the transcripts and the records say; writes it where that is asked for.
pub(crate) fn check(scenarios: &[Scenario]) -> Result<()> {
    check_page("docs/xinetd-versions.md", &page(scenarios)?)
}

fn page(scenarios: &[Scenario]) -> Result<String> {
    let mut page = INTRODUCTION.to_owned();
    let playing = scenarios.iter().filter(|scenario| scenario.newer);
    let (count, mut differing) = (playing.clone().count(), 0);
    let mut part = String::new();
    for scenario in playing {
        let transcript = transcript::read(scenario)?;
        if let Some(releases) = transcript.as_ref().and_then(|all| all.releases()) {
            differing += 1;
            let _ = writeln!(part, "\n{}: {}.\n", scenario.name, scenario.claim);
            add(&mut part, releases);
        }
    }
    let left_out: Vec<_> = scenarios
        .iter()
        .filter(|scenario| !scenario.newer)
        .map(|scenario| scenario.name)
        .collect();
    let _ = writeln!(
        page,
        "\n## Scenarios\n\n{count} scenarios, of which {differing} differ. Not among them, as the programs that read \
         the log are\nnot in that container: {}. The lines that they read are those of the others.",
        left_out.join(", ")
    );
    page.push_str(&part);

    let corpus = Corpus::own();
    let (mut count, mut differing) = (0, 0);
    let mut part = String::new();
    for file in corpus.files()? {
        for case in [file.case.clone(), format!("{}.as-if-enabled", file.case)] {
            let Ok(older) = fs::read_to_string(corpus.record(&case)) else {
                continue;
            };
            count += 1;
            let newer = corpus.record(&format!("{case}.{}", Release::Trixie.version()));
            if let Ok(newer) = fs::read_to_string(newer) {
                differing += 1;
                let _ = writeln!(part, "\n{case}:\n");
                add(&mut part, [&older, &newer]);
            }
        }
    }
    let _ = writeln!(
        page,
        "\n## Configuration files\n\n{count} files, those in which all is switched on included, of which {differing} differ."
    );
    page.push_str(&part);
    Ok(page)
}

/// Adds the lines that only one of them has.
fn add(page: &mut String, [older, newer]: [&str; 2]) {
    page.push_str("```diff\n");
    for line in diff::lines(older, newer) {
        let _ = match line {
            diff::Result::Left(line) => writeln!(page, "-{line}"),
            diff::Result::Right(line) => writeln!(page, "+{line}"),
            diff::Result::Both(..) => Ok(()),
        };
    }
    page.push_str("```\n");
}
