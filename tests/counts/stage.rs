//! A helper with a listener of the test's own, and its clients.
//!
//! It runs as under systemd, but without it: the listener is passed by LISTEN_FDS, and a mount
//! namespace gives it a /run with a journal that the test reads.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testbed::{Peer, Result};
use xinetd_core::bans::table::{self, Header, Slot};
use xinetd_core::bans::{BootId, Ipv6Prefix, Subject, TABLE, Until};
use xinetd_core::config::{Databases, MemoryTree, Roots, load};
use xinetd_core::startup::Startup;
use xinetd_core::translate::{SpecDirectory, Surroundings, translate};

use crate::kind::{Kind, Manner};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs its arguments with the folder `$1` as /run.
const IN_NAMESPACE: &str = "mount --bind \"$1\" /run && shift && exec \"$@\"";

/// Runs the helper `$3` with standard input as its listener, the spec `$2` as its standard input and the
/// library `$4`, and tells its process in the file `$1`. The C library copies with what every processor of
/// this architecture has, so that the counts do not depend on the machine's.
const WITH_LISTENER: &str = "exec 3<&0 <\"$2\"; echo $$ >\"$1\"; \
                             export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-EVEX,-ERMS,-BMI2; \
                             LISTEN_PID=$$ LISTEN_FDS=1 LD_PRELOAD=\"$4\" exec \"$3\" counted";

/// What there is besides the clients that are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    /// More attributes of the service, a line each.
    pub(crate) attributes: String,
    /// Which clients are banned; a table of bans is there if there is one.
    pub(crate) banned: Vec<IpAddr>,
    /// From where there is a session each.
    pub(crate) sessions: Vec<IpAddr>,
}

/// A helper that runs, and its surroundings.
pub(crate) struct Stage {
    kind: Kind,
    address: SocketAddr,
    backend: TcpListener,
    journal: UnixDatagram,
    /// What was started: the helper, or what watches it.
    child: Child,
    helper: Pid,
    held: Vec<Peer>,
}

