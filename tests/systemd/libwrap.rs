//! hosts.allow and hosts.deny (docs/xinetd-behaviour.md, section 4.7). That the rules mean what they mean to
//! the C library is shown by tests/libwrap.

use testbed::{Close, Result, equal};

use crate::Scenario;
use crate::bed::{Bed, Served, contains, turned_away};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("libwrap_refuses_and_an_edit_counts_at_once", edited),
    ("libwrap_options", options),
    ("libwrap_spawn_does_not_block", spawn),
    ("libwrap_asks_for_names_and_users", lookups),
    (
        "libwrap_holds_for_services_without_a_server",
        without_server,
    ),
    ("nolibwrap_asks_no_file", nolibwrap),
    ("libwrap_refuses_where_hosts_deny_is_unreadable", unreadable),
];

const ECHO: &str = "\tuser = nobody\n\tserver = /bin/echo\n\tserver_args = in";

/// A service that has a hosts.allow and a hosts.deny of its own.
fn wrapped<'a>(bed: &'a Bed, id: &str, lines: &str, allow: &str, deny: &str) -> Result<Served<'a>> {
    let served = bed.serve(id, lines)?;
    served.with_files(&[("hosts.allow", allow), ("hosts.deny", deny)])?;
    Ok(served)
}

fn is_let_in(served: &Served<'_>, host: u8) -> Result<()> {
    equal("let in", served.hear_from(host)?.text().as_str(), "in\n")
}

fn edited(bed: &Bed) -> Result<()> {
    let deny = |text: &str| bed.container.write("/etc/hosts.deny", text, 0o644);
    deny("# nothing yet\n")?;
    let served = bed.serve("edited", &format!("{ECHO}\n\tlibwrap = edited-daemon"))?;
    is_let_in(&served, 5)?;
    deny("x: ALL\nedited-daemon: 127.0.0.0/29: severity local3.crit\n")?;
    turned_away(&served.hear_from(5)?)?;
    let line = served.await_line(
        "libwrap refused connection to edited (libwrap=edited-daemon) from ::ffff:127.0.0.5",
    )?;
    equal("PRIORITY", line.field("PRIORITY"), "2")?;
    equal("SYSLOG_FACILITY", line.field("SYSLOG_FACILITY"), "19")?;
    let line = served.await_line("FAIL: edited libwrap from=::ffff:127.0.0.5")?;
    equal(
        "XINETD_RULE",
        line.field("XINETD_RULE"),
        "/etc/hosts.deny:2:1",
    )?;
    is_let_in(&served, 9)?;
    deny("edited-daemon: 127.0.0.9\n")?;
    is_let_in(&served, 5)?;
    turned_away(&served.hear_from(9)?)?;
    bed.container.sh("rm /etc/hosts.deny")?;
    is_let_in(&served, 9)
}

fn options(bed: &Bed) -> Result<()> {
    let server = bed.script("show-wrapped", "echo $GREETING $(umask) $(nice)")?;
    bed.container.write(
        "/etc/wrapped/banners/show-wrapped",
        "%d greets %a\n%%\n",
        0o644,
    )?;
    let allow = "ALL: 127.0.0.2: twist echo no %d for %a\\: $REMOTE_ADDR\n\
                 ALL: 127.0.0.3: banners /etc/wrapped/banners: setenv GREETING hello %a: umask 031: nice 3\n\
                 ALL: 127.0.0.4: setenv GREETING other\n\
                 ALL: 127.0.0.5: banners /etc/wrapped/banners: deny\n\
                 ALL: 127.0.0.6: setenv A b: unheard of\n";
    let lines = format!("\tuser = nobody\n\tserver = {server}\n\tumask = 022");
    let served = wrapped(bed, "optional", &lines, allow, "")?;
    let heard = |host| Ok::<_, String>(served.hear_from(host)?.text());
    let twisted = "no show-wrapped for 127.0.0.2: 127.0.0.2\n";
    equal("twist", heard(2)?.as_str(), twisted)?;
    served.await_line("twist 127.0.0.2 to echo no show-wrapped")?;
    served.await_line("EXIT: optional status=0")?;
    let changed = "show-wrapped greets 127.0.0.3\r\n%\r\nhello 127.0.0.3 0031 3\n";
    equal("changed", heard(3)?.as_str(), changed)?;
    equal("another", heard(4)?.as_str(), "other 0022 0\n")?;
    equal("no rule", heard(1)?.as_str(), "0022 0\n")?;
    let refused = served.hear_from(5)?;
    equal(
        "refused",
        (refused.text().as_str(), refused.close),
        ("show-wrapped greets 127.0.0.5\r\n%\r\n", Close::Fin),
    )?;
    turned_away(&served.hear_from(6)?)?;
    served
        .await_line("optional: /etc/hosts.allow:5:29: there is no option `unheard`")
        .map(drop)
}

