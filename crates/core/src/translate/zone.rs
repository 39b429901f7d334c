//! The zone of a link-local address.

use std::fmt;

/// The name of an interface, as if_nametoindex(3) takes it: no more than 15 visible characters of ASCII
/// without `/`, `:` and `%`, and no backslash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(String);

impl Zone {
    /// The name, if it is one.
    pub(super) fn new(name: &[u8]) -> Option<Self> {
        let is_name = |byte: &u8| byte.is_ascii_graphic() && !b"/:%".contains(byte);
        // A line of a unit that ends in a backslash goes on in the next one.
        let is_whole = !name.is_empty() && !name.ends_with(b"\\");
        let fits = is_whole && name.len() < 16 && name.iter().all(is_name);
        fits.then(|| Self(String::from_utf8_lossy(name).into_owned()))
    }

    /// The name as text.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
