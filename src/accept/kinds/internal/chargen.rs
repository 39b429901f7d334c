//! What chargen sends (RFC 864; docs/xinetd-behaviour.md, section 4.10).

/// Characters of a line.
const WIDTH: usize = 72;
/// The characters go from this one to `}`, and begin again.
const FIRST: u8 = b'!';
const CHARACTERS: usize = 93;
/// Lines after which everything repeats: two more than there are characters, as in xinetd.
const LINES: usize = 95;
const LINE: usize = WIDTH + 2;
/// Bytes of a datagram.
const DATAGRAM: usize = 1024;
const PERIOD: usize = LINES * LINE;

/// All that there is to send.
static TEXT: [u8; PERIOD] = text();

const fn text() -> [u8; PERIOD] {
    let mut text = [b'\n'; PERIOD];
    let mut line = 0;
    while line < LINES {
        let mut column = 0;
        while column < WIDTH {
            text[line * LINE + column] = character(line + column);
            column += 1;
        }
        text[line * LINE + WIDTH] = b'\r';
        line += 1;
    }
    text
}

#[expect(clippy::cast_possible_truncation, reason = "it is less than 93")]
const fn character(position: usize) -> u8 {
    FIRST + (position % CHARACTERS) as u8
}

/// How far a client is in the text: all that has to be remembered of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::accept) struct Position(usize);

impl Position {
    /// What comes next, up to the end of the text: never empty.
    pub(super) fn rest(self) -> &'static [u8] {
        TEXT.get(self.0..).unwrap_or(&TEXT)
    }

    /// A datagram of 1024 bytes: whole lines, and one that is cut to fit. The next one begins with
    /// the line behind that.
    pub(super) fn datagram(&mut self) -> Vec<u8> {
        let mut datagram = Vec::with_capacity(DATAGRAM);
        while datagram.len() < DATAGRAM {
            let room = DATAGRAM - datagram.len() - 2;
            datagram.extend(self.rest().iter().take(WIDTH.min(room)));
            datagram.extend(b"\r\n");
            self.advance(LINE);
        }
        datagram
    }

    /// So many bytes of the [rest](Self::rest) have been sent.
    pub(super) fn advance(&mut self, count: usize) {
        self.0 = (self.0 + count) % PERIOD;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(count: usize) -> Vec<u8> {
        let mut position = Position::default();
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let rest = position.rest();
            assert!(!rest.is_empty(), "it has an end");
            let part = &rest[..rest.len().min(1000)];
            bytes.extend_from_slice(part);
            position.advance(part.len());
        }
        bytes.truncate(count);
        bytes
    }

    #[test]
    fn lines_are_those_of_xinetd() {
        let text = bytes(100 * LINE);
        let lines: Vec<_> = text.chunks(LINE).collect();
        let at = |line: usize| lines[line].escape_ascii().to_string();
        let zero =
            r##"!\"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefgh\r\n"##;
        let one =
            r##"\"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghi\r\n"##;
        let last =
            r##"}!\"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n"##;
        assert_eq!((at(0).as_str(), at(1).as_str()), (zero, one));
        assert_eq!(at(92), last);
        // The last two of a round repeat the first two, and then it begins anew.
        assert_eq!((at(93).as_str(), at(94).as_str()), (zero, one));
        assert_eq!((at(95).as_str(), at(96).as_str()), (zero, one));
        assert!(!text.contains(&b'~'));
    }
}
