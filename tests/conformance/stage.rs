//! What scenarios do, and the transcript of what is seen.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testbed::{Close, Heard, Line, Peer, Result};

use crate::normalise;
use crate::side::Side;
use crate::transcript::Expected;

/// How long lines of the log may take that are expected.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long nothing may come before the log counts as complete where nothing is known.
const SILENCE: Duration = Duration::from_millis(1500);

/// One side, while a scenario plays.
pub(crate) struct Stage<'a> {
    side: &'a Side,
    expected: Option<&'a Expected>,
    transcript: String,
    /// Where the log ended when it began.
    begin: String,
    /// What is not written down yet of the log comes after it.
    cursor: String,
    logs: usize,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(side: &'a Side, expected: Option<&'a Expected>) -> Result<Self> {
        let begin = side.cursor()?;
        Ok(Self {
            side,
            expected,
            transcript: String::new(),
            cursor: begin.clone(),
            begin,
            logs: 0,
        })
    }

    pub(crate) fn into_transcript(self) -> String {
        self.transcript
    }

    /// Starts the side anew with another configuration; what it logs meanwhile is not compared.
    pub(crate) fn configure(&mut self, configuration: &str) -> Result<()> {
        self.side.restart(configuration)?;
        self.cursor = self.side.cursor()?;
        Ok(())
    }

    /// Has it read another configuration while it goes on.
    pub(crate) fn reload(&self, configuration: &str) -> Result<()> {
        self.side.reload(configuration)
    }

    /// Runs a script on the machine.
    pub(crate) fn sh(&self, script: &str) -> Result<()> {
        self.side.container.sh(script).map(drop)
    }

    /// Writes down what it has against the files that it was started with.
    pub(crate) fn complaints(&mut self) -> Result<()> {
        let said = self.side.complaints()?;
        self.note("complaints:");
        for line in said.lines() {
            let _ = writeln!(self.transcript, "  {line}");
        }
        Ok(())
    }

    /// A client from `source` to a port of the machine: at 127.0.0.1 for a source on the
    /// loopback, else at the source's own address.
    pub(crate) fn connect(
        &self,
        source: &str,
        port: u16,
    ) -> Result<std::result::Result<Peer, Close>> {
        let source: IpAddr = source
            .parse()
            .map_err(|_| format!("{source} is no address"))?;
        let to = match source {
            IpAddr::V4(address) if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            other => other,
        };
        Peer::connect(SocketAddr::new(to, port), Some(SocketAddr::new(source, 0)))
    }

    /// A client that gets a connection, whatever becomes of it.
    pub(crate) fn client(&self, source: &str, port: u16) -> Result<Peer> {
        self.connect(source, port)?
            .map_err(|close| format!("{source} to {port}: {close:?}"))
    }

    /// A client that sends nothing and reads to the end.
    pub(crate) fn hear(&mut self, source: &str, port: u16) -> Result<()> {
        let heard = match self.connect(source, port)? {
            Ok(peer) => peer.read_to_end()?,
            Err(close) => Heard {
                bytes: Vec::new(),
                close,
            },
        };
        self.heard(&format!("{source} to {port}"), &heard);
        Ok(())
    }

    /// A client sends a datagram.
    pub(crate) fn send(&self, source: &str, port: u16, datagram: &[u8]) -> Result<UdpSocket> {
        let socket = UdpSocket::bind((source, 0)).and_then(|socket| {
            socket.send_to(datagram, (Ipv4Addr::LOCALHOST, port))?;
            Ok(socket)
        });
        socket.map_err(|error| format!("{source} to {port}: {error}"))
    }

    /// A client sends a datagram, and waits for the answer.
    pub(crate) fn exchange(&mut self, source: &str, port: u16, datagram: &[u8]) -> Result<()> {
        let socket = self.send(source, port, datagram)?;
        let mut answer = vec![0; 65536];
        let count = socket
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| socket.recv(&mut answer))
            .map_err(|error| format!("{source} to {port}: {error}"))?;
        self.bytes(&format!("{source} to {port}, answer:"), &answer[..count]);
        Ok(())
    }

    /// A client reads to the end.
    pub(crate) fn finish(&mut self, name: &str, peer: Peer) -> Result<()> {
        let heard = peer.read_to_end()?;
        self.heard(name, &heard);
        Ok(())
    }

    /// Writes down what a client has heard, once its end has been noticed.
    fn heard(&mut self, name: &str, heard: &Heard) {
        self.settle();
        let end = match heard.close {
            Close::Fin => "then FIN",
            Close::Reset => "then RST",
            Close::Refused => "refused",
        };
        let nothing = if heard.bytes.is_empty() && heard.close != Close::Refused {
            "nothing, "
        } else {
            ""
        };
        self.bytes(&format!("{name}: {nothing}{end}"), &heard.bytes);
    }

    /// Waits until the end of each server has been noticed, so that its line is written before those of the
    /// next client: a client hears of that end before the parent does.
    fn settle(&self) {
        let end = Instant::now() + Duration::from_secs(1);
        while self.side.container.has_unnoticed_end() && Instant::now() < end {
            sleep(Duration::from_millis(1));
        }
    }

    /// Writes bytes into the transcript, line by line.
    pub(crate) fn bytes(&mut self, title: &str, bytes: &[u8]) {
        self.note(title);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, end) = match line.strip_suffix(b"\n") {
                Some(text) => (text, ""),
                None => (line, " (no newline)"),
            };
            let text = normalise::told(&text.escape_ascii().to_string());
            let _ = writeln!(self.transcript, "  | {text}{end}");
        }
    }

    /// Writes a line into the transcript.
    pub(crate) fn note(&mut self, text: &str) {
        let _ = writeln!(self.transcript, "{text}");
    }

    /// Writes down what rpcbind tells of a program, once there are so many endpoints. Ports are
    /// chosen, by xinetd's kernel or by the generator.
    pub(crate) fn endpoints(&mut self, program: u32, count: usize) -> Result<()> {
        let container = &self.side.container;
        let told = format!("rpcinfo -p | grep '^ *{program} ' | sort");
        container.wait_until(&format!("test \"$({told} | wc -l)\" -eq {count}"))?;
        let told = container.sh(&told)?;
        self.note("rpcinfo -p:");
        for line in told.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let (program, version, protocol) = match words[..] {
                [program, version, protocol, _] => (program, version, protocol),
                _ => return Err(format!("no endpoint: {line}")),
            };
            let _ = writeln!(self.transcript, "  {program} {version} {protocol} PORT");
        }
        Ok(())
    }

    /// Writes a file of the machine.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        self.side.container.write(path, content, mode)
    }

    /// Writes down what has been logged since the last time, once all of it is there, in the order in which
    /// the lines were written.
    pub(crate) fn log(&mut self) -> Result<()> {
        let texts = self.new_lines()?;
        self.note_log(&texts);
        Ok(())
    }

    /// The same, in the order of the texts: where two processes write at once. That are xinetd, which writes
    /// START, and its child, which looks at addresses, executes the server or connects to a backend; and the
    /// helpers of tcpmux and of the service to which it hands its client.
    pub(crate) fn log_unordered(&mut self) -> Result<()> {
        let mut texts = self.new_lines()?;
        texts.sort_unstable();
        self.note_log(&texts);
        Ok(())
    }

    fn note_log(&mut self, texts: &[String]) {
        self.note("log:");
        for text in texts {
            let _ = writeln!(self.transcript, "  {text}");
        }
    }

    fn new_lines(&mut self) -> Result<Vec<String>> {
        let wanted = self.expected.and_then(|expected| expected.log(self.logs));
        let lines = self.await_lines(wanted)?;
        if let Some(last) = lines.last() {
            self.cursor = last.field("__CURSOR").to_owned();
        }
        self.logs += 1;
        Ok(lines.iter().map(describe).collect())
    }

    /// Has a program read /tmp/log, which is the log as syslogd would have written it, and writes
    /// down what it says.
    pub(crate) fn read_log(&mut self, program: &str) -> Result<()> {
        let container = &self.side.container;
        container.sh(&format!(
            "journalctl -q -o short --after-cursor='{}' | grep ' xinetd\\[' >/tmp/log",
            self.begin
        ))?;
        let said = container.sh(program)?;
        self.note("its reader says:");
        for line in said.lines().filter(|line| !line.trim().is_empty()) {
            let _ = writeln!(self.transcript, "  {}", line.trim_end());
        }
        Ok(())
    }

    /// Writes down the mode and the lines of a log file, once so many of them have this word.
    pub(crate) fn log_file(&mut self, path: &str, word: &str, lines: usize) -> Result<()> {
        let lines = self.file_lines(path, word, lines)?;
        self.note_file(&lines);
        Ok(())
    }

    /// The same, in the order of the texts: see [`Self::log_unordered`].
    pub(crate) fn log_file_unordered(
        &mut self,
        path: &str,
        word: &str,
        lines: usize,
    ) -> Result<()> {
        let mut lines = self.file_lines(path, word, lines)?;
        lines.sort_unstable();
        self.note_file(&lines);
        Ok(())
    }

    fn note_file(&mut self, lines: &[String]) {
        for line in lines {
            let _ = writeln!(self.transcript, "  {line}");
        }
    }

    fn file_lines(&mut self, path: &str, word: &str, lines: usize) -> Result<Vec<String>> {
        let container = &self.side.container;
        container.wait_until(&format!("test \"$(grep -c '{word}' {path})\" -ge {lines}"))?;
        let mode = container.sh(&format!("stat -c %a {path}"))?;
        let content = container.sh(&format!("cat {path}"))?;
        self.note(&format!("{path} has mode {} and these lines:", mode.trim()));
        Ok(content.lines().map(normalise::file_line).collect())
    }

    fn await_lines(&self, wanted: Option<usize>) -> Result<Vec<Line>> {
        let begin = Instant::now();
        let mut since = begin;
        let mut count = 0;
        loop {
            let lines = self.side.lines(&self.cursor)?;
            if lines.len() != count {
                (count, since) = (lines.len(), Instant::now());
            }
            let enough = match wanted {
                // What must not come has a moment to come.
                Some(0) => since.elapsed() >= SILENCE / 5,
                Some(wanted) => count >= wanted,
                None => since.elapsed() >= SILENCE,
            };
            if enough || begin.elapsed() >= PATIENCE {
                return Ok(lines);
            }
            sleep(Duration::from_millis(20));
        }
    }
}

/// A line of the log with its facility and level.
fn describe(line: &Line) -> String {
    const FACILITIES: [&str; 12] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
        "authpriv", "ftp",
    ];
    const LEVELS: [&str; 8] = [
        "emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
    ];
    let number = |name| line.field(name).parse::<usize>().unwrap_or(usize::MAX);
    let facility = number("SYSLOG_FACILITY");
    let facility = FACILITIES
        .get(facility)
        .map_or_else(|| facility.to_string(), |&name| name.to_owned());
    let level = LEVELS.get(number("PRIORITY")).copied().unwrap_or("?");
    format!("{facility}.{level} {}", normalise::line(line.message()))
}
