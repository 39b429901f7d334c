//! Real software from the distribution through the bridge, each by its own client.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use libtest_mimic::{Arguments, Failed, Trial};
use testbed::{Container, Result, Suite};

/// A program: its name, the attributes of its service, what it needs before, and its client.
struct Software {
    name: &'static str,
    port: u16,
    /// With socket_type and wait where they are not stream and no.
    attributes: &'static str,
    before: &'static str,
    client: &'static str,
}

/// What a test does on the machine.
type Play = Box<dyn FnOnce(&Container) -> Result<()> + Send>;

const ALL: &[Software] = &[
    Software {
        name: "rsync",
        port: 6001,
        attributes: "user = root\nserver = /usr/bin/rsync\nserver_args = --daemon",
        before: "mkdir -p /srv/files && dd if=/dev/urandom of=/srv/files/big bs=1M count=8 2>/dev/null
                 printf '[files]\npath = /srv/files\n' >/etc/rsyncd.conf",
        client: "rsync rsync://127.0.0.1:6001/files/big /tmp/rsync-out && cmp /srv/files/big /tmp/rsync-out",
    },
    Software {
        name: "git-daemon",
        port: 6002,
        attributes: "user = gitter\nserver = /usr/bin/git\n\
                     server_args = daemon --inetd --export-all --base-path=/srv/git /srv/git",
        before: "useradd -m gitter && install -d -o gitter /srv/git && runuser -u gitter -- sh -ec '
                 cd /srv/git && git init -q repo && cd repo && echo text >file && git add file &&
                 git -c user.name=n -c user.email=e@example.org commit -qm first'",
        client: "git clone -q git://127.0.0.1:6002/repo /tmp/git-out && grep -q text /tmp/git-out/file",
    },
    Software {
        name: "sshd",
        port: 6003,
        attributes: "user = root\nserver = /usr/sbin/sshd\nserver_args = -i",
        before: "mkdir -p /run/sshd /root/.ssh && ssh-keygen -A >/dev/null &&
                 ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id && cp /root/.ssh/id.pub /root/.ssh/authorized_keys",
        client: "ssh -p 6003 -i /root/.ssh/id -o StrictHostKeyChecking=no -o BatchMode=yes root@127.0.0.1 \
                 'echo from $SSH_CONNECTION' | grep -q '^from 127.0.0.1 .* 6003$'",
    },
    Software {
        name: "vsftpd",
        port: 6004,
        attributes: "user = root\nserver = /usr/sbin/vsftpd\nserver_args = /etc/ftp.conf",
        before: "mkdir -p /srv/ftp /var/run/vsftpd/empty && echo by-ftp >/srv/ftp/file && printf \
                 'listen=NO\nlisten_ipv6=NO\nanonymous_enable=YES\nseccomp_sandbox=NO\n\
                 secure_chroot_dir=/var/run/vsftpd/empty\n' >/etc/ftp.conf",
        client: "curl -sS ftp://127.0.0.1:6004/file | grep -qx by-ftp",
    },
    Software {
        name: "http-in-shell",
        port: 6005,
        attributes: "user = nobody\nserver = /usr/local/bin/httpd.sh",
        before: r#"cat >/usr/local/bin/httpd.sh <<'END'
#!/bin/sh
read -r method path version
while read -r header && [ "$header" != "$(printf '\r')" ]; do :; done
body="you asked for $path from $REMOTE_ADDR"
printf 'HTTP/1.0 200 OK\r\nContent-Length: %s\r\n\r\n%s' "${#body}" "$body"
END
chmod 755 /usr/local/bin/httpd.sh"#,
        client: "curl -sS http://127.0.0.1:6005/health | grep -qx 'you asked for /health from 127.0.0.1'",
    },
    Software {
        name: "nrpe",
        port: 6006,
        attributes: "user = nagios\nserver = /usr/sbin/nrpe\nserver_args = -c /etc/nagios/nrpe.cfg --inetd",
        before: "true",
        client: "/usr/lib/nagios/plugins/check_nrpe -H 127.0.0.1 -p 6006 | grep -q '^NRPE v'",
    },
    Software {
        name: "tftpd",
        port: 6007,
        attributes: "socket_type = dgram\nwait = yes\nuser = root\nserver = /usr/sbin/in.tftpd\n\
                     server_args = --secure /srv/tftp\nonly_from = 127.0.0.1",
        before: "mkdir -p /srv/tftp && dd if=/dev/urandom of=/srv/tftp/file bs=1M count=10 2>/dev/null &&
                 chmod -R a+rX /srv/tftp",
        client: "for i in $(seq 50); do
                     tftp 127.0.0.1 6007 -m binary -c get file /tmp/tftp-out && cmp /srv/tftp/file /tmp/tftp-out ||
                     exit; rm /tmp/tftp-out
                 done",
    },
];

