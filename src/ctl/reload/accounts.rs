//! Services that listen and turn each client away, as their users or groups are unknown.

use std::collections::HashSet;

use xinetd_core::service::Credentials;

use super::super::listening::enabled_unit;
use super::super::machine::Machine;
use super::applier::Unserved;
use super::endangered::Served;
use crate::accept::account;
use crate::reconcile::Trouble;

/// Those of the services that listen and are not among `told`. Their helpers would say the same at the first client.
pub(super) fn unknown(listening: &[Served], told: &[Unserved]) -> Vec<Unserved> {
    let told = told.iter().map(|one| one.unit.as_str()).collect();
    let listening = listening.iter().map(|one| one.unit.as_str()).collect();
    let machine = Machine::read(None).ok();
    let services = machine.iter().flat_map(Machine::services);
    let accounts = services.filter_map(|found| {
        let unit = enabled_unit(found.standing())?;
        Some((unit, found.service.credentials.as_ref()?))
    });
    let look_up = |credentials: &Credentials| {
        let found = account::look_up(credentials);
        found.err().map(|unknown| unknown.to_string())
    };
    without(accounts, &listening, &told, look_up)
}

/// Those without an account. Each is looked up once: a name service may be slow.
fn without<'a>(
    accounts: impl Iterator<Item = (&'a str, &'a Credentials)>,
    listening: &HashSet<&str>,
    told: &HashSet<&str>,
    look_up: impl Fn(&Credentials) -> Option<String>,
) -> Vec<Unserved> {
    let mut known: Vec<(&Credentials, Option<String>)> = Vec::new();
    let mut unserved = Vec::new();
    for (unit, credentials) in accounts {
        if !listening.contains(unit) || told.contains(unit) {
            continue;
        }
        let index = known.iter().position(|(other, _)| *other == credentials);
        let index = index.unwrap_or_else(|| {
            known.push((credentials, look_up(credentials)));
            known.len() - 1
        });
        if let Some((_, Some(why))) = known.get(index) {
            let why = why.clone();
            unserved.push(Unserved {
                unit: unit.to_owned(),
                reason: Trouble::TurnedAway { why }.to_string(),
            });
        }
    }
    unserved
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use xinetd_core::service::Principal;

    use super::*;

    #[test]
    fn what_listens_without_an_account_is_told_once() {
        let credentials = |name: &str| Credentials {
            user: Principal::Name(name.into()),
            group: None,
            supplementary: false,
        };
        let (known, missing) = (credentials("known"), credentials("missing"));
        let accounts = [
            ("good", &known),
            ("bad", &missing),
            ("worse", &missing),
            ("told", &missing),
            ("stopped", &missing),
        ];
        let listening = HashSet::from(["good", "bad", "worse", "told"]);
        let look_ups = Cell::new(0);
        let look_up = |wanted: &Credentials| {
            look_ups.set(look_ups.get() + 1);
            (*wanted == missing).then(|| "there is no user missing".to_owned())
        };
        let told = HashSet::from(["told"]);
        let unserved = without(accounts.into_iter(), &listening, &told, look_up);
        let units: Vec<_> = unserved.iter().map(|one| one.unit.as_str()).collect();
        assert_eq!(units, ["bad", "worse"]);
        assert_eq!(
            unserved[0].reason,
            "each client is reset, as there is no user missing"
        );
        assert_eq!(look_ups.get(), 2);
    }
}
