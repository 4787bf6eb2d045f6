//! A person here at a session there: the editor is this machine's, with its history; what is typed is sent, and what the
//! session says is shown.

use super::command::Command;
use super::conversation::refuse_others;
use super::frames::{Frame, Reader, Typed};
use super::input::{self, Input, Lines, Question};
use super::screen::Screen;
use super::words::Words;
use crate::remote::{Client, Dialogue, Failure, Heard, Here};
use crate::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the session over there is told who asks.
pub(in crate::cli) const FLAG: &str = "--afar";

/// A session that is to end is interrupted again after this time: an interrupt that comes before the entry it was meant
/// for is forgotten. Longer than the pauses between tries to find a way that was lost.
const AGAIN: Duration = Duration::from_secs(5);

/// Holds a session over there, from its beginning to its exit code.
pub(in crate::cli) fn main(
    client: &Client,
    program: &clap::Command,
    mut words: Vec<String>,
    here: Here<'_>,
) -> Result<u8, Failure> {
    let (screen, wire) = input::open(&here.data_dir.join("repl_history"), None)?;
    let who = if screen.is_terminal() { "person" } else { "program" };
    words.extend([FLAG.to_owned(), who.to_owned()]);
    let held = Dialogue::hold(client, program, &words, here, async |dialogue| {
        let talk = Talk {
            screen: screen.clone(),
            lines: wire.lines(),
            here,
            asked: None,
            saved: None,
            failed: None,
            is_ended: false,
        };
        talk.hold(dialogue).await
    });
    screen.close();
    held
}

/// Between the editor and the session.
struct Talk<'a> {
    screen: Screen,
    lines: Lines,
    here: Here<'a>,
    /// The question that is open, or was the last one.
    asked: Option<Asked>,
    /// What the session was told to save, and where that belongs here.
    saved: Option<(String, PathBuf)>,
    /// The exit code of the first error on this side, of which the session does not know.
    failed: Option<u8>,
    /// Whether this process was asked to end.
    is_ended: bool,
}

struct Asked {
    prompt: String,
    words: Words,
    is_open: bool,
}

impl Talk<'_> {
    async fn hold(mut self, dialogue: &mut Dialogue<'_>) -> Result<u8, Failure> {
        let mut reader = Reader::default();
        let mut again = tokio::time::interval(AGAIN);
        loop {
            let is_open = self.asked.as_ref().is_some_and(|asked| asked.is_open);
            tokio::select! {
                heard = dialogue.next() => match heard? {
                    Heard::Out(bytes) => for frame in reader.read(&bytes) {
                        self.frame(dialogue, frame).await?;
                    },
                    Heard::Err(bytes) => self.screen.told(&String::from_utf8_lossy(&bytes)),
                    Heard::Interrupt => dialogue.cancel().await?,
                    Heard::End => {
                        self.is_ended = true;
                        self.close();
                        self.screen.close();
                        dialogue.cancel().await?;
                        dialogue.end().await?;
                        again.reset();
                    }
                    Heard::Exit(_) if self.is_ended => return Ok(ErrorKind::Interrupted.exit_code()),
                    Heard::Exit(0) => return Ok(self.failed.filter(|_| !self.screen.is_terminal()).unwrap_or(0)),
                    Heard::Exit(code) => return Ok(code),
                },
                input = self.lines.answer(), if is_open => self.input(dialogue, input).await?,
                _ = again.tick(), if self.is_ended => {
                    // Nothing more is known of it then, and nobody waits at a terminal.
                    if let Err(lost @ Failure::Way(_)) = dialogue.cancel().await {
                        return Err(lost);
                    }
                }
            }
        }
    }

    async fn frame(&mut self, dialogue: &Dialogue<'_>, frame: Frame) -> Result<(), Failure> {
        match frame {
            Frame::Line(text) => self.screen.line(&text),
            Frame::Error(text) => self.screen.told(&text),
            Frame::Ask { prompt, words } => {
                self.fetch(dialogue).await?;
                let known = self.asked.take().map(|asked| asked.words);
                let words = words.or(known).unwrap_or_default();
                self.asked = Some(Asked { prompt, words, is_open: true });
                self.ask();
            }
        }
        Ok(())
    }

    fn ask(&self) {
        if let Some(Asked { prompt, words, .. }) = &self.asked {
            self.screen.flush();
            self.lines.ask(Question { prompt: prompt.clone(), words: words.clone() });
        }
    }

    async fn input(&mut self, dialogue: &mut Dialogue<'_>, input: Input) -> Result<(), Failure> {
        let typed = match input {
            Input::End => {
                self.close();
                return dialogue.end().await;
            }
            Input::Cleared => None,
            Input::Text(text) => self.typed(&text).unwrap_or_else(|error| {
                self.error(&error);
                None
            }),
        };
        if let Some(typed) = typed {
            self.close();
            let line = serde_json::to_string(&typed).unwrap_or_default();
            return dialogue.type_in(format!("{line}\n")).await;
        }
        // Nothing was said to the session, which still asks.
        self.ask();
        Ok(())
    }

    fn error(&mut self, error: &Error) {
        self.failed.get_or_insert(error.kind.exit_code());
        self.screen.error(error);
    }

    /// The question is answered.
    fn close(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.is_open = false;
        }
    }

    /// What is sent of an entry; files that it names are this machine's.
    fn typed(&mut self, text: &str) -> Result<Option<Typed>> {
        let said = text.trim();
        if !said.starts_with(':') {
            return Ok((!said.is_empty()).then(|| Typed::Text(text.to_owned())));
        }
        Ok(Some(match Command::parse(said) {
            Ok(Command::Load(path)) => {
                let (path, files) = self.here.script(&path)?;
                Typed::Load { path, files }
            }
            Ok(Command::Save(path)) => {
                refuse_others(&path)?;
                let name = name(&path);
                self.saved = Some((name.clone(), path));
                Typed::Text(format!(":save {name}"))
            }
            // What is wrong there, too, is said there.
            _ => Typed::Text(text.to_owned()),
        }))
    }

    /// Brings what was saved, if it was.
    async fn fetch(&mut self, dialogue: &Dialogue<'_>) -> Result<(), Failure> {
        let Some((name, path)) = self.saved.take() else { return Ok(()) };
        match dialogue.fetch(&name, &path).await {
            Ok(true) => self.screen.line(&format!("fetched into {}", path.display())),
            Ok(false) => {}
            Err(Failure::Here(error)) => self.error(&error),
            Err(failure) => return Err(failure),
        }
        Ok(())
    }
}

/// What a file to be written is called over there.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
