//! Programs that run in a node beside its own.

use super::error::{self, Explained};
use super::life::{Life, State};
use super::runtime::Inner;
use super::spec::with_our_binary;
use crate::agent::protocol::{Kept, KillTree};
use crate::engine::{Exec, ExecOutput};
use crate::{Error, Result};
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use futures_util::{Stream, StreamExt};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::oneshot;

/// The exit code of a program that was not run, because its node is down or paused.
const NOT_RUN: i32 = 125;
/// Those of one that is not there, and of one that may not be run, as a shell says it.
const NOT_FOUND: i32 = 127;
const NOT_EXECUTABLE: i32 = 126;
/// That of one that SIGKILL ended.
const KILLED: i32 = 128 + 9;
/// How long the rest of its output may take after a program was killed.
const REST: Duration = Duration::from_secs(5);
/// How often to look whether it has ended: after its output has, and at most while that goes on.
const INTERVAL: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(200);
/// How long to wait for more output of a program that has ended, where something that it left in the background keeps
/// the output open: the daemon may know of the end before it has passed on what was written before.
const SILENCE: Duration = Duration::from_millis(500);

impl Inner {
    /// Runs a program and waits for its end. It is killed when nobody waits for it any more: whoever asked may go at any
    /// time, so that a task of its own sees to that.
    pub(super) async fn exec(self: &Arc<Self>, node: usize, exec: Exec) -> Result<ExecOutput> {
        let (asking, abandoned) = oneshot::channel();
        let inner = Arc::clone(self);
        let done = tokio::spawn(async move { inner.exec_unless(abandoned, node, exec).await }).await;
        drop(asking);
        done.unwrap_or_else(|crash| Err(Error::machine(format!("running a program crashed: {crash}"))))
    }

    async fn exec_unless(&self, abandoned: oneshot::Receiver<()>, node: usize, exec: Exec) -> Result<ExecOutput> {
        let began = Instant::now();
        let member = self.member(node);
        let not_run = |state| ExecOutput {
            code: NOT_RUN,
            stderr: format!("blockade: {} is {state}\n", member.name()),
            ..ExecOutput::default()
        };
        match member.state() {
            State::Paused => return Ok(not_run("paused")),
            State::Down | State::Missing => return Ok(not_run("down")),
            State::Up => {}
        }
        let ran = match self.create_exec(node, &exec).await? {
            Some(id) => self.run(&id, &exec, node, abandoned).await?,
            None => None,
        };
        let output = match ran {
            Some(output) => output,
            // It ended or was frozen just now.
            None if member.life(Life::is_running) => not_run("paused"),
            None => not_run("down"),
        };
        Ok(ExecOutput { took_us: began.elapsed().as_micros() as u64, ..output })
    }

    /// Nothing where the node is down or paused.
    async fn create_exec(&self, node: usize, exec: &Exec) -> Result<Option<String>> {
        let options = CreateExecOptions {
            cmd: Some(with_our_binary(&self.member(node).node, exec.argv.clone())),
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            ..CreateExecOptions::default()
        };
        match self.docker.create_exec(&self.container(node)?, options).await {
            Ok(created) => Ok(Some(created.id)),
            Err(refusal) if is_not_run(&refusal) => Ok(None),
            Err(refusal) => Err(refusal).or_cannot(|| self.doing(node)),
        }
    }

    /// Nothing where the node went down or was paused before the program ran.
    async fn run(
        &self,
        id: &str,
        exec: &Exec,
        node: usize,
        abandoned: oneshot::Receiver<()>,
    ) -> Result<Option<ExecOutput>> {
        let started = self.docker.start_exec(id, None).await;
        if started.as_ref().is_err_and(is_not_run) {
            return Ok(None);
        }
        let StartExecResults::Attached { output, input } = started.or_cannot(|| self.doing(node))? else {
            return Err(Error::machine(format!("cannot {}: Docker gave no output", self.doing(node))));
        };
        let text = exec.stdin.clone();
        let writing = tokio::spawn(write(input, text));
        let mut kept = Outputs::default();
        let within = Duration::from_micros(exec.timeout_us);
        let ended = tokio::select! {
            biased;
            ended = self.to_its_end(id, output, &mut kept) => Some(ended),
            () = tokio::time::sleep(within) => None,
            // Its sender is dropped, never sent by.
            _ = abandoned => None,
        };
        writing.abort();
        let (code, timed_out) = match ended {
            Some(code) => (code.or_cannot(|| self.doing(node))?, false),
            None => (self.end(id, node).await?, true),
        };
        Ok(Some(kept.output(code, timed_out)))
    }

