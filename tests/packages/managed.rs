//! Configuration management that installs, configures and starts `xinetd` by the names that it has always used, and
//! gets the bridge: a role for Ansible as administrators write them, in the folder role, and Puppet's module
//! puppetlabs-xinetd, as Debian has it.
//!
//! The machine has a repository with the bridge's packages and Debian's xinetd, which apt finds older.

use std::path::Path;
use std::process::Command;

use testbed::{Result, Suite, equal, run, write};

use crate::debs;
use crate::machine::{Machine, Sessions, connect, in_tree};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("ansible_gets_what_it_declares", |suite| {
        play(suite, &Ansible)
    }),
    ("puppet_gets_what_it_declares", |suite| play(suite, &Puppet)),
    ("the_package_passes_its_own_tests", own_tests),
];

/// Services that are declared, beside those in the machine's own file.
const ALPHA: (&str, u16) = ("alpha", 7411);
const BETA: (&str, u16) = ("beta", 7412);

/// What a machine is to be.
#[derive(Clone)]
struct Wanted {
    /// Of the section `defaults`.
    instances: u32,
    /// Services that run cat.
    services: Vec<(&'static str, u16)>,
    /// Services that are to go.
    removed: Vec<&'static str>,
    /// The attribute `wait` of the services.
    wait: &'static str,
    /// Whether xinetd runs and is started at boot.
    runs: bool,
    /// Whether Puppet is told to restart xinetd where something has changed.
    restarts: bool,
}

/// What came of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unchanged,
    Changed,
    Failed,
}

trait Manager: Sync {
    /// Puts what it needs into the tree of a machine.
    fn prepare(&self, tree: &Path) -> Result<()>;

    /// Makes the machine what it is to be; the outcome, and all that was said.
    fn apply(&self, machine: &Machine, wanted: &Wanted) -> Result<(Outcome, String)>;
}

/// Applies it, and fails unless this comes of it.
fn apply(
    manager: &dyn Manager,
    machine: &Machine,
    wanted: &Wanted,
    outcome: Outcome,
) -> Result<()> {
    let (got, said) = manager.apply(machine, wanted)?;
    match got == outcome {
        true => Ok(()),
        false => Err(format!("{got:?} and not {outcome:?}:\n{said}")),
    }
}

fn play(suite: Suite, manager: &dyn Manager) -> Result<()> {
    let mut machine = boot(suite, |tree| manager.prepare(tree))?;
    let mut wanted = Wanted {
        instances: 60,
        services: vec![ALPHA],
        removed: Vec::new(),
        wait: "no",
        runs: true,
        restarts: false,
    };
    apply(manager, &machine, &wanted, Outcome::Changed)?;
    inside(&machine, || {
        machine.serves()?;
        connect(ALPHA.1)?.echo(b"declared")
    })?;
    apply(manager, &machine, &wanted, Outcome::Unchanged)?;

    inside(&machine, || sessions_go_on(manager, &machine, &mut wanted))?;

    wanted.runs = false;
    apply(manager, &machine, &wanted, Outcome::Changed)?;
    machine.serves_nothing()?;
    machine.container.reboot()?;
    machine.serves_nothing()?;
    apply(manager, &machine, &wanted, Outcome::Unchanged)?;

    wanted.runs = true;
    apply(manager, &machine, &wanted, Outcome::Changed)?;
    inside(&machine, || machine.serves())?;
    machine.container.reboot()?;
    inside(&machine, || {
        machine.serves()?;
        connect(ALPHA.1)?.echo(b"after the boot")
    })
}

