//! What a service takes from `defaults` after all files are read (docs/xinetd-behaviour.md, section 1.5).

use super::super::section::{Fault, Section};
use crate::service::Attribute;

/// Fills in what the service does not say.
///
/// xinetd ends where a value in `defaults` can't be read. Here it is as if it were absent, unless
/// it restricts: then the services that would have it are lost.
pub(super) fn fill(section: &mut Section, defaults: &Section) {
    macro_rules! take {
        ($($attribute:ident => $($field:ident).+;)*) => {$(
            if section.inherit(defaults, Attribute::$attribute) {
                section.values.$($field).+.clone_from(&defaults.values.$($field).+);
                take_fault(section, defaults, Attribute::$attribute);
            }
        )*};
    }
    take! {
        Instances => instances;
        PerSource => per_source;
        Cps => rate;
        MaxLoad => load;
        Umask => umask;
        Groups => groups;
        Bind => bind;
        V6only => v6only;
        LogType => log_type;
        LogOnSuccess => copied.success;
        LogOnFailure => copied.failure;
        Passenv => copied.passenv;
    }
}

/// Takes over that a restriction can't be read.
fn take_fault(section: &mut Section, defaults: &Section, attribute: Attribute) {
    let mut faults = defaults.faults.iter();
    let fault = faults.find(|fault| fault.attribute == attribute && attribute.row().restricts);
    if let Some(fault) = fault {
        section.faults.push(Fault {
            inherited: true,
            ..fault.clone()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::table::{Inheritance, Sections, TABLE};
    use super::super::super::testing::{codes, load_text, only};
    use crate::service::{Attribute, Limit};

    fn with_defaults(defaults: &str, lines: &str) -> super::super::super::Configuration {
        load_text(format!(
            "service telnet\n{{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n{lines}\n}}\n\
             defaults\n{{\n{defaults}\n}}\n"
        ))
    }

    #[test]
    fn a_service_takes_from_defaults_what_the_table_says() {
        const SERVICE: &str = "service telnet\n{\nsocket_type = stream\nwait = no\nuser = root\n\
            server = /bin/cat\n}\n";
        for row in TABLE {
            let Sections::Both(inheritance) = row.sections else {
                continue;
            };
            let value = match row.attribute {
                Attribute::Cps => "5 1",
                Attribute::Groups | Attribute::V6only => "yes",
                Attribute::LogType => "SYSLOG mail",
                Attribute::LogOnSuccess => "PID",
                Attribute::LogOnFailure | Attribute::Passenv => "HOST",
                Attribute::Bind | Attribute::OnlyFrom | Attribute::NoAccess => "127.0.0.1",
                Attribute::Banner | Attribute::BannerSuccess | Attribute::BannerFail => "/etc/motd",
                _ => "3",
            };
            let defaults = format!("defaults\n{{\n{} = {value}\n}}\n", row.names[0]);
            let takes = |text: String| {
                let service = only(load_text(text));
                let mut lines = service.attributes.iter();
                lines.any(|line| line.from_defaults && line.attribute == row.attribute)
            };
            assert!(takes(format!("{defaults}{SERVICE}")), "{}", row.names[0]);
            let late = takes(format!("{SERVICE}{defaults}"));
            assert_eq!(late, inheritance != Inheritance::Copied, "{}", row.names[0]);
        }
    }

    #[test]
    fn the_service_goes_before_defaults() {
        let defaults =
            "instances = 3\nper_source = 2\numask = 077\ngroups = yes\nlog_type = SYSLOG mail";
        let service = only(with_defaults(defaults, "instances = 9"));
        assert_eq!(service.limits.instances, Limit::AtMost(9));
        assert_eq!(service.limits.per_source, Limit::AtMost(2));
        assert_eq!(service.umask, Some(0o77));
        assert!(service.credentials.unwrap().supplementary);
        let marked = service.attributes.iter().filter(|line| line.from_defaults);
        assert_eq!(marked.count(), 4);
    }

    #[test]
    fn log_flags_of_a_later_defaults_section_are_for_services_that_say_nothing() {
        let service = only(with_defaults("log_on_failure = HOST", ""));
        assert!(service.logging.failure.host);
        let service = only(with_defaults(
            "log_on_failure = HOST",
            "log_on_failure += ATTEMPT",
        ));
        assert!(!service.logging.failure.host);
    }

    #[test]
    fn a_restriction_that_can_not_be_read_takes_along_who_would_have_it() {
        let configuration = with_defaults("instances = many", "");
        assert_eq!(codes(&configuration), ["E 1 bad-default", "E 11 bad-value"]);
        assert!(configuration.services.is_empty());
        assert_eq!(
            with_defaults("instances = many", "instances = 2")
                .services
                .len(),
            1
        );
        assert_eq!(with_defaults("log_type = X", "").services.len(), 1);
    }

    #[test]
    fn a_mistyped_no_access_in_defaults_fails_closed() {
        let defaults = "defaults\n{\nno_access = <net>\n}\n";
        let service = |lines: &str| {
            let text = "service telnet\n{\nsocket_type = stream\nwait = no\nuser = root\nserver = /bin/cat\n";
            load_text(format!("{defaults}{text}{lines}\n}}\n"))
                .services
                .len()
        };
        assert_eq!(service(""), 0);
        assert_eq!(service("no_access += 10.0.0.1"), 0);
        assert_eq!(service("no_access = 10.0.0.1"), 1);
    }
}
