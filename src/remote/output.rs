//! What a command over there says, from its first byte to its exit code, however often the connection is lost on the
//! way.

use super::failure::Failure;
use super::http::{Client, Coming};
use super::sse::Reader;
use super::wire::{Command, Kind, Said, command_path};
use crate::Error;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// For so long a lost connection is tried again. A command that nobody listens to lives a little longer.
const PATIENCE: Duration = Duration::from_secs(8);
/// The pause before the first try; each further one is twice as long, up to the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
/// A stream that says nothing for so long, not even that it lives, is as good as lost.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A command's output.
pub(super) struct Output<'a> {
    client: &'a Client,
    command: &'a Command,
    stream: Option<Stream>,
    waiting: VecDeque<Said>,
    /// The last that was given out.
    seen: u64,
    lost: Option<Lost>,
}

struct Stream {
    coming: Coming,
    reader: Reader,
    began: Instant,
}

/// Since when there is no connection that lasts, and how long to wait before the next try.
struct Lost {
    since: Instant,
    pause: Duration,
}

impl<'a> Output<'a> {
    /// From its beginning.
    pub(super) fn new(client: &'a Client, command: &'a Command) -> Self {
        Self { client, command, stream: None, waiting: VecDeque::new(), seen: 0, lost: None }
    }

    /// The next piece; [`Kind::Exit`] is the last. May be given up and asked for again.
    ///
    /// # Errors
    /// The connection is lost and stays so; what the daemon refuses.
    pub(super) async fn next(&mut self) -> Result<Said, Failure> {
        loop {
            if let Some(said) = self.waiting.pop_front() {
                if said.seq > self.seen && said.kind != Kind::Other {
                    self.seen = said.seq;
                    self.lost = None;
                    return Ok(said);
                }
                continue;
            }
            match self.read().await {
                Ok(()) => {}
                Err(Failure::Way(error)) => self.pause(error).await?,
                Err(refused) => return Err(refused),
            }
        }
    }

    /// Reads what is next on the network.
    async fn read(&mut self) -> Result<(), Failure> {
        let Some(Stream { coming, reader, .. }) = &mut self.stream else { return self.connect().await };
        let cut = || Failure::Way(Error::machine(format!("the connection to {} was lost", self.client.host())));
        let bytes = match timeout(SILENCE_MAX, coming.next()).await {
            Ok(bytes) => bytes?.ok_or_else(cut)?,
            Err(_silence) => return Err(cut()),
        };
        let odd = |why: &str| Failure::Here(self.client.foreign(why));
        for data in reader.read(&bytes).map_err(odd)? {
            self.waiting.push_back(serde_json::from_str(&data).map_err(|error| odd(&error.to_string()))?);
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), Failure> {
        let path = command_path(&self.command.id, "/output");
        let coming = self.client.open_stream(&path, (self.seen > 0).then_some(self.seen)).await?;
        self.stream = Some(Stream { coming, reader: Reader::default(), began: Instant::now() });
        Ok(())
    }

    /// Waits for the next try, unless there have been enough.
    async fn pause(&mut self, error: Error) -> Result<(), Failure> {
        if self.stream.take().is_some_and(|stream| stream.began.elapsed() > PAUSE.1) {
            self.lost = None;
        }
        let lost = self.lost.get_or_insert_with(|| Lost { since: Instant::now(), pause: PAUSE.0 });
        if lost.since.elapsed() > PATIENCE {
            return Err(Failure::Way(error));
        }
        tracing::info!("{error}: once more in {:?}", lost.pause);
        let pause = lost.pause;
        lost.pause = (pause * 2).min(PAUSE.1);
        sleep(pause).await;
        Ok(())
    }
}