    /// Reads the output and waits for the end; not for that of what the program left in the background, which may keep
    /// the output open.
    async fn to_its_end(
        &self,
        id: &str,
        mut output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
        kept: &mut Outputs,
    ) -> Result<i32, bollard::errors::Error> {
        let mut pause = INTERVAL;
        loop {
            tokio::select! {
                biased;
                piece = output.next() => match piece {
                    Some(piece) => kept.add(piece?),
                    None => break,
                },
                () = tokio::time::sleep(pause) => {
                    pause = (pause * 2).min(LONGEST);
                    if let (Some(code), _) = self.exec_state(id).await? {
                        // All that it wrote is on its way.
                        while let Ok(Some(Ok(piece))) = tokio::time::timeout(SILENCE, output.next()).await {
                            kept.add(piece);
                        }
                        return Ok(code);
                    }
                }
            }
        }
        loop {
            if let (Some(code), _) = self.exec_state(id).await? {
                return Ok(code);
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// The exit code, once it has ended; its process, as the host numbers them. Of a program whose node has ended
    /// meanwhile the daemon knows nothing any more: it was killed with it.
    async fn exec_state(&self, id: &str) -> Result<(Option<i32>, Option<i32>), bollard::errors::Error> {
        let state = match self.docker.inspect_exec(id).await {
            Err(refusal) if error::is_missing(&refusal) || error::is_down(&refusal) => return Ok((Some(KILLED), None)),
            // It is frozen with its node.
            Err(refusal) if error::is_conflict(&refusal) => return Ok((None, None)),
            state => state?,
        };
        let code = state.exit_code.filter(|_| state.running != Some(true));
        let pid = state.pid.and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0);
        Ok((code.map(|code| code as i32), pid))
    }

    /// Kills a program whose time is over, or that nobody waits for, with all that it started. On a busy machine its time may be over before its
    /// process is there.
    async fn end(&self, id: &str, node: usize) -> Result<i32> {
        let ended = async {
            let mut is_told = false;
            loop {
                match self.exec_state(id).await {
                    Ok((Some(code), _)) => return Ok(code),
                    Ok((None, Some(pid))) if !is_told => {
                        self.keeper.call(KillTree { pid }).await?;
                        is_told = true;
                    }
                    Ok((None, _)) => tokio::time::sleep(INTERVAL).await,
                    Err(refusal) if is_told => {
                        tracing::debug!(node, %refusal, "a program was killed, and how it ended is not known");
                        return Ok(KILLED);
                    }
                    Err(refusal) => return Err(refusal).or_cannot(|| self.doing(node)),
                }
            }
        };
        tokio::time::timeout(REST, ended).await.unwrap_or(Ok(KILLED))
    }

    fn doing(&self, node: usize) -> String {
        format!("run a program in node {}", self.member(node).name())
    }
}

/// Whether the daemon refuses to run a program because its node is down or frozen.
fn is_not_run(refusal: &bollard::errors::Error) -> bool {
    error::is_conflict(refusal) || error::is_missing(refusal) || error::is_down(refusal)
}

/// A program that does not read its input is none of our business.
async fn write(mut input: Pin<Box<dyn AsyncWrite + Send>>, text: String) {
    let _ = input.write_all(text.as_bytes()).await;
    let _ = input.shutdown().await;
}

/// Both of a program's outputs.
#[derive(Default)]
struct Outputs {
    stdout: Kept,
    stderr: Kept,
}

impl Outputs {
    fn add(&mut self, piece: LogOutput) {
        match piece {
            LogOutput::StdErr { message } => self.stderr.add(&message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => self.stdout.add(&message),
            LogOutput::StdIn { .. } => {}
        }
    }

    /// Docker says 126 of every program that it could not run, and why among the program's output.
    fn output(self, code: i32, timed_out: bool) -> ExecOutput {
        let (stdout, stderr) = (self.stdout.written(), self.stderr.written());
        let dropped = stdout.dropped || stderr.dropped;
        let output = ExecOutput { code, stdout: stdout.text, stderr: stderr.text, dropped, timed_out, took_us: 0 };
        let says = [&output.stdout, &output.stderr].into_iter().find_map(|says| dockers(says));
        match says.filter(|_| code == NOT_EXECUTABLE) {
            Some(code) => {
                let stderr = format!("blockade: {}\n", (output.stdout + output.stderr.as_str()).trim());
                ExecOutput { code, stdout: String::new(), stderr, ..ExecOutput::default() }
            }
            None => output,
        }
    }
}

/// The exit code for what Docker says in the place of a program's output; none where these are not its words. Where it
/// does not name the program, it is not the program's fault: its container is on its way out.
fn dockers(says: &str) -> Option<i32> {
    let line = says.strip_suffix("\r\n").unwrap_or(says);
    let is_gone = line == "container is not running"
        || line.starts_with("cannot exec in a ")
        || line.starts_with("task ") && line.ends_with(" not found: not found")
        // The shim, which is gone with its container.
        || line.starts_with("ttrpc: ");
    if is_gone {
        return Some(NOT_RUN);
    }
    let why = says.strip_prefix("OCI runtime exec failed")?;
    let is_missing = ["not found", "no such file"].iter().any(|words| why.contains(words));
    Some(match why.contains("exec: \"") {
        false => NOT_RUN,
        true if is_missing => NOT_FOUND,
        true => NOT_EXECUTABLE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stdout(text: &'static str) -> LogOutput {
        LogOutput::StdOut { message: text.into() }
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_may_not_be_run() {
        let code = |says| {
            let mut kept = Outputs::default();
            kept.add(stdout(says));
            kept.output(126, false).code
        };
        assert_eq!(code("OCI runtime exec failed: … exec: \"x\": executable file not found in $PATH: unknown"), 127);
        assert_eq!(code("OCI runtime exec failed: … exec: \"/x\": stat /x: no such file or directory: unknown"), 127);
        assert_eq!(code("OCI runtime exec failed: … exec: \"/etc\": permission denied: unknown"), 126);
        assert_eq!(code("it says 126 itself, not found"), 126);
        assert_eq!(
            code("OCI runtime exec failed: exec failed: cannot exec a container that has stopped: unknown"),
            125
        );
        assert_eq!(code("cannot exec in a stopped state: unknown\r\n"), 125);
        assert_eq!(code("task 1811f5 not found: not found\r\n"), 125);
        assert_eq!(code("container is not running\r\n"), 125);
        assert_eq!(code("ttrpc: closed: unknown\r\n"), 125);
        assert_eq!(code("OCI runtime exec failed: … open /proc/7/ns/ipc: no such file or directory: unknown"), 125);
    }
}
