//! What the helper needs to know.

use super::mux::Switchboard;
use super::servable::{Door, Servable};
use crate::service::{Family, Service};
use crate::spec::{Spec, Task};

/// The spec of a service.
pub(super) fn spec(service: &Service, servable: &Servable, switchboard: &Switchboard) -> Spec {
    let waits = matches!(servable.task, Task::Wait(_));
    let mut logging = service.logging.clone();
    if waits {
        // There is no connection that an ident server could be asked about.
        logging.success.userid = false;
        logging.failure.userid = false;
    }
    Spec {
        format: Spec::FORMAT,
        id: service.id.clone(),
        name: service.name.clone(),
        place: service.place.clone(),
        credentials: servable.credentials.clone(),
        // Others have no v4-mapped peers, or tcpmux has seen to it, or it is the service's own
        // socket that the server gets.
        unmap: !waits
            && matches!(
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
        answering: switchboard.answering(service, &servable.task),
        mux: switchboard.client(service, &servable.door),
        limits: service.limits.clone(),
        access: service.access.clone(),
        logging,
        environment: service.environment.clone(),
        banners: service.banners.clone(),
        resource_limits: service.resource_limits.clone(),
    }
}
