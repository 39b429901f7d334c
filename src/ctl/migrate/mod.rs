//! `xinetdctl migrate`: from real xinetd to the bridge, and back.

mod differences;
mod survey;
mod switch;
mod systemctl;

use std::io::Write;

use clap::Args;

use super::check::{self, Check};
use super::layout::fold;
use super::output::{BAD, Done, Failure, GOOD, HEAD, Output, WIDTH};
use crate::config::{Databases, DiskTree};
use crate::ctl::machine::Reading;
use crate::problem::{Severity, printable};
use crate::reconcile::Endpoint;
use survey::Survey;
use switch::Switched;

/// Go over from real xinetd to the bridge, or back.
///
/// It prints what real xinetd has, with which options, what is different for these very files, and what is
/// done. Then real xinetd is stopped, the sockets are opened at once, and the boot is changed to match. Sessions
/// of real xinetd go on. Where a port that real xinetd had can't be opened, it goes back by itself.
///
/// With --back the services are given to real xinetd again; sessions of the bridge end then.
///
/// Exit status: 0 if it is done or nothing is to be done, 1 if it could not be done, 2 if nothing was changed, as
/// a port that real xinetd has would not be served.
#[derive(Debug, Args)]
pub(super) struct MigrateArgs {
    /// Return to real xinetd.
    #[arg(long)]
    back: bool,
    /// Only print what would be done.
    #[arg(long)]
    dry_run: bool,
    /// Go over although ports that real xinetd has would not be served.
    #[arg(long, conflicts_with = "back")]
    force: bool,
}

/// Runs it.
pub(super) fn run(arguments: &MigrateArgs, out: &mut Output<'_>) -> Done {
    let tree = DiskTree::new(None);
    let reading = Reading::of(&tree, None, &Databases::read(&tree));
    let survey = Survey::of(&reading);
    match arguments.back {
        true => back(arguments, &survey, out),
        false => over(arguments, &survey, &reading, out),
    }
}

fn over(arguments: &MigrateArgs, survey: &Survey, reading: &Reading, out: &mut Output<'_>) -> Done {
    if !survey.has_real() {
        writeln!(
            out,
            "Real xinetd neither runs nor starts at boot: there is nothing to go over from.\n\
             `systemctl start xinetd.target` starts the services, and each boot does."
        )?;
        return Ok(0);
    }
    survey.print(out)?;
    let checks = check::run(None, &[]);
    print_problems(&checks, out)?;
    differences::print(reading, out)?;
    let lost = survey.lost(&checks);
    if let Some(lost) = &lost {
        paragraph(out, &out.paint(BAD, "Lost"), lost)?;
        if !arguments.force {
            paragraph(
                out,
                "Nothing was changed",
                "correct the files, or accept the loss with `xinetdctl migrate --force`",
            )?;
            return Ok(2);
        }
    }
    if arguments.dry_run {
        writeln!(out, "{}", out.paint(HEAD, "What would be done"))?;
        for step in switch::over_steps(survey) {
            writeln!(out, "  {step}")?;
        }
        return Ok(0);
    }
    out.flush()?;
    finish(&switch::over(survey).map_err(Failure::undone)?, out)
}

fn back(arguments: &MigrateArgs, survey: &Survey, out: &mut Output<'_>) -> Done {
    if !survey.is_installed() {
        let message = "real xinetd is not installed: install its package before you go back to it";
        return Err(Failure::undone(message));
    }
    survey.print_ours(out)?;
    if arguments.dry_run {
        writeln!(out, "{}", out.paint(HEAD, "What would be done"))?;
        for step in switch::back_steps(survey) {
            writeln!(out, "  {step}")?;
        }
        return Ok(0);
    }
    out.flush()?;
    finish(&switch::back(survey).map_err(Failure::undone)?, out)
}

/// Says how a switch ended.
fn finish(switched: &Switched, out: &mut Output<'_>) -> Done {
    let (style, head, text) = match switched {
        Switched::Over { silent } if silent.is_empty() => (
            GOOD,
            "Done",
            "the bridge serves, now and after each boot; `xinetdctl migrate --back` returns. Real xinetd's \
             package can be removed when nothing is missed"
                .to_owned(),
        ),
        Switched::Over { silent } => (
            BAD,
            "Done, but",
            format!(
                "some services do not listen, as they did not before: {}",
                silent.join("; ")
            ),
        ),
        Switched::Back { missing } if missing.is_empty() => (
            GOOD,
            "Done",
            "real xinetd serves, now and after each boot; `xinetdctl migrate` goes over again".to_owned(),
        ),
        Switched::Back { missing } => {
            let missing: Vec<&Endpoint> = missing.iter().collect();
            let ports = crate::reconcile::listed(&missing);
            (
                BAD,
                "Done, but",
                format!(
                    "real xinetd does not have {ports}, which the bridge had; its log says why, and \
                     `xinetdctl migrate` goes over again"
                ),
            )
        }
        Switched::Undone { why, undo } => (BAD, "Not done", format!("{why}; {undo}")),
    };
    paragraph(out, &out.paint(style, head), &text)?;
    let is_done = match switched {
        Switched::Over { silent } => silent.is_empty(),
        Switched::Back { missing } => missing.is_empty(),
        Switched::Undone { .. } => false,
    };
    Ok(u8::from(!is_done))
}

/// A heading and text that belongs to it, in lines that fit.
fn paragraph(out: &mut Output<'_>, head: &str, text: &str) -> std::io::Result<()> {
    let lines = fold(&printable(text), WIDTH - 2);
    writeln!(out, "{head}:")?;
    for line in lines {
        writeln!(out, "  {line}")?;
    }
    Ok(())
}

/// What is wrong or surprising in the files, but for what is said by this command itself.
fn print_problems(checks: &[Check], out: &mut Output<'_>) -> std::io::Result<()> {
    for check in checks {
        let problems = check
            .problems
            .iter()
            .filter(|problem| problem.severity > Severity::Note && problem.code != "real-xinetd");
        for problem in problems {
            let text = problem.render(check.sources.line(&problem.place));
            writeln!(out, "{text}")?;
        }
    }
    Ok(())
}