fn spawn(bed: &Bed) -> Result<()> {
    bed.container
        .sh("mkdir -m 777 -p /run/spawned && rm -f /run/spawned/*")?;
    let allow = "ALL: 127.0.0.2: spawn (readlink /proc/self/fd/0; id -un; echo %c) >/run/spawned/%a\n\
                 ALL: 127.0.0.3: spawn exec sleep 100000\n";
    let served = wrapped(bed, "spawning", ECHO, allow, "")?;
    is_let_in(&served, 2)?;
    bed.container
        .wait_until("grep -x 127.0.0.2 /run/spawned/127.0.0.2")?;
    let text = bed.container.sh("cat /run/spawned/127.0.0.2")?;
    equal("spawned", text.as_str(), "/dev/null\nnobody\n127.0.0.2\n")?;
    // None of them ends, so no more than a number of them are run.
    for _ in 0..33 {
        is_let_in(&served, 3)?;
    }
    served.await_line(
        "spawning: a command of hosts.allow or hosts.deny is not run: 32 of them run already",
    )?;
    // All that ended are gone, and so is the first command.
    let helper = served.helper()?;
    bed.container.wait_until(&format!(
        "test \"$(cat /proc/{helper}/task/{helper}/children | wc -w)\" = 32"
    ))?;
    served.systemctl("stop", "socket").map(drop)
}

fn lookups(bed: &Bed) -> Result<()> {
    let answer = "read -r ports; printf '%s : USERID : UNIX : joe\\r\\n' \"${ports%?}\"";
    let identd = bed.script("identd-wrapped", answer)?;
    bed.write(
        "identd-wrapped",
        113,
        &format!("\tbind = 127.0.0.46\n\tuser = nobody\n\tserver = {identd}\n\tflags = NOLIBWRAP"),
    )?;
    bed.daemon_reload()?;
    bed.container.sh("systemctl start identd-wrapped.socket")?;
    let allow = "ALL: 127.0.0.21 EXCEPT .example.org\nALL: joe@127.0.0.46\nALL: nobody@127.0.0.47\n\
                 ALL@localhost: 127.0.0.48\nALL@.example.org: 127.0.0.49\n\
                 ALL: KNOWN EXCEPT .example.org localhost\n";
    let served = wrapped(bed, "looked-up", ECHO, allow, "ALL: ALL: spawn true %n\n")?;
    for host in [22, 46, 48] {
        is_let_in(&served, host)?;
    }
    for host in [21, 47, 49] {
        turned_away(&served.hear_from(host)?)?;
        served.await_line(&format!(
            "FAIL: looked-up libwrap from=::ffff:127.0.0.{host}"
        ))?;
    }
    Ok(())
}

fn nolibwrap(bed: &Bed) -> Result<()> {
    let free = format!("{ECHO}\n\tflags = NOLIBWRAP");
    let served = wrapped(bed, "unwrapped", &free, "", "ALL: ALL\n")?;
    is_let_in(&served, 1)?;
    served.rewrite(ECHO)?;
    served.systemctl("reload", "service")?;
    turned_away(&served.hear()?)
}

fn unreadable(bed: &Bed) -> Result<()> {
    let served = wrapped(bed, "unreadable", ECHO, "ALL: 127.0.0.2\n", "x: ALL\n")?;
    is_let_in(&served, 1)?;
    bed.container
        .sh("chmod 600 /etc/wrapped/unreadable.hosts.deny")?;
    turned_away(&served.hear()?)?;
    let line = served.await_line("unreadable: hosts.deny can't be read: ")?;
    contains(line.message(), "ermission denied")?;
    served.await_line("FAIL: unreadable libwrap from=::ffff:127.0.0.1")?;
    is_let_in(&served, 2)?;
    bed.container
        .sh("chmod 644 /etc/wrapped/unreadable.hosts.deny")?;
    is_let_in(&served, 1)
}

fn without_server(bed: &Bed) -> Result<()> {
    // The daemon's name is the service's.
    let id = "wrapped-relay";
    let deny = format!("{id}: 127.0.0.5\n{id}: 127.0.0.6: twist echo instead\n");
    let backend = testbed::Backend::new(std::net::Ipv4Addr::LOCALHOST)?;
    let lines = format!("\tuser = nobody\n\tredirect = 127.0.0.1 {}", backend.port);
    let served = wrapped(bed, id, &lines, "", &deny)?;
    turned_away(&served.hear_from(5)?)?;
    served.await_line("FAIL: wrapped-relay libwrap")?;
    equal("twist", served.hear_from(6)?.text().as_str(), "instead\n")?;
    // The generator has not seen this file.
    served.await_line(
        "wrapped-relay: a command of hosts.allow or hosts.deny runs in the unit's sandbox",
    )?;
    let mut client = served.connect_from(7)?;
    client.send(b"hello")?;
    equal("backend", backend.accept()?.read(5)?, b"hello".to_vec())
}
