//! Tables, and the page that they are written into.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;
use std::process::Command;

use testbed::Result;

/// Between these two lines the page is written by the bench, around them by people.
const BEGIN: &str = "<!-- written by make bench -->\n";
const END: &str = "<!-- end -->\n";

/// A table of figures.
#[derive(Debug)]
pub(crate) struct Table {
    lines: Vec<String>,
}

impl Table {
    /// One with these words above its columns.
    pub(crate) fn new<Cell: Display>(head: impl IntoIterator<Item = Cell>) -> Self {
        let mut table = Self { lines: Vec::new() };
        table.row(head);
        let columns = table
            .lines
            .first()
            .map_or(0, |line| line.matches('|').count() - 1);
        table.lines.push(format!("|{}", " --- |".repeat(columns)));
        table
    }

    /// Adds a row.
    pub(crate) fn row<Cell: Display>(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let cells = cells.into_iter().map(|cell| format!(" {cell} |"));
        self.lines.push(format!("|{}", cells.collect::<String>()));
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Puts the tables into docs/performance.md, in the place of the last ones.
pub(crate) fn write_page(tables: &[Table]) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/performance.md");
    let told = |error| format!("{}: {error}", path.display());
    let page = fs::read_to_string(&path).map_err(told)?;
    let parts = page.split_once(BEGIN).zip(page.split_once(END));
    let ((before, _), (_, after)) = parts.ok_or_else(|| {
        format!(
            "{} has no two lines that say where tables belong",
            path.display()
        )
    })?;
    let words = |command: &str, argument: &str| -> Result<String> {
        let output = Command::new(command).arg(argument).output();
        let output = output.map_err(|error| format!("{command}: {error}"))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let head = format!(
        "{}: `make bench`, virtual machine with {cores} cores, Linux {}\n",
        words("date", "+%F")?,
        words("uname", "-r")?
    );
    let tables = tables.iter().map(|table| format!("\n{table}"));
    let text = format!(
        "{before}{BEGIN}\n{head}{}\n{END}{after}",
        tables.collect::<String>()
    );
    fs::write(&path, text).map_err(told)
}
