//! `workload()`: a client that is a program of the user's. It runs on the host or in a node and prints its operations,
//! which go into the history as they come.

#[cfg(feature = "host")]
mod program;
#[cfg(not(feature = "host"))]
#[path = "workload/hostless.rs"]
mod program;

#[cfg(feature = "host")]
pub use program::hold;

use super::super::host::Host;
use super::super::values::{self, known_keys};
use super::looking::argv;
use super::ops::record;
use super::{Scripted, at_call};
use crate::engine::Job;
use crate::history::{Kind, Program};
use crate::{Error, Result, errand};
use program::{inside, start};
use rhai::{Dynamic, Engine, Map};
use std::rc::Rc;
use std::time::Duration;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("workload", move |command: Dynamic| -> Scripted<Map> {
        at_call(workload(&own, &command, &Map::new()))
    });
    let own = Rc::clone(host);
    engine.register_fn("workload", move |command: Dynamic, options: Map| -> Scripted<Map> {
        at_call(workload(&own, &command, &options))
    });
}

fn workload(host: &Host, command: &Dynamic, options: &Map) -> Result<Map> {
    known_keys(options, &["timeout", "node"])?;
    let node = options.get("node").map(|node| host.node(node)).transpose()?;
    let timeout = options.get("timeout").map(values::duration_us).transpose()?.map(Duration::from_micros);
    let argv = argv(command)?;
    // As with exec() on the virtual clock: it succeeds, and says nothing.
    let (code, count) = if host.clock.is_virtual() { (0, 0) } else { run(host, node, &argv, timeout)? };
    let mut map = Map::new();
    map.insert("ok".into(), (code == 0).into());
    map.insert("code".into(), i64::from(code).into());
    map.insert("ops".into(), count.into());
    Ok(map)
}

/// Its exit code, and how many operations it completed.
fn run(host: &Host, node: Option<String>, argv: &[String], timeout: Option<Duration>) -> Result<(i32, i64)> {
    let mut said = if let Some(node) = node {
        inside::start(host, &node, argv, timeout)?
    } else {
        errand::may_start_on_host("workload()")?;
        start(argv, timeout)?
    };
    let number = host.workloads.replace(host.workloads.get() + 1);
    let mut program = Program::new(format!("workload {number}"));
    let mut count = 0;
    let code = loop {
        let next: Job<_> = Box::pin(async move { Ok((said.recv().await, said)) });
        let (piece, rest) = host.wait(next)?;
        said = rest;
        match piece {
            Some(Said::Line(line)) => {
                let taken = program.take(&line, &mut host.processes.borrow_mut())?;
                if let Some((kind, operation)) = taken {
                    count += i64::from(kind != Kind::Invoke);
                    record(host, kind, operation)?;
                }
            }
            Some(Said::Ended(code)) => break code,
            Some(Said::NotStarted(why)) => {
                return Err(Error::machine(format!("the workload `{}` cannot be started: {why}", argv.join(" "))));
            }
            Some(Said::Lost(error)) => return Err(error),
            None => return Err(Error::machine("the workload got lost")),
        }
    };
    let open = program.end(&mut host.processes.borrow_mut());
    open.into_iter().try_for_each(|operation| record(host, Kind::Info, operation))?;
    Ok((code, count))
}

enum Said {
    /// The program is not there, or cannot be run, and why.
    NotStarted(String),
    Line(String),
    /// Its exit code, as a shell has it.
    Ended(i32),
    /// Nobody knows, and why.
    Lost(Error),
}
