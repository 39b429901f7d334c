//! The service that is asked, as its helper knows it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use xinetd_core::config::{Attribute, Sources};
use xinetd_core::problem::Place;
use xinetd_core::service::{Bind, Family, Listen, Reach, Service, SocketType};
use xinetd_core::spec::{Spec, Task};

use super::client::Client;
use super::verdict::Rule;

/// The port of tcpmux (RFC 1078).
const TCPMUX: u16 = 1;

/// A service, ready to be asked.
pub(super) struct ExplainedService<'a> {
    pub(super) service: &'a Service,
    pub(super) spec: Spec,
    pub(super) sources: &'a Sources,
}

impl ExplainedService<'_> {
    /// The client's address as accept(2) gives it, or why it does not get as far.
    pub(super) fn peer(&self, address: IpAddr) -> Result<IpAddr, &'static str> {
        let (family, bind) = match &self.service.reach {
            Reach::Listen(Listen { family, bind, .. })
            | Reach::Rpc(_, Listen { family, bind, .. }) => (*family, bind.as_ref()),
            // tcpmux has accepted it already.
            Reach::Mux(_) => return Ok(address),
        };
        let bound = match bind {
            Some(Bind::Address(bound, _)) => !bound.is_unspecified(),
            _ => false,
        };
        match (family, address) {
            (Family::V4, IpAddr::V6(_)) => Err("the service listens on IPv4 alone"),
            (Family::V6Only, IpAddr::V4(_)) => Err("the service listens on IPv6 alone"),
            (Family::V6 | Family::Any, IpAddr::V4(_)) if bound => {
                Err("the service listens on an IPv6 address alone")
            }
            // The client's address is not known before the server accepts it.
            _ if self.is_blind() => Ok(Ipv4Addr::UNSPECIFIED.into()),
            (Family::V6 | Family::Any, IpAddr::V4(address)) => Ok(address.to_ipv6_mapped().into()),
            _ => Ok(address),
        }
    }

    /// Whether the server takes its clients itself.
    pub(super) fn is_blind(&self) -> bool {
        self.service.socket_type == SocketType::Stream && self.hands_over()
    }

    /// Whether it bans its clients.
    pub(super) fn is_sensor(&self) -> bool {
        matches!(self.spec.task, Task::Sensor(_))
    }

    /// The port to which datagrams come that the helper answers.
    pub(super) fn answers_datagrams(&self) -> Option<u16> {
        let is_datagram = self.service.socket_type == SocketType::Dgram;
        match (&self.spec.task, &self.service.reach) {
            (Task::Internal(_) | Task::Sensor(_), Reach::Listen(listen)) if is_datagram => {
                Some(listen.port.0)
            }
            _ => None,
        }
    }

    /// Whether its listening socket is an IPv6 one, which may have IPv4 clients.
    pub(super) fn listens_on_v6(&self) -> bool {
        match &self.service.reach {
            Reach::Listen(listen) | Reach::Rpc(_, listen) => match &listen.bind {
                Some(Bind::Address(bound, _)) => bound.is_ipv6(),
                Some(Bind::Name(_)) | None => listen.family != Family::V4,
            },
            Reach::Mux(_) => false,
        }
    }

    /// The rule at a place.
    pub(super) fn rule(&self, place: &Place) -> Rule {
        Rule::at(place, self.sources)
    }

    /// Where an attribute was last written.
    pub(super) fn written(&self, attribute: Attribute) -> Option<Rule> {
        let mut lines = self.service.attributes.iter().rev();
        let line = lines.find(|line| line.attribute == attribute)?;
        Some(self.rule(&line.place))
    }

    /// The end that the client has connected to.
    pub(super) fn local(&self, client: &Client) -> SocketAddr {
        let (Reach::Listen(listen) | Reach::Rpc(_, listen)) = &self.service.reach else {
            return client.local(TCPMUX);
        };
        let port = listen.port.0;
        match (&listen.bind, listen.family) {
            (Some(Bind::Address(bound, _)), _) if !bound.is_unspecified() => {
                SocketAddr::new(*bound, port)
            }
            // It is the listening socket that is asked.
            (_, Family::V4) if self.hands_over() => (Ipv4Addr::UNSPECIFIED, port).into(),
            _ if self.hands_over() => (Ipv6Addr::UNSPECIFIED, port).into(),
            _ => client.local(port),
        }
    }

    fn hands_over(&self) -> bool {
        matches!(self.spec.task, Task::Wait(_))
    }
}
