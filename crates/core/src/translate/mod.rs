//! Services in, units and specs out.

mod account;
mod daemon;
mod eject;
mod escape;
mod fate;
mod log_files;
mod mux;
mod name;
mod obstacle;
mod output;
mod plain;
mod plan;
mod prepare;
mod problems;
mod report;
mod rpc;
mod sandbox;
mod servable;
mod service;
mod services;
mod socket;
mod socket_plan;
mod spec;
mod surroundings;
mod unit;
mod unit_name;
mod unit_section;
mod zone;

#[cfg(test)]
mod tests;

pub use daemon::{Daemon, SCRIPT};
pub use eject::{Ejection, Form, Loss, Protections, eject, ejected_files};
pub use log_files::PATH as LOG_FILES;
pub use mux::MuxPlace;
pub use name::{ExistingUnits, Native};
pub use obstacle::{Obstacle, Reason};
pub use output::{GeneratedFile, GeneratedLink, TranslatedService, Translation};
pub use plan::{Plan, PlannedService};
pub use report::{AttributeReport, Fate, ServiceReport, Standing};
pub use sandbox::Confinement;
pub use services::translate;
pub use socket::PACKET_LISTS;
pub use socket_plan::{BindAddress, PacketFilterLists, PortPlan, SocketPlan};
pub use surroundings::{SpecDirectory, Surroundings};
pub use unit::helper;
pub use unit_name::{rpc_unit, runtime_directory};
pub use zone::Zone;
