//! What is told of services, and which users may end sessions.

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_status_tells_of_sessions_and_kick_ends_them", sessions),
    ("counts_outlive_the_helper", counts),
    ("a_strange_user_sees_and_ends_nothing", strangers),
    ("a_hostile_server_deceives_nobody_else", hostile),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

/// What `xinetdctl status --json` says of a service, without blanks.
fn status(served: &Served<'_>) -> Result<String> {
    let command = format!("xinetdctl status {} --json | tr -d ' \\n'", served.id);
    served.bed.container.sh(&command)
}

fn await_status(served: &Served<'_>, part: &str) -> Result<()> {
    served.bed.container.wait_until(&format!(
        "xinetdctl status {} --json | tr -d ' \\n' | grep -F '{part}'",
        served.id
    ))
}

fn sessions(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let served = bed.serve("told", &format!("{CAT}\n\tper_source = 2"))?;
    let mut first = served.connect()?;
    let mut second = served.connect()?;
    first.echo(b"1")?;
    second.echo(b"2")?;
    turned_away(&served.hear()?)?;
    // As everywhere, the case of an id makes no difference.
    let said = bed
        .container
        .sh("xinetdctl status TOLD --json | tr -d ' \\n'")?;
    for part in [
        r#""state":"serving","running":2"#,
        r#""served":2,"refused":{"per_source_limit":1}"#,
        &format!(r#""peer":"127.0.0.1:{}""#, first.port()?),
    ] {
        contains(&said, part)?;
    }
    let peer = format!("127.0.0.1:{}", second.port()?);
    bed.container.sh(&format!("xinetdctl kick Told {peer}"))?;
    equal("the kicked", second.read_to_end()?.text().as_str(), "")?;
    await_status(&served, r#""running":1"#)?;
    bed.container.sh(
        "pid=$(xinetdctl status told.socket --json | sed -n 's/.*\"pid\": \\([0-9]*\\),/\\1/p')
         busctl call org.xinetd.Bridge1 /org/xinetd/Bridge1/service/told \
         org.xinetd.Bridge1.Service Kick s $pid",
    )?;
    equal("the kicked", first.read_to_end()?.text().as_str(), "")?;
    await_status(&served, r#""running":0"#)?;
    for none in ["1", "127.0.0.1:1", "rubbish"] {
        let kick = format!("xinetdctl kick told {none}");
        equal(none, bed.container.try_sh(&kick)?.0, false)?;
    }
    Ok(())
}

fn counts(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let lines =
        "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in\n\tno_access = 127.0.0.9";
    let served = bed.serve("counted", lines)?;
    served.hear()?;
    turned_away(&served.hear_from(9)?)?;
    // It is noted once a second.
    let file = "/run/xinetd-bridge/counted/counters";
    bed.container.wait_until(&format!(
        "grep 'served = 1' {file} && grep 'address = 1' {file}"
    ))?;
    bed.container
        .sh("systemctl kill -s KILL --kill-whom=main counted.service")?;
    await_status(&served, r#""served":1,"refused":{"address":1}"#)?;
    served.hear()?;
    await_status(&served, r#""served":2"#)?;
    served.systemctl("stop", "socket")?;
    await_status(&served, r#""state":"stopped""#)?;
    served.systemctl("start", "socket")?;
    await_status(&served, r#""state":"listening""#)?;
    served.hear()?;
    await_status(&served, r#""served":3,"refused":{"address":1}"#)
}

fn strangers(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let nobody = "setpriv --reuid=daemon --regid=daemon --clear-groups";
    let served = bed.serve("guarded", CAT)?;
    let mut client = served.connect()?;
    client.echo(b"1")?;
    let kick = format!(
        "{nobody} xinetdctl kick guarded 127.0.0.1:{}",
        client.port()?
    );
    let (done, said) = bed.container.try_sh(&kick)?;
    equal("kick", done, false)?;
    contains(&said, "only root may do that")?;
    // The helper's own door hears root alone.
    let knock = format!(
        "{nobody} perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0);
         connect(S, sockaddr_un(\"/run/xinetd-bridge/guarded/control\")) or die \"connect: $!\";
         syswrite(S, \"stop\\n\"); shutdown(S, 1); print <S>'"
    );
    let (_, said) = bed.container.try_sh(&knock)?;
    equal("the answer", said.as_str(), "")?;
    client.echo(b"still here")?;
    // Every user may look.
    let list = bed
        .container
        .sh(&format!("{nobody} xinetdctl status guarded"))?;
    contains(&list, "1 running")
}

/// With `User=` in a drop-in a server has the user of its helper, and puts something else in the place
/// of its socket.
fn hostile(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let honest = bed.serve("honest", CAT)?;
    let mut client = honest.connect()?;
    client.echo(b"1")?;
    let folder = "/run/xinetd-bridge/hostile";
    let script = bed.script(
        "hostile",
        &format!(
            "cd {folder} && rm control counters && ln -s /run/systemd/private control && \
             ln -s /etc/shadow counters && echo done"
        ),
    )?;
    let served = bed.serve("hostile", &format!("\tuser = nobody\n\tserver = {script}"))?;
    served.drop_in("service", "[Service]\nUser=nobody\n")?;
    equal("the script", served.hear()?.text().as_str(), "done\n")?;
    await_status(&served, r#""state":"silent","running":0"#)?;
    contains(&status(&honest)?, r#""state":"serving","running":1"#)?;
    // The next helper finds its own way.
    served.systemctl("stop", "service")?;
    bed.container.sh(&format!("rm -f {folder}/control"))?;
    served.systemctl("start", "socket")?;
    served.hear()?;
    bed.container
        .sh("test -s /etc/shadow && ! grep served /etc/shadow")?;
    // Others want answers of all.
    served.systemctl("stop", "socket").map(drop)
}
