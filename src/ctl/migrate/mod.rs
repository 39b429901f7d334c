//! `xinetdctl migrate`: from real xinetd to the bridge, and back.

mod differences;
mod ports;
mod survey;
mod switch;
mod systemctl;

use std::io::Write;

use clap::Args;
use xinetd_core::config::{Databases, DiskTree};
use xinetd_core::problem::Severity;

use super::check::{self, Check};
use super::layout::paragraph;
use super::manager;
use super::output::{BAD, Done, Failure, GOOD, HEAD, Output};
use crate::ctl::machine::Reading;
use crate::reconcile::PortNumber;
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
/// Exit status: 0 if it is done or nothing is to be done, 1 if it could not be done, or real xinetd lacks ports after
/// --back, 2 if nothing was changed, as a port that real xinetd has would not be served.
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
    manager::refuse_without_systemd(None, "services are migrated to systemd")?;
    let tree = DiskTree::new(None);
    let reading = Reading::of(&tree, None, &Databases::read(&tree), None);
    let survey = Survey::of(&reading);
    match arguments.back {
        true => back(arguments, &survey, out),
        false => over(arguments, &survey, &reading, out),
    }
}

fn over(arguments: &MigrateArgs, survey: &Survey, reading: &Reading, out: &mut Output<'_>) -> Done {
    if !survey.has_real() {
        let next = match switch::is_target_active() {
            Ok(true) => "The bridge serves, now and after each boot.",
            _ => "`systemctl start xinetd.target` starts the services, and each boot does.",
        };
        let none = "Real xinetd neither runs nor starts at boot: there is nothing to go over from.";
        writeln!(out, "{none}\n{next}")?;
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
    print_steps(arguments, &switch::over_steps(survey), out)?;
    if arguments.dry_run {
        return Ok(0);
    }
    finish(&switch::over(survey).map_err(Failure::undone)?, out)
}

fn back(arguments: &MigrateArgs, survey: &Survey, out: &mut Output<'_>) -> Done {
    if !survey.is_installed() {
        let message = "real xinetd is not installed: install its package before you go back to it";
        return Err(Failure::undone(message));
    }
    let is_there = switch::is_back(survey).map_err(Failure::undone)?;
    if is_there && survey.link().is_some() {
        writeln!(
            out,
            "Real xinetd serves, now and after each boot: there is nothing to go back from."
        )?;
        return Ok(0);
    }
    if !is_there {
        survey.print_ours(out)?;
    }
    print_steps(arguments, &switch::back_steps(survey, is_there), out)?;
    if arguments.dry_run {
        return Ok(0);
    }
    finish(
        &switch::back(survey, is_there).map_err(Failure::undone)?,
        out,
    )
}

/// Prints what is done, before it is, or what would be done.
fn print_steps(
    arguments: &MigrateArgs,
    steps: &[String],
    out: &mut Output<'_>,
) -> std::io::Result<()> {
    let title = match arguments.dry_run {
        true => "What would be done",
        false => "What is done",
    };
    writeln!(out, "{}", out.paint(HEAD, title))?;
    for step in steps {
        writeln!(out, "  {step}")?;
    }
    out.flush()
}

/// Says how a switch ended.
fn finish(switched: &Switched, out: &mut Output<'_>) -> Done {
    match switched {
        Switched::Over { silent } => {
            let text = "the bridge serves, now and after each boot; `xinetdctl migrate --back` returns. Real xinetd's \
                 package can be removed when nothing is missed";
            paragraph(out, &out.paint(GOOD, "Done"), text)?;
            if !silent.is_empty() {
                paragraph(
                    out,
                    &out.paint(BAD, "Still to be looked at"),
                    &silent.join("; "),
                )?;
            }
            Ok(0)
        }
        Switched::Back { missing } if missing.is_empty() => {
            let text =
                "real xinetd serves, now and after each boot; `xinetdctl migrate` goes over again";
            paragraph(out, &out.paint(GOOD, "Done"), text)?;
            Ok(0)
        }
        Switched::Back { missing } => {
            let missing: Vec<&PortNumber> = missing.iter().collect();
            let text = format!(
                "real xinetd does not have {}, which the bridge had; its log says why, and `xinetdctl migrate` \
                 goes over again",
                crate::reconcile::listed(&missing)
            );
            paragraph(out, &out.paint(BAD, "Done, but"), &text)?;
            Ok(1)
        }
        Switched::Undone { why, undo } => {
            paragraph(out, &out.paint(BAD, "Not done"), &format!("{why}; {undo}"))?;
            Ok(1)
        }
    }
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
