//! One client for one socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use testbed::{Peer, Result};

use crate::machine::{Machine, STAND_IN};

/// The port of tcpmux.
const TCPMUX: u16 = 1;

/// What a helper says of a service whose user or group is not known.
const TURNED_AWAY: &str = "there is no (user|group) .* each client is turned away";

/// What became of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Its server was run.
    Served,
    /// It was refused, and the journal says why.
    Refused,
    /// The user or group of the service is not known here: systemd does not start the helper, or the helper
    /// turns each client away and says why.
    NoSuchUser,
    /// Another service of the same file has the port: the second one can't have it, as with xinetd.
    PortTaken,
}

/// Starts the socket and connects to it.
pub(crate) fn connect(machine: &Machine, unit: &str) -> Result<Outcome> {
    if !known(machine, unit, "passwd", "User")? || !known(machine, unit, "group", "Group")? {
        return Ok(Outcome::NoSuchUser);
    }
    let (started, _) = machine
        .container
        .run(&["systemctl", "start", &format!("{unit}.socket")])?;
    if !started {
        return not_started(machine, unit);
    }
    let state = machine
        .container
        .property(&format!("{unit}.socket"), "ActiveState")?;
    if state != "active" {
        return Err(format!("the socket is {state} after its start"));
    }
    let by_name = reached_by_name(machine, unit)?;
    let address = match by_name {
        true => SocketAddr::from((Ipv4Addr::LOCALHOST, TCPMUX)),
        false => address(machine, unit)?,
    };
    let (_, cursor) = machine
        .container
        .run(&["journalctl", "-n", "0", "--show-cursor", "-q"])?;
    let cursor = cursor.trim().trim_start_matches("-- cursor: ").to_owned();
    if machine.is_for_datagrams(unit)? {
        let socket =
            UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
        let sent = socket.send_to(b"x", address);
        sent.map_err(|error| format!("{address}: {error}"))?;
        return await_outcome(machine, unit, &cursor);
    }
    let mut peer =
        Peer::connect(address, None)?.map_err(|close| format!("{address}: {close:?}"))?;
    if by_name {
        peer.send(format!("{unit}\r\n").as_bytes())?;
    }
    peer.finish()?;
    if machine.is_chargen(unit)? {
        return peer.read(100).map(|_| Outcome::Served);
    }
    let heard = peer.read_to_end()?.text();
    if heard.ends_with(STAND_IN) {
        return Ok(Outcome::Served);
    }
    await_outcome(machine, unit, &cursor)
}

/// Waits until the client was refused, or served by a program that the container has.
///
/// Not with --after-cursor: where the line at the cursor is not the unit's, journalctl would leave out
/// the first one that is. That may be the helper's FAIL, which can overtake systemd's own lines.
fn await_outcome(machine: &Machine, unit: &str, cursor: &str) -> Result<Outcome> {
    let unit = format!("{unit}.service");
    machine.container.wait_until(&format!(
        "journalctl --cursor '{cursor}' -u '{unit}' -o cat | grep -E '^(FAIL|START|NOID): |{TURNED_AWAY}' ||
         systemctl show -P StatusText '{unit}' | grep -E '[1-9][0-9]* served'"
    ))?;
    let has_said = |pattern: &str| {
        let lines = format!("journalctl --cursor '{cursor}' -u '{unit}' -o cat");
        let (said, _) = machine
            .container
            .try_sh(&format!("{lines} | grep -E '{pattern}'"))?;
        Ok::<_, String>(said)
    };
    Ok(match has_said(TURNED_AWAY)? {
        true => Outcome::NoSuchUser,
        false if has_said("^(FAIL|NOID): ")? => Outcome::Refused,
        false => Outcome::Served,
    })
}

/// Whether the user or group that the unit names is in the database.
fn known(machine: &Machine, unit: &str, database: &str, property: &str) -> Result<bool> {
    let name = machine
        .container
        .property(&format!("{unit}.service"), property)?;
    if name.is_empty() {
        return Ok(true);
    }
    let (known, _) = machine.container.run(&["getent", database, &name])?;
    Ok(known)
}

fn not_started(machine: &Machine, unit: &str) -> Result<Outcome> {
    let (_, lines) = machine.container.run(&[
        "journalctl",
        "-b",
        "-n",
        "20",
        "-o",
        "cat",
        "-u",
        &format!("{unit}.socket"),
    ])?;
    match lines.contains("Address already in use") {
        true => Ok(Outcome::PortTaken),
        false => Err(format!("the socket does not start:\n{lines}")),
    }
}

/// Whether clients come to it through tcpmux, which is started then.
fn reached_by_name(machine: &Machine, unit: &str) -> Result<bool> {
    let socket = format!("{unit}.socket");
    let listen = machine.container.property(&socket, "Listen")?;
    let by_name = listen.starts_with('/');
    if by_name {
        let tcpmux = ["systemctl", "start", "tcpmux.socket"];
        machine.container.run(&tcpmux)?;
    }
    Ok(by_name)
}

/// Where a client of this machine reaches the socket.
fn address(machine: &Machine, unit: &str) -> Result<SocketAddr> {
    let listen = machine
        .container
        .property(&format!("{unit}.socket"), "Listen")?;
    let address = listen.split_whitespace().next().unwrap_or_default();
    let (address, link) = address.split_once('%').unwrap_or((address, ""));
    let mut address: SocketAddr = address
        .parse()
        .map_err(|_| format!("no address in {listen:?}"))?;
    if let (SocketAddr::V6(address), "lo") = (&mut address, link) {
        // The first link of each network.
        address.set_scope_id(1);
    }
    match address.ip() {
        IpAddr::V6(ip) if ip.is_unspecified() => {
            let both = machine
                .container
                .property(&format!("{unit}.socket"), "BindIPv6Only")?
                != "ipv6-only";
            address.set_ip(match both {
                true => Ipv4Addr::LOCALHOST.into(),
                false => Ipv6Addr::LOCALHOST.into(),
            });
        }
        ip if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        ip if ip.is_loopback() => {}
        // FreeBind= lets the socket listen before the machine has the address.
        ip => {
            machine
                .container
                .run(&["ip", "address", "add", &ip.to_string(), "dev", "lo"])?;
        }
    }
    Ok(address)
}
