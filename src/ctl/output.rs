//! What a command prints, and how it fails.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use nix::unistd::Uid;
use serde::Serialize;

/// One column less than a terminal has for certain: some wrap at the last.
pub(super) const WIDTH: usize = 79;

/// What is all right.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What keeps a client out, or is not served.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Headings.
pub(super) const HEAD: Style = Style::new().bold();
/// What is of less interest.
pub(super) const DIM: Style = Style::new().dimmed();

/// What a command prints to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Screen {
    /// Whether it shows colours.
    pub has_colours: bool,
    /// Whether it is a terminal: what does not fit into a column is cut there, and only there.
    pub is_terminal: bool,
}

/// Where a command prints.
pub(super) struct Output<'a> {
    to: io::BufWriter<&'a mut dyn Write>,
    screen: Screen,
}

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// It could not be done, for this reason, which names the next step; and the exit status.
    Said(u8, String),
    /// It could not be printed.
    Print(io::Error),
}

/// The exit status, or why there is nothing to show.
pub(super) type Done = Result<u8, Failure>;

impl Failure {
    /// A question that can't be answered: what it asks about can't be read or is not there.
    pub(super) fn unanswered(message: impl Into<String>) -> Self {
        Self::Said(2, message.into())
    }

    /// Something that could not be done.
    pub(super) fn undone(message: impl Into<String>) -> Self {
        Self::Said(1, message.into())
    }
}

/// The next step where a file may not be changed, to stand behind the error.
pub(super) fn next_step(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied if Uid::effective().is_root() => {
            "; lsattr says whether the file is immutable"
        }
        io::ErrorKind::PermissionDenied => "; run it as root",
        _ => "",
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Print(error)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Print(error.into())
    }
}

impl<'a> Output<'a> {
    /// Prints to `to`.
    pub(super) fn new(to: &'a mut dyn Write, screen: Screen) -> Self {
        Self {
            to: io::BufWriter::new(to),
            screen,
        }
    }

    /// The width that there is for a column or line that should have `width`: a program that reads it
    /// gets all of it, in one line.
    pub(super) fn room(&self, width: usize) -> usize {
        match self.screen.is_terminal {
            true => width,
            false => usize::MAX,
        }
    }

    /// Whether it goes to a terminal that shows colours.
    pub(super) fn is_colourful(&self) -> bool {
        self.screen.has_colours
    }

    /// The text in a style.
    pub(super) fn paint(&self, style: Style, text: impl Display) -> String {
        match self.screen.has_colours {
            true => format!("{style}{text}{style:#}"),
            false => text.to_string(),
        }
    }

    /// Prints a value as JSON, and a line feed.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        serde_json::to_writer_pretty(&mut self.to, value)?;
        writeln!(self.to)?;
        Ok(())
    }

    /// Prints what is left and says on standard error why a command failed; the exit status.
    pub(super) fn finish(mut self, done: Done) -> u8 {
        let done = done.and_then(|status| Ok(self.to.flush().map(|()| status)?));
        let (status, message) = match done {
            Ok(status) => return status,
            // A reader such as `head` has seen enough, and nothing went wrong.
            Err(Failure::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
            Err(Failure::Print(error)) => (2, format!("cannot write: {error}")),
            Err(Failure::Said(status, message)) => {
                // What was printed before comes before.
                let _ = self.to.flush();
                (status, message)
            }
        };
        let _ = writeln!(io::stderr(), "xinetdctl: {message}");
        status
    }
}

impl Write for Output<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
