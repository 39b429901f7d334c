//! Installation where there was no xinetd.

use testbed::{Result, Suite, equal, write};

use crate::debs::{self, OLD};
use crate::machine::{Machine, in_tree};
use crate::{Scenario, inside};

pub(crate) const SCENARIOS: &[Scenario] = &[
    ("services_listen_after_the_installation", installation),
    ("an_installation_names_what_is_on_and_not_served", named),
    ("an_image_serves_from_its_first_boot_on", image),
];

/// What says that the package is whole and at work.
const WELL: &str = "set -e; dpkg --verify xinetd-bridge; xinetdctl check; \
                    test \"$(systemctl is-enabled xinetd)\" = enabled; test \"$(systemctl is-active xinetd)\" = active; \
                    test -e /etc/xinetd.conf; test -z \"$(dpkg --audit)\"; \
                    test -z \"$(systemctl --failed --plain --no-legend | grep -v systemd-modules-load)\"";

fn installation(suite: Suite) -> Result<()> {
    let mut machine = Machine::with_bridge(suite)?;
    inside(&machine, || machine.serves())?;
    machine.container.sh(WELL)?;
    machine.container.reboot()?;
    inside(&machine, || machine.serves())?;
    // Packages of others have what they depend on, and take nothing away.
    let others = ["like-tang-xinetd", "like-rstatd"].map(debs::dependent);
    machine.apt(&format!("install {}", others.join(" ")))?;
    let installed = machine.container.sh(
        "dpkg --list xinetd-bridge xinetd openbsd-inetd 2>/dev/null | awk '/^ii/ { print $2 }'",
    )?;
    equal("what is installed", installed.trim(), "xinetd-bridge")
}

fn named(suite: Suite) -> Result<()> {
    let missing = "service missing\n{\n type = UNLISTED\n socket_type = stream\n protocol = tcp\n wait = no\n \
                   user = nobody\n server = /usr/sbin/in.missing\n port = 7499\n}\n";
    let machine = Machine::boot(suite, |tree| {
        write(tree, "/etc/xinetd.d/missing", missing, 0o644)
    })?;
    let said = machine.apt(&format!("install {}", debs::bridge(OLD)))?;
    let named: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("in.missing"))
        .collect();
    match named[..] {
        [line] if line.starts_with("missing: ") => {}
        _ => return Err(format!("the service is not named once:\n{said}")),
    }
    inside(&machine, || machine.serves())
}

fn image(suite: Suite) -> Result<()> {
    let machine = Machine::boot(suite, |tree| {
        in_tree(tree, &format!("dpkg --install {}", debs::bridge(OLD)))
    })?;
    inside(&machine, || machine.serves())?;
    machine.container.sh(WELL).map(drop)
}
