//! What the helper needs to know.

use super::mux::Switchboard;
use super::servable::{Door, Servable};
use crate::service::{Credentials, Family, Service};
use crate::spec::Spec;

/// The spec of a service.
pub(super) fn spec(service: &Service, servable: &Servable, switchboard: &Switchboard) -> Spec {
    let credentials = service.credentials.as_ref();
    Spec {
        format: Spec::FORMAT,
        id: service.id.clone(),
        name: service.name.clone(),
        place: service.place.clone(),
        // A user that systemd makes up has none.
        supplementary_groups: servable.account.dynamic
            || credentials.is_some_and(|credentials| credentials.supplementary),
        identity: credentials.and_then(Credentials::identity),
        // Others have no v4-mapped peers, or tcpmux has seen to it.
        unmap: matches!(
            servable.door,
            Door::Port {
                family: Family::Any | Family::V6,
                ..
            }
        ),
        noretry: service.flags.noretry,
        idonly: service.flags.idonly,
        libwrap: service.libwrap_daemon(),
        access_times: service.access_times.clone(),
        task: switchboard.task(&servable.task),
        mux: switchboard.client(service, &servable.door),
        limits: service.limits.clone(),
        access: service.access.clone(),
        logging: service.logging.clone(),
        environment: service.environment.clone(),
        banners: service.banners.clone(),
        resource_limits: service.resource_limits.clone(),
    }
}
