//! What a daemon-reload costs.

use testbed::{Container, Result};

use crate::figures::median;
use crate::report::Table;

const ROUNDS: usize = 5;

pub(crate) fn measure(container: &Container) -> Result<Vec<Table>> {
    let mut table = Table::new([
        "services",
        "generator",
        "daemon-reload",
        "processes while idle",
    ]);
    // The container's own root is an overlay, which real ones are not.
    container.sh("mount -t tmpfs none /etc/xinetd.d; systemctl stop xinetd.target")?;
    for count in [0, 1, 100, 1000] {
        container.sh(&format!(
            "rm -f /etc/xinetd.d/*; for i in $(seq {count}); do \
             sed \"s/PORT/$((10000 + i))/;s/NAME/s$i/\" /opt/bench/template >/etc/xinetd.d/s$i; done
             systemctl daemon-reload"
        ))?;
        let (mut generator, mut reload) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            // In memory, as systemd's own directory. The shell's clock starts after the shell has.
            generator.push(milliseconds(
                container,
                "rm -rf /run/out; mkdir /run/out",
                "/usr/lib/systemd/system-generators/xinetd-generator /run/out 2>/run/said",
            )?);
            reload.push(milliseconds(container, "true", "systemctl daemon-reload")?);
        }
        container.sh("systemctl start xinetd.target; systemctl stop xinetd-coordinator.service")?;
        let idle = container.sh("pgrep -c xinetd- || true")?;
        container.sh("systemctl stop xinetd.target")?;
        table.row([
            count.to_string(),
            format!("{:.1} ms", median(generator)),
            format!("{:.0} ms", median(reload)),
            idle.trim().to_owned(),
        ]);
    }
    Ok(vec![table])
}

fn milliseconds(container: &Container, before: &str, command: &str) -> Result<f64> {
    let text = container.sh(&format!(
        "{before}; a=$(date +%s%N); {command}; b=$(date +%s%N); echo $((b - a))"
    ))?;
    let nanoseconds = text
        .trim()
        .parse::<f64>()
        .map_err(|error| error.to_string())?;
    Ok(nanoseconds / 1e6)
}
