//! The machine that takes one configuration after the other.

use std::fs;

use testbed::{Container, Corpus, Result};

const UNITS: &str = "/run/systemd/generator.late";

/// What a stand-in says to its client.
pub(crate) const STAND_IN: &str = "served by a stand-in\n";

/// A booted container with the databases of the machine on which xinetd was asked.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) container: Container,
}

impl Machine {
    pub(crate) fn new(container: Container, corpus: &Corpus) -> Result<Self> {
        for name in ["services", "protocols", "rpc", "hosts", "passwd", "group"] {
            let path = corpus.root().join("etc").join(name);
            let text = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            container.write(&format!("/root/{name}"), text, 0o644)?;
        }
        // Its own users stay: systemd and dbus run as some of them.
        container.sh("cd /root && cp services protocols rpc hosts /etc
             for name in passwd group; do
                 awk -F: 'NR == FNR { known[$1]; next } !($1 in known)' /etc/$name $name >new
                 cat new >>/etc/$name
             done")?;
        Ok(Self { container })
    }

    /// Makes `text` the whole configuration.
    pub(crate) fn configure(&self, text: &[u8]) -> Result<()> {
        self.container.enter_network()?;
        self.container.write("/etc/xinetd.conf", text, 0o644)?;
        self.container
            .sh("rm -rf /etc/xinetd.d && systemctl daemon-reload")
            .map(drop)
    }

    /// The names of all units that were made, without `.socket`.
    pub(crate) fn units(&self) -> Result<Vec<String>> {
        // A configuration without a service that can be served yet leaves no folder.
        let list = self
            .container
            .sh(&format!("ls {UNITS} 2>/dev/null || true"))?;
        let sockets = list.lines().filter_map(|name| name.strip_suffix(".socket"));
        Ok(sockets.map(str::to_owned).collect())
    }

    /// Puts something in the place of the unit's server, if nothing is there.
    pub(crate) fn stand_in(&self, unit: &str) -> Result<()> {
        if let Some(path) = self.server(unit)?
            && !self.exists(&path)?
        {
            let script = format!("#!/bin/sh\nprintf '{}'\n", STAND_IN.replace('\n', "\\n"));
            self.container.write(&path, script, 0o755)?;
        }
        Ok(())
    }

    /// What the unit's helper is to do with a connection.
    fn task(&self, unit: &str) -> Result<toml::Table> {
        // Neither a backslash nor a colon is in the names of the files of a unit.
        let name = unit.replace('\\', "@").replace(':', "@x3a");
        let spec = format!("{UNITS}/xinetd-bridge/{name}.toml");
        let (_, spec) = self.container.run(&["cat", &spec])?;
        let spec: toml::Table = toml::from_str(&spec).map_err(|error| error.to_string())?;
        let task = spec.get("task").and_then(toml::Value::as_table);
        task.cloned()
            .ok_or_else(|| format!("no task in the spec of {unit}"))
    }

    /// The path of the unit's server, if it has one: what the helper is to execute.
    fn server(&self, unit: &str) -> Result<Option<String>> {
        let task = self.task(unit)?;
        let program = task.values().next();
        let path = program.and_then(|program| program.get("path"));
        Ok(path.and_then(toml::Value::as_str).map(str::to_owned))
    }

    /// Whether its socket is one for datagrams.
    pub(crate) fn is_for_datagrams(&self, unit: &str) -> Result<bool> {
        let socket = format!("{unit}.socket");
        let listen = self.container.property(&socket, "Listen")?;
        Ok(listen.ends_with("(Datagram)"))
    }

    /// Whether it sends bytes without end.
    pub(crate) fn is_chargen(&self, unit: &str) -> Result<bool> {
        let task = self.task(unit)?;
        let internal = task.get("internal").and_then(toml::Value::as_str);
        Ok(internal == Some("chargen"))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        let output = self.container.command(&["test", "-x", path]).output();
        output
            .map(|output| output.status.success())
            .map_err(|error| error.to_string())
    }

    /// Stops all that the last configuration has.
    pub(crate) fn stop(&self, units: &[String]) -> Result<()> {
        let names: Vec<_> = units.iter().map(|unit| format!("{unit}.socket")).collect();
        let mut command = vec!["systemctl", "stop", "xinetd.target"];
        command.extend(names.iter().map(String::as_str));
        self.container.run(&command).map(drop)
    }
}
