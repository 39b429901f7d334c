//! What code and pages say of each other: each section and each file that is named is there.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bed::tests;

fn root() -> PathBuf {
    tests().join("..")
}

/// The Rust files below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The numbers of sections that follow each `docs/xinetd-behaviour.md, section`, over the ends of comment
/// lines: `2`, or `4.2 and 4.6`.
fn cited(text: &str) -> Vec<String> {
    let words: Vec<_> = text
        .lines()
        .map(|line| line.trim_start().trim_start_matches(['/', '!']))
        .flat_map(str::split_whitespace)
        .collect();
    let mut cited = Vec::new();
    for (index, _) in words
        .iter()
        .enumerate()
        .filter(|(_, word)| word.ends_with("xinetd-behaviour.md,"))
    {
        let numbers = words[index + 1..]
            .iter()
            .skip_while(|word| word.starts_with("section"));
        cited.extend(numbers.filter(|word| **word != "and").map_while(|word| {
            let number = word.trim_end_matches(|letter: char| !letter.is_ascii_digit());
            number
                .starts_with(|first: char| first.is_ascii_digit())
                .then(|| number.to_owned())
        }));
    }
    cited
}

#[test]
fn each_section_that_the_code_cites_exists() {
    let page = fs::read_to_string(root().join("docs/xinetd-behaviour.md")).unwrap();
    let has = |number: &str| {
        page.lines().any(|line| {
            let title = line.trim_start_matches('#');
            title.len() < line.len()
                && title
                    .trim_start()
                    .split([' ', '\n'])
                    .next()
                    .is_some_and(|first| first.strip_suffix('.').unwrap_or(first) == number)
        })
    };
    let mut count = 0;
    for folder in ["src", "crates", "generator", "tests"] {
        for file in sources(&root().join(folder)) {
            for number in cited(&fs::read_to_string(&file).unwrap()) {
                assert!(has(&number), "{}: section {number}", file.display());
                count += 1;
            }
        }
    }
    assert!(count > 100, "only {count} were found");
}

#[test]
fn each_file_that_the_architecture_names_exists() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    // Its table is of files on a machine.
    let lines = page.lines().filter(|line| !line.starts_with('|'));
    let names = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
    let files = names.filter(|name| name.ends_with(".rs") || name.contains('/'));
    let mut count = 0;
    for name in files.filter(|name| !name.starts_with('/')) {
        let is_there = ["", "src", "crates/core/src"]
            .iter()
            .any(|folder| root().join(folder).join(name).exists());
        assert!(is_there, "{name}");
        count += 1;
    }
    assert!(count > 20, "only {count} were found");
}