impl Stage {
    /// Starts a helper for `kind` in a `crowd`, behind the words of `watcher`; all its files are in
    /// `folder`.
    pub(crate) fn open(kind: Kind, crowd: &Crowd, watcher: &[&str], folder: &Path) -> Result<Self> {
        let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
        let port = backend.local_addr().map_err(text)?.port();
        let spec = spec(&kind.configuration(&crowd.attributes, port))?;
        let _ = fs::remove_dir_all(folder);
        let run = folder.join("run");
        fs::create_dir_all(run.join("systemd/journal")).map_err(text)?;
        let spec_file = folder.join("spec");
        fs::write(&spec_file, spec).map_err(text)?;
        if !crowd.banned.is_empty() {
            let table = folder.join(TABLE.trim_start_matches('/'));
            fs::create_dir_all(table.parent().unwrap_or(&run)).map_err(text)?;
            fs::write(&table, ban_table(&crowd.banned)).map_err(text)?;
        }
        let journal = UnixDatagram::bind(run.join("systemd/journal/socket")).map_err(text)?;
        journal.set_nonblocking(true).map_err(text)?;
        let (socket, address) = socket(kind.manner).map_err(text)?;
        let pid_file = folder.join("pid");
        let child = Command::new("unshare")
            .args(["--mount", "sh", "-c", IN_NAMESPACE, "sh"])
            .arg(&run)
            .args(watcher)
            .args(["sh", "-c", WITH_LISTENER, "sh"])
            .arg(&pid_file)
            .arg(&spec_file)
            .arg(repository().join("target/release/xinetd-accept"))
            .arg(clock()?)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(socket)
            .spawn()
            .map_err(text)?;
        let helper = wait_for("the helper's process", || {
            let pid = fs::read_to_string(&pid_file).ok()?;
            let pid = Pid::from_raw(pid.trim_end().parse().ok()?);
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name == "xinetd-accept\n").then_some(pid)
        })?;
        let mut this = Self {
            kind,
            address,
            backend,
            journal,
            child,
            helper,
            held: Vec::new(),
        };
        let own = kind.held.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for source in own.iter().chain(&crowd.sessions) {
            this.held.push(this.hold(*source)?);
        }
        // The first ones have it open and read what it keeps.
        for _ in 0..3 {
            this.exchange()?;
        }
        Ok(this)
    }

    /// The process of the helper.
    pub(crate) fn helper(&self) -> Pid {
        self.helper
    }

    /// One connection from its beginning to its end; what it leaves to do is done on return.
    pub(crate) fn exchange(&self) -> Result<()> {
        match self.kind.manner {
            Manner::Reads => {
                let mut client = self.connect()?;
                read_to_end(&mut client)?;
            }
            Manner::Leaves => {
                let mut client = self.connect()?;
                client.shutdown(Shutdown::Write).map_err(text)?;
                read_to_end(&mut client)?;
            }
            Manner::Asks => {
                let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
                client.set_read_timeout(Some(PATIENCE)).map_err(text)?;
                client.send_to(b"x", self.address).map_err(text)?;
                client.recv(&mut [0; 8]).map_err(text)?;
            }
            Manner::Exchanges => self.pass_through()?,
        }
        self.settle()
    }

    /// A session of `redirect`, one step after the other: so that each is an event of its own.
    fn pass_through(&self) -> Result<()> {
        let mut client = self.connect()?;
        let (mut backend, _) = self.backend.accept().map_err(text)?;
        self.settle()?;
        client.write_all(b"x").map_err(text)?;
        backend.read_exact(&mut [0]).map_err(text)?;
        self.settle()?;
        backend.write_all(b"y").map_err(text)?;
        client.read_exact(&mut [0]).map_err(text)?;
        self.settle()?;
        client.shutdown(Shutdown::Write).map_err(text)?;
        read_to_end(&mut backend)?;
        self.settle()?;
        drop(backend);
        read_to_end(&mut client)
    }

    /// A session whose server runs on.
    fn hold(&self, source: IpAddr) -> Result<Peer> {
        let connected = Peer::connect(self.address, Some((source, 0).into()))?;
        let mut client = connected.map_err(|close| format!("{source}: {close:?}"))?;
        client.echo(b"x")?;
        Ok(client)
    }

    fn connect(&self) -> Result<TcpStream> {
        let client = TcpStream::connect(self.address).map_err(text)?;
        client.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        Ok(client)
    }

    /// Waits until the helper waits for events, with no servers but the one that is held. It sleeps
    /// for nothing else: that the kernel says so is the event.
    fn settle(&self) -> Result<()> {
        let pid = self.helper;
        wait_for("the helper to come to rest", || {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let (_, state) = stat.rsplit_once(") ")?;
            let running = children.split_whitespace().count();
            (running == self.held.len() && state.starts_with('S')).then_some(())
        })?;
        // A queue that is full would have it wait for the journal.
        let mut line = [0; 4096];
        loop {
            match self.journal.recv(&mut line) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(text(error)),
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.held.clear();
        let _ = kill(self.helper, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

/// The library that has clocks stand.
fn clock() -> Result<PathBuf> {
    static COMPILED: OnceLock<Result<PathBuf>> = OnceLock::new();
    let compile = || {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("counts-clock.so");
        let options = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC"];
        testbed::compile(
            &repository().join("tests/counts/clock.c"),
            &options,
            &library,
        )?;
        Ok(library)
    };
    COMPILED.get_or_init(compile).clone()
}

/// The spec of the one service of a configuration, as the generator writes it.
fn spec(configuration: &str) -> Result<Vec<u8>> {
    let tree = MemoryTree::default()
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("/etc/group", "root:x:0:\n")
        .file("/etc/services", "daytime 13/tcp\necho 7/udp\n")
        .file("/etc/protocols", "tcp 6 TCP\nudp 17 UDP\n")
        .file("/etc/xinetd.conf", configuration);
    let databases = Databases::read(&tree);
    let roots = Roots::xinetd(Path::new("/etc/xinetd.conf"));
    let configuration = load(&tree, roots, &databases);
    let startup = Startup::read(&tree);
    let surroundings = Surroundings::read(&tree, SpecDirectory::usual(), startup);
    let translation = translate(&configuration, &surroundings);
    let mut files = translation.services.iter().flat_map(|found| &found.files);
    let spec = files.find(|file| file.path.extension().is_some_and(|end| end == "toml"));
    let said = || format!("{:?} {:?}", configuration.problems, translation.problems);
    spec.map(|file| file.content.clone()).ok_or_else(said)
}

/// The table of bans as the coordinator writes it.
fn ban_table(banned: &[IpAddr]) -> Vec<u8> {
    let header = Header {
        boot: BootId::from_bytes([1; 16]),
        key: [1, 2],
        prefix: Ipv6Prefix::DEFAULT,
    };
    let mut file = vec![0; usize::try_from(table::SIZE).unwrap_or(usize::MAX)];
    file[..Header::SIZE].copy_from_slice(&header.encode());
    for address in banned {
        let subject = Subject::of(*address, header.prefix);
        let start = usize::try_from(header.bucket(subject)).unwrap_or(usize::MAX);
        let Some(bucket) = file[start..].first_chunk_mut() else {
            continue;
        };
        let slot = Slot {
            address: subject.to_bits(),
            until: Until::Forever,
            administrator: false,
        };
        let place = table::place(bucket, subject) * table::SLOT;
        bucket[place..place + table::SLOT].copy_from_slice(&slot.encode());
    }
    file
}

fn socket(manner: Manner) -> io::Result<(OwnedFd, SocketAddr)> {
    let any = (Ipv4Addr::LOCALHOST, 0);
    Ok(match manner {
        Manner::Asks => {
            let socket = UdpSocket::bind(any)?;
            let address = socket.local_addr()?;
            (socket.into(), address)
        }
        Manner::Reads | Manner::Leaves | Manner::Exchanges => {
            let listener = TcpListener::bind(any)?;
            let address = listener.local_addr()?;
            (listener.into(), address)
        }
    })
}

/// A reset is an end as well: the service refuses so.
fn read_to_end(stream: &mut TcpStream) -> Result<()> {
    match stream.read_to_end(&mut Vec::new()) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(text(error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn wait_for<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> Result<T> {
    let since = Instant::now();
    while since.elapsed() < PATIENCE {
        if let Some(done) = done() {
            return Ok(done);
        }
        // Not at full speed: it may need this processor.
        thread::sleep(Duration::from_micros(100));
    }
    Err(format!("waited for {what} in vain"))
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An error as a sentence.
pub(crate) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
