//! Datagrams: the internal echo, and files by a real TFTP server.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use testbed::{Container, Result};

use crate::clients::local;
use crate::figures::{load, median};
use crate::report::Table;
use crate::servers::{ECHO, TFTP, XINETD};

const ROUNDS: usize = 5;
/// How long one measurement lasts.
const SPAN: Duration = Duration::from_secs(1);
/// When a client asks again.
const LOST: Duration = Duration::from_millis(50);
/// Transfers of a small file, one after the other.
const SMALL: u32 = 50;

const SERVERS: [(&str, u16); 2] = [("xinetd-bridge", 0), ("xinetd 2.3.15.3", XINETD)];

pub(crate) fn measure(container: &Container) -> Result<Vec<Table>> {
    let mut samples = vec![[const { Vec::new() }; 4]; SERVERS.len()];
    for _ in 0..ROUNDS {
        for (&(_, above), sample) in SERVERS.iter().zip(&mut samples) {
            let row = [
                requests(ECHO + above, 1)?,
                requests(ECHO + above, 16)?,
                10.0 / transfers(container, TFTP + above, "large", 1)?,
                f64::from(SMALL) / transfers(container, TFTP + above, "small", SMALL)?,
            ];
            for (values, value) in sample.iter_mut().zip(row) {
                values.push(value);
            }
        }
    }
    let mut table = Table::new([
        "datagrams",
        "echo, 1 client, /s",
        "16 clients, /s",
        "in.tftpd, MiB/s",
        "small files, /s",
    ]);
    for ((name, _), sample) in SERVERS.iter().zip(samples) {
        let [one, many, rate, files] = sample.map(median);
        table.row([
            (*name).to_owned(),
            format!("{one:.0}"),
            format!("{many:.0}"),
            format!("{rate:.1}"),
            format!("{files:.0}"),
        ]);
    }
    Ok(vec![table])
}

/// Requests that are answered in a second.
fn requests(port: u16, clients: usize) -> Result<f64> {
    let connect = |_| -> std::io::Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(local(port))?;
        socket.set_read_timeout(Some(LOST))?;
        Ok(socket)
    };
    let told = |error| format!("{port}: {error}");
    let sockets = (0..clients)
        .map(connect)
        .collect::<std::io::Result<Vec<_>>>();
    let sockets = sockets.map_err(told)?;
    let (count, seconds) = load(clients, SPAN, |number| {
        let socket = sockets
            .get(number)
            .ok_or("there are more clients than sockets")?;
        loop {
            socket.send(&[b'x'; 64]).map_err(told)?;
            match socket.recv(&mut [0; 64]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                answer => return answer.map(drop).map_err(told),
            }
        }
    })?;
    Ok(count / seconds)
}

/// Seconds for so many transfers of a file.
fn transfers(container: &Container, port: u16, file: &str, count: u32) -> Result<f64> {
    let begin = Instant::now();
    container.sh(&format!(
        "for i in $(seq {count}); do tftp 127.0.0.1 {port} -m binary -c get {file} /tmp/got; done
         cmp /srv/tftp/{file} /tmp/got"
    ))?;
    Ok(begin.elapsed().as_secs_f64())
}
