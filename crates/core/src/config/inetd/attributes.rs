//! Attribute lines that fields of an entry say.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use super::lines::Field;
use crate::config::lexer::Word;
use crate::config::report::Spot;
use crate::config::section::{Context, Section};
use crate::config::statement::Statement;
use crate::config::values::Operator;
use crate::service::Attribute;

/// An attribute line in the words of an entry.
#[derive(Clone, Debug)]
pub(super) struct AttributeLine<'a> {
    /// Which attribute.
    pub(super) attribute: Attribute,
    pub(super) operator: Operator,
    /// What says it in the entry.
    pub(super) field: Field<'a>,
    /// Its values.
    pub(super) words: Vec<Cow<'a, [u8]>>,
    /// Where each word stands, if not all at the field.
    pub(super) columns: Vec<u32>,
}

impl<'a> AttributeLine<'a> {
    /// A line that a field says in other words.
    pub(super) fn new(
        attribute: Attribute,
        field: Field<'a>,
        words: impl IntoIterator<Item = Cow<'a, [u8]>>,
    ) -> Self {
        Self {
            attribute,
            operator: Operator::Set,
            field,
            words: words.into_iter().collect(),
            columns: Vec::new(),
        }
    }

    /// A line with one word that a field says by itself.
    pub(super) fn of(attribute: Attribute, field: Field<'a>) -> Self {
        Self::new(attribute, field, [Cow::Borrowed(field.bytes())])
    }

    /// A line with one word that a field means.
    pub(super) fn meant(attribute: Attribute, field: Field<'a>, word: &'static str) -> Self {
        Self::new(attribute, field, [Cow::Borrowed(word.as_bytes())])
    }

    /// Gives it to a section.
    pub(super) fn assign(
        &self,
        section: &mut Section,
        file: &Arc<Path>,
        context: &mut Context<'_>,
    ) {
        let (line, name) = self.field.word();
        let columns = self.columns.iter().copied();
        let columns = columns.chain(std::iter::repeat(name.column));
        let words = self.words.iter().zip(columns);
        let mut text = match self.operator {
            Operator::Add => b"+=".to_vec(),
            Operator::Set | Operator::Remove => b"=".to_vec(),
        };
        for word in &self.words {
            text.push(b' ');
            text.extend_from_slice(word);
        }
        let statement = Statement {
            spot: Spot {
                file: Arc::clone(file),
                line,
            },
            name,
            operator: self.operator,
            words: words
                .map(|(bytes, column)| Word { bytes, column })
                .collect(),
            text: &text,
        };
        section.parse(self.attribute, &statement, context);
    }
}
