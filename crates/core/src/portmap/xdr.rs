//! External data representation (RFC 4506), as much of it as is needed.

/// Writes values.
#[derive(Debug, Default)]
pub(super) struct XdrWriter(Vec<u8>);

impl XdrWriter {
    pub(super) fn number(&mut self, number: u32) {
        self.0.extend(number.to_be_bytes());
    }

    /// A string, which is cut where its length would not be a number.
    pub(super) fn string(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.number(length);
        self.0.extend(text.bytes().take(length as usize));
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// Reads values; none where there is no more or something else.
#[derive(Clone, Copy, Debug)]
pub(super) struct XdrReader<'a>(&'a [u8]);

impl<'a> XdrReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*first))
    }

    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.number()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    pub(super) fn opaque(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let bytes = self.0.get(..length)?;
        self.0 = self.0.get(length.checked_next_multiple_of(4)?..)?;
        Some(bytes)
    }

    pub(super) fn string(&mut self) -> Option<String> {
        let text = std::str::from_utf8(self.opaque()?).ok()?;
        Some(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_are_read_as_they_are_written(number: u32, text in ".{0,20}") {
            let mut writer = XdrWriter::default();
            writer.string(&text);
            writer.number(number);
            let bytes = writer.finish();
            prop_assert_eq!(bytes.len() % 4, 0);
            let mut reader = XdrReader::new(&bytes);
            prop_assert_eq!(reader.string(), Some(text));
            prop_assert_eq!(reader.number(), Some(number));
            prop_assert_eq!(reader.number(), None);
        }
    }
}
