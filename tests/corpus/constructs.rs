//! What files hold, in words that are no file's own: attributes with their operators and words, shapes of
//! lines, and the kinds of xinetd's messages.

use std::collections::BTreeSet;
use std::fs;

use libtest_mimic::Failed;
use xinetd_core::config::Attribute;

/// The constructs of a file.
pub(crate) fn of_text(text: &[u8]) -> BTreeSet<String> {
    let shapes = [
        ("a byte order mark", text.starts_with(b"\xef\xbb\xbf")),
        ("a carriage return", text.contains(&b'\r')),
        (
            "no newline at the end",
            text.last().is_some_and(|last| *last != b'\n'),
        ),
        ("letters that are not ASCII", !text.is_ascii()),
        ("text that is not UTF-8", str::from_utf8(text).is_err()),
    ];
    let shapes = shapes.iter().filter(|(_, holds)| *holds);
    let shapes = shapes.map(|(shape, _)| (*shape).to_owned());
    let text = String::from_utf8_lossy(text);
    shapes.chain(text.lines().flat_map(of_line)).collect()
}

fn of_line(line: &str) -> BTreeSet<String> {
    let is_indented = line.starts_with([' ', '\t']);
    let indented = |construct: &str| match is_indented {
        true => BTreeSet::from([format!("{construct}, indented")]),
        false => BTreeSet::from([construct.to_owned()]),
    };
    match line.split_whitespace().collect::<Vec<_>>()[..] {
        [] => indented("a line without a word"),
        [first, ..] if first.starts_with('#') => indented("a remark"),
        [keyword, ref rest @ ..] if is_keyword(keyword) => {
            let keyword = keyword.to_lowercase();
            indented(&format!("{keyword} with {} words", rest.len()))
        }
        ["{" | "}"] => indented("a brace"),
        [name, operator @ ("=" | "+=" | "-="), ref values @ ..] => {
            of_attribute(name, operator, values)
        }
        [first, ..] if first.contains('=') => indented("an operator without a blank before it"),
        _ => indented("a line that is none of xinetd's"),
    }
}

fn is_keyword(word: &str) -> bool {
    let keywords = ["service", "defaults", "include", "includedir"];
    keywords
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

fn of_attribute(name: &str, operator: &str, values: &[&str]) -> BTreeSet<String> {
    let Some(attribute) = Attribute::find(name.as_bytes()) else {
        return BTreeSet::from(["an attribute that is not known".to_owned()]);
    };
    let mut found = BTreeSet::from([format!("{} {operator}", attribute.name())]);
    let mut add = |construct: String| {
        found.insert(construct);
    };
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        add("capitals in the name of an attribute".to_owned());
    }
    match values {
        [] => add(format!("{} without a value", attribute.name())),
        [_] => {}
        _ if values.contains(&"#") => add(format!("a remark behind {}", attribute.name())),
        _ => add(format!("several values of {}", attribute.name())),
    }
    let signs = ['"', '\'', '$', ';', '|', '<', '>', '[', '@', '\\', '*', '{'];
    for sign in signs {
        if values.iter().any(|value| value.contains(sign)) {
            add(format!("`{sign}` in a value"));
        }
    }
    for value in values {
        let known = attribute.row().words.iter();
        for (word, _) in known.filter(|(word, _)| word.eq_ignore_ascii_case(value)) {
            let as_usual = *word == *value;
            add(format!("{} of {word}", attribute.name()));
            if !as_usual {
                add(format!("a word of {} in other letters", attribute.name()));
            }
        }
    }
    found
}

/// The kinds of messages in a record, and of lines of its dump.
pub(crate) fn of_record(said: &str) -> BTreeSet<String> {
    said.lines().filter_map(of_message).collect()
}

fn of_message(line: &str) -> Option<String> {
    if let Some(line) = line.strip_prefix('\t') {
        let end = line.find(['=', ':', '.'])?;
        return (!line.starts_with('\t')).then(|| format!("dumped: {}", line[..end].trim()));
    }
    let (level, rest) = line.split_once(": {")?;
    let (function, text) = rest.split_once('}')?;
    let is_setting = function == "identify_attribute";
    let attribute = text.split_once("attribute ").filter(|_| is_setting);
    let attribute = attribute.and_then(|(_, rest)| rest.split([' ', ':']).next());
    (function != "main").then(|| match attribute {
        Some(attribute) => format!("said: {level} by {function} of {attribute}"),
        None => format!("said: {level} by {function}"),
    })
}

/// Fails unless the list is what real files hold; writes it where that is asked for.
pub(crate) fn check_list(met: &BTreeSet<String>) -> Result<(), Failed> {
    let path = crate::folder().join("constructs.txt");
    if crate::updates() {
        let text: String = met
            .iter()
            .map(|construct| format!("{construct}\n"))
            .collect();
        fs::write(&path, text)?;
    }
    let listed = listed()?;
    let differing: Vec<_> = met.symmetric_difference(&listed).cloned().collect();
    match differing.is_empty() {
        true => Ok(()),
        false => Err(format!("listed or met, but not both:\n{}", differing.join("\n")).into()),
    }
}

/// Fails unless the list has nothing that is not held.
pub(crate) fn check_held(held: &BTreeSet<String>) -> Result<(), Failed> {
    let listed = listed()?;
    let absent: Vec<_> = listed.difference(held).cloned().collect();
    match absent.is_empty() {
        true => Ok(()),
        false => Err(format!("in no file of own:\n{}", absent.join("\n")).into()),
    }
}

fn listed() -> Result<BTreeSet<String>, Failed> {
    let path = crate::folder().join("constructs.txt");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let listed: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    match listed.is_empty() {
        true => Err("the list is empty".into()),
        false => Ok(listed),
    }
}
