//! How text of a session leaves. On a terminal through the line editor, which puts it above the line that a person is
//! typing; else as every command's does.

use super::super::report;
use super::frames::Frame;
use crate::Error;
use crate::platform;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// How long what is printed may be waited for: the editor takes nothing between two lines.
const PATIENCE: Duration = Duration::from_millis(200);

/// Takes what is left of a line that was being typed.
const CLEAR_LINE: &str = "\r\u{1b}[K";

/// Prints. Clones print to the same place.
#[derive(Clone)]
pub(super) struct Screen(Kind);

#[derive(Clone)]
enum Kind {
    Plain,
    Terminal(Terminal),
    /// On another machine, to which all goes in frames.
    Afar {
        is_terminal: bool,
    },
}

#[derive(Clone)]
struct Terminal {
    /// To the thread that prints: the editor may make it wait.
    pieces: Sender<Piece>,
    /// How the terminal was set before the editor changed it.
    before: Arc<Option<platform::Terminal>>,
    /// Whether nobody types any more.
    is_closed: Arc<AtomicBool>,
}

enum Piece {
    Text(String),
    Mark(Sender<()>),
}

impl Terminal {
    fn print(&self, text: String) {
        if self.is_closed.load(Ordering::SeqCst) {
            directly(&text);
        } else {
            drop(self.pieces.send(Piece::Text(text)));
        }
    }
}

/// A terminal that is gone needs nothing.
fn directly(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

impl Screen {
    /// Results to stdout, errors to stderr.
    pub(super) fn plain() -> Self {
        Self(Kind::Plain)
    }

    /// A terminal whose line editor takes text in this way.
    pub(super) fn terminal(mut print: impl FnMut(String) + Send + 'static) -> Self {
        let (pieces, to_print) = channel();
        std::thread::spawn(move || {
            for piece in to_print {
                match piece {
                    Piece::Text(text) => print(text),
                    Piece::Mark(printed) => drop(printed.send(())),
                }
            }
        });
        let before = Arc::new(platform::Terminal::now());
        Self(Kind::Terminal(Terminal { pieces, before, is_closed: Arc::default() }))
    }

    /// One on another machine.
    pub(super) fn afar(is_terminal: bool) -> Self {
        Self(Kind::Afar { is_terminal })
    }

    /// Whether a person sits there.
    pub(super) fn is_terminal(&self) -> bool {
        !matches!(self.0, Kind::Plain | Kind::Afar { is_terminal: false })
    }

    /// A result, or what happened.
    pub(super) fn line(&self, text: &str) {
        match &self.0 {
            Kind::Plain => report::line(text),
            Kind::Terminal(terminal) => terminal.print(format!("{text}\n")),
            Kind::Afar { .. } => report::line(&Frame::Line(text.to_owned()).line()),
        }
    }

    /// An error.
    pub(super) fn error(&self, error: &Error) {
        match &self.0 {
            Kind::Afar { .. } => report::line(&Frame::Error(error.rendered(false)).line()),
            Kind::Plain | Kind::Terminal(_) => self.told(&report::rendered(error)),
        }
    }

    /// What is no result, with its line's end.
    pub(super) fn told(&self, text: &str) {
        match &self.0 {
            Kind::Terminal(terminal) if std::io::stderr().is_terminal() => terminal.print(text.to_owned()),
            _ => report::message(text.trim_end_matches('\n')),
        }
    }

    /// Waits until all is printed.
    pub(super) fn flush(&self) {
        let Kind::Terminal(terminal) = &self.0 else { return };
        let (printed, all) = channel();
        if terminal.pieces.send(Piece::Mark(printed)).is_ok() {
            let _in_time = all.recv_timeout(PATIENCE);
        }
    }

    /// Nobody types any more, perhaps in the middle of a line: the terminal is as it was. What is still printed does not
    /// pass through the editor, which would come to it later, or never.
    pub(super) fn close(&self) {
        let Kind::Terminal(terminal) = &self.0 else { return };
        if terminal.is_closed.swap(true, Ordering::SeqCst) {
            return;
        }
        self.flush();
        if let Some(before) = &*terminal.before {
            before.restore();
            directly(CLEAR_LINE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_after_the_end_does_not_wait_for_the_editor() {
        let (print, printed) = channel();
        let screen = Screen::terminal(move |text| drop(print.send(text)));
        screen.line("before");
        screen.close();
        screen.line("after");
        drop(screen);
        assert_eq!(printed.iter().collect::<Vec<String>>(), ["before\n"]);
    }
}
