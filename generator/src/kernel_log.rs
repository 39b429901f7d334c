//! The log of a generator: the kernel's, as the journal may not run yet, and standard error,
//! which `systemd-analyze --generators verify` shows.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::process;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// The longest text of a line, in bytes: the kernel refuses records over 1024, and escapes what
/// is not ASCII to four times its length.
const MAX_TEXT: usize = 900;

/// Writes to the kernel's log, where there is one, and to standard error.
struct KernelLog {
    kernel: Option<File>,
}

/// Sets it up; without `kernel` for standard error alone.
pub(crate) fn install(kernel: bool) {
    let log = KernelLog {
        kernel: kernel.then(open).flatten(),
    };
    if log::set_boxed_logger(Box::new(log)).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// The kernel's log. In containers it may be a FIFO that nobody reads, which would block.
fn open() -> Option<File> {
    let is_device =
        std::fs::metadata("/dev/kmsg").is_ok_and(|file| file.file_type().is_char_device());
    let file = is_device.then(|| OpenOptions::new().write(true).open("/dev/kmsg"))?;
    file.ok()
}

/// The number in front of a kernel record, as syslog(3) has it.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

/// The text on one line and within the limit.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if line.len() > MAX_TEXT {
        let end = (0..=MAX_TEXT).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or(0));
        line.push_str("...");
    }
    line
}

impl Log for KernelLog {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = one_line(&record.args().to_string());
        // One write is one record. Where logging fails there is nobody to tell.
        if let Some(mut kernel) = self.kernel.as_ref() {
            let number = priority(record.level());
            let record = format!("<{number}>xinetd-generator[{}]: {line}\n", process::id());
            let _ = kernel.write_all(record.as_bytes());
        }
        let _ = io::stderr().write_all(format!("xinetd-generator: {line}\n").as_bytes());
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_short_line() {
        assert_eq!(one_line("a\nb\tc"), "a b c");
        let long = one_line(&"\u{e9}".repeat(2000));
        assert!(long.len() <= MAX_TEXT + 3 && long.ends_with("..."));
    }
}
