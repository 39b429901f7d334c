//! `%`-expansions (hosts_access(5)), for commands, values and banners.

use crate::policy::NameAnswer;

use super::{Endpoint, Fact, Facts, Need, UNKNOWN, User, name, user};

/// The size of what an expansion may become, in bytes.
const MAX_EXPANSION: usize = 64 * 1024;

/// What can stop an expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A lookup that was not made.
    Need(Need),
    /// More than 64 KiB.
    TooLong,
}

impl From<Need> for Stop {
    fn from(need: Need) -> Self {
        Self::Need(need)
    }
}

/// A text with its `%x` replaced. What comes from outside has `_` for each character that could
/// mean something to a shell.
///
/// # Errors
/// See [`Stop`].
pub fn expand(text: &[u8], facts: &Facts<'_>) -> Result<Vec<u8>, Stop> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        result.extend_from_slice(&rest[..at]);
        match rest[at..] {
            [_, letter, ref after @ ..] => {
                let value = value(letter, facts)?;
                result.extend(value.into_iter().map(safe));
                rest = after;
            }
            // One at the end stands for itself.
            _ => {
                result.push(b'%');
                rest = &[];
            }
        }
        if result.len() > MAX_EXPANSION {
            return Err(Stop::TooLong);
        }
    }
    result.extend_from_slice(rest);
    match result.len() {
        0..=MAX_EXPANSION => Ok(result),
        _ => Err(Stop::TooLong),
    }
}

/// The characters that the C library lets through.
fn safe(byte: u8) -> u8 {
    match byte.is_ascii_alphanumeric() || b"!@%-_=+:,./".contains(&byte) {
        true => byte,
        false => b'_',
    }
}

fn value(letter: u8, facts: &Facts<'_>) -> Result<Vec<u8>, Need> {
    let (client, server) = (facts.client, facts.server);
    Ok(match letter {
        b'a' => client.address_text().to_vec(),
        b'A' => server.address_text().to_vec(),
        b'c' => match facts.user {
            User::Known(user) => [user.as_bytes(), b"@", info(client)].concat(),
            User::NotAsked | User::Unknown | User::Undetermined => info(client).to_vec(),
        },
        b'd' => facts.daemon.to_vec(),
        b'h' => info(client).to_vec(),
        b'H' => info(server).to_vec(),
        b'n' => text(name(client, Need::ClientName)?),
        b'N' => text(name(server, Need::ServerName)?),
        b'p' => facts.process.to_string().into_bytes(),
        b'r' => client.port.to_string().into_bytes(),
        b'R' => server.port.to_string().into_bytes(),
        b's' => match info(server) {
            UNKNOWN => facts.daemon.to_vec(),
            host => [facts.daemon, b"@", host].concat(),
        },
        b'u' => text(user(facts)?),
        b'%' => vec![b'%'],
        _ => Vec::new(),
    })
}

fn text(fact: Fact<'_>) -> Vec<u8> {
    match fact {
        Fact::Is(text) => text,
        Fact::Open => UNKNOWN,
    }
    .to_vec()
}

/// The name where it is known, else the address. Nothing is looked up for it.
fn info(host: &Endpoint) -> &[u8] {
    match &host.name {
        NameAnswer::Confirmed(name) => name.as_str().as_bytes(),
        _ => host.address_text(),
    }
}
