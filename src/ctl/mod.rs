//! The commands of xinetdctl.
