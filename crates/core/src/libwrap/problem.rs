//! What is wrong or surprising in a file of rules.

use crate::problem::{Place, Problem, Severity};

use super::pattern::Host;

/// The problems of a file, as they are found.
#[derive(Debug, Default)]
pub(super) struct RuleProblems(pub(super) Vec<Problem>);

impl RuleProblems {
    /// Adds one.
    pub(super) fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        place: Place,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(Problem {
            severity,
            code,
            place,
            message: message.into(),
            help: help.into(),
        });
    }

    /// Looks at a pattern for a host.
    pub(super) fn host(&mut self, host: &Host, word: &[u8], place: impl FnOnce() -> Place) {
        let text = quoted(word);
        match host {
            Host::Netgroup => self.add(
                Severity::Warning,
                "libwrap-netgroup",
                place(),
                format!("the netgroup {text} matches nobody: netgroups are not looked up"),
                "write the hosts, or put them into a file and write its path",
            ),
            Host::NoNet => self.add(
                Severity::Error,
                "libwrap-net",
                place(),
                format!("{text} is no net, and matches nobody"),
                "write a net as `192.0.2.0/24`, `192.0.2.0/255.255.255.0` or `[2001:db8::]/32`, \
                 and one host without a mask",
            ),
            Host::Net4 { net, mask } if net & !mask != 0 => {
                let net = std::net::Ipv4Addr::from_bits(net & mask);
                let mask_text = word.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
                self.add(
                    Severity::Error,
                    "libwrap-net",
                    place(),
                    format!("{text} matches nobody: the address has bits that the mask has not"),
                    format!("write `{net}/{}`", String::from_utf8_lossy(mask_text)),
                );
            }
            Host::Net4 { .. } | Host::Net6 { .. } if !has_plain_mask(word) => self.add(
                Severity::Warning,
                "libwrap-net",
                place(),
                format!("what follows the number of the mask in {text} is ignored"),
                "write a number of bits after the slash",
            ),
            _ => {}
        }
    }
}

/// Whether the part after the slash is as it should be, not just taken for something.
fn has_plain_mask(word: &[u8]) -> bool {
    let mask = word.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    !mask.is_empty()
        && mask
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'.')
}

/// A word for a message.
pub(super) fn quoted(word: &[u8]) -> String {
    const MOST: usize = 60;
    let text = String::from_utf8_lossy(word);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
