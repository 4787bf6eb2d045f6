//! Signals by name and number, for `kill(n, "SIGTERM")`, `kill --signal 9` and `stop: {signal: …}` alike.
//!
//! Pure: a signal is only named here, never sent. How this process takes those that it gets itself before anybody listens
//! is [`early`].

pub mod early;

use crate::diagnostic::nearest;
use crate::script::quantity::{Problem, Raw};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The signals with a name, in the order of Linux's own table.
const NAMES: [(&str, i32); 31] = [
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGSTKFLT", libc::SIGSTKFLT),
    ("SIGCHLD", libc::SIGCHLD),
    ("SIGCONT", libc::SIGCONT),
    ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGURG", libc::SIGURG),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGWINCH", libc::SIGWINCH),
    ("SIGIO", libc::SIGIO),
    ("SIGPWR", libc::SIGPWR),
    ("SIGSYS", libc::SIGSYS),
];

/// A signal that has a name. Written and serialized as that name, `SIGTERM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(i32);

impl Signal {
    /// `SIGKILL`, which no program can refuse.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// `SIGTERM`, the polite request to end.
    pub const TERM: Self = Self(libc::SIGTERM);
    /// `SIGCONT`, which lets a stopped program go on.
    pub const CONT: Self = Self(libc::SIGCONT);

    /// The signal that a script, a config file or the command line names: `"SIGTERM"`, `"term"`, `"15"` or `15`.
    pub fn parse<'a>(raw: impl Into<Raw<'a>>) -> Result<Self, Problem> {
        let raw = raw.into();
        match raw {
            Raw::Int(number) => Self::from_number(number),
            Raw::Text(text) if text.starts_with(|first: char| first.is_ascii_digit()) => {
                text.parse().ok().and_then(Self::from_number)
            }
            Raw::Text(text) => Self::from_name(text),
            Raw::Float(_) => None,
        }
        .ok_or_else(|| unknown(raw))
    }

    /// The number that `kill(2)` takes, on this machine's architecture.
    pub fn number(self) -> i32 {
        self.0
    }

    /// The canonical name, `SIGTERM`.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, number)| *number == self.0).map_or("SIG?", |(name, _)| name)
    }

    /// Whether a program that gets it is meant to end: not of those that also tell it to read its files again, that
    /// its terminal changed, or the like.
    pub fn is_deadly(self) -> bool {
        use libc as c;
        let deadly = [c::SIGINT, c::SIGQUIT, c::SIGILL, c::SIGTRAP, c::SIGABRT, c::SIGBUS, c::SIGFPE, c::SIGKILL];
        let others = [c::SIGSEGV, c::SIGTERM, c::SIGSTKFLT, c::SIGXCPU, c::SIGXFSZ, c::SIGSYS];
        deadly.contains(&self.0) || others.contains(&self.0)
    }

    /// Whether a program that gets it stops until it gets `SIGCONT`.
    pub fn stops(self) -> bool {
        [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&self.0)
    }

    fn from_number(number: i64) -> Option<Self> {
        NAMES.iter().find(|(_, known)| i64::from(*known) == number).map(|(_, number)| Self(*number))
    }

    fn from_name(text: &str) -> Option<Self> {
        let name = canonical(text);
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| Self(*number))
    }
}

/// `term`, `TERM` and `sigterm` all mean `SIGTERM`.
fn canonical(text: &str) -> String {
    let upper = text.to_ascii_uppercase();
    if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") }
}

fn unknown(raw: Raw<'_>) -> Problem {
    let near = match raw {
        Raw::Text(text) => nearest(&canonical(text), NAMES.iter().map(|(name, _)| *name)),
        Raw::Int(_) | Raw::Float(_) => None,
    };
    let help = match near {
        Some(name) => format!("did you mean `{name}`?"),
        None => "write a name like `SIGTERM` or a number from 1 to 31".to_owned(),
    };
    Problem::new(format!("{raw} is no signal"), help)
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Signal> for String {
    fn from(signal: Signal) -> Self {
        signal.name().to_owned()
    }
}

impl TryFrom<String> for Signal {
    type Error = Problem;

    fn try_from(name: String) -> Result<Self, Problem> {
        Self::parse(name.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_has_one_name_and_number_however_it_is_written() {
        for written in ["SIGTERM", "TERM", "term", "sigterm", "15"] {
            assert_eq!(Signal::parse(written), Ok(Signal::TERM), "{written}");
        }
        assert_eq!(Signal::parse(15), Ok(Signal::TERM));
        assert_eq!((Signal::TERM.name(), Signal::TERM.number()), ("SIGTERM", 15));
    }

    #[test]
    fn every_signal_survives_being_printed_and_read() {
        for (name, number) in NAMES {
            let signal = Signal::parse(i64::from(number)).unwrap();
            assert_eq!(signal.to_string(), name);
            assert_eq!(Signal::parse(name), Ok(signal));
            let json = serde_json::to_string(&signal).unwrap();
            assert_eq!(serde_json::from_str::<Signal>(&json).unwrap(), signal);
        }
    }

    #[test]
    fn an_unknown_signal_names_the_nearest_one_or_the_form() {
        insta::assert_snapshot!(Signal::parse("SIGTREM").unwrap_err(), @r#""SIGTREM" is no signal (did you mean `SIGTERM`?)"#);
        insta::assert_snapshot!(Signal::parse(0).unwrap_err(), @"0 is no signal (write a name like `SIGTERM` or a number from 1 to 31)");
        insta::assert_snapshot!(Signal::parse("99999999999999999999").unwrap_err(), @r#""99999999999999999999" is no signal (write a name like `SIGTERM` or a number from 1 to 31)"#);
        insta::assert_snapshot!(Signal::parse("").unwrap_err(), @r#""" is no signal (write a name like `SIGTERM` or a number from 1 to 31)"#);
        insta::assert_snapshot!(Signal::parse(1.5).unwrap_err(), @"1.5 is no signal (write a name like `SIGTERM` or a number from 1 to 31)");
    }
}
