//! The journal's catalog: what `journalctl -x` says of each event (systemd's Journal Message Catalogs).

use std::io::{self, Write};

use xinetd_core::problem::wrap;

use crate::journal::Kind;

/// How many characters a line has at most: `journalctl -x` writes it as it is, behind a margin.
const WIDTH: usize = 86;

/// All kinds of events.
pub(super) fn all(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# What `journalctl -x` says of the bridge's messages.")?;
    Kind::ALL.iter().try_for_each(|kind| event(*kind, out))
}

fn event(kind: Kind, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\n-- {}", kind.message_id())?;
    writeln!(out, "Subject: {}", kind.subject())?;
    writeln!(out, "Defined-By: xinetd-bridge")?;
    writeln!(out, "Documentation: man:{}\n", kind.manual())?;
    for line in kind.explanation().lines() {
        // A list is indented.
        if line.starts_with(' ') {
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{}", wrap(line, WIDTH).join("\n"))?;
        }
    }
    Ok(())
}
