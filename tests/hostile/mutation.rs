//! Changes that files suffer.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One change.
#[derive(Clone, Debug)]
enum Change {
    /// These bytes stand there as well.
    Insert(Index, Vec<u8>),
    /// So many bytes are gone.
    Remove(Index, usize),
    /// So many bytes stand there once more, often.
    Repeat(Index, usize, usize),
    /// One bit is another.
    Flip(Index, u8),
    /// The file ends there.
    Cut(Index),
    /// One line stands in the place of another.
    Move(Index, Index),
}

/// Words that mean something to one parser or another.
const WORDS: [&str; 44] = [
    "\n",
    "\n\n",
    "\r\n",
    " ",
    "\t",
    "\0",
    "#",
    "#@",
    "{",
    "}",
    "\n{\n",
    "\n}\n",
    "=",
    "+=",
    "-=",
    " = ",
    ":",
    ",",
    ".",
    "/",
    "\\\n",
    "%",
    "%h%u%%",
    "-1",
    "0",
    "4294967296",
    "65536",
    "UNLIMITED",
    "service",
    "defaults\n{\n",
    "include /etc/xinetd.conf\n",
    "includedir /etc/xinetd.d\n",
    "disable = no\n",
    "type = RPC UNLISTED\n",
    "flags = SENSOR NAMEINARGS\n",
    "EXCEPT",
    "ALL",
    "[::1]/64",
    "255.255.0.0",
    "internal",
    "rpc/tcp",
    "\u{feff}",
    "\u{e9}",
    "\"\"\"",
];

fn change() -> impl Strategy<Value = Change> {
    let word = select(WORDS.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let text = prop_oneof![4 => word, 1 => vec(any::<u8>(), 1..8)];
    prop_oneof![
        4 => (any::<Index>(), text).prop_map(|(at, text)| Change::Insert(at, text)),
        2 => (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Change::Remove(at, count)),
        1 => (any::<Index>(), 1_usize..80, 1_usize..120)
            .prop_map(|(at, count, times)| Change::Repeat(at, count, times)),
        2 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        1 => any::<Index>().prop_map(Change::Cut),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Move(from, to)),
    ]
}

fn apply(text: &mut Vec<u8>, change: &Change) {
    let place = |at: &Index| at.index(text.len() + 1);
    match change {
        Change::Insert(at, bytes) => {
            let at = place(at);
            text.splice(at..at, bytes.iter().copied());
        }
        Change::Remove(at, count) => {
            let at = place(at);
            text.drain(at..text.len().min(at + count));
        }
        Change::Repeat(at, count, times) => {
            let at = place(at);
            let part = text[at..text.len().min(at + count)].repeat(*times);
            text.splice(at..at, part);
        }
        Change::Flip(at, bit) => {
            let at = place(at);
            if let Some(byte) = text.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Change::Cut(at) => text.truncate(place(at)),
        Change::Move(from, to) => {
            let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            let (from, to) = (from.index(lines.len()), to.index(lines.len()));
            let line = lines.remove(from);
            lines.insert(to, line);
            *text = lines.join(&b'\n');
        }
    }
}

/// One of the seeds after some changes.
pub(crate) fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (select(seeds), vec(change(), 0..10)).prop_map(|(mut text, changes)| {
        for change in &changes {
            apply(&mut text, change);
        }
        text
    })
}
