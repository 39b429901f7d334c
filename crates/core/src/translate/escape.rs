//! How text is written into unit files and their names (systemd.syntax(7), systemd.unit(5)).
//!
//! Seen on systemd 252 and 257: a line with a byte that is not UTF-8 is ignored as a whole, a
//! backslash at the end of a line joins it with the next, and specifiers are expanded almost
//! everywhere.

use std::fmt::Write;

/// The longest value that is written as it stands: what a path may be long, in bytes.
const MAX_PLAIN: usize = 4095;

/// A word of a command line: of ExecStart= and its like, but for the first.
pub(super) fn exec_word(word: &[u8]) -> String {
    let is_bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._:=+,@-".contains(byte);
    if !word.is_empty() && word.iter().all(is_bare) {
        return String::from_utf8_lossy(word).into_owned();
    }
    // What else is special in a command line is so in each word.
    quoted(word).replace('$', "$$")
}

/// A word in quotes, as `Environment=` takes it.
pub(super) fn quoted(word: &[u8]) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for byte in word {
        match byte {
            b'"' | b'\\' => {
                quoted.push('\\');
                quoted.push(char::from(*byte));
            }
            b'%' => quoted.push_str("%%"),
            b' '..=b'~' => quoted.push(char::from(*byte)),
            _ => push_hex(&mut quoted, *byte),
        }
    }
    quoted.push('"');
    quoted
}

/// Text for people, such as a description: what can't be written shows as `\xNN`.
pub(super) fn prose(text: &[u8]) -> String {
    let mut line = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '%' => line.push_str("%%"),
                '\\' => push_hex(&mut line, b'\\'),
                letter if letter.is_control() => {
                    let mut bytes = [0; 4];
                    for byte in letter.encode_utf8(&mut bytes).bytes() {
                        push_hex(&mut line, byte);
                    }
                }
                letter => line.push(letter),
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut line, *byte);
        }
    }
    line
}

/// A value that systemd takes as it stands but for specifiers, such as a path; none if there is
/// no way to write it, as such values know no quoting.
pub(super) fn plain(text: &[u8]) -> Option<String> {
    let text = str::from_utf8(text).ok()?;
    let fits = !text.is_empty()
        && text.len() <= MAX_PLAIN
        && !text.chars().any(char::is_control)
        && !text.ends_with('\\')
        && text.trim() == text;
    fits.then(|| text.replace('%', "%%"))
}

/// A word of a list of words, for a text of [`plain`]: a backslash takes the meaning of what comes
/// behind it.
pub(super) fn list_word(plain: &str) -> String {
    let mut word = String::with_capacity(plain.len());
    for letter in plain.chars() {
        if letter == ' ' || "\\\"'".contains(letter) {
            word.push('\\');
        }
        word.push(letter);
    }
    word
}

/// The name of a unit, without suffix, for an id: as systemd-escape(1) does it, but `-` stays
/// unless it comes first, where it would make an option of the name.
pub(super) fn unit_name(id: &[u8]) -> String {
    let mut name = String::with_capacity(id.len());
    for (index, byte) in id.iter().enumerate() {
        let misleading = index == 0 && b".-".contains(byte);
        if !misleading && (byte.is_ascii_alphanumeric() || b":_.-".contains(byte)) {
            name.push(char::from(*byte));
        } else {
            push_hex(&mut name, *byte);
        }
    }
    name
}

/// Adds `\xNN`.
fn push_hex(text: &mut String, byte: u8) {
    // Writing into a String can't fail.
    let _ = write!(text, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What systemd makes of a quoted word: C escapes, then specifiers, then variables.
    fn read_back(word: &str) -> Option<Vec<u8>> {
        let Some(inner) = word.strip_prefix('"').and_then(|w| w.strip_suffix('"')) else {
            return (!word.contains(['%', '$', '\\', '"', '\'', ' ', ';'])).then(|| word.into());
        };
        let mut bytes = Vec::new();
        let mut rest = inner.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'\\' => match rest.next()? {
                    b'x' => {
                        let digits = [rest.next()?, rest.next()?];
                        u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
                    }
                    other => other,
                },
                b'"' => return None,
                b'%' | b'$' if rest.next()? != byte => return None,
                other => other,
            });
        }
        Some(bytes)
    }

    proptest! {
        #[test]
        fn words_come_back(word: Vec<u8>) {
            let written = exec_word(&word);
            prop_assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert_eq!(read_back(&written), Some(word));
        }

        #[test]
        fn prose_and_plain_stay_on_their_line(text: Vec<u8>) {
            prop_assert!(!prose(&text).chars().any(char::is_control));
            prop_assert!(!prose(&text).contains('\\') || prose(&text).contains("\\x"));
            if let Some(value) = plain(&text) {
                prop_assert!(!value.chars().any(char::is_control) && !value.ends_with('\\'));
                prop_assert_eq!(value.replace("%%", "%").into_bytes(), text);
            }
        }

        #[test]
        fn unit_names_are_valid_and_differ(a: Vec<u8>, b: Vec<u8>) {
            let valid = |byte: u8| byte.is_ascii_alphanumeric() || b":_.-\\".contains(&byte);
            prop_assert!(unit_name(&a).bytes().all(valid));
            prop_assert_eq!(unit_name(&a) == unit_name(&b), a == b);
        }
    }

    #[test]
    fn words_that_need_no_quotes_have_none() {
        assert_eq!(exec_word(b"telnet"), "telnet");
        assert_eq!(exec_word(b""), "\"\"");
        assert_eq!(exec_word(b"a%b$c\"d\\e;\xff"), r#""a%%b$$c\"d\\e;\xff""#);
    }

    #[test]
    fn names_keep_what_systemd_allows() {
        assert_eq!(unit_name(b"time-dgram.2_x:1"), "time-dgram.2_x:1");
        assert_eq!(unit_name(b"-x"), r"\x2dx");
        assert_eq!(unit_name(b".a/b@c%\xff"), r"\x2ea\x2fb\x40c\x25\xff");
    }

    #[test]
    fn values_that_cannot_be_written_are_refused() {
        for text in [&b"/a\\"[..], b"/a\n", b"/\xff", b"", b" /a", b"/a\t"] {
            assert_eq!(plain(text), None, "{}", text.escape_ascii());
        }
        assert_eq!(plain(b"/a b%"), Some("/a b%%".to_owned()));
        assert_eq!(plain(&[b'/'; 5000]), None);
    }

    #[test]
    fn prose_shows_bytes() {
        assert_eq!(prose("50% \u{e9}\n\\".as_bytes()), "50%% \u{e9}\\x0a\\x5c");
        assert_eq!(prose(b"caf\xe9"), "caf\\xe9");
    }
}
