//! RPC services and the real rpcbind.

use std::net::Ipv4Addr;

use testbed::{Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains};

pub(crate) const SCENARIOS: &[Scenario] =
    &[("rpc_services_are_registered_while_they_listen", registered)];

/// Waits until rpcbind tells so many endpoints of a program.
fn await_endpoints(bed: &Bed, program: u32, count: usize) -> Result<()> {
    let counted = format!("rpcinfo 2>/dev/null | grep -c '^ *{program} '");
    bed.container
        .wait_until(&format!("test \"$({counted})\" = {count}"))
}

fn registered(bed: &Bed) -> Result<()> {
    let port = bed.port();
    let stat = "service rstatd\n{\n\tid = rpc-stat\n\ttype = RPC\n\trpc_version = 2-4\n\
                \tsocket_type = dgram\n\twait = yes\n\tuser = root\n\
                \tserver = /usr/sbin/rpc.rstatd\n}\n";
    let echo = |id: &str, number: u32, lines: &str| {
        format!(
            "service {id}\n{{\n\ttype = RPC UNLISTED\n\trpc_number = {number}\n\trpc_version = 1\n\
             \tsocket_type = stream\n\twait = no\n\tuser = nobody\n\tserver = /bin/echo\n\
             \tserver_args = served\n{lines}\n}}\n"
        )
    };
    let write = |id: &str, text: &str| {
        let path = format!("/etc/xinetd.d/{id}");
        bed.container.write(&path, text, 0o644)
    };
    write("rpc-stat", stat)?;
    write(
        "rpc-echo",
        &echo(
            "rpc-echo",
            300_001,
            &format!("\tport = {port}\n\tflags = IPv4"),
        ),
    )?;
    let off = "\tdisable = yes";
    write("rpc-taken", &echo("rpc-taken", 300_002, off))?;
    bed.daemon_reload()?;

    // A datagram service with versions, whose server is a real one.
    bed.container.sh("systemctl start rpc-stat.socket")?;
    await_endpoints(bed, 100_001, 6)?;
    let call = "rpcinfo -T udp 127.0.0.1 100001 3";
    contains(&bed.container.sh(call)?, "ready and waiting")?;
    contains(&bed.container.sh("rup 127.0.0.1")?, ", load ")?;

    // A stream service on the port that it asks for.
    bed.container.sh("systemctl start rpc-echo.socket")?;
    await_endpoints(bed, 300_001, 1)?;
    let [high, low] = port.to_be_bytes();
    let told = bed.container.sh("rpcinfo")?;
    contains(&told, &format!("0.0.0.0.{high}.{low}"))?;
    let heard = Peer::hear((Ipv4Addr::LOCALHOST, port).into(), None)?;
    equal("the stream service", heard.text().as_str(), "served\n")?;

    // One whose server accepts by itself.
    let server = bed.script(
        "rpc-taker",
        "exec perl -e 'accept(C, STDIN); print C \"taken\\n\"'",
    )?;
    let taker = echo("rpc-taker", 300_003, &format!("\tport = {}", bed.port()))
        .replace("wait = no", "wait = yes")
        .replace("/bin/echo", &server);
    write("rpc-taker", &taker)?;
    bed.daemon_reload()?;
    bed.container.sh("systemctl start rpc-taker.socket")?;
    await_endpoints(bed, 300_003, 2)?;
    for _ in 0..3 {
        let taken = bed
            .container
            .sh("port=$(rpcinfo -p | awk '$1 == 300003 { print $4 }')
             bash -c \"cat </dev/tcp/127.0.0.1/$port\"")?;
        equal("the server", taken.as_str(), "taken\n")?;
    }

    // An rpcbind that has forgotten all.
    bed.container.sh(
        "systemctl kill -s KILL rpcbind.service; systemctl stop rpcbind.socket rpcbind.service
         rm -rf /run/rpcbind/*; systemctl start rpcbind.service",
    )?;
    await_endpoints(bed, 100_001, 6)?;
    await_endpoints(bed, 300_001, 1)?;
    contains(&bed.container.sh(call)?, "ready and waiting")?;

    // What another program has registered stays.
    let other = "/usr/libexec/xinetd-bridge/xinetd-accept --rpc-register other 300002 1 1 \
                 tcp=0.0.0.0.1.1 tcp6=::.1.1";
    bed.container.sh(other)?;
    bed.container.sh("systemctl start rpc-taken.socket")?;
    let failed = "pmap_set failed. service=rpc-taken program=300002 version=1: tcp";
    bed.container
        .await_line("xinetd-rpc@rpc-taken.service", failed)?;
    bed.container.sh("systemctl stop rpc-taken.socket")?;
    await_endpoints(bed, 300_002, 2)?;

    // Without rpcbind the service is there, and registered when rpcbind comes.
    bed.container.sh("systemctl stop rpc-echo.socket")?;
    await_endpoints(bed, 300_001, 0)?;
    bed.container
        .sh("systemctl stop rpcbind.socket rpcbind.service; systemctl start rpc-echo.socket")?;
    let unit = "xinetd-rpc@rpc-echo.service";
    bed.container
        .await_line(unit, "rpc-echo is not registered: rpcbind: ")?;
    let heard = Peer::hear((Ipv4Addr::LOCALHOST, port).into(), None)?;
    equal("without rpcbind", heard.text().as_str(), "served\n")?;
    contains(
        &bed.container.sh("xinetdctl list")?,
        "rpcbind does not answer",
    )?;
    bed.container.sh("systemctl start rpcbind.socket")?;
    bed.container
        .await_line(unit, "rpcbind answers, and rpc-echo is registered")?;
    await_endpoints(bed, 300_001, 1)?;
    await_endpoints(bed, 100_001, 6)?;

    // A number that changes, and a file that goes.
    let again = echo(
        "rpc-echo",
        300_004,
        &format!("\tport = {port}\n\tflags = IPv4"),
    );
    write("rpc-echo", &again)?;
    bed.daemon_reload()?;
    await_endpoints(bed, 300_004, 1)?;
    await_endpoints(bed, 300_001, 0)?;
    bed.container.sh("rm /etc/xinetd.d/rpc-echo")?;
    bed.daemon_reload()?;
    await_endpoints(bed, 300_004, 0)?;
    bed.container.sh("systemctl stop rpc-stat.socket")?;
    await_endpoints(bed, 100_001, 0)
}
