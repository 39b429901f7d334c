//! Numbers as strtol(3) reads them, but with their ranges checked (docs/xinetd-behaviour.md, section 1.1).

use super::super::lexer::is_blank;

/// A decimal number: blanks and a sign may stand before the digits, blanks behind them.
///
/// None where there is anything else, or where it leaves 64 bits.
pub(crate) fn integer(word: &[u8]) -> Option<i64> {
    let start = word.iter().position(|byte| !is_blank(*byte))?;
    let end = word.iter().rposition(|byte| !is_blank(*byte))? + 1;
    str::from_utf8(&word[start..end]).ok()?.parse().ok()
}

/// A decimal number of the range of `T`.
pub(crate) fn ranged<T: TryFrom<i64>>(word: &[u8]) -> Option<T> {
    integer(word)?.try_into().ok()
}

/// A number of bytes, with `k` (1024) or `m` (1024 times 1024) behind it.
pub(crate) fn size(word: &[u8]) -> Option<u64> {
    let (digits, unit) = match word.split_last() {
        Some((b'k' | b'K', digits)) => (digits, 1 << 10),
        Some((b'm' | b'M', digits)) => (digits, 1 << 20),
        _ => (word, 1),
    };
    ranged::<u64>(digits)?.checked_mul(unit)
}

/// An octal number.
pub(crate) fn octal(word: &[u8]) -> Option<u16> {
    let text = str::from_utf8(word).ok()?.trim();
    u16::from_str_radix(text, 8).ok()
}

/// The longest beginning of a word that is a floating-point number, and what follows it.
///
/// strtod(3) stops at the first byte that it can't use, and xinetd does not look at the rest.
pub(crate) fn leading_float(word: &[u8]) -> Option<(f64, &[u8])> {
    /// No number that makes sense has more digits than this, and each one is tried.
    const LONGEST: usize = 64;
    let number = |end: &usize| {
        let value = str::from_utf8(&word[..*end]).ok()?.parse().ok()?;
        Some((value, &word[*end..]))
    };
    (1..=word.len().min(LONGEST))
        .rev()
        .find_map(|end| number(&end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_signs_are_tolerated_and_nothing_else() {
        assert_eq!(integer(b"10\r"), Some(10));
        assert_eq!(integer(b"\x0b+7"), Some(7));
        assert_eq!(integer(b"-3"), Some(-3));
        for word in ["", "\r", "+", "1x", "0x10", "1 2", "10k", "--1"] {
            assert_eq!(integer(word.as_bytes()), None, "{word}");
        }
    }

    #[test]
    fn what_xinetd_would_wrap_is_out_of_range() {
        assert_eq!(ranged::<u32>(b"4294967295"), Some(u32::MAX));
        assert_eq!(ranged::<u32>(b"4294967296"), None);
        assert_eq!(ranged::<u32>(b"-1"), None);
        assert_eq!(ranged::<u16>(b"65536"), None);
        assert_eq!(ranged::<u32>(b"99999999999999999999"), None);
    }

    #[test]
    fn sizes_have_suffixes_up_to_mega() {
        assert_eq!(size(b"8k"), Some(8192));
        assert_eq!(size(b"2M"), Some(2 << 20));
        assert_eq!(size(b"12"), Some(12));
        assert_eq!(size(b"1G"), None);
        assert_eq!(size(b"k"), None);
        assert_eq!(size(b"9223372036854775807m"), None);
    }

    #[test]
    fn octal_numbers() {
        assert_eq!(octal(b"022"), Some(0o22));
        assert_eq!(octal(b"8"), None);
    }

    #[test]
    fn floats_stop_where_they_end() {
        assert_eq!(leading_float(b"1.5x"), Some((1.5, &b"x"[..])));
        assert_eq!(leading_float(b"2"), Some((2.0, &b""[..])));
        assert_eq!(leading_float(b".5"), Some((0.5, &b""[..])));
        assert_eq!(leading_float(b"x"), None);
    }
}
