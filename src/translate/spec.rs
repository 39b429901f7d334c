//! What the helper needs to know.

use super::servable::Servable;
use crate::service::{Credentials, Family, Service};
use crate::spec::Spec;

/// The spec of a service.
pub(super) fn spec(service: &Service, servable: &Servable) -> Spec {
    let credentials = service.credentials.as_ref();
    Spec {
        format: Spec::FORMAT,
        id: service.id.clone(),
        name: service.name.clone(),
        place: service.place.clone(),
        // A user that systemd makes up has none.
        supplementary_groups: credentials.is_none_or(|credentials| credentials.supplementary),
        identity: credentials.and_then(Credentials::identity),
        // Others have no v4-mapped peers.
        unmap: matches!(servable.family, Family::Any | Family::V6),
        noretry: service.flags.noretry,
        idonly: service.flags.idonly,
        access_times: service.access_times.clone(),
        task: servable.task.clone(),
        limits: service.limits.clone(),
        access: service.access.clone(),
        logging: service.logging.clone(),
        environment: service.environment.clone(),
        banners: service.banners.clone(),
        resource_limits: service.resource_limits.clone(),
    }
}
