//! xinetd.service: the unit that scripts and configuration management know, where no real xinetd
//! has it.

use super::File;
use super::unit::{Directive, UnitFile, Value};

/// Its name without suffix.
pub(super) const UNIT: &str = "xinetd";

/// The unit, and what binds xinetd.target to it.
pub(super) fn files() -> Vec<File> {
    let service = UnitFile {
        sections: vec![
            (
                "Unit",
                vec![
                    Directive::new("Description", Value::Literal("xinetd, by xinetd-bridge")),
                    Directive::new("Documentation", Value::Literal("man:xinetdctl(8)")),
                    Directive::new("Wants", Value::Literal("xinetd.target")),
                    Directive::new("After", Value::Literal("xinetd.target")),
                ],
            ),
            (
                "Service",
                vec![
                    Directive::new("Type", Value::Literal("oneshot")),
                    Directive::new("RemainAfterExit", Value::Literal("yes")),
                    Directive::new("ExecStart", Value::Literal("/bin/true")),
                    Directive::new("ExecReload", Value::Control("reload")),
                ],
            ),
        ],
    };
    // What is done to it is done to all services.
    let target = UnitFile {
        sections: vec![(
            "Unit",
            vec![
                Directive::new("Wants", Value::Literal("xinetd.service")),
                Directive::new("PartOf", Value::Literal("xinetd.service")),
            ],
        )],
    };
    let file = |path: &str, unit: UnitFile| File {
        path: path.into(),
        content: unit.text().into_bytes(),
        private: false,
    };
    vec![
        file("xinetd.service", service),
        file("xinetd.target.d/xinetd.conf", target),
    ]
}
