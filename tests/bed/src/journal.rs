//! The container's journal, as data.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread::spawn;
use std::time::Duration;

use serde_json::Value;

use crate::{Container, Result, context};

/// One line of the journal with its fields.
#[derive(Clone, Debug)]
pub struct Line(Value);

impl Line {
    /// A field's text; empty where the line has no such field.
    pub fn field(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// MESSAGE.
    pub fn message(&self) -> &str {
        self.field("MESSAGE")
    }
}

impl Container {
    /// All lines of a unit that are in the journal by now.
    ///
    /// # Errors
    /// If journalctl fails.
    pub fn journal(&self, unit: &str) -> Result<Vec<Line>> {
        self.lines(&format!("-u '{unit}'"))
    }

    /// All lines that are in the journal by now and that journalctl finds with these arguments.
    ///
    /// # Errors
    /// If journalctl fails.
    pub fn lines(&self, arguments: &str) -> Result<Vec<Line>> {
        let text = self.sh(&format!(
            "journalctl --sync; journalctl -o json {arguments}"
        ))?;
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok().map(Line))
            .collect())
    }

    /// Waits for a line of a unit whose message begins so; lines that are there already count.
    ///
    /// # Errors
    /// All lines of the unit, if it does not come.
    pub fn await_line(&self, unit: &str, beginning: &str) -> Result<Line> {
        let mut follower = self.command(&[
            "timeout",
            "30",
            "journalctl",
            "-o",
            "json",
            "-f",
            "-n",
            "all",
            "-u",
            unit,
        ]);
        let mut follower = context(follower.stdout(Stdio::piped()).spawn(), "journalctl")?;
        let output = follower.stdout.take().ok_or("journalctl has no output")?;
        let wanted = beginning.to_owned();
        let (sender, receiver) = std::sync::mpsc::channel();
        spawn(move || {
            let lines = BufReader::new(output)
                .lines()
                .map_while(std::result::Result::ok);
            let mut parsed = lines.filter_map(|line| serde_json::from_str(&line).ok().map(Line));
            let _ = sender.send(parsed.find(|line| line.message().starts_with(&wanted)));
        });
        let found = receiver
            .recv_timeout(Duration::from_secs(40))
            .ok()
            .flatten();
        let _ = follower.kill();
        let _ = follower.wait();
        found.ok_or_else(|| {
            let all = self
                .sh(&format!("journalctl -u '{unit}'"))
                .unwrap_or_default();
            format!("no line of {unit} begins with {beginning:?}:\n{all}")
        })
    }
}
