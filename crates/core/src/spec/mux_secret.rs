//! By what a helper knows tcpmux where there is no systemd that could tell.

use std::fmt;

use serde::{Deserialize, Serialize};

/// 256 random bits, which a supervisor has chosen when it started and tells those helpers alone that need them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MuxSecret([u8; Self::LENGTH]);

impl MuxSecret {
    /// Its length in bytes.
    pub const LENGTH: usize = 32;

    /// The secret of these bytes, which no other process may be able to guess.
    pub fn new(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// What is sent to prove that it is known.
    pub fn proof(&self) -> &[u8] {
        &self.0
    }

    /// Whether this proves that it is known. How long the answer takes tells nothing of the secret.
    pub fn is_proved_by(&self, said: &[u8]) -> bool {
        let pairs = self.0.iter().zip(said);
        let differing = pairs.fold(0, |differing, (own, said)| differing | (own ^ said));
        said.len() == Self::LENGTH && differing == 0
    }
}

impl fmt::Debug for MuxSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MuxSecret")
    }
}

impl From<MuxSecret> for String {
    fn from(secret: MuxSecret) -> Self {
        secret.0.map(|byte| format!("{byte:02x}")).concat()
    }
}

impl TryFrom<String> for MuxSecret {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || {
            format!(
                "the secret of tcpmux is not {} hexadecimal digits",
                2 * Self::LENGTH
            )
        };
        if text.len() != 2 * Self::LENGTH || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; Self::LENGTH];
        for (byte, start) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[start..start + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_proves_it() {
        let secret = MuxSecret::new(*b"0123456789abcdefghijklmnopqrstuv");
        let proof = secret.proof().to_vec();
        assert!(secret.is_proved_by(&proof));
        assert!(!secret.is_proved_by(&proof[..31]) && !secret.is_proved_by(&[]));
        assert!(!secret.is_proved_by(&[&proof[..], b"x"].concat()));
        for index in 0..proof.len() {
            let mut other = proof.clone();
            other[index] ^= 0x80;
            assert!(!secret.is_proved_by(&other), "{index}");
        }
    }

    #[test]
    fn a_secret_is_written_as_it_is_read_and_shown_to_no_reader_of_logs() {
        let secret = MuxSecret::new([0xa7; 32]);
        let text = String::from(secret);
        assert_eq!(MuxSecret::try_from(text.clone()), Ok(secret));
        assert!(!format!("{secret:?}").contains("a7"));
        for wrong in [&text[2..], &format!("{}+7", &text[2..]), &"é".repeat(32)] {
            assert!(MuxSecret::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
