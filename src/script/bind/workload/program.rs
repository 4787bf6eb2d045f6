//! The program of a workload: started so that it ends with its run, and heard line by line. On the host here, in a node by
//! [`inside`].

mod holder;
pub(super) mod inside;

pub use holder::hold;

use super::Said;
use crate::{Error, Result};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
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

/// Starts the program under its [`holder`]: it ends, with all that it started, when nobody listens to it any more, and with
/// this process, however that ends.
pub(super) fn start(argv: &[String], timeout: Option<Duration>) -> Result<mpsc::Receiver<Said>> {
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
