//! What an administrator writes (see [`crate::fuzzing`]).

use super::bans;

/// How long a ban lasts: a number with a unit, never for ever by a slip.
pub(crate) fn seconds(text: &str) {
    if let Ok(seconds) = bans::seconds(text) {
        assert!(seconds > 0);
        assert!(
            text.trim_start_matches('+')
                .starts_with(|letter: char| letter.is_ascii_digit())
        );
    }
}
