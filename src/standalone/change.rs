//! What a reload changes.

use std::collections::HashMap;

use xinetd_core::translate::PlannedService;

/// What becomes of a service that was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// Its helper, if one runs, takes the new spec; sessions go on.
    Reload,
    /// Another helper takes over; sessions go on.
    Respawn,
    /// Another helper takes over on another socket; sessions go on, as under systemd.
    Rebind,
}

impl Change {
    /// From `old` to `new`.
    pub(super) fn between(old: &PlannedService, new: &PlannedService) -> Self {
        let start = |service: &PlannedService| (service.nice, service.umask);
        if old.socket != new.socket || old.rpc != new.rpc {
            Self::Rebind
        } else if start(old) != start(new) || old.spec.credentials != new.spec.credentials {
            Self::Respawn
        } else if old.spec != new.spec {
            Self::Reload
        } else {
            Self::None
        }
    }
}

/// What a reload does.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// The units that go.
    pub(super) gone: Vec<String>,
    /// Services that stay, with what becomes of each.
    pub(super) kept: Vec<(PlannedService, Change)>,
    /// Services that come.
    pub(super) new: Vec<PlannedService>,
}

impl Changes {
    /// From the services that are there to those that the files have now; both go by their units' names.
    pub(super) fn between<'a>(
        old: impl Iterator<Item = &'a PlannedService>,
        new: Vec<PlannedService>,
    ) -> Self {
        let mut old: HashMap<&str, &PlannedService> = old
            .map(|service| (service.unit.as_str(), service))
            .collect();
        let mut changes = Self::default();
        for service in new {
            match old.remove(service.unit.as_str()) {
                Some(before) => {
                    let change = Change::between(before, &service);
                    changes.kept.push((service, change));
                }
                None => changes.new.push(service),
            }
        }
        changes.gone = old.into_keys().map(str::to_owned).collect();
        changes.gone.sort();
        changes
    }
}

#[cfg(test)]
mod tests {
    use xinetd_core::config::{self, Databases, MemoryTree, Roots};
    use xinetd_core::spec::MuxSecret;
    use xinetd_core::startup::Startup;
    use xinetd_core::translate::{MuxPlace, Plan};

    use super::*;

    fn services(text: &str) -> Vec<PlannedService> {
        let tree = MemoryTree::default().file("/etc/xinetd.conf", text);
        let roots = Roots::xinetd("/etc/xinetd.conf".as_ref());
        let configuration = config::load(&tree, roots, &Databases::default());
        let mux = MuxPlace::supervised("/run/mux".into(), MuxSecret::new([7; 32]));
        let plan = Plan::of(&configuration, Startup::commanded(&tree, None, false), mux);
        assert_eq!(
            configuration.problems.len() + plan.problems.len(),
            0,
            "{configuration:?}"
        );
        plan.services
    }

    fn service(id: &str, more: &str) -> String {
        format!(
            "service {id}\n{{\ntype = UNLISTED\nsocket_type = stream\nprotocol = tcp\nwait = no\nuser = 0\n\
             server = /bin/true\nport = {}\n{more}\n}}\n",
            7000 + id.len()
        )
    }

    #[test]
    fn each_change_has_its_price() {
        let change = |more: &str| {
            let [old, new] = ["", more].map(|more| services(&service("x", more)).remove(0));
            Change::between(&old, &new)
        };
        assert_eq!(change(""), Change::None);
        assert_eq!(change("instances = 3"), Change::Reload);
        assert_eq!(change("umask = 077"), Change::Respawn);
        assert_eq!(change("nice = 5"), Change::Respawn);
        assert_eq!(change("group = 5"), Change::Respawn);
        assert_eq!(change("bind = 127.0.0.1"), Change::Rebind);
        assert_eq!(change("flags = KEEPALIVE"), Change::Rebind);
        let rpc = |version: &str| {
            let more = format!("rpc_number = 300000\nrpc_version = {version}");
            services(&service("x", &more).replace("UNLISTED", "RPC UNLISTED")).remove(0)
        };
        let change = Change::between(&rpc("1"), &rpc("2"));
        assert_eq!(change, Change::Rebind, "what the portmapper is told");
    }

    #[test]
    fn tcpmux_takes_other_services_without_ending_a_session() {
        let tcpmux = "service tcpmux\n{\ntype = INTERNAL UNLISTED\nsocket_type = stream\nprotocol = tcp\n\
                      wait = no\nport = 7001\n}\n";
        let led = |kind: &str| {
            service("led", "")
                .replace("UNLISTED", kind)
                .replace("port = 7003", "")
        };
        let changes = |before: &str, after: &str| {
            let [old, new] = [before, after].map(|text| services(&[tcpmux, text].concat()));
            let changes = Changes::between(old.iter(), new);
            let kept = changes.kept.iter().map(|(_, change)| *change);
            (kept.collect::<Vec<_>>(), changes.new.len())
        };
        let (plain, plus) = (led("TCPMUX UNLISTED"), led("TCPMUXPLUS UNLISTED"));
        assert_eq!(changes("", &plain), (vec![Change::Reload], 1));
        assert_eq!(changes(&plain, &plain), (vec![Change::None; 2], 0));
        assert_eq!(
            changes(&plain, &plus),
            (vec![Change::None, Change::Reload], 0)
        );
        let at_port = service("led", "");
        assert_eq!(
            changes(&plain, &at_port),
            (vec![Change::Reload, Change::Rebind], 0)
        );
    }

    #[test]
    fn services_come_stay_and_go() {
        let old = services(&[service("bb", ""), service("a", "")].concat());
        let new = services(&[service("bb", ""), service("ccc", "")].concat());
        let changes = Changes::between(old.iter(), new);
        assert_eq!(changes.gone, ["a"]);
        let kept = changes.kept.iter();
        let kept: Vec<_> = kept
            .map(|(one, change)| (one.unit.as_str(), *change))
            .collect();
        assert_eq!(kept, [("bb", Change::None)]);
        assert_eq!(changes.new[0].unit, "ccc");
    }
}
