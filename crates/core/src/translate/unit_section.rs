//! The section Unit.

use std::path::Path;

use super::unit::{Directive, Plain, Value};
use crate::service::Service;

/// What both units of a service begin with.
pub(super) fn unit_section(service: &Service) -> Vec<Directive> {
    let mut description = service.id.as_bytes().to_vec();
    description.extend_from_slice(b" (xinetd service)");
    let mut head = vec![
        Directive::new("Description", Value::Prose(description)),
        Directive::new("Documentation", Value::Literal("man:xinetdctl(8)")),
    ];
    // `systemctl status` shows it, and says when it has changed. A name that no unit can hold is
    // in the spec alone.
    let source = Plain::path(&Path::new("/").join(&service.place.file));
    head.extend(source.map(|path| Directive::new("SourcePath", Value::Plain(path))));
    head
}
