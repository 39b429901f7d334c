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
    let text = number_after(&text, "duration=", "N");
    // What an ident server has answered begins with the client's port.
    number_after(&text, "identity server at 10.1.3.3: ", "PORT")
}

/// A line of a log file, with the time in front.
pub(crate) fn file_line(text: &str) -> String {
    match text.split_once(": ") {
        Some((stamp, rest)) if is_stamp(stamp) => format!("YY/M/D@HH:MM:SS: {}", line(rest)),
        _ => line(text),
    }
}

/// Whether it is a time as xinetd writes it: `26/11/3@04:05:06`.
fn is_stamp(text: &str) -> bool {
    let widths = [2..=2, 1..=2, 1..=2, 2..=2, 2..=2, 2..=2];
    let parts: Vec<_> = text.split(['/', '@', ':']).collect();
    let marks: String = text.chars().filter(char::is_ascii_punctuation).collect();
    let fits = |(part, width): (&&str, &std::ops::RangeInclusive<usize>)| {
        width.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    marks == "//@::" && parts.len() == widths.len() && parts.iter().zip(&widths).all(fits)
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
