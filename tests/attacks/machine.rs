//! The machine that is attacked.

use std::net::Ipv4Addr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{Container, Peer, Result, Suite, write};

use crate::scripts::Script;

const ATTACKER: u16 = 4001;
const BYSTANDER: u16 = 4002;
const SECRET: u16 = 4003;

/// How long a service may take to answer a client: a helper that was stopped takes forever.
const AT_ONCE: Duration = Duration::from_secs(3);

/// Wraps a script: `$own` is the attacker's helper, `$other` the bystander's, and `$there` a server of it.
const WRAPPED: &str = "\
own=$PPID other=$(systemctl show -P MainPID bystander.service)
there=$(pgrep -u attacker -x cat | head -1)
test $own -gt 1 && test $other -gt 1 || { echo no helpers; exit; }
attack() (
";

/// A booted container with the services.
pub(crate) struct Machine {
    pub(crate) container: Container,
}

impl Machine {
    pub(crate) fn boot(suite: Suite) -> Result<Self> {
        let container = Container::boot(suite, prepare)?;
        container.sh("useradd --create-home attacker && \
             systemctl start attacker.socket bystander.socket secret.socket")?;
        Ok(Self { container })
    }

    pub(crate) fn enter_network(&self) -> Result<()> {
        self.container.enter_network()
    }

    /// Has the attacker's server run a script; fails if the script succeeds, or if a service or a
    /// helper is the worse for it.
    pub(crate) fn try_script(&self, script: &Script) -> Result<()> {
        self.both_serve()?;
        let mut session = connect(BYSTANDER)?;
        session.echo(b"1")?;
        connect(SECRET)?.echo(b"1")?;
        let helpers = (self.helper("attacker")?, self.helper("bystander")?);
        let said = self.attack(script.text)?;
        self.end_servers()?;
        if said != "the attack failed\n" {
            return Err(format!("{}: {said}", script.text));
        }
        self.both_serve()?;
        let now = (self.helper("attacker")?, self.helper("bystander")?);
        if now == helpers {
            Ok(())
        } else {
            Err(format!("the helpers were {helpers:?} and are {now:?}"))
        }
    }

    /// What a script says as the attacker's server.
    pub(crate) fn attack(&self, script: &str) -> Result<String> {
        let mut client = connect(ATTACKER)?;
        let text = format!(
            "{WRAPPED}{script}\n)\n\
             attack >/tmp/attack.log 2>&1 && echo the attack worked: $(cat /tmp/attack.log) || echo the attack failed\n"
        );
        client.send(text.as_bytes())?;
        client.finish()?;
        Ok(client.read_to_end()?.text())
    }

    /// Ends the servers, which an attacker may stop: by their real uid, which the helpers do not have.
    pub(crate) fn end_servers(&self) -> Result<()> {
        self.container.sh("pkill -KILL -U attacker; true").map(drop)
    }

    /// Starts a script as the attacker's server, and leaves it alone.
    pub(crate) fn start(&self, script: &str) -> Result<Peer> {
        let mut client = connect(ATTACKER)?;
        client.send(script.as_bytes())?;
        client.send(b"\n")?;
        Ok(client)
    }

    /// Fails unless a new client of each service is served at once.
    pub(crate) fn both_serve(&self) -> Result<()> {
        let begin = Instant::now();
        connect(BYSTANDER)?.echo(b"still here")?;
        let alive = self.attack("false")?;
        if alive != "the attack failed\n" {
            return Err(format!("the attacker's service says {alive:?}"));
        }
        if begin.elapsed() > AT_ONCE {
            return Err(format!("the services took {:?}", begin.elapsed()));
        }
        Ok(())
    }

    /// A session with a shell of a service that has become a sensor since.
    pub(crate) fn turn_into_a_sensor(&self) -> Result<Peer> {
        const PORT: u16 = 4004;
        let file = "/etc/xinetd.d/turned";
        let text = |more: &str| {
            format!(
                "service turned\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\
                 \tport = {PORT}\n\tuser = attacker\n\tserver = /bin/sh\n{more}}}\n"
            )
        };
        self.container.write(file, text(""), 0o644)?;
        self.container
            .sh("systemctl daemon-reload; systemctl start turned.socket")?;
        let mut session = connect(PORT)?;
        session.send(b"echo ready\n")?;
        session.read(6)?;
        let sensor = text("\tflags = SENSOR\n\tdeny_time = FOREVER\n");
        self.container.write(file, sensor, 0o644)?;
        self.container.sh("systemctl daemon-reload")?;
        self.await_text(
            "systemctl is-active xinetd-reconcile.service; \
             ls /run/systemd/generator.late/xinetd-bridge/changed 2>&1 | grep -c cannot",
            "inactive\n1",
        )?;
        Ok(session)
    }

    /// Fails unless a client that the attacker's service refuses is told so at once.
    pub(crate) fn refused_at_once(&self) -> Result<()> {
        let begin = Instant::now();
        let refused = (Ipv4Addr::new(127, 0, 0, 9), 0).into();
        let heard = Peer::hear((Ipv4Addr::LOCALHOST, ATTACKER).into(), Some(refused))?;
        match (heard.bytes.is_empty(), begin.elapsed() < AT_ONCE) {
            (true, true) => Ok(()),
            _ => Err(format!("{heard:?} after {:?}", begin.elapsed())),
        }
    }

    /// The pid of a service's helper.
    pub(crate) fn helper(&self, id: &str) -> Result<String> {
        self.container.property(&format!("{id}.service"), "MainPID")
    }

    /// Waits until the script says this, in the container and as root.
    pub(crate) fn await_text(&self, script: &str, wanted: &str) -> Result<()> {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let (_, said) = self.container.try_sh(script)?;
            if said.trim() == wanted {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("{script}: {said:?}, and not {wanted:?}"));
            }
            sleep(Duration::from_millis(100));
        }
    }
}

fn connect(port: u16) -> Result<Peer> {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    Peer::connect(address, None)?.map_err(|close| format!("port {port}: {close:?}"))
}

fn prepare(tree: &Path) -> Result<()> {
    let services = [
        (
            "attacker",
            ATTACKER,
            "attacker",
            "/bin/sh",
            "\tno_access = 127.0.0.9\n",
        ),
        (
            "bystander",
            BYSTANDER,
            "attacker",
            "/bin/cat",
            "\tgroups = yes\n",
        ),
        (
            "secret",
            SECRET,
            "root",
            "/bin/cat",
            "\tenv = PASSWORD=sesame\n",
        ),
    ];
    for (id, port, user, server, more) in services {
        let text = format!(
            "service {id}\n{{\n\ttype = UNLISTED\n\tsocket_type = stream\n\twait = no\n\tport = {port}\n\
             \tuser = {user}\n\tserver = {server}\n\tcps = 10000 1\n{more}}}\n"
        );
        write(tree, &format!("/etc/xinetd.d/{id}"), text, 0o600)?;
    }
    write(
        tree,
        "/etc/xinetd.conf",
        "includedir /etc/xinetd.d\n",
        0o644,
    )
}
