//! The first field: `[host{,host}:]service`, where a service is a name, a port, or
//! `program/versions` of RPC, or `tcpmux/[+]name`.

use super::lines::Field;

/// Splits the local addresses from the service; none given means those that a line above set.
pub(super) fn hosts<'a>(field: &Field<'a>) -> (Option<Vec<Field<'a>>>, Field<'a>) {
    let Some((hosts, service)) = field.split_last(b':') else {
        return (None, *field);
    };
    let given = hosts.parts(b',').filter(|host| !host.bytes().is_empty());
    (
        Some(given.map(|host| unbracketed(&host)).collect()),
        service,
    )
}

/// An address without the brackets that an IPv6 one may stand in.
fn unbracketed<'a>(host: &Field<'a>) -> Field<'a> {
    match host.bytes() {
        [b'[', inner @ .., b']'] => host.part(1, 1 + inner.len()),
        _ => *host,
    }
}

/// Whether a host stands for all addresses.
pub(super) fn is_any(host: &Field<'_>) -> bool {
    host.bytes() == b"*"
}

/// How clients find a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached<'a> {
    /// By the port of its name in /etc/services.
    Listed,
    /// By this port.
    Port(Field<'a>),
    /// Through the portmapper: a program of /etc/rpc, or one by its number.
    Rpc {
        /// Its versions.
        versions: Field<'a>,
        /// Its number stands in the place of its name.
        numbered: bool,
    },
    /// Through tcpmux.
    Mux {
        /// `+Go` is said in its place.
        plus: bool,
    },
}

/// The name of a service, and how clients find it; none for an RPC program without versions.
///
/// As for xinetd, what stands behind a slash has no meaning elsewhere.
pub(super) fn found<'a>(service: &Field<'a>, rpc: bool) -> Option<(Field<'a>, Reached<'a>)> {
    let is_number = |name: &Field<'_>| {
        let digits = name.bytes();
        !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
    };
    if rpc {
        let (name, versions) = service.split(b'/')?;
        let numbered = is_number(&name);
        return Some((name, Reached::Rpc { versions, numbered }));
    }
    let found = match service.split(b'/') {
        Some((mux, name)) if mux.bytes() == b"tcpmux" => match name.bytes() {
            [b'+', rest @ ..] => (name.part(1, 1 + rest.len()), Reached::Mux { plus: true }),
            _ => (name, Reached::Mux { plus: false }),
        },
        Some((name, _)) => (name, Reached::Listed),
        None if is_number(service) => (*service, Reached::Port(*service)),
        None => (*service, Reached::Listed),
    };
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::super::super::lexer::Lines;
    use super::super::lines::fields;
    use super::*;

    fn field(text: &str) -> Field<'_> {
        fields(&Lines::new(text.as_bytes()).any().unwrap())[0]
    }

    fn text(field: &Field<'_>) -> String {
        String::from_utf8_lossy(field.bytes()).into_owned()
    }

    #[test]
    fn hosts_stand_before_the_last_colon() {
        let split = |word: &str| {
            let field = field(word);
            let (hosts, service) = hosts(&field);
            let hosts = hosts.map(|hosts| hosts.iter().map(text).collect::<Vec<_>>());
            (hosts, text(&service))
        };
        assert_eq!(split("ftp"), (None, "ftp".into()));
        let hosts = |hosts: &[&str]| Some(hosts.iter().map(ToString::to_string).collect());
        assert_eq!(
            split("a.example,192.0.2.1:ftp"),
            (hosts(&["a.example", "192.0.2.1"]), "ftp".into())
        );
        assert_eq!(split("[::1]:ftp"), (hosts(&["::1"]), "ftp".into()));
        assert_eq!(split("::1:21"), (hosts(&["::1"]), "21".into()));
        assert_eq!(split("*:"), (hosts(&["*"]), String::new()));
        assert_eq!(split(":ftp"), (hosts(&[]), "ftp".into()));
    }

    #[test]
    fn a_slash_has_a_meaning_for_rpc_and_tcpmux() {
        let find = |word: &str, rpc| {
            let field = field(word);
            let (name, found) = found(&field, rpc)?;
            Some((text(&name), format!("{found:?}")))
        };
        assert!(find("rstatd", true).is_none());
        let (name, found) = find("rstatd/2-4", true).unwrap();
        assert_eq!(name, "rstatd");
        assert!(found.contains("numbered: false"), "{found}");
        assert!(find("100001/1", true).unwrap().1.contains("numbered: true"));
        let plus = find("tcpmux/+date", false).unwrap();
        assert_eq!(plus, ("date".into(), "Mux { plus: true }".into()));
        let own = find("tcpmux/date", false).unwrap();
        assert_eq!(own, ("date".into(), "Mux { plus: false }".into()));
        assert_eq!(
            find("ftp/1", false).unwrap(),
            ("ftp".into(), "Listed".into())
        );
        assert!(find("8080", false).unwrap().1.starts_with("Port"));
    }
}
