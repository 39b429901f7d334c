//! `xinetdctl` against what really happens: services switched off and on, and clients explained.

use testbed::{Close, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains};
use crate::sensor::alone;

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("xinetdctl_switches_a_service_off_and_on", switched),
    ("xinetdctl_says_why_a_service_does_not_start", no_server),
    ("xinetdctl_switches_nothing_for_strangers", strangers),
    ("xinetdctl_explains_what_the_helper_does", explained),
];

const CAT: &str = "\tuser = nobody\n\tserver = /bin/cat";

fn switched(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let beside = bed.serve("unswitched", CAT)?;
    let mut session = beside.connect()?;
    session.echo(b"before")?;
    let served = bed.serve("switched", &format!("{CAT}\n\tdisable\t= no"))?;
    served.connect()?.echo(b"on")?;
    let file = "/etc/xinetd.d/switched";
    let container = &bed.container;
    container.sh(&format!("chown games:adm {file}; chmod 0640 {file}"))?;
    // It makes all units anew.
    let alone = bed.no_reloads();
    let said = container.sh("xinetdctl disable switched")?;
    let wanted = format!("switched is off now in {file}\nswitched.socket is stopped\n");
    equal("disable", said, wanted)?;
    equal("a client", served.hear()?.close, Close::Refused)?;
    let state = container.sh(&format!(
        "grep disable {file}; stat -c '%U:%G %a' {file}; ls -A /etc/xinetd.d | grep '^[.]' | wc -l"
    ))?;
    equal(
        "the file",
        state.as_str(),
        "\tdisable\t= yes\ngames:adm 640\n0\n",
    )?;
    drop(alone);
    // A boot, or what starts all, leaves it off.
    bed.start_all()?;
    equal("a client", served.hear()?.close, Close::Refused)?;
    let alone = bed.no_reloads();
    let said = container.sh("xinetdctl enable switched --json")?;
    contains(&said, "\"applied\": true")?;
    // What comes next is the administrator's own.
    container.sh("systemctl stop switched.socket")?;
    bed.followed()?;
    equal("a stopped socket", served.hear()?.close, Close::Refused)?;
    container.sh("xinetdctl disable switched; systemctl start switched.socket")?;
    bed.followed()?;
    served.connect()?.echo(b"by hand")?;
    container.sh("xinetdctl enable switched")?;
    drop(alone);
    served.connect()?.echo(b"on again")?;
    session.echo(b"after")
}

fn no_server(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let port = bed.port();
    let lines = "\tuser = nobody\n\tserver = /bin/missing\n\tdisable = yes";
    bed.write("serverless", port, lines)?;
    let _alone = bed.no_reloads();
    let (done, said) = bed.container.try_sh("xinetdctl enable serverless 2>&1")?;
    equal("enable", done, false)?;
    contains(&said, "serverless is on now in /etc/xinetd.d/serverless\n")?;
    contains(
        &said,
        "serverless.socket did not start (is its server there",
    )?;
    contains(&said, "`systemctl status serverless.socket`")
}

fn strangers(bed: &Bed) -> Result<()> {
    let _bus = alone(bed)?;
    let served = bed.serve("unmoved", CAT)?;
    let nobody = "setpriv --reuid=nobody --regid=nogroup --clear-groups";
    let command = format!("{nobody} xinetdctl disable unmoved 2>&1");
    let (done, said) = bed.container.try_sh(&command)?;
    equal("disable", done, false)?;
    contains(&said, "run it as root")?;
    served.connect()?.echo(b"still on")
}

fn explained(bed: &Bed) -> Result<()> {
    let lines = format!(
        "{CAT}\n\tonly_from = 127.0.0.0/29 localhost\n\tno_access = 127.0.0.3\n\tper_source = 1"
    );
    let served = bed.serve("explained", &lines)?;
    bed.container
        .sh("echo 'explained-wrap: 127.0.0.4' >>/etc/hosts.deny")?;
    let wrapped = bed.serve(
        "explainedtoo",
        &format!("{CAT}\n\tlibwrap = explained-wrap"),
    )?;
    for host in [1, 2, 3, 4, 8, 9] {
        for service in [&served, &wrapped] {
            let command = format!("xinetdctl explain {} 127.0.0.{host}", service.id);
            let (explained, said) = bed.container.try_sh(&command)?;
            let admitted = service.connect_from(host)?.echo(b"hello").is_ok();
            if explained != admitted {
                return Err(format!("127.0.0.{host} is admitted: {admitted}\n{said}"));
            }
        }
    }
    let command = "xinetdctl explain explained 127.0.0.2 --from-source 1";
    let (explained, said) = bed.container.try_sh(command)?;
    equal("a second session", explained, false)?;
    contains(&said, "refused: per_source_limit")
}
