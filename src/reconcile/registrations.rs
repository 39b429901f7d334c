//! What rpcbind is told of services that have gone, or that it is to be told otherwise.
//!
//! The socket of an RPC service removes its registrations when it stops, by `ExecStopPost=`. After a
//! daemon-reload systemd has the new one, or none.

use xinetd_core::portmap::{Registration, RpcService};

use super::record::Record;
use crate::accept::portmap;

/// The service of a unit, of which rpcbind is told this.
fn service(unit: &str, words: &str) -> Option<RpcService> {
    let mut words = words.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (program, first, last) = (number()?, number()?, number()?);
    Some(RpcService {
        id: unit.to_owned(),
        program,
        versions: (first, last),
        endpoints: words.map(str::parse).collect::<Result<_, _>>().ok()?,
    })
}

/// What was registered before and is not wanted any more, with the units of those services.
fn outdated(before: &Record, wanted: &Record) -> Vec<(RpcService, Vec<Registration>)> {
    let services = |record: &Record| -> Vec<RpcService> {
        let rpc = record.rpc();
        rpc.filter_map(|(unit, words)| service(unit, words))
            .collect()
    };
    let wanted: Vec<Registration> = services(wanted)
        .iter()
        .flat_map(RpcService::registrations)
        .collect();
    let outdated = services(before).into_iter().map(|service| {
        let mut old = service.registrations();
        old.retain(|one| !wanted.contains(one));
        (service, old)
    });
    outdated.filter(|(_, old)| !old.is_empty()).collect()
}

/// Has rpcbind forget them, so that it takes the new ones.
pub(super) fn forget_outdated(before: &Record, wanted: &Record) {
    for (service, registrations) in outdated(before, wanted) {
        // An rpcbind that is not there knows none.
        if let Err(error) = portmap::unregister(&service, &registrations) {
            let id = &service.id;
            log::info!("{id}: what was registered is not removed: rpcbind: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(words: &str) -> Record {
        Record::of([]).with_rpc("x", words)
    }

    fn versions(before: &str, wanted: &Record) -> Vec<(u32, u32)> {
        let outdated = outdated(&record(before), wanted).into_iter();
        let outdated = outdated.flat_map(|(_, old)| old);
        outdated.map(|one| (one.program, one.version)).collect()
    }

    #[test]
    fn what_is_not_wanted_any_more_is_forgotten() {
        let old = "7 1 2 tcp=0.0.0.0.1.2";
        assert_eq!(versions(old, &Record::of([])), [(7, 1), (7, 2)]);
        assert_eq!(versions(old, &record("7 2 2 tcp=0.0.0.0.1.2")), [(7, 1)]);
        let moved = record("7 1 2 tcp=0.0.0.0.1.3");
        assert_eq!(versions(old, &moved), [(7, 1), (7, 2)]);
        assert_eq!(versions(old, &record(old)), []);
    }
}
