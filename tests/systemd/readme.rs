//! The commands of README.md, as a reader types them one after the other.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use testbed::{Container, Peer, Result, Suite, write};

use crate::bed::{contains, entry};
use crate::own::inside;

const README: &str = include_str!("../../README.md");

/// What README's own service listens on.
const PORT: u16 = 9999;

/// A part of what a command prints, for those of which README says what that is.
const PRINTED: [(&str, &str); 5] = [
    ("xinetdctl list", "9999/tcp"),
    ("xinetdctl explain", "192.0.2.7"),
    ("xinetdctl status", "1 running"),
    ("journalctl -u pwn", "START: pwn pid="),
    ("systemctl show", "/pwn.service"),
];

/// The file that README shows below this line.
const FILE: &str = "`/etc/xinetd.d/pwn`:";

fn prepare(tree: &Path) -> Result<()> {
    let telnet = entry("telnet", 23, "\tuser = root\n\tserver = /bin/cat");
    write(tree, "/etc/xinetd.d/telnet", telnet, 0o644)?;
    super::boot::without_real(tree)
}

/// The block of indented lines below [`FILE`].
fn file() -> String {
    let below = README.lines().skip_while(|line| !line.ends_with(FILE));
    let block = below.skip(2).take_while(|line| !line.is_empty());
    block
        .map(|line| format!("{}\n", line.trim_start()))
        .collect()
}

/// All that stands behind a prompt, without the remarks behind it.
fn commands() -> impl Iterator<Item = &'static str> {
    let behind = |line: &'static str| line.trim_start().strip_prefix("# ");
    let typed = README.lines().filter(|line| line.starts_with("    "));
    typed
        .filter_map(behind)
        .map(|command| command.split("  #").next().unwrap_or(command).trim())
}

/// Each command does what README says, on a machine with a service of its own.
pub(crate) fn commands_work(suite: Suite) -> Result<()> {
    let container = Container::boot(suite, prepare)?;
    container.write("/etc/xinetd.d/pwn", file(), 0o644)?;
    let mut tried = 0;
    let mut client = None;
    for command in commands() {
        // They make the machine that this one is: other tests and the demo play them.
        if ["make ", "apt-get ", "dnf "]
            .iter()
            .any(|start| command.starts_with(start))
        {
            continue;
        }
        let (done, printed) = container.try_sh(command)?;
        if !done {
            return Err(format!("`{command}` failed: {printed}"));
        }
        for (_, part) in PRINTED
            .iter()
            .filter(|(known, _)| command.starts_with(known))
        {
            contains(&printed, part)?;
        }
        if command == "xinetdctl reload" {
            inside(&container, || {
                let address: SocketAddr = (Ipv4Addr::LOCALHOST, PORT).into();
                let mut peer = Peer::connect(address, None)?.map_err(|_| "pwn refuses")?;
                peer.echo(b"hello")?;
                client = Some(peer);
                Ok(())
            })?;
        }
        tried += 1;
    }
    drop(client);
    match tried >= PRINTED.len() {
        true => Ok(()),
        false => Err(format!("README has {tried} commands")),
    }
}
