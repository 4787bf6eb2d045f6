//! Looks after one errand's process: writes down what it says, hands on signals and input, and ends it where nobody cares
//! any more.

use super::folder::ErrandFolder;
use super::pieces::{Piece, sayable};
use crate::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Mutex, mpsc, watch};

/// So many bytes of a command's output are kept.
const OUTPUT_MAX: u64 = 64 << 20;
/// So much is read at once, bytes.
const PIECE: usize = 16 << 10;
/// How long a command lives to which nobody listens, unless it is one that lasts.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long until the end of a process is told again that could not be written down.
const UNTIL_THERE_IS_ROOM: Duration = Duration::from_secs(1);
/// How long a process may take to read what somebody typed.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);

/// How to treat it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    /// Whether somebody types to it.
    pub(super) is_typed: bool,
    /// Whether it goes on where nobody listens, and leaves files.
    pub(super) is_lasting: bool,
}

impl Order {
    /// Whether it ends soon, by itself or because nobody listens.
    pub(super) fn is_brief(self) -> bool {
        !self.is_lasting && !self.is_typed
    }
}

/// The handle to one that runs.
pub(in crate::daemon) struct Attendant {
    folder: ErrandFolder,
    signals: mpsc::Sender<Signal>,
    /// What somebody types goes there.
    input: Mutex<Option<ChildStdin>>,
    order: Order,
    listeners: watch::Sender<usize>,
    /// Whether the process is gone; that may not be on record yet.
    gone: Arc<AtomicBool>,
    ended: watch::Receiver<bool>,
}

