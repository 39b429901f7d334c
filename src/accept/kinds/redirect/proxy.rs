//! The PROXY protocol, versions 1 and 2: it tells a backend who the client is (HAProxy's
//! proxy-protocol.txt, sections 2.1 and 2.2).

use std::net::SocketAddr;

use xinetd_core::spec::ProxyProtocol;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, and a connection that was passed on.
const VERSION_AND_COMMAND: u8 = 0x21;
const UNSPECIFIED: u8 = 0x00;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// What goes before the client's bytes: who it is, and where it connected to.
pub(super) fn header(
    version: ProxyProtocol,
    client: SocketAddr,
    destination: SocketAddr,
) -> Vec<u8> {
    let canonical =
        |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (client, destination) = (canonical(client), canonical(destination));
    match version {
        ProxyProtocol::V1 => text(client, destination).into_bytes(),
        ProxyProtocol::V2 => binary(client, destination),
    }
}

fn text(client: SocketAddr, destination: SocketAddr) -> String {
    let family = match (client, destination) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => "TCP4",
        (SocketAddr::V6(_), SocketAddr::V6(_)) => "TCP6",
        _ => return "PROXY UNKNOWN\r\n".to_owned(),
    };
    format!(
        "PROXY {family} {} {} {} {}\r\n",
        client.ip(),
        destination.ip(),
        client.port(),
        destination.port()
    )
}

fn binary(client: SocketAddr, destination: SocketAddr) -> Vec<u8> {
    let (family, mut addresses) = match (client, destination) {
        (SocketAddr::V4(client), SocketAddr::V4(destination)) => {
            let octets = [client.ip().octets(), destination.ip().octets()];
            (TCP_OVER_IPV4, octets.concat())
        }
        (SocketAddr::V6(client), SocketAddr::V6(destination)) => {
            let octets = [client.ip().octets(), destination.ip().octets()];
            (TCP_OVER_IPV6, octets.concat())
        }
        _ => (UNSPECIFIED, Vec::new()),
    };
    if family != UNSPECIFIED {
        addresses.extend(client.port().to_be_bytes());
        addresses.extend(destination.port().to_be_bytes());
    }
    let length = u16::try_from(addresses.len()).unwrap_or_default();
    let mut header = SIGNATURE.to_vec();
    header.extend([VERSION_AND_COMMAND, family]);
    header.extend(length.to_be_bytes());
    header.extend(addresses);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn version_1_is_a_line() {
        let text = |client, destination| {
            let header = header(ProxyProtocol::V1, address(client), address(destination));
            String::from_utf8(header).unwrap()
        };
        assert_eq!(
            text("[::ffff:192.0.2.7]:40000", "198.51.100.1:21"),
            "PROXY TCP4 192.0.2.7 198.51.100.1 40000 21\r\n"
        );
        assert_eq!(
            text("[2001:db8::7]:1", "[2001:db8::1]:65535"),
            "PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n"
        );
        assert_eq!(text("192.0.2.7:1", "[::1]:2"), "PROXY UNKNOWN\r\n");
    }

    #[test]
    fn version_2_is_binary() {
        let header =
            |client, destination| header(ProxyProtocol::V2, address(client), address(destination));
        let signature = b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a";
        let v4 = header("192.0.2.7:258", "198.51.100.1:21");
        let rest = b"\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\x01\x02\x00\x15";
        assert_eq!(v4, [&signature[..], rest].concat());
        let v6 = header("[2001:db8::7]:1", "[::1]:2");
        assert_eq!(v6[..12], signature[..]);
        assert_eq!(v6[12..16], *b"\x21\x21\x00\x24");
        assert_eq!(v6[16..20], *b"\x20\x01\x0d\xb8");
        assert_eq!(v6[48..], *b"\x00\x01\x00\x02");
        let mixed = header("192.0.2.7:1", "[::1]:2");
        assert_eq!(mixed[12..], *b"\x21\x00\x00\x00");
    }
}
