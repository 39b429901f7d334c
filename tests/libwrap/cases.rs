//! Random rules and clients.

use std::fmt::Write;

/// A file of hosts_access(5), or none.
pub(crate) struct Case {
    pub(crate) allow: String,
    pub(crate) deny: String,
    /// Arguments of tcpdmatch.
    pub(crate) daemon: &'static str,
    pub(crate) server: Option<&'static str>,
    pub(crate) user: Option<&'static str>,
    pub(crate) client: &'static str,
}

/// The machines that the container's /etc/hosts knows.
pub(crate) const HOSTS: &[(&str, &str)] = &[
    ("10.1.2.3", "www.example.org"),
    ("10.1.2.4", "mail.sub.example.org"),
    ("10.9.9.9", "plain"),
    ("192.0.2.7", "known"),
    ("192.0.2.8", "a.b"),
    ("2001:db8::7", "six.example.org"),
    ("2001:db8:1::1", "unknowns.example.net"),
];

/// What the rules call lists.
pub(crate) const LISTS: &[(&str, &str)] = &[
    (
        "/lists/one",
        "10.1.2.3 .example.net\n[2001:db8::]/48\nplain",
    ),
    (
        "/lists/nested",
        "nothing /lists/one /lists/missing EXCEPT\n192.0.2.",
    ),
    ("/lists/all", "ALL"),
];

/// What is sent to clients: every expansion.
pub(crate) const BANNER: &str =
    "a=%a A=%A c=%c d=%d\nh=%h H=%H n=%n N=%N r=%r\nR=%R s=%s u=%u %%%q 100%\n";

const DAEMONS: &[&str] = &["in.telnetd", "ftpd", "My_Daemon", "42", "x"];

const SERVERS: &[&str] = &[
    "10.1.2.3",
    "192.0.2.99",
    "mail.sub.example.org",
    "2001:db8::7",
];

const USERS: &[&str] = &["joe", "o;dd$user", "root"];

const CLIENTS: &[&str] = &[
    "10.1.2.3",
    "10.1.2.30",
    "10.255.0.1",
    "192.0.2.7",
    "192.0.3.255",
    "1.2.3.4",
    "127.0.0.1",
    "2001:db8::7",
    "2001:db8:1::1",
    "fe80::1",
    "::1",
    "unknown",
    "paranoid",
    "www.example.org",
    "mail.sub.example.org",
    "plain",
    "known",
    "a.b",
    "six.example.org",
    "unknowns.example.net",
];

const HOST_PATTERNS: &[&str] = &[
    "ALL",
    "all",
    "LOCAL",
    "Local",
    "KNOWN",
    "UNKNOWN",
    "PARANOID",
    "unknown",
    "EXCEPT",
    "Except",
    ".example.org",
    ".Example.ORG",
    "example.org",
    ".org",
    ".",
    "..",
    "10.",
    "10.1.",
    "10.1.2.3",
    "10.1.2.3.",
    "1.",
    "192.0.2",
    ".3",
    ".2.3",
    "10.1.2.0/24",
    "10.1.2.0/255.255.255.0",
    "10.1.2.3/24",
    "10.1.2.3/32",
    "10.1.2.3/255.255.255.255",
    "0.0.0.0/0",
    "0.0.0.0/0.0.0.0",
    "0.0.0.0/1",
    "10.0/8",
    "10.0.0.0/8x",
    "10.0.0.0/x",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/+8",
    "010.0.0.0/5",
    "0xa.0.0.0/8",
    "10.0.0.0/255.0.255.0",
    "[2001:db8::]/32",
    "[2001:db8::]/48",
    "[2001:db8::7]",
    "[2001:DB8:0::7]/128",
    "[2001:db8::7]/127",
    "[::]/0",
    "[::1]/",
    "[::]/x",
    "[fe80::1]",
    "[::ffff:10.1.2.3]",
    "[10.1.2.3]",
    "[2001:db8::]/129",
    "[]",
    "[",
    "]",
    "[x]/1",
    "[fe80::1%lo]",
    "2001:db8::7",
    "*",
    "**",
    "***",
    "?",
    "10.*",
    "*.3",
    "10.?.2.?",
    "*.example.org",
    "www.*.org",
    "W*",
    "*wn",
    "un*",
    "w**g",
    "www.example.org**",
    "2001*",
    "*7",
    "[*]",
    "?*?",
    "@group",
    "/lists/one",
    "/lists/nested",
    "/lists/missing",
    "/lists/all",
    "plain",
    "known",
    "known.",
    "a.b",
    "www.example.org",
    "www.example.org.",
    "10.1.2.3:1",
    "#",
    "1.2.3.4/0xffffffff",
    "1.2.3.4/32",
];

