//! The account of a service: one that is unknown, one that no service may have, and one that a drop-in
//! chooses.

use std::time::{Duration, Instant};

use testbed::{Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("an_unknown_user_has_each_client_turned_away", unknown),
    ("the_user_of_the_helpers_is_no_servers", reserved),
    ("a_drop_in_chooses_the_user", drop_in),
    (
        "a_helper_that_may_not_take_its_account_serves_no_client",
        powerless,
    ),
];

fn unknown(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nosuch\n\tserver = /bin/echo\n\tserver_args = served";
    let served = bed.serve("unknown-user", lines)?;
    let begin = Instant::now();
    for _ in 0..20 {
        equal("the client", served.hear()?.bytes.len(), 0)?;
    }
    equal("at once", begin.elapsed() < Duration::from_secs(5), true)?;
    served.await_line("/etc/xinetd.d/unknown-user")?;
    let lines = bed
        .container
        .sh("journalctl -o cat -u unknown-user.service | grep -c 'there is no user nosuch'")?;
    equal("one line says why", lines.trim(), "1")?;
    let restarts = bed
        .container
        .property("unknown-user.service", "NRestarts")?;
    equal("restarts", restarts.as_str(), "0")?;
    contains(
        &served.systemctl("status", "service")?,
        "there is no user nosuch",
    )?;
    for command in ["list", "status", "explain unknown-user 127.0.0.1", "check"] {
        let (_, said) = bed.container.try_sh(&format!("xinetdctl {command}"))?;
        let said: Vec<_> = said.split_whitespace().collect();
        contains(
            &said.join(" "),
            "each client is reset, as there is no user nosuch",
        )?;
    }
    bed.container.sh("useradd --no-create-home nosuch")?;
    // The name services are asked again after a while.
    let end = Instant::now() + Duration::from_secs(20);
    while served.hear()?.text() != "served\n" {
        if Instant::now() > end {
            return Err("the user is there, and no client is served".into());
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    bed.container
        .sh("userdel --force nosuch && rm /etc/xinetd.d/unknown-user")?;
    bed.daemon_reload()
}

fn reserved(bed: &Bed) -> Result<()> {
    let port = bed.port();
    bed.write(
        "reserved",
        port,
        "\tuser = xinetd-bridge\n\tserver = /bin/cat",
    )?;
    let (_, said) = bed.container.try_sh("xinetdctl check")?;
    contains(&said, "xinetd-bridge is the user of the helpers")?;
    bed.container.sh("rm /etc/xinetd.d/reserved")?;
    // By its number it can't be known before the helper asks.
    let number = bed.container.sh("id -u xinetd-bridge")?;
    let lines = format!("\tuser = {}\n\tserver = /bin/cat", number.trim());
    let served = bed.serve("reserved-number", &lines)?;
    equal("the client", served.hear()?.bytes.len(), 0)?;
    served.await_line("/etc/xinetd.d/reserved-number")?;
    bed.container.sh("rm /etc/xinetd.d/reserved-number")?;
    bed.daemon_reload()
}

/// What /proc/self/status says of a server.
fn uid(served: &Served<'_>) -> Result<String> {
    let text = served.hear()?.text();
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"));
    Ok(line.unwrap_or_default().trim().to_owned())
}

fn drop_in(bed: &Bed) -> Result<()> {
    let lines = "\tuser = games\n\tserver = /bin/cat\n\tserver_args = /proc/self/status";
    let served = bed.serve("dropped-in", lines)?;
    let number = |name: &str| -> Result<String> {
        let number = bed.container.sh(&format!("id -u {name}"))?;
        Ok([number.trim(); 4].join("\t"))
    };
    equal("the file's user", uid(&served)?, number("games")?)?;
    served.drop_in("service", "[Service]\nUser=daemon\n")?;
    served.systemctl("restart", "service")?;
    equal("the drop-in's user", uid(&served)?, number("daemon")?)?;
    served.drop_in(
        "service",
        "[Service]\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n",
    )?;
    served.systemctl("restart", "service")?;
    equal("the file's user again", uid(&served)?, number("games")?)?;
    contains(&served.hear()?.text(), "CapEff:\t0000000000000400\n")
}

/// As in a container without the capability.
fn powerless(bed: &Bed) -> Result<()> {
    let lines = "\tuser = games\n\tserver = /bin/cat\n\tserver_args = /proc/self/status";
    let served = bed.serve("powerless", lines)?;
    served.drop_in("service", "[Service]\nCapabilityBoundingSet=~CAP_SETUID\n")?;
    equal("the client", served.hear()?.bytes.len(), 0)?;
    let line = served.await_line("/etc/xinetd.d/powerless")?;
    contains(line.message(), "the helper needs CAP_SETUID")?;
    equal(
        "restarts",
        bed.container
            .property("powerless.service", "NRestarts")?
            .as_str(),
        "0",
    )?;
    bed.container.sh("rm /etc/xinetd.d/powerless")?;
    bed.daemon_reload()
}
