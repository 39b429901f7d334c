//! An inetd.conf: served as it is, and converted.

use std::net::Ipv4Addr;

use testbed::{Close, Peer, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains};

pub(crate) const SCENARIOS: &[Scenario] = &[(
    "an_inetd_conf_is_served_and_its_conversion_too",
    served_and_converted,
)];

fn served_and_converted(bed: &Bed) -> Result<()> {
    let _mine = bed.bridge_file();
    let (plain, local) = (bed.port(), bed.port());
    let inetd = format!(
        "# What inetd served.\n\
         {plain} stream tcp nowait.400 nobody.games /usr/bin/id\n\
         127.0.0.77:{local} stream tcp4 nowait games\n\
         \t/bin/echo echo by\n\tname\n\
         daytime stream tcp nowait root internal\n\
         #<off># {} stream tcp nowait root /bin/echo echo off\n\
         gone stream tcp\n",
        bed.port()
    );
    let toml = "[inetd]\nfile = \"/etc/inetd.conf\"\n";
    bed.container.write("/etc/inetd.conf", inetd, 0o644)?;
    bed.container
        .write("/etc/xinetd-bridge.toml", toml, 0o644)?;
    bed.daemon_reload()?;
    let sockets = format!("{plain}.socket {local}.socket daytime-stream.socket");
    bed.container.sh(&format!("systemctl start {sockets}"))?;
    are_served(bed, plain, local)?;
    let source = bed
        .container
        .property(&format!("{plain}.service"), "SourcePath")?;
    equal("source", source.trim(), "/etc/inetd.conf")?;
    let check = bed.container.try_sh("xinetdctl check")?.1;
    contains(
        &check,
        "/etc/inetd.conf:8:13: error: the entry has 3 fields",
    )?;

    let convert = "xinetdctl convert --inetd /etc/inetd.conf --out /etc/xinetd.d";
    let (_, said) = bed.container.try_sh(convert)?;
    contains(&said, &format!("/etc/xinetd.d/{plain}\n"))?;
    bed.container.sh("rm /etc/xinetd-bridge.toml")?;
    bed.daemon_reload()?;
    // The units have the names that they had: sockets that listened listen on.
    are_served(bed, plain, local)?;
    let source = bed
        .container
        .property(&format!("{plain}.service"), "SourcePath")?;
    equal(
        "source",
        source.trim(),
        format!("/etc/xinetd.d/{plain}").as_str(),
    )?;
    let (done, said) = bed.container.try_sh(convert)?;
    equal("a second conversion", done, false)?;
    contains(&said, "are not written")
}

fn are_served(bed: &Bed, plain: u16, local: u16) -> Result<()> {
    let hear = |address: Ipv4Addr, port| Peer::hear((address, port).into(), None);
    let who = hear(Ipv4Addr::LOCALHOST, plain)?.text();
    contains(&who, "(nobody) gid=60(games)")?;
    let line = format!("START: {plain} pid=");
    bed.container
        .await_line(&format!("{plain}.service"), &line)?;
    let own = Ipv4Addr::new(127, 0, 0, 77);
    equal(
        "its address",
        hear(own, local)?.text().as_str(),
        "by name\n",
    )?;
    let other = hear(Ipv4Addr::LOCALHOST, local)?.close;
    equal("another address", other, Close::Refused)?;
    let time = hear(Ipv4Addr::LOCALHOST, 13)?.text();
    contains(&time, "\r\n")
}
