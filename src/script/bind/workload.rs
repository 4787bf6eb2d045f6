//! `workload()`: a client that is a program of the user's. It runs on the host and prints its operations, which go into the
//! history as they come.

use super::super::host::Host;
use super::super::values::{self, known_keys};
use super::looking::argv;
use super::ops::record;
use super::{Scripted, at_call};
use crate::engine::Job;
use crate::history::{Kind, Program};
use crate::{Error, Result};
use rhai::{Dynamic, Engine, Map};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// So many lines wait for the script before the program does.
const LINES: usize = 64;

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
    known_keys(options, &["timeout"])?;
    let timeout = options.get("timeout").map(values::duration_us).transpose()?.map(Duration::from_micros);
    let argv = argv(command)?;
    // As with exec() on the virtual clock: it succeeds, and says nothing.
    let (code, count) = if host.clock.is_virtual() { (0, 0) } else { run(host, argv, timeout)? };
    let mut map = Map::new();
    map.insert("ok".into(), (code == 0).into());
    map.insert("code".into(), i64::from(code).into());
    map.insert("ops".into(), count.into());
    Ok(map)
}

/// Its exit code, and how many operations it completed.
fn run(host: &Host, argv: Vec<String>, timeout: Option<Duration>) -> Result<(i32, i64)> {
    let mut said = start(argv, timeout)?;
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
            None => return Err(Error::machine("the workload got lost")),
        }
    };
    let open = program.end(&mut host.processes.borrow_mut());
    open.into_iter().try_for_each(|operation| record(host, Kind::Info, operation))?;
    Ok((code, count))
}

enum Said {
    Line(String),
    Ended(i32),
}

/// A program and all that it started, unless it left its process group; ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Of a child that is not reaped yet: its number is nobody else's.
        if let Some(group) = self.0.id().and_then(|id| Pid::from_raw(id as i32)) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Starts the program. It ends when nobody listens to it any more, and with this process, however that ends.
fn start(argv: Vec<String>, timeout: Option<Duration>) -> Result<mpsc::Receiver<Said>> {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).kill_on_drop(true);
    // SAFETY: the closure only makes a system call.
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(std::io::Error::from)
        });
    }
    let child = command
        .spawn()
        .map_err(|error| Error::usage(format!("the workload `{}` cannot be started: {error}", argv.join(" "))))?;
    let (say, said) = mpsc::channel(LINES);
    tokio::spawn(async move {
        let mut running = Running(child);
        let heard = tokio::select! {
            () = say.closed() => return,
            code = hear(&mut running.0, &say) => code,
            () = over(timeout) => None,
        };
        // Nobody may listen any more.
        let _ = say.send(Said::Ended(heard.unwrap_or(128 + libc::SIGKILL))).await;
    });
    Ok(said)
}

async fn over(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Hands on line by line; the exit code, as a shell has it, once its output and the program have ended.
async fn hear(child: &mut Child, say: &mpsc::Sender<Said>) -> Option<i32> {
    /// What it has written is there by then; others that hold its output are not waited for.
    const AFTER_ITS_END: Duration = Duration::from_millis(500);
    let mut lines = BufReader::new(child.stdout.take()?);
    let listen = async {
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).await.ok()? > 0 {
            say.send(Said::Line(String::from_utf8_lossy(&line).into_owned())).await.ok()?;
            line.clear();
        }
        Some(())
    };
    let mut listen = std::pin::pin!(listen);
    let status = tokio::select! {
        heard = &mut listen => {
            heard?;
            child.wait().await.ok()?
        }
        status = child.wait() => {
            let _rest = tokio::time::timeout(AFTER_ITS_END, listen).await;
            status.ok()?
        }
    };
    status.code().or_else(|| status.signal().map(|signal| 128 + signal))
}
