//! Connections that are refused.

use std::net::Ipv4Addr;

use testbed::{Container, Result};

use crate::clients::{join, visit};
use crate::connections::compare;
use crate::report::Table;
use crate::servers::{BARE_CLOSE, CPS, NO_ACCESS, PER_SOURCE, TCPSERVER_DENY, XINETD};

const FLOOR: (&str, u16) = ("bare accept + close", BARE_CLOSE);

pub(crate) fn measure(_: &Container) -> Result<Vec<Table>> {
    let both = |port| {
        [
            FLOOR,
            ("xinetd-bridge", port),
            ("xinetd 2.3.15.3", port + XINETD),
        ]
    };
    let mut by_address = both(NO_ACCESS).to_vec();
    by_address.push(("tcpserver -x (ucspi-tcp)", TCPSERVER_DENY));
    let addresses = compare("refusals by `no_access`", &by_address, visit)?;
    // The only session that each of the two lets in.
    let stays = [PER_SOURCE, PER_SOURCE + XINETD].map(|port| join(Ipv4Addr::LOCALHOST, port));
    let [bridge, xinetd] = stays;
    let stays = (bridge?, xinetd?);
    let sources = compare("refusals by `per_source`", &both(PER_SOURCE), visit)?;
    drop(stays);
    for port in [CPS, CPS + XINETD] {
        for _ in 0..3 {
            visit(port)?;
        }
    }
    // xinetd has closed its port: there the kernel refuses.
    let paused = compare("during a pause of `cps`", &both(CPS), visit)?;
    Ok(vec![addresses, sources, paused])
}
