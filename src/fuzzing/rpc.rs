//! What rpcbind answers, or what listens in its place.

use xinetd_core::portmap::Endpoint;
use xinetd_core::portmap::message::{Call, MAX_REPLY, done, record, registrations};

/// A stream of records; the number of the call is 7.
pub fn portmap(bytes: &[u8]) {
    const CALL: u32 = 7;
    if let Ok(Some(body)) = record(bytes) {
        assert!(body.len() <= MAX_REPLY && body.len() <= bytes.len());
        look(&body, CALL);
    }
    look(bytes, CALL);
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(endpoint) = text.parse::<Endpoint>()
    {
        assert_eq!(endpoint.to_string(), text);
    }
}

fn look(body: &[u8], call: u32) {
    let _ = done(body, call);
    for registration in registrations(body, call).into_iter().flatten() {
        let call = Call::Unset(&registration).encode(call);
        assert_eq!(
            record(&call).map(|body| body.map(|body| body.len())),
            Ok(Some(call.len() - 4))
        );
    }
}
