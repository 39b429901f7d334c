//! Which program owns a unit's name, and what an administrator may do to ours.

use testbed::{Close, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, contains};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("a_native_unit_wins", a_native_unit_wins),
    ("a_mask_holds", a_mask_holds),
    (
        "a_packages_unit_moves_ours_aside",
        a_packages_unit_moves_ours_aside,
    ),
    ("a_drop_in_holds_for_the_server", a_drop_in_holds),
    ("a_missing_server_keeps_the_socket_down", a_missing_server),
    ("a_server_that_comes_later_is_served", a_late_server),
    ("the_coordinator_is_confined", confined),
    ("helpers_that_run_no_server_are_confined", helpers_confined),
    ("the_secrets_of_a_service_stay_secret", secrets_stay_secret),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = ours";

fn a_native_unit_wins(bed: &Bed) -> Result<()> {
    let native = "[Unit]\nDescription=the administrator's own\n[Service]\nExecStart=/bin/true\n";
    bed.container
        .write("/etc/systemd/system/owned.service", native, 0o644)?;
    bed.write("owned", bed.port(), ECHO)?;
    bed.daemon_reload()?;
    let shown = bed.container.property("owned.service", "Description")?;
    equal("description", shown.trim(), "the administrator's own")?;
    let socket = bed.container.property("owned.socket", "LoadState")?;
    equal("the socket", socket.trim(), "not-found")
}

fn a_mask_holds(bed: &Bed) -> Result<()> {
    let served = bed.serve("masked", ECHO)?;
    equal("before", served.hear()?.text().as_str(), "ours\n")?;
    {
        // `mask` and `unmask` make all units anew.
        let _alone = bed.no_reloads();
        served.systemctl("stop", "socket")?;
        served.systemctl("mask", "socket")?;
    }
    bed.daemon_reload()?;
    bed.start_all()?;
    equal("while masked", served.hear()?.close, Close::Refused)?;
    {
        let _alone = bed.no_reloads();
        served.systemctl("unmask", "socket")?;
    }
    bed.daemon_reload()?;
    served.systemctl("start", "socket")?;
    equal("after", served.hear()?.text().as_str(), "ours\n")
}

fn a_packages_unit_moves_ours_aside(bed: &Bed) -> Result<()> {
    let vendors = "[Service]\nExecStart=/bin/true\n";
    bed.container
        .write("/usr/lib/systemd/system/vendor.service", vendors, 0o644)?;
    bed.write("vendor", bed.port(), ECHO)?;
    bed.daemon_reload()?;
    bed.container.sh("systemctl start xinetd-vendor.socket")?;
    let state = bed
        .container
        .sh("systemctl is-active xinetd-vendor.socket")?;
    equal("ours", state.trim(), "active")
}

fn a_drop_in_holds(bed: &Bed) -> Result<()> {
    let touch = bed.script("touch-etc", "touch /etc/mark && echo written || echo kept")?;
    let served = bed.serve("dropin", &format!("\tuser = root\n\tserver = {touch}"))?;
    served.drop_in(
        "service",
        "[Service]\nProtectSystem=strict\nMemoryMax=64M\n",
    )?;
    contains(&served.hear()?.text(), "kept")?;
    let limit = bed.container.property("dropin.service", "MemoryMax")?;
    equal("MemoryMax", limit.trim(), "67108864")
}

fn a_missing_server(bed: &Bed) -> Result<()> {
    let served = bed.serve(
        "missing",
        "\tuser = nobody\n\tserver = /usr/sbin/no.such.thing",
    )?;
    equal("a client", served.hear()?.close, Close::Refused)?;
    let shown = served.systemctl("show -P ConditionResult", "socket")?;
    equal("condition", shown.trim(), "no")
}

fn a_late_server(bed: &Bed) -> Result<()> {
    let server = "/usr/local/bin/comes-later";
    let served = bed.serve("late", &format!("\tuser = nobody\n\tserver = {server}"))?;
    let _alone = bed.no_reloads();
    equal("too early", served.hear()?.close, Close::Refused)?;
    bed.script("comes-later", "echo here")?;
    served.systemctl("start", "socket")?;
    equal("then", served.hear()?.text().as_str(), "here\n")
}

fn secrets_stay_secret(bed: &Bed) -> Result<()> {
    let lines = "\tuser = nobody\n\tserver = /bin/cat\n\tenv = TOKEN=s3cret";
    let served = bed.serve("secret", lines)?;
    let mut peer = served.connect()?;
    peer.echo(b"up\n")?;
    let readable = "runuser -u daemon -- sh -c 'cat /run/systemd/generator.late/xinetd-bridge/*; \
                    systemctl cat secret.service; systemctl show secret.service; \
                    cat /proc/*/fd/0; cat /proc/*/cmdline' 2>&1 | \
                    tr '\\0' '\\n' | grep -c 's3[c]ret' || true";
    equal(
        "places with the secret",
        bed.container.sh(readable)?.trim(),
        "0",
    )
}

fn confined(bed: &Bed) -> Result<()> {
    exposed(bed, "xinetd-coordinator.service", 10)
}

/// Fails if `systemd-analyze security` counts more than so many tenths: from 0, where nothing is
/// left to take away, to 10.
fn exposed(bed: &Bed, unit: &str, tenths: u8) -> Result<()> {
    let said = bed.container.sh(&format!(
        "systemd-analyze security --no-pager --threshold={tenths} {unit}"
    ))?;
    testbed::say(said.lines().last().unwrap_or_default());
    Ok(())
}

fn helpers_confined(bed: &Bed) -> Result<()> {
    let rows = [
        ("echo", "\ttype = INTERNAL UNLISTED", 22),
        ("tcpmux", "\ttype = INTERNAL UNLISTED\n\tuser = root", 22),
        (
            "relay",
            "\ttype = UNLISTED\n\tuser = games\n\tredirect = localhost 1",
            22,
        ),
        (
            "decoy",
            "\ttype = UNLISTED\n\tuser = root\n\tserver = /bin/true\n\tflags = SENSOR",
            24,
        ),
    ];
    for (name, lines, _) in rows {
        let port = bed.port();
        let text = format!(
            "service {name}\n{{\n\tid = confined-{name}\n\tsocket_type = stream\n\tprotocol = tcp\n\
             \twait = no\n\tport = {port}\n{lines}\n\tdisable = yes\n}}\n"
        );
        let path = format!("/etc/xinetd.d/confined-{name}");
        bed.container.write(&path, text, 0o644)?;
    }
    bed.daemon_reload()?;
    for (name, _, tenths) in rows {
        exposed(bed, &format!("confined-{name}.service"), tenths)?;
    }
    Ok(())
}
