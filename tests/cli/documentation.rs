//! docs/xinetdctl.md against what the program prints.

use std::fs;

use serde_json::Value;

use crate::bed::{Tree, tests};

/// Each example: the arguments of the call, and what it prints.
fn examples(text: &str) -> Vec<(Vec<&str>, Value)> {
    let mut examples = Vec::new();
    let mut call = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(arguments) = line.strip_prefix("    xinetdctl ") {
            call = arguments.split(' ').collect();
        } else if line == "```json" {
            let json: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            let json = serde_json::from_str(&json.join("\n")).unwrap();
            examples.push((std::mem::take(&mut call), json));
        }
    }
    examples
}

/// Whether `real` is what `shown` says: the same fields, all elements that are shown, and all of a
/// text up to a `…`.
fn agrees(shown: &Value, real: &Value) -> bool {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            shown.len() == real.len()
                && shown
                    .iter()
                    .all(|(name, value)| real.get(name).is_some_and(|real| agrees(value, real)))
        }
        (Value::Array(shown), Value::Array(real)) => {
            let is_there = |value: &Value| real.iter().any(|real| agrees(value, real));
            shown.is_empty() == real.is_empty() && shown.iter().all(is_there)
        }
        (Value::String(shown), Value::String(real)) => match shown.strip_suffix('…') {
            Some(beginning) => real.starts_with(beginning),
            None => shown == real,
        },
        (shown, real) => shown == real,
    }
}

#[test]
fn the_examples_are_what_is_printed() {
    let text = fs::read_to_string(tests().join("../docs/xinetdctl.md")).unwrap();
    let (_, configuration) = text.split_once("```\ndefaults\n").unwrap();
    let (configuration, _) = configuration.split_once("```\n").unwrap();
    let examples = examples(&text);
    assert_eq!(examples.len(), 6);
    for (arguments, shown) in examples {
        // Some change it.
        let tree = Tree::new();
        tree.write("etc/xinetd.conf", format!("defaults\n{configuration}"));
        let real = tree.run(&arguments).json();
        assert!(agrees(&shown, &real), "{arguments:?}\n{shown:#}\n{real:#}");
    }
}