/// What counts the services is read by the parser of the Prometheus project, which is strict.
const METRICS: &str = r#"
cat >/etc/xinetd.d/metrics <<'END'
service spoken
{
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 6020
	user = nobody
	server = /bin/echo
	server_args = hello
	no_access = 127.0.0.9
}
service spoken
{
	id = we"ird\id
	type = UNLISTED
	socket_type = stream
	wait = no
	port = 6021
	user = nobody
	server = /bin/cat
	per_source = 1
}
service daytime
{
	id = clock
	type = UNLISTED INTERNAL
	socket_type = stream
	wait = no
	port = 6022
}
END
systemctl daemon-reload && systemctl start xinetd.target
cat >/root/metrics.py <<'END'
import socket, subprocess, time
from prometheus_client.openmetrics.parser import text_string_to_metric_families

def connect(port, source='127.0.0.1'):
    return socket.create_connection(('127.0.0.1', port), 20, (source, 0))

for port in [6020] * 7 + [6022] * 3:
    assert connect(port).recv(100), port
for _ in range(2):
    assert not connect(6020, '127.0.0.9').recv(100), 'refused'
session = connect(6021)
session.send(b'x')
assert session.recv(1) == b'x'
assert not connect(6021).recv(100), 'a second one'

def sample(name, service, **more):
    text = subprocess.run(['xinetdctl', 'metrics'], check=True, capture_output=True, text=True).stdout
    values = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            values[one.name, tuple(sorted(one.labels.items()))] = one.value
    unit = {'we"ird\id': r'we\x22ird\x5cid'}.get(service, service)
    return values.get((name, tuple(sorted(dict(more, service=service, unit=unit).items()))))

wanted = [
    (7, 'xinetd_served_total', 'spoken', {}),
    (2, 'xinetd_refused_total', 'spoken', {'reason': 'address'}),
    (7, 'xinetd_session_duration_seconds_count', 'spoken', {}),
    (7, 'xinetd_session_duration_seconds_bucket', 'spoken', {'le': '3600.0'}),
    (1, 'xinetd_sessions', 'we"ird\id', {}),
    (1, 'xinetd_refused_total', 'we"ird\id', {'reason': 'per_source_limit'}),
    (3, 'xinetd_served_total', 'clock', {}),
    (0, 'xinetd_paused', 'clock', {}),
]
# A session counts when its server is reaped.
end = time.monotonic() + 60
for value, name, service, more in wanted:
    while (seen := sample(name, service, **more)) != value:
        assert time.monotonic() < end, (name, service, more, seen, value)
END
python3 /root/metrics.py"#;

fn main() {
    let arguments = Arguments::from_args();
    let missing = testbed::missing();
    if let Some(reason) = &missing {
        let _ = writeln!(io::stderr(), "skipped: {reason}");
    }
    let container: Arc<OnceLock<Result<Container>>> = Arc::default();
    let trial = |name, play: Play| {
        let container = Arc::clone(&container);
        let test = move || -> std::result::Result<(), Failed> {
            let container = container.get_or_init(|| Container::boot(Suite::Software, prepare));
            let container = container
                .as_ref()
                .map_err(|error| Failed::from(error.clone()))?;
            play(container).map_err(Failed::from)
        };
        Trial::test(name, test).with_ignored_flag(missing.is_some())
    };
    let mut trials: Vec<_> = ALL
        .iter()
        .map(|software| trial(software.name, Box::new(|on| serve(on, software))))
        .collect();
    let metrics = |on: &Container| on.sh(METRICS).map(drop);
    trials.push(trial("openmetrics", Box::new(metrics)));
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(container);
    conclusion.exit();
}

fn serve(container: &Container, software: &Software) -> Result<()> {
    let Software {
        name,
        port,
        attributes,
        before,
        client,
    } = software;
    container.sh(before)?;
    let usual = match attributes.contains("wait = ") {
        true => "",
        false => "socket_type = stream\nwait = no\n",
    };
    let text =
        format!("service {name}\n{{\ntype = UNLISTED\n{usual}port = {port}\n{attributes}\n}}\n");
    container.write(&format!("/etc/xinetd.d/{name}"), text, 0o644)?;
    // Where a package has a unit of that name, ours is called differently.
    let unit =
        format!("$(test -e /run/systemd/generator.late/{name}.socket || echo xinetd-){name}");
    container.sh(&format!(
        "systemctl daemon-reload && systemctl start {unit}.socket"
    ))?;
    container.sh(client).map_err(|error| {
        let journal = container
            .sh("journalctl -b --no-pager -n 30")
            .unwrap_or_default();
        format!("{error}\n{journal}")
    })?;
    Ok(())
}

fn prepare(tree: &Path) -> Result<()> {
    let main =
        "defaults\n{\n\tlog_on_success = HOST PID EXIT DURATION\n}\nincludedir /etc/xinetd.d\n";
    testbed::write(tree, "/etc/xinetd.conf", main, 0o644)
}
