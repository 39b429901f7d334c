//! What the files are made from.

use std::fs;
use std::path::{Path, PathBuf};

use testbed::Corpus;
use xinetd_core::config::MemoryTree;
use xinetd_core::policy::NameAnswer;

/// A larger file takes too long to read a thousand times.
const LARGEST: usize = 8 << 10;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn texts(paths: impl IntoIterator<Item = PathBuf>) -> Vec<Vec<u8>> {
    let texts = paths.into_iter().filter_map(|path| fs::read(path).ok());
    texts.filter(|text| text.len() <= LARGEST).collect()
}

/// The files of this name in the golden trees.
fn golden(name: &str) -> Vec<Vec<u8>> {
    let trees = files(&repository().join("tests/golden"));
    texts(trees.iter().map(|tree| tree.join("root/etc").join(name)))
}

/// Files of xinetd.
pub(crate) fn xinetd() -> Vec<Vec<u8>> {
    let mut all = golden("xinetd.conf");
    assert!(!all.is_empty(), "there are no golden trees");
    let corpora = [Ok(Corpus::own()), Corpus::real()].into_iter().flatten();
    let files = corpora.flat_map(|corpus| corpus.files().unwrap_or_default());
    all.extend(texts(files.map(|file| file.path)));
    all
}

/// Services of all kinds, as one file.
pub(crate) fn services() -> Vec<u8> {
    golden("xinetd.conf").concat()
}

/// Files of inetd.
pub(crate) fn inetd() -> Vec<Vec<u8>> {
    let all = golden("inetd.conf");
    assert!(!all.is_empty(), "there are no golden trees");
    all
}

/// Files of the bridge.
pub(crate) fn options() -> Vec<Vec<u8>> {
    let all = golden("xinetd-bridge.toml");
    assert!(!all.is_empty(), "there are no golden trees");
    all
}

/// Specs of services.
pub(crate) fn specs() -> Vec<Vec<u8>> {
    let trees = files(&repository().join("tests/golden"));
    let folders = trees.iter().map(|tree| tree.join("expected/xinetd-bridge"));
    let all = texts(folders.flat_map(|folder| files(&folder)));
    assert!(!all.is_empty(), "there are no golden trees");
    all
}

/// /etc/services and its like, of any kind.
pub(crate) fn databases() -> Vec<Vec<u8>> {
    let names = ["services", "protocols", "rpc", "passwd", "group"];
    let mut all: Vec<_> = names.into_iter().flat_map(golden).collect();
    all.push(b"loopback 127.0.0.0\nlink-local 169.254 local\n".to_vec());
    all
}

/// Bans on disk.
pub(crate) fn bans() -> Vec<Vec<u8>> {
    vec![
        b"format = 1\n[[ban]]\npeer = \"192.0.2.7/32\"\nsince = 1700000000\nlast = 1700000001\nuntil = 1700000099\nsensor = \"decoy\"\n"
            .to_vec(),
        b"format = 1\n[[ban]]\npeer = \"2001:db8::/64\"\nsince = 0\nlast = 18446744073709551615\nadministrator = true\n"
            .to_vec(),
        b"format = 2\n[noted]\nboot = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"\nat = 2600122\n[options]\nallow = [\"10.0.0.0/8\"]\n\
          ipv6_prefix = 64\n[[ban]]\npeer = \"192.0.2.7/32\"\nage = 17\nlast = 9\nleft = 600000\nsensor = \"decoy\"\n"
            .to_vec(),
        b"format = 2\n[noted]\nboot = \"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\"\nat = 0\n[options]\n[[ban]]\n\
          peer = \"2001:db8::/64\"\nage = 0\nlast = 9223372036854775807\nadministrator = true\n"
            .to_vec(),
    ]
}

/// hosts.allow, hosts.deny and lists that they name.
pub(crate) fn rules() -> Vec<Vec<u8>> {
    let rules = [
        "in.ftpd: LOCAL, .example.com EXCEPT bad.example.com: spawn (echo %a %c %d %h %n %p %s %u)&\n",
        "ALL: 10.0.0.0/255.0.0.0 [2001:db8::]/32 192.0.2. @group joe@host /etc/list: severity auth.info: allow\n",
        "in.ftpd@127.0.0.1: ALL: setenv NAME %h: keepalive: nice 5: umask 022: banners /etc/b: twist /bin/echo %%\n",
        "ALL EXCEPT in.telnetd: *.exam?le.com PARANOID KNOWN UNKNOWN \\\n  ::1: deny\n",
        "# a comment\n127.0.0.1\nhost.example.com\n10.\n",
    ];
    let mut all: Vec<_> = rules.iter().map(|rule| rule.as_bytes().to_vec()).collect();
    all.push(rules.concat().into_bytes());
    all
}

/// Names of clients.
pub(crate) fn names() -> Vec<NameAnswer> {
    let name = "bad.example.com";
    let mut answers = vec![
        NameAnswer::NotAsked,
        NameAnswer::Unconfirmed(name.to_owned()),
        NameAnswer::NoName,
        NameAnswer::Undetermined,
    ];
    answers.extend(name.parse().map(NameAnswer::Confirmed));
    answers
}

/// The rest of /etc.
pub(crate) fn etc() -> MemoryTree {
    let mut tree = MemoryTree::default();
    let root = repository().join("tests/golden/40-inetd/root/etc");
    for name in ["services", "protocols", "rpc", "passwd", "group"] {
        let text = fs::read(root.join(name)).unwrap_or_default();
        tree = tree.file(format!("/etc/{name}"), text);
    }
    tree
}
