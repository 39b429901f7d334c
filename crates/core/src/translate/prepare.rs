//! All services with their names and what their units need, before the first unit is written: services know of
//! each other.

use super::mux::Switchboard;
use super::name::{Choice, Names};
use super::obstacle::{Obstacle, Reason};
use super::rpc;
use super::servable::{Servable, servable};
use super::surroundings::Surroundings;
use super::unit_name::{UnitName, has_rpc_unit};
use crate::catch::{TranslationStep, contained};
use crate::config::{Attribute, Configuration};
use crate::service::{Port, Reach, Service};

/// All services with their names, and which of them lead to which.
pub(super) fn prepare<'a>(
    configuration: &'a Configuration,
    surroundings: &Surroundings,
) -> (Vec<Prepared<'a>>, Switchboard) {
    let mut names = Names::new(&surroundings.existing);
    let rpc_ports = rpc::ports(&configuration.services);
    let mut prepared: Vec<_> = configuration
        .services
        .iter()
        .zip(rpc_ports)
        .map(|(service, rpc_port)| {
            let prepared = contained(TranslationStep::Prepare, service.id.as_bytes(), || {
                Prepared::new(service, rpc_port, surroundings, &mut names)
            });
            prepared.unwrap_or_else(|| Prepared::lost(service))
        })
        .collect();
    let mut switchboard = Switchboard::new(surroundings.mux.clone());
    for prepared in &mut prepared {
        if let Ok(servable) = &prepared.servable {
            switchboard.note(prepared.service, servable);
        }
        if let (Choice::Ours { unit, .. }, Ok(servable)) = (&prepared.choice, &prepared.servable)
            && !switchboard.add(prepared.service, servable, unit)
        {
            let obstacle = Obstacle::of(prepared.service, Attribute::Type, Reason::TooManyTcpmux);
            prepared.servable = Err(vec![obstacle]);
        }
    }
    (prepared, switchboard)
}

/// A service, its name, and whether it can be served.
pub(super) struct Prepared<'a> {
    pub(super) service: &'a Service,
    pub(super) choice: Choice,
    pub(super) servable: Result<Servable, Vec<Obstacle>>,
}

impl<'a> Prepared<'a> {
    fn new(
        service: &'a Service,
        rpc_port: Option<Port>,
        surroundings: &Surroundings,
        names: &mut Names<'_>,
    ) -> Self {
        let options = surroundings
            .startup
            .options()
            .service(&service.id.to_text());
        let mut servable = servable(service, options, &surroundings.bans, rpc_port);
        let port = match &service.reach {
            Reach::Listen(listen) => Some(listen.port),
            Reach::Rpc(..) | Reach::Mux(_) => None,
        };
        // Services that are not served keep their names: those of others will not change when
        // they are.
        let choice = names.choose(service.id.as_bytes(), port);
        let fits = |unit: &UnitName| match service.reach {
            Reach::Listen(_) => true,
            Reach::Mux(_) => surroundings.mux.has_room(unit),
            Reach::Rpc(..) => has_rpc_unit(unit),
        };
        if let Choice::Ours { unit, .. } = &choice
            && !fits(unit)
        {
            servable = Err(vec![Obstacle::of(
                service,
                Attribute::Id,
                Reason::NameTooLong,
            )]);
        }
        Self {
            service,
            choice,
            servable,
        }
    }

    /// One that can't be served for a fault of this program.
    fn lost(service: &'a Service) -> Self {
        Self {
            service,
            choice: Choice::TooLong,
            servable: Err(vec![Obstacle::internal(service)]),
        }
    }
}