/// Changes one thing after the other, while sessions of each kind are open.
fn sessions_go_on(manager: &dyn Manager, machine: &Machine, wanted: &mut Wanted) -> Result<()> {
    let mut sessions = Sessions::open()?;
    let mut alpha = connect(ALPHA.1)?;
    alpha.echo(b"before")?;
    let mut go_on = |after: &str| {
        let all = sessions.go_on().and_then(|()| alpha.echo(b"after"));
        all.map_err(|error| format!("after {after}: {error}"))
    };

    wanted.services.push(BETA);
    apply(manager, machine, wanted, Outcome::Changed)?;
    go_on("a reload")?;
    connect(BETA.1)?.echo(b"a second one")?;

    wanted.instances = 70;
    wanted.restarts = true;
    apply(manager, machine, wanted, Outcome::Changed)?;
    go_on("a restart")?;
    wanted.restarts = false;

    wanted.services = vec![ALPHA];
    wanted.removed = vec![BETA.0];
    apply(manager, machine, wanted, Outcome::Changed)?;
    go_on("the removal of a service")?;
    equal("the port is open", connect(BETA.1).is_ok(), false)?;

    // The reload refuses, which has to fail the run.
    wanted.wait = "perhaps";
    apply(manager, machine, wanted, Outcome::Failed)?;
    go_on("an error")?;
    connect(ALPHA.1)?.echo(b"in spite of the error")?;

    wanted.wait = "no";
    apply(manager, machine, wanted, Outcome::Changed)?;
    go_on("the correction")?;
    apply(manager, machine, wanted, Outcome::Unchanged)
}

/// Boots a machine that has a repository of packages and no xinetd.
fn boot(suite: Suite, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Machine> {
    Machine::boot(suite, |tree| {
        let folder = tree.join(&debs::FOLDER[1..]);
        // dpkg-scanpackages comes with dpkg-dev.
        let index = "cp \"$1\"/opt/xinetd_*.deb debian-xinetd.deb && dpkg-scanpackages --multiversion . >Packages";
        run(Command::new("sh")
            .args(["-c", index, "sh"])
            .arg(tree)
            .current_dir(&folder))?;
        let sources = format!("deb [trusted=yes] file:{} ./\n", debs::FOLDER);
        write(tree, "/etc/apt/sources.list", sources, 0o644)?;
        write(
            tree,
            "/etc/apt/apt.conf.d/tests",
            "APT::Sandbox::User \"root\";\n",
            0o644,
        )?;
        // While a unit has failed, "service xinetd reload" does not wait. This one can't load modules in a container.
        let update = "rm -rf /etc/apt/sources.list.d/* && apt-get --quiet update && \
                      ln -s /dev/null /etc/systemd/system/systemd-modules-load.service";
        in_tree(tree, update)?;
        prepare(tree)
    })
}

struct Ansible;

/// The files of the role.
const ROLE: [(&str, &str); 5] = [
    ("defaults/main.yml", include_str!("role/defaults/main.yml")),
    ("tasks/main.yml", include_str!("role/tasks/main.yml")),
    ("handlers/main.yml", include_str!("role/handlers/main.yml")),
    (
        "templates/xinetd.conf.j2",
        include_str!("role/templates/xinetd.conf.j2"),
    ),
    (
        "templates/service.j2",
        include_str!("role/templates/service.j2"),
    ),
];

impl Manager for Ansible {
    fn prepare(&self, tree: &Path) -> Result<()> {
        let play = "- hosts: localhost\n  roles: [xinetd]\n";
        write(tree, "/root/ansible/play.yml", play, 0o644)?;
        for (name, content) in ROLE {
            let path = format!("/root/ansible/roles/xinetd/{name}");
            write(tree, &path, content, 0o644)?;
        }
        Ok(())
    }

    fn apply(&self, machine: &Machine, wanted: &Wanted) -> Result<(Outcome, String)> {
        let wait = wanted.wait;
        let service = |(name, port): &(&str, u16)| {
            format!(
                r#"{{"name": "{name}", "attributes": {{"type": "UNLISTED", "socket_type": "stream", "wait": "{wait}",
                    "port": {port}, "user": "nobody", "server": "/bin/cat"}}}}"#
            )
        };
        let services: Vec<_> = wanted.services.iter().map(service).collect();
        let variables = format!(
            r#"{{"xinetd_defaults": {{"instances": {}}}, "xinetd_services": [{}], "xinetd_removed": {:?},
                "xinetd_state": "{}", "xinetd_enabled": {}}}"#,
            wanted.instances,
            services.join(", "),
            wanted.removed,
            if wanted.runs { "started" } else { "stopped" },
            wanted.runs
        );
        let container = &machine.container;
        container.write("/root/ansible/wanted.json", variables, 0o644)?;
        let (success, said) = container.try_sh(
            "cd /root/ansible && HOME=/root ansible-playbook -i localhost, -c local play.yml -e @wanted.json",
        )?;
        let outcome = match success {
            false => Outcome::Failed,
            true if said.contains(" changed=0 ") => Outcome::Unchanged,
            true => Outcome::Changed,
        };
        Ok((outcome, said))
    }
}

