//! What can't be the same twice, and is replaced in transcripts: process ids, durations, and the
//! ports that the kernel gives to clients. Nothing else is.

/// A line of the log.
pub(crate) fn line(text: &str) -> String {
    // In front of messages of the level crit xinetd writes its process and a function's name.
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let text = match digits.starts_with(" {") {
        true => format!("PID{digits}"),
        false => text.to_owned(),
    };
    let text = number_after(&text, "pid=", "PID");
    number_after(&text, "duration=", "N")
}

/// A line that a server has told: `REMOTE_PORT` is the kernel's choice.
pub(crate) fn told(text: &str) -> String {
    number_after(text, "REMOTE_PORT=", "PORT")
}

/// Replaces the number that follows each `key`.
fn number_after(text: &str, key: &str, word: &str) -> String {
    let mut parts = text.split(key);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|letter: char| letter.is_ascii_digit());
        result.push_str(key);
        // `pid=0` tells that there is no process.
        let number = &part[..part.len() - rest.len()];
        result.push_str(if number.is_empty() || number == "0" && key == "pid=" {
            number
        } else {
            word
        });
        result.push_str(rest);
    }
    result
}
