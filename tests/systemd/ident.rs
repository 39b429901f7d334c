//! Clients are identified by their own machine (USERID, IDONLY).

use testbed::{Peer, Result};

use crate::Scenario;
use crate::bed::{Bed, equal, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[("clients_are_identified", identified)];

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
    server(bed, SILENT, "exec sleep 1000")?;
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\tlog_on_success = USERID HOST";
    let served = bed.serve("identified", lines)?;
    // Nobody waits for the one whose machine does not answer.
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
