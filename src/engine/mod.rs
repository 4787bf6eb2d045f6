//! Between the front ends and the runtimes: commands in, events out, and one writer of the state between them.
//!
//! A script, a REPL line and a one-shot command all become a [`Command`]; the [`Controller`] is the single writer of
//! the active faults and asks a runtime to bring the nodes to what the faults demand. Everything that happens leaves
//! as an [`Event`] through the [`Recorder`]. Nothing here touches the kernel or a terminal.

mod change;
mod clock;
mod command;
mod controller;
mod event;
mod port;
mod recorder;
mod status;
#[cfg(test)]
mod tests;
mod turns;

pub use change::{change, release};
pub use clock::Clock;
pub use command::{
    Command, Ended, Exec, ExecOutput, FaultInfo, NodeAction, NodeStatus, ProbeReply, Reply, RunState, Selection,
};
pub use controller::{Controller, Hurry, Owner};
pub use event::{Event, EventBody, Operation};
pub use port::{LocalPort, Port, seize};
pub use recorder::{Output, Recorder};

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Work under way: completes without borrowing what started it, so that a caller may wait for several.
pub type Job<T> = Pin<Box<dyn Future<Output = crate::Result<T>> + Send>>;

/// A job that is done already.
pub fn ready<T: Send + 'static>(value: crate::Result<T>) -> Job<T> {
    Box::pin(std::future::ready(value))
}

/// The result of work that never waits: everything on virtual time.
pub fn at_once<T>(work: impl Future<Output = crate::Result<T>>) -> crate::Result<T> {
    match std::pin::pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => Err(crate::Error::machine("something waited for real time on the virtual clock")
            .help("this is a bug in blockade")),
    }
}