const DAEMON_PATTERNS: &[&str] = &[
    "ALL",
    "all",
    "in.telnetd",
    "IN.TELNETD",
    "ftpd",
    "My_Daemon",
    "my_daemon",
    "42",
    "0",
    "in.",
    ".telnetd",
    "KNOWN",
    "UNKNOWN",
    "x",
    "*d",
    "f?pd",
    "@x",
    "EXCEPT",
    "in.*",
    "LOCAL",
    "65536",
    "+42",
    "[ftpd]",
];

const USER_PATTERNS: &[&str] = &[
    "joe", "ALL", "KNOWN", "UNKNOWN", "j*", "JOE", "root", "o.", "",
];

/// Options that let another follow, and their values.
const STEPS: &[&str] = &[
    "spawn true",
    "spawn /bin/echo %h\\:%a %u",
    "severity notice",
    "severity mail.info",
    "severity = Cron.DEBUG",
    "severity foo",
    "severity mail.",
    "severity kern.info.x",
    "nice",
    "nice 5",
    "nice = -5",
    "nice 5x",
    "umask 022",
    "umask 777",
    "umask 7777",
    "umask 8",
    "umask",
    "linger 5",
    "linger -1",
    "linger 5 5",
    "keepalive",
    "keepalive on",
    "rfc931",
    "rfc931 10",
    "rfc931 0",
    "setenv A b c",
    "setenv A=b c",
    "setenv A",
    "setenv = %d",
    "spawn",
    "banners /lists",
    "banners=/lists",
    "banners /nowhere",
    "banners",
    "",
    " ",
    "bogus",
    "KeepAlive",
    "spawn = = x",
    "allow",
    "deny",
    "twist true",
    "a\\:b",
];

const ENDS: &[&str] = &[
    "allow",
    "deny",
    "ALLOW",
    "twist /bin/echo hi %c",
    "twist",
    "allow 1",
    "Deny",
    "deny:",
];

/// Numbers that look random and are always the same (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        let index = usize::try_from(self.below(list.len() as u64)).unwrap_or(0);
        list[index]
    }

    pub(crate) fn case(&mut self) -> Case {
        let daemon = self.pick(DAEMONS);
        Case {
            allow: self.file(daemon),
            deny: self.file(daemon),
            daemon,
            server: self.one_in(3).then(|| self.pick(SERVERS)),
            user: self.one_in(3).then(|| self.pick(USERS)),
            client: self.pick(CLIENTS),
        }
    }

    fn file(&mut self, daemon: &str) -> String {
        let mut text = String::new();
        for _ in 0..self.below(4) {
            match self.below(20) {
                0 => text += "# ALL: ALL\n",
                1 => text += " \t\n",
                2 => text += " # comment: ALL: deny\n",
                3 => text += "no colon\n",
                4 => text += "#joined \\\n: ALL\n",
                _ => self.rule(daemon, &mut text),
            }
        }
        if self.one_in(30) {
            text.pop();
        }
        text
    }

    fn rule(&mut self, daemon: &str, text: &mut String) {
        // Most rules are for this daemon, or nothing would be seen of their clients.
        match self.below(3) {
            0 => *text += "ALL",
            1 => *text += daemon,
            _ => {
                for _ in 0..1 + self.below(3) {
                    *text += self.pick(DAEMON_PATTERNS);
                    if self.one_in(4) {
                        let _ = write!(text, "@{}", self.pick(HOST_PATTERNS));
                    }
                    self.separator(text);
                }
            }
        }
        *text += if self.one_in(4) { ":" } else { " : " };
        for _ in 0..1 + self.below(5) {
            if self.one_in(6) {
                *text += "EXCEPT";
                self.separator(text);
            }
            if self.one_in(6) {
                let _ = write!(text, "{}@", self.pick(USER_PATTERNS));
            }
            *text += self.pick(HOST_PATTERNS);
            self.separator(text);
        }
        for _ in 0..self.below(6).saturating_sub(3) {
            let _ = write!(text, ":{}", self.pick(STEPS));
            if self.one_in(8) {
                *text += "\\\n";
            }
        }
        if self.one_in(3) {
            let _ = write!(text, " : {}", self.pick(ENDS));
        }
        text.push('\n');
    }

    fn separator(&mut self, text: &mut String) {
        *text += self.pick(&[" ", " ", ",", ", ", "\t", " \\\n "]);
    }
}
