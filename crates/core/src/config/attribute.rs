//! The attributes of the language, by name.

use super::table::{AttributeRow, TABLE};
use crate::service::Attribute;

impl Attribute {
    /// What the table says of it.
    pub fn row(self) -> &'static AttributeRow {
        &TABLE[self as usize]
    }

    /// Its name in the files: the first one, where it has two.
    pub fn name(self) -> &'static str {
        self.row().names[0]
    }

    /// The attribute of a name, which is compared without case.
    pub fn find(name: &[u8]) -> Option<Self> {
        let named = |row: &&AttributeRow| {
            let mut names = row.names.iter();
            names.any(|known| known.as_bytes().eq_ignore_ascii_case(name))
        };
        TABLE.iter().find(named).map(|row| row.attribute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_case_and_by_synonym() {
        assert_eq!(
            Attribute::find(b"Log_On_Success"),
            Some(Attribute::LogOnSuccess)
        );
        assert_eq!(Attribute::find(b"interface"), Some(Attribute::Bind));
        assert_eq!(Attribute::find(b"instance"), None);
        assert_eq!(Attribute::Bind.name(), "bind");
    }
}
