//! Files that were read and can't be read any more, and errors, on a machine of their own: a reload of the whole machine
//! is refused for them.

use std::net::{Ipv4Addr, SocketAddr};

use testbed::{Container, Peer, Result, Suite, equal, write};

use super::boot::without_real;
use super::own::inside;
use crate::bed::{contains, entry};

const PORT: u16 = 7300;

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// What may have restrictions and is lost has a reload change nothing, and so has the loss of the last service.
pub(crate) fn refuses(suite: Suite) -> Result<()> {
    let container = Container::boot(suite, |tree| {
        let main = "include /etc/more\nincludedir /etc/xinetd.d\n";
        write(tree, "/etc/xinetd.conf", main, 0o644)?;
        let more = "defaults\n{\n\tonly_from = 192.0.2.1\n}\n";
        write(tree, "/etc/more", more, 0o644)?;
        write(tree, "/etc/xinetd.d/lost", entry("lost", PORT, CAT), 0o644)?;
        without_real(tree)
    })?;
    let is_open = || -> Result<bool> {
        let address: SocketAddr = (Ipv4Addr::LOCALHOST, PORT).into();
        let connected = Peer::connect(address, None)?;
        Ok(connected.is_ok_and(|mut peer| peer.echo(b"served").is_ok()))
    };
    let closed = |when: &str| inside(&container, || equal(when, is_open()?, false));
    let reload = |status: i32, options: &str| {
        let script = format!(
            "xinetdctl reload {options} >/tmp/said 2>&1; status=$?; cat /tmp/said; test $status = {status}"
        );
        let (done, said) = container.try_sh(&script)?;
        match done {
            true => Ok(said),
            false => Err(format!("not {status}: {said}")),
        }
    };
    closed("before")?;
    for (lose, mend, wanted) in [
        (
            "mv /etc/more /etc/aside",
            "mv /etc/aside /etc/more",
            "/etc/more can't be read",
        ),
        (
            "mkfifo /etc/xinetd.d/fifo",
            "rm /etc/xinetd.d/fifo",
            "/etc/xinetd.d/fifo is not a regular file",
        ),
        (
            "mv /etc/xinetd.conf /etc/aside",
            "mv /etc/aside /etc/xinetd.conf",
            "/etc/xinetd.conf is not there",
        ),
        (
            "cp /etc/more /etc/aside; printf 'defaults\\n{\\n only_fr' >/etc/more",
            "mv /etc/aside /etc/more",
            "/etc/more:1:1",
        ),
        (
            "mv /etc/xinetd.d/lost /etc/aside",
            "mv /etc/aside /etc/xinetd.d/lost",
            "no service would be left:\n  lost.socket",
        ),
    ] {
        container.sh(lose)?;
        let said = reload(2, "")?;
        contains(&said, "Nothing was applied.\n")?;
        contains(&said, wanted)?;
        closed(lose)?;
        container.sh(mend)?;
    }
    reload(0, "")?;
    container.sh("rm /etc/more")?;
    reload(1, "--force")?;
    inside(&container, || equal("by force", is_open()?, true))?;
    // It is known now as what was missing before.
    reload(1, "")?;
    container.write(
        "/etc/xinetd.d/lost",
        entry("lost", PORT, &CAT.replace("nobody", "nobodyy")),
        0o644,
    )?;
    contains(
        &reload(1, "")?,
        "lost is down: each client is reset, as there is no user nobodyy",
    )?;
    container.write(
        "/etc/xinetd.d/faulty",
        entry("faulty", PORT + 1, "\tper_source = x"),
        0o644,
    )?;
    container.sh("systemctl daemon-reload")?;
    contains(
        &container.sh("xinetdctl status")?,
        "faulty is down: /etc/xinetd.d/faulty:",
    )?;
    contains(
        &container.sh("xinetdctl metrics")?,
        "xinetd_up{service=\"faulty\",unit=\"faulty\"} 0\n",
    )
}
