//! What a service takes from `defaults` after all files are read (semantics, section 1.5).

use super::super::attribute::Attribute;
use super::super::section::{Fault, Section};

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
