//! Clients are identified by their own machine (USERID, IDONLY).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use testbed::{Close, Peer, Result, allow_descriptors, equal};

use crate::Scenario;
use crate::bed::{Bed, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("clients_are_identified", identified),
    (
        "clients_are_identified_in_a_flood_of_silent_ones",
        identified_in_a_flood,
    ),
];

const SILENT: u8 = 44;

/// An ident server for the clients at 127.0.0.`host`.
fn server(bed: &Bed, host: u8, answer: &str) -> Result<()> {
    let server = bed.script(
        &format!("identd-{host}"),
        &format!("read -r ports; {answer}"),
    )?;
    let lines = format!("\tbind = 127.0.0.{host}\n\tuser = nobody\n\tserver = {server}");
    let id = format!("identd-{host}");
    bed.write(&id, 113, &lines)?;
    bed.daemon_reload()?;
    bed.container
        .sh(&format!("systemctl start {id}.socket"))
        .map(drop)
}

fn identified(bed: &Bed) -> Result<()> {
    server(
        bed,
        41,
        "printf '%s : USERID : UNIX : joe\\r\\n' \"${ports%?}\"",
    )?;
    server(
        bed,
        42,
        "printf '%s:USERID:\\033[2J\\rSTART: forged\\r\\n' \"${ports%?}\"",
    )?;
    server(
        bed,
        43,
        "printf '%s : ERROR : NO-USER\\r\\n' \"${ports%?}\"",
    )?;
    server(
        bed,
        45,
        "printf '%s:USERID:\\342\\200\\256a\\342\\201\\246\\342\\200\\213\\357\\273\\277\\000z\\r\\n' \"${ports%?}\"",
    )?;
    server(bed, SILENT, "exec sleep 1000")?;
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\tlog_on_success = USERID HOST";
    let served = bed.serve("identified", lines)?;
    // No client waits for the one whose machine does not answer.
    let silent = served.connect_from(SILENT)?;
    let echo = |host| -> Result<()> {
        let mut peer: Peer = served.connect_from(host)?;
        peer.echo(b"served")
    };
    echo(41)?;
    let line = served.await_line("USERID: identified UNIX : joe")?;
    equal("REMOTE_IDENT", line.field("REMOTE_IDENT"), "UNIX : joe")?;
    echo(42)?;
    served.await_line("USERID: identified \\x1b[2J\\x0dSTART: forged")?;
    echo(45)?;
    // The direction of text, what has no width, a NUL.
    let line = served.await_line(
        "USERID: identified \\xe2\\x80\\xaea\\xe2\\x81\\xa6\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\x00z",
    )?;
    let user = "\\xe2\\x80\\xaea\\xe2\\x81\\xa6\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\x00z";
    equal("REMOTE_IDENT", line.field("REMOTE_IDENT"), user)?;
    echo(43)?;
    let wanted = "Service=identified: the ident server of ::ffff:127.0.0.43: bad response";
    served.await_line(wanted)?;
    // Few machines have such a server.
    echo(1)?;
    drop(silent);

    served.rewrite(&format!(
        "{lines}\n\tflags = IDONLY\n\tlog_on_failure = USERID HOST"
    ))?;
    served.systemctl("reload", "service")?;
    echo(41)?;
    for (host, why) in [(1, "no server"), (43, "bad response")] {
        turned_away(&served.hear_from(host)?)?;
        served.await_line(&format!("NOID: identified ::ffff:127.0.0.{host} {why}"))?;
    }
    served.rewrite(&format!(
        "{lines}\n\tinstances = 0\n\tlog_on_failure = USERID HOST"
    ))?;
    served.systemctl("reload", "service")?;
    let count = "journalctl --sync; journalctl -o cat -u identified.service | grep -c joe";
    let before = bed.container.sh(count)?;
    turned_away(&served.hear_from(41)?)?;
    served.await_line("FAIL: identified service_limit from=::ffff:127.0.0.41")?;
    bed.container
        .wait_until(&format!("test $({count}) -gt {}", before.trim()))
}

/// As many as may wait for ident servers at once.
const PLACES: usize = 256;

fn identified_in_a_flood(bed: &Bed) -> Result<()> {
    const FLOOD: Ipv4Addr = Ipv4Addr::new(127, 9, 44, 1);
    // The kernel takes connections to it, and no program answers.
    let silent = socket(FLOOD)?;
    server(
        bed,
        47,
        "printf '%s : USERID : UNIX : joe\\r\\n' \"${ports%?}\"",
    )?;
    allow_descriptors(2048)?;
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\tlog_on_success = USERID HOST\n\tflags = IDONLY\n\
                 \tinstances = UNLIMITED\n\tcps = 100000 1";
    let served = bed.serve("ident-flood", lines)?;
    let source = SocketAddr::new(FLOOD.into(), 0);
    let connect = || -> Result<Peer> {
        let peer = Peer::connect(served.address(), Some(source))?;
        peer.map_err(|close| format!("the flood: {close:?}"))
    };
    let first = connect()?;
    let mut flood = (1..PLACES).map(|_| connect()).collect::<Result<Vec<_>>>()?;
    // The place for another network is that of the client that has waited for the longest time.
    served.connect_from(47)?.echo(b"served")?;
    served.await_line("USERID: ident-flood UNIX : joe")?;
    equal("the first one", first.read_to_end()?.close, Close::Fin)?;
    served.await_line(&format!("NOID: ident-flood ::ffff:{FLOOD} system error"))?;
    for client in &mut flood {
        equal("served in the flood", client.so_far()?, Vec::new())?;
    }
    drop(silent);
    served.systemctl("stop", "socket").map(drop)
}

/// A listening socket in the place of an ident server.
fn socket(address: Ipv4Addr) -> Result<TcpListener> {
    TcpListener::bind((address, 113)).map_err(|error| format!("bind to {address}: {error}"))
}
