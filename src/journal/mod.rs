//! Events: the xinetd log line and the structured journal fields.
