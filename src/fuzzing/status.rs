//! What helpers tell the coordinator, and leave for their successors.

use std::time::Duration;

use crate::status::{Cause, Counters, Status};

/// A status, or the counters alone. A helper goes on counting from them, and tells them.
pub fn status(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(status) = Status::parse(text) {
        let written = status.to_text().and_then(|text| Status::parse(&text));
        assert_eq!(written, Ok(status));
    }
    if let Ok(mut counters) = toml::from_str::<Counters>(text) {
        counters.serve();
        counters.refuse(Cause::Rate, u64::MAX);
        counters.end(Duration::MAX);
        let _ = counters.all_refused();
        let status = Status {
            counters,
            ..Status::default()
        };
        let written = status.to_text().and_then(|text| Status::parse(&text));
        assert_eq!(written, Ok(status));
    }
}
