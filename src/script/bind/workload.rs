//! `workload()`: a client that is a program of the user's. It runs on the host or in a node and prints its operations,
//! which go into the history as they come.

mod holder;
mod inside;

pub use holder::hold;

use super::super::host::Host;
use super::super::values::{self, known_keys};
use super::looking::argv;
use super::ops::record;
use super::{Scripted, at_call};
use crate::engine::Job;
use crate::history::{Kind, Program};
use crate::{Error, Result, errand};
use rhai::{Dynamic, Engine, Map};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

/// So many lines wait for the script before the program does.
const LINES: usize = 64;
/// So many bytes a line may have: without a bound a program that never ends its line would take all memory.
const LINE_MAX: u64 = 16 << 20;
/// What a program has written is there by then after its end; others that hold its output are not waited for.
const AFTER_ITS_END: Duration = Duration::from_millis(500);

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
    let mut said = match node {
        Some(node) => inside::start(host, &node, argv, timeout)?,
        None => {
            errand::may_start_on_host("workload()")?;
            start(argv, timeout)?
        }
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
                return Err(Error::usage(format!("the workload `{}` cannot be started: {why}", argv.join(" "))));
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

/// Starts the program under its [`holder`]: it ends, with all that it started, when nobody listens to it any more, and with
/// this process, however that ends.
fn start(argv: &[String], timeout: Option<Duration>) -> Result<mpsc::Receiver<Said>> {
    let lost = |error: std::io::Error| Error::machine(format!("cannot hold a workload: {error}"));
    let (ours, theirs) = UnixStream::pair().map_err(lost)?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("blockade: workload").args(["workload", "--"]).args(argv).stdout(Stdio::piped()).process_group(0);
    let child = command.stdin(OwnedFd::from(theirs)).spawn().map_err(lost)?;
    ours.set_nonblocking(true).map_err(lost)?;
    let held = tokio::net::UnixStream::from_std(ours).map_err(lost)?;
    let (say, said) = mpsc::channel(LINES);
    tokio::spawn(async move {
        // Until here: its end is the program's.
        let mut held = BufReader::new(held);
        let heard = tokio::select! {
            () = say.closed() => return,
            heard = hear(child, &mut held, &say) => heard,
            () = over(timeout) => None,
        };
        // Nobody may listen any more.
        let _ = say.send(heard.unwrap_or(Said::Ended(128 + libc::SIGKILL))).await;
    });
    Ok(said)
}

async fn over(timeout: Option<Duration>) {
    match timeout {
        Some(timeout) => tokio::time::sleep(timeout).await,
        None => std::future::pending().await,
    }
}

/// Hands on line by line; how it ended, once its output and the program have.
async fn hear(
    mut child: Child,
    held: &mut BufReader<tokio::net::UnixStream>,
    say: &mpsc::Sender<Said>,
) -> Option<Said> {
    if let Some(not_started) = greeting(held).await {
        return Some(not_started);
    }
    let mut output = BufReader::new(child.stdout.take()?);
    let mut listen = std::pin::pin!(lines(&mut output, say));
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
    status.code().map(Said::Ended)
}

/// What the holder says first: nothing to tell where the program was started.
async fn greeting(held: &mut BufReader<tokio::net::UnixStream>) -> Option<Said> {
    let mut told = String::new();
    if held.read_line(&mut told).await.is_err() {
        return Some(Said::NotStarted("its holder is gone".to_owned()));
    }
    (told.trim_end() != holder::STARTED).then(|| Said::NotStarted(told.trim_end().to_owned()))
}

/// Hands on what a program prints, to its end.
async fn lines(output: &mut (impl AsyncBufRead + Unpin), say: &mpsc::Sender<Said>) -> Option<()> {
    let mut line = Vec::new();
    while (&mut *output).take(LINE_MAX + 1).read_until(b'\n', &mut line).await.ok()? > 0 {
        if line.len() as u64 > LINE_MAX && !line.ends_with(b"\n") {
            let told = Error::usage("the workload printed a line of more than 16 MiB")
                .help("it prints one operation a line, as JSON");
            say.send(Said::Lost(told)).await.ok()?;
            return Some(());
        }
        say.send(Said::Line(String::from_utf8_lossy(&line).into_owned())).await.ok()?;
        line.clear();
    }
    Some(())
}
