//! Impaired links, as scripts see them and as programs in the nodes do: on the simulator, in user space, by netem and by
//! whatever the kernel offers.
#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

#[path = "../common/mod.rs"]
mod common;

mod bandwidth;
mod change;
mod death;
mod moves;
mod refuse;
mod seed;
mod stream;
mod table;

/// Keeps tests that measure from measuring each other.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