/// Somebody who listens, for as long as it is held.
pub(in crate::daemon) struct Listening(watch::Sender<usize>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Attendant {
    /// Starts the process, whose output goes to this file of its folder. Once it is gone, and before anybody is told, does
    /// what is left to do.
    pub(super) fn begin(
        folder: &ErrandFolder,
        output: File,
        order: Order,
        at_last: impl FnOnce() + Send + 'static,
    ) -> Result<Self> {
        let cannot =
            |error: std::io::Error| Error::machine(format!("cannot start a command for somebody else: {error}"));
        let mut child = spawn(folder, order).map_err(cannot)?;
        let (signals, told) = mpsc::channel(8);
        let (listeners, heard) = watch::channel(0);
        let (end, ended) = watch::channel(false);
        let input = Mutex::new(child.stdin.take());
        let gone = Arc::new(AtomicBool::new(false));
        let is_gone = Arc::clone(&gone);
        tokio::spawn(async move {
            let (record, code) = attend(child, output, told, heard, order).await;
            is_gone.store(true, Ordering::SeqCst);
            at_last();
            tell_the_end(record, code).await;
            end.send_replace(true);
        });
        Ok(Self { folder: folder.clone(), signals, input, order, listeners, gone, ended })
    }

    pub(super) fn folder(&self) -> &ErrandFolder {
        &self.folder
    }

    /// As Ctrl-C does.
    pub(super) fn cancel(&self) {
        // Full of them, it has been told.
        let _told = self.signals.try_send(Signal::INT);
    }

    /// As the end of the machine does.
    pub(super) fn end(&self) {
        let _told = self.signals.try_send(Signal::TERM);
    }

    /// From now on somebody listens.
    pub(in crate::daemon) fn listen(&self) -> Listening {
        self.listeners.send_modify(|count| *count += 1);
        Listening(self.listeners.clone())
    }

    /// Whether anything can be typed to it.
    pub(in crate::daemon) fn is_typed(&self) -> bool {
        self.order.is_typed
    }

    /// How it is treated.
    pub(super) fn order(&self) -> Order {
        self.order
    }

    /// Whether its process is gone.
    pub(in crate::daemon) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// Whether somebody listens.
    pub(super) fn is_heard(&self) -> bool {
        *self.listeners.borrow() > 0
    }

    /// Types to it; `end` says that no more will come.
    pub(in crate::daemon) async fn type_in(&self, text: &str, end: bool) -> Result<()> {
        let over = || {
            Error::usage("the command reads nothing any more").help("it has ended, or was told that no more will come")
        };
        let mut input = self.input.lock().await;
        let pipe = input.as_mut().ok_or_else(over)?;
        let written = tokio::time::timeout(INPUT_TIME_MAX, pipe.write_all(text.as_bytes())).await;
        if end || !matches!(written, Ok(Ok(()))) {
            *input = None;
        }
        written.map_err(|_| over())?.map_err(|_| over())
    }

    /// Returns once the process has ended and all is on record.
    pub(in crate::daemon) async fn ended(&self) {
        // Where nobody can say it any more, it has.
        let mut ended = self.ended.clone();
        drop(ended.wait_for(|ended| *ended).await);
    }
}

/// This binary again. What the daemon's own environment says about blockade is not the errand's.
fn spawn(folder: &ErrandFolder, order: Order) -> std::io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("blockade").arg("--errand").arg(folder.errand()).args(folder.told().args);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BLOCKADE_")) {
        command.env_remove(name);
    }
    command.stdin(if order.is_typed { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(folder.files()).process_group(0).spawn()
}

/// The whole life of the process: what it said, but for its end, and the code with which it ended.
async fn attend(
    mut child: Child,
    output: File,
    signals: mpsc::Receiver<Signal>,
    listeners: watch::Receiver<usize>,
    order: Order,
) -> (Option<Record>, u8) {
    let (say, said) = mpsc::channel(64);
    let (end, over) = watch::channel(());
    let streams = [
        child.stdout.take().map(|stream| tokio::spawn(hear(stream, Piece::Out, say.clone(), over.clone()))),
        child.stderr.take().map(|stream| tokio::spawn(hear(stream, Piece::Err, say, over))),
    ];
    let record = tokio::spawn(write_down(Record { output, seq: 0, bytes: 0, has_gap: false }, said));
    let status = until_its_end(&mut child, signals, listeners, order).await;
    drop(end);
    for stream in streams.into_iter().flatten() {
        let _heard = stream.await;
    }
    (record.await.ok(), status.map_or(3, code))
}

/// Untold it would be under way for ever: where the disk is full, this waits for room.
async fn tell_the_end(record: Option<Record>, code: u8) {
    let Some(mut record) = record else { return };
    let exit = Piece::Exit { code, is_cut: false };
    while !record.say(&exit) {
        tokio::time::sleep(UNTIL_THERE_IS_ROOM).await;
    }
}

async fn until_its_end(
    child: &mut Child,
    mut signals: mpsc::Receiver<Signal>,
    listeners: watch::Receiver<usize>,
    order: Order,
) -> std::io::Result<ExitStatus> {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
    // It is not reaped before `wait` returns: the number is its own.
    let tell = |signal| {
        // One that has ended needs not be told.
        let _told = pid.map(|pid| kill_process(pid, signal));
    };
    let mut deserted = std::pin::pin!(deserted(listeners, order));
    let mut is_deserted = false;
    loop {
        tokio::select! {
            status = child.wait() => return status,
            signal = signals.recv(), if !is_deserted => match signal {
                Some(signal) => tell(signal),
                None => is_deserted = true, // nobody has the handle any more
            },
            () = &mut deserted, if !is_deserted => {
                is_deserted = true;
                tell(Signal::TERM);
            }
        }
    }
}

/// Returns once nobody has listened for a while to a command that needs somebody who does.
async fn deserted(mut listeners: watch::Receiver<usize>, order: Order) {
    if order.is_lasting {
        std::future::pending::<()>().await;
    }
    loop {
        drop(listeners.wait_for(|count| *count == 0).await);
        if tokio::time::timeout(PATIENCE, listeners.wait_for(|count| *count > 0)).await.is_err() {
            return;
        }
    }
}

/// As a shell has it.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Hands on what comes, in letters that are whole, until the process is over, which is when nobody holds the other end
/// of `over`: what it has written is in the pipe by then, and others that hold that are not waited for.
async fn hear(
    mut stream: impl AsyncRead + AsFd + Unpin,
    piece: fn(Vec<u8>) -> Piece,
    say: mpsc::Sender<Piece>,
    mut over: watch::Receiver<()>,
) {
    let (mut heard, mut read) = (Vec::new(), vec![0; PIECE]);
    let mut rest = None;
    while rest != Some(0) {
        let most = rest.map_or(PIECE, |rest: u64| PIECE.min(usize::try_from(rest).unwrap_or(PIECE)));
        let count = tokio::select! {
            biased;
            // First: somebody else may write without end.
            _ = over.changed(), if rest.is_none() => {
                rest = Some(rustix::io::ioctl_fionread(&stream).unwrap_or(0));
                continue;
            }
            // Of what is left nothing is missing, so that nothing is waited for.
            count = stream.read(&mut read[..most]) => count.unwrap_or(0),
        };
        if count == 0 {
            break;
        }
        rest = rest.map(|rest| rest - count as u64);
        heard.extend_from_slice(&read[..count]);
        let now: Vec<u8> = heard.drain(..sayable(&heard)).collect();
        if !now.is_empty() && say.send(piece(now)).await.is_err() {
            return;
        }
    }
    if !heard.is_empty() {
        let _all = say.send(piece(heard)).await;
    }
}

/// The file of what was said.
struct Record {
    output: File,
    /// Of the last line.
    seq: u64,
    /// Where the next line begins.
    bytes: u64,
    /// Whether something is missing before that.
    has_gap: bool,
}

impl Record {
    /// Writes a line, and before it that something is missing, where it is. Whether that went well.
    fn say(&mut self, piece: &Piece) -> bool {
        if self.has_gap {
            let lost = b"\nwarning: some output is missing: the daemon had no room for it\n";
            self.has_gap = !self.write(&Piece::Err(lost.to_vec()));
        }
        let is_written = !self.has_gap && self.write(piece);
        self.has_gap |= !is_written && !matches!(piece, Piece::Exit { .. });
        is_written
    }

    /// Writes a line, whole or not at all; whether it did.
    fn write(&mut self, piece: &Piece) -> bool {
        let line = piece.line(self.seq + 1);
        if let Err(error) = self.output.write_all(line.as_bytes()) {
            tracing::warn!("cannot write down what a command says: {error}");
            // Half a line would swallow the next one.
            let _ = self.output.set_len(self.bytes);
            return false;
        }
        self.seq += 1;
        self.bytes += line.len() as u64;
        true
    }
}

/// Writes down what comes until no more does, or more than is kept.
async fn write_down(mut record: Record, mut said: mpsc::Receiver<Piece>) -> Record {
    let mut is_full = false;
    while let Some(piece) = said.recv().await {
        if is_full {
            continue;
        }
        record.say(&piece);
        if record.bytes > OUTPUT_MAX {
            is_full = true;
            let more = format!("\nwarning: more output than {} MiB: the rest is left out\n", OUTPUT_MAX >> 20);
            record.say(&Piece::Err(more.into_bytes()));
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_for_which_there_is_no_room_takes_no_number_and_is_told_to_be_missing() {
        let full = File::options().append(true).open("/dev/full").unwrap();
        let place = tempfile::NamedTempFile::new().unwrap();
        let mut record = Record { output: full, seq: 4, bytes: 9, has_gap: false };
        let exit = Piece::Exit { code: 0, is_cut: false };
        assert!(!record.say(&exit));
        assert!(!record.say(&Piece::Out(b"what is lost".to_vec())) && !record.say(&exit));
        record.output = place.reopen().unwrap();
        assert!(record.say(&exit));
        let said = std::fs::read_to_string(place.path()).unwrap();
        let [warning, last] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
        assert!(warning.contains("some output is missing"), "{warning}");
        assert_eq!(format!("{last}\n"), exit.line(6));
    }

    #[tokio::test]
    async fn all_that_a_process_wrote_is_heard_and_nobody_else_is_waited_for() {
        let (say, mut said) = mpsc::channel(64);
        let (end, over) = watch::channel(());
        // Another one holds its output, and lives on.
        let mut child = Command::new("sh")
            .args(["-c", "sleep 1000 & echo $! >&2; head -c 50000 /dev/zero | tr '\\0' x"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        child.wait().await.unwrap();
        drop(end);
        hear(stdout, Piece::Out, say, over).await;
        let mut all = Vec::new();
        while let Some(Piece::Out(piece)) = said.recv().await {
            all.extend(piece);
        }
        assert_eq!(all, vec![b'x'; 50_000]);
        let mut pid = [0; 16];
        let count = stderr.read(&mut pid).await.unwrap();
        let pid = std::str::from_utf8(&pid[..count]).unwrap().trim().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    }
}
