//! Which word was meant by one that is none.

/// The known word that an unknown one was most likely meant to be.
pub fn nearest<'a>(word: &[u8], known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let close = known.filter_map(|name| {
        let lower = name.to_ascii_lowercase().into_bytes();
        let allowed = 1 + lower.len() / 4;
        if word.len().abs_diff(lower.len()) > allowed {
            return None;
        }
        let distance = edit_distance(&word, &lower);
        (distance <= allowed).then_some((distance, name))
    });
    close
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// How many letters must be changed, added or left out to get from `a` to `b`.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_one_that_looks_like_it() {
        let known = ["log_on_failure", "log_on_success", "rlimit_files", "id"];
        let nearest = |word: &str| nearest(word.as_bytes(), known.into_iter());
        assert_eq!(nearest("log_on_failer"), Some("log_on_failure"));
        assert_eq!(nearest("LOG_ON_SUCCES"), Some("log_on_success"));
        assert_eq!(nearest("seccomp"), None);
        assert_eq!(nearest("xx"), None);
    }
}