struct Puppet;

impl Manager for Puppet {
    fn prepare(&self, _: &Path) -> Result<()> {
        Ok(())
    }

    fn apply(&self, machine: &Machine, wanted: &Wanted) -> Result<(Outcome, String)> {
        // The module has no word for a xinetd that does not run.
        let mut manifest = "service { 'xinetd': ensure => stopped, enable => false }\n".to_owned();
        if wanted.runs {
            // It calls "service xinetd reload" unless it is told otherwise.
            let restart = match wanted.restarts {
                true => "service_restart => '/usr/bin/systemctl restart xinetd',",
                false => "",
            };
            manifest = format!(
                "class {{ 'xinetd': {restart} instances => '{}' }}\n",
                wanted.instances
            );
            for (name, port) in &wanted.services {
                manifest += &format!(
                    "xinetd::service {{ '{name}': service_type => 'UNLISTED', port => '{port}', wait => '{}', \
                     user => 'nobody', server => '/bin/cat' }}\n",
                    wanted.wait
                );
            }
            for name in &wanted.removed {
                manifest += &format!(
                    "xinetd::service {{ '{name}': ensure => absent, server => '/bin/cat' }}\n"
                );
            }
        }
        let container = &machine.container;
        container.write("/root/site.pp", manifest, 0o644)?;
        let (_, said) = container
            .try_sh("HOME=/root puppet apply --detailed-exitcodes --color=false /root/site.pp; echo exit status $?")?;
        // See puppet-apply(8).
        let outcome = match said.contains("exit status 0\n") {
            true => Outcome::Unchanged,
            false if said.contains("exit status 2\n") => Outcome::Changed,
            false => Outcome::Failed,
        };
        Ok((outcome, said))
    }
}

/// The package's own tests, by the program with which a distribution runs them.
fn own_tests(suite: Suite) -> Result<()> {
    let machine = boot(suite, |tree| {
        for (path, content) in OWN_TESTS {
            write(tree, &format!("/root/tree/debian/{path}"), content, 0o755)?;
        }
        // With this file the tree is one that has been built.
        write(tree, "/root/tree/debian/files", "", 0o644)
    })?;
    // What is tested comes from these files, what it depends on from the repository. The machine is a container, which
    // newer versions of autopkgtest do not take for granted.
    // It fails if a test was skipped, too.
    let test = format!(
        "cd /root && HOME=/root autopkgtest --ignore-restrictions=isolation-container {} {} ./tree -- null 2>&1",
        debs::bridge(debs::NEW),
        debs::transitional(debs::NEW)
    );
    machine.container.sh(&test).map(drop)
}

/// Of the source package.
const OWN_TESTS: [(&str, &str); 3] = [
    ("control", include_str!("../../packaging/debian/control")),
    (
        "tests/control",
        include_str!("../../packaging/debian/tests/control"),
    ),
    (
        "tests/serves",
        include_str!("../../packaging/debian/tests/serves"),
    ),
];
