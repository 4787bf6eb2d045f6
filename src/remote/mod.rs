//! The way to a daemon elsewhere.

pub mod tls;
