//! Bans on disk.

use std::time::Duration;

use xinetd_core::bans::table::Slot;
use xinetd_core::bans::{BanList, BanOptions, BootId, BootTime, Clocks, Origin, SavedBans, Until};

/// No ban that is meant ends so late: in a hundred thousand years.
const FAR: Duration = Duration::from_secs(100_000 * 365 * 86_400);

/// The file that the coordinator keeps across a boot: what is read can be written again, and hits
/// the same peers until the same time.
pub fn bans(bytes: &[u8]) {
    let Ok(saved) = SavedBans::parse(bytes) else {
        return;
    };
    let now = BootTime {
        boot: BootId::from_bytes([7; 16]),
        at: Duration::from_secs(100),
    };
    let clocks = Clocks {
        boot: now,
        wall: Duration::from_secs(1_700_000_000),
    };
    let options = BanOptions::default();
    let mut list = BanList::new(options.ipv6_prefix(), options.allow_list());
    for ban in saved.bans(options.ipv6_prefix(), None, clocks) {
        let slot = Slot {
            address: ban.subject.to_bits(),
            until: ban.until,
            administrator: ban.origin == Origin::Administrator,
        };
        // The table counts microseconds: what it has no number for is half a million years away.
        let in_table = Slot::decode(&slot.encode());
        let is_same = in_table == Some(slot)
            || in_table.is_some_and(|slot| slot.until == Until::Forever)
                && ban.until > Until::At(FAR);
        assert!(is_same, "{slot:?} became {in_table:?}");
        list.restore(ban, now.at);
    }
    let text = SavedBans::new(list.bans(now.at), options.clone(), now).to_text();
    let text = text.unwrap_or_else(|error| unreachable!("what was read can't be written: {error}"));
    let again = SavedBans::parse(text.as_bytes());
    let again = again.unwrap_or_else(|error| unreachable!("{text}\ncan't be read: {error}"));
    let again = again.bans(options.ipv6_prefix(), None, clocks).len();
    assert_eq!(again, list.bans(now.at).count());
}
