//! What is served where there is no systemd: the plan of the supervisor, of the same parts as the units.

use super::mux::{MuxPlace, Switchboard};
use super::name::Choice;
use super::obstacle::{Obstacle, Reason};
use super::prepare::{Prepared, prepare};
use super::problems::Problems;
use super::rpc::rpc_service;
use super::servable::Servable;
use super::service::{nice, umask};
use super::socket_plan::SocketPlan;
use super::spec::spec;
use super::surroundings::Surroundings;
use super::unit_name::UnitName;
use crate::bytes::ByteString;
use crate::config::{Attribute, Configuration};
use crate::portmap::RpcService;
use crate::problem::{Place, Problem};
use crate::service::Service;
use crate::spec::Spec;
use crate::startup::Startup;

/// What is served, and what is not.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The services that are switched on and can be served, in the order of the files.
    pub services: Vec<PlannedService>,
    /// The ids of those that are switched on and can't be served; `problems` has the reasons.
    pub unserved: Vec<ByteString>,
    /// What is worth saying about it.
    pub problems: Vec<Problem>,
}

/// A service, and what its helper is started with.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedService {
    /// The name of its unit, as under systemd: no other service has it.
    pub unit: String,
    /// Its socket.
    pub socket: SocketPlan,
    /// The nice value of the helper and its servers, where the service sets one.
    pub nice: Option<i32>,
    /// Their umask.
    pub umask: u16,
    /// What the portmapper is told, of an RPC service.
    pub rpc: Option<RpcService>,
    /// What the helper is told.
    pub spec: Spec,
}

impl PlannedService {
    /// The service's id.
    pub fn id(&self) -> &ByteString {
        &self.spec.id
    }

    /// Where the service stands in the files.
    pub fn place(&self) -> &Place {
        &self.spec.place
    }
}

impl Plan {
    /// The plan for a configuration, started as `startup` says, with the sockets for tcpmux at this place.
    pub fn of(configuration: &Configuration, startup: Startup, mux: MuxPlace) -> Self {
        let surroundings = Surroundings::without_systemd(startup, mux);
        let (prepared, switchboard) = prepare(configuration, &surroundings);
        let mut plan = Self::default();
        let mut problems = Problems::default();
        let enabled = prepared.iter().filter(|prepared| prepared.service.enabled);
        for prepared in enabled {
            match planned(prepared, &surroundings, &switchboard) {
                Ok(service) => {
                    if matches!(service.socket, SocketPlan::Mux(_)) && switchboard.is_dead() {
                        problems.unreachable(prepared.service);
                    }
                    plan.services.push(service);
                }
                Err(obstacles) => {
                    problems.not_served(prepared.service, &obstacles);
                    plan.unserved.push(prepared.service.id.clone());
                }
            }
        }
        problems.startup(configuration, &surroundings.startup);
        plan.problems = problems.finish();
        plan
    }
}

fn planned(
    prepared: &Prepared<'_>,
    surroundings: &Surroundings,
    switchboard: &Switchboard,
) -> Result<PlannedService, Vec<Obstacle>> {
    let service = prepared.service;
    let servable = prepared.servable.as_ref().map_err(Clone::clone)?;
    let Choice::Ours { unit, .. } = &prepared.choice else {
        return Err(vec![Obstacle::of(
            service,
            Attribute::Id,
            Reason::NameTooLong,
        )]);
    };
    let socket = SocketPlan::of(service, servable, unit, &surroundings.mux);
    Ok(of_parts(service, servable, unit, socket, switchboard))
}

fn of_parts(
    service: &Service,
    servable: &Servable,
    unit: &UnitName,
    socket: SocketPlan,
    switchboard: &Switchboard,
) -> PlannedService {
    PlannedService {
        unit: unit.to_string(),
        socket,
        nice: nice(service),
        umask: umask(service),
        rpc: rpc_service(service, servable),
        spec: spec(service, servable, switchboard),
    }
}
