//! The third field: `[rpc/]protocol[4|6|46|6only]{,sndbuf=SIZE|,rcvbuf=SIZE}`.

use super::lines::Field;
use super::remarks::{Remarks, Unfit};
use crate::config::databases::Databases;
use crate::config::report::quoted;
use crate::problem::Severity;

/// What a protocol says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Protocol<'a> {
    /// Its name in /etc/protocols.
    pub(super) name: Field<'a>,
    /// The service is found through the portmapper.
    pub(super) rpc: bool,
    /// The only family of addresses; none means both.
    pub(super) family: Option<Family>,
}

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

/// Reads the field.
pub(super) fn read<'a>(
    field: &Field<'a>,
    databases: &Databases,
    remarks: &mut Remarks<'_>,
) -> Result<Protocol<'a>, Unfit> {
    let mut parts = field.parts(b',');
    let first = parts.next().unwrap_or(*field);
    for option in parts {
        let name = option.split(b'=').map(|(name, _)| name);
        let directive = match name.as_ref().map(Field::bytes) {
            Some(b"sndbuf") => "SendBuffer=",
            Some(b"rcvbuf") => "ReceiveBuffer=",
            _ => {
                let message = format!("{} is no option of a protocol", quoted(option.bytes()));
                let help = "write sndbuf= or rcvbuf= and a size, or take it away";
                return Err(remarks.unfit("inetd-protocol", &option, message, help));
            }
        };
        remarks.add(
            Severity::Warning,
            "inetd-buffer",
            &option,
            format!(
                "{} has no effect: xinetd sets no buffers",
                quoted(option.bytes())
            ),
            format!("write {directive} in a drop-in of the socket unit"),
        );
    }
    if first.bytes() == b"unix" {
        return Err(remarks.unfit(
            "inetd-unix",
            &first,
            "a socket in the file system is not served: xinetd has none",
            "write a socket unit with ListenStream= and the path, see systemd.socket(5)",
        ));
    }
    let (rpc, name) = match first.split(b'/') {
        Some((rpc, name)) if rpc.bytes() == b"rpc" => (true, name),
        _ => (false, first),
    };
    let protocol = |name, family| Protocol { name, rpc, family };
    if databases.protocol(name.bytes()).is_some() {
        return Ok(protocol(name, None));
    }
    // tcp46 before tcp6: the longest ending that fits.
    let endings: [(&[u8], Option<Family>); 4] = [
        (b"6only", Some(Family::V6)),
        (b"46", None),
        (b"4", Some(Family::V4)),
        (b"6", Some(Family::V6)),
    ];
    for (ending, family) in endings {
        let Some(stem @ (b"tcp" | b"udp")) = name.bytes().strip_suffix(ending) else {
            continue;
        };
        if ending == b"6" {
            let stem = stem.escape_ascii();
            remarks.add(
                Severity::Note,
                "inetd-ipv6",
                &name,
                format!(
                    "{stem}6 is IPv6 alone, as in BSD's inetds; in GNU's it takes IPv4 clients too"
                ),
                format!("write {stem} for both, or {stem}6only to say it"),
            );
        }
        return Ok(protocol(name.part(0, stem.len()), family));
    }
    // The attribute says what is wrong.
    Ok(protocol(name, None))
}
