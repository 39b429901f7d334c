//! Whether a rule matches, where not all that it looks at may be known.

use std::ops::Not;

use super::pattern::Text;
use super::{Fact, Need};

/// Whether something matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    No,
    /// It depends on this, which was asked for and could not be found out.
    Maybe(Need),
    Yes,
}

impl Match {
    /// Whether one of two matches.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Maybe(need), _) | (_, Self::Maybe(need)) => Self::Maybe(need),
            (Self::No, Self::No) => Self::No,
        }
    }

    /// Whether both of two match.
    pub(super) fn and(self, other: Self) -> Self {
        !(!self).or(!other)
    }
}

impl Not for Match {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Maybe(need) => Self::Maybe(need),
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Match {
    fn from(matches: bool) -> Self {
        match matches {
            true => Self::Yes,
            false => Self::No,
        }
    }
}

/// Whether one of the patterns matches; those after the first that does are not looked at.
///
/// # Errors
/// The first that `matches` has.
pub(super) fn any<'p, P, E>(
    patterns: &'p [P],
    mut matches: impl FnMut(&'p P) -> Result<Match, E>,
) -> Result<Match, E> {
    let mut found = Match::No;
    for pattern in patterns {
        found = found.or(matches(pattern)?);
        if found == Match::Yes {
            break;
        }
    }
    Ok(found)
}

impl Fact<'_> {
    /// Whether a pattern matches it; `need` tells what it is.
    pub(super) fn matches(self, pattern: &Text, need: Need) -> Match {
        match self {
            Self::Is(text) => pattern.matches(text).into(),
            Self::Open if *pattern == Text::All => Match::Yes,
            Self::Open => Match::Maybe(need),
        }
    }
}
