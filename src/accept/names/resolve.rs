//! The resolver of the machine (nsswitch.conf).

use std::io;
use std::net::IpAddr;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, getaddrinfo, lookup_addr};
use xinetd_core::policy::{HostName, NameAnswer};

/// The name of an address, and whether that name has the address in turn, as the C library of
/// hosts.allow asks it: the name must be one that a host can have, and be no alias.
pub(crate) fn resolve(address: IpAddr) -> NameAnswer {
    let claimed = match lookup_addr(&address) {
        Ok(claimed) => claimed,
        Err(error) if is_absent(&error) => return NameAnswer::NoName,
        Err(_) => return NameAnswer::Undetermined,
    };
    let Ok(name) = claimed.parse::<HostName>() else {
        return NameAnswer::Unconfirmed(claimed);
    };
    match addresses(&name, address) {
        Ok((canonical, addresses)) => {
            let is_alias = canonical.is_some_and(|own| !own.eq_ignore_ascii_case(name.as_str()));
            match addresses.contains(&address) && !is_alias {
                true => NameAnswer::Confirmed(name),
                false => NameAnswer::Unconfirmed(claimed),
            }
        }
        Err(error) if is_absent(&error) => NameAnswer::Unconfirmed(claimed),
        Err(_) => NameAnswer::Undetermined,
    }
}

/// What a name is an alias of, or itself, and its addresses in the family of `like`.
fn addresses(name: &HostName, like: IpAddr) -> Result<(Option<String>, Vec<IpAddr>), LookupError> {
    let hints = AddrInfoHints {
        flags: libc::AI_CANONNAME,
        address: match like {
            IpAddr::V4(_) => libc::AF_INET,
            IpAddr::V6(_) => libc::AF_INET6,
        },
        socktype: libc::SOCK_STREAM,
        protocol: 0,
    };
    let found = getaddrinfo(Some(name.as_str()), None, Some(hints))?;
    let found = found.collect::<io::Result<Vec<_>>>()?;
    let canonical = found.iter().find_map(|entry| entry.canonname.clone());
    let addresses = found.iter().map(|entry| entry.sockaddr.ip());
    Ok((canonical, addresses.collect()))
}

fn is_absent(error: &LookupError) -> bool {
    matches!(
        error.kind(),
        LookupErrorKind::NoName | LookupErrorKind::NoData
    )
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_own_machine_has_a_name() {
        assert!(matches!(
            resolve(Ipv4Addr::LOCALHOST.into()),
            NameAnswer::Confirmed(_)
        ));
    }
}
