//! Signals by name and number, for `kill(n, "SIGTERM")`, `kill --signal 9` and `stop: {signal: …}` alike.
//!
//! Pure: a signal is only named here, never sent. How this process takes those that it gets itself before anybody listens
//! is [`early`].

#[cfg(feature = "host")]
pub mod early;
#[cfg(not(feature = "host"))]
#[path = "signal/hostless.rs"]
pub mod early;

use crate::diagnostic::nearest;
use crate::script::quantity::{Problem, Raw};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The signals with a name, with the numbers of Linux: a node lives there, wherever its script is written.
const NAMES: [(&str, i32); 31] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGBUS", 7),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGUSR1", 10),
    ("SIGSEGV", 11),
    ("SIGUSR2", 12),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
    ("SIGSTKFLT", 16),
    ("SIGCHLD", 17),
    ("SIGCONT", 18),
    ("SIGSTOP", 19),
    ("SIGTSTP", 20),
    ("SIGTTIN", 21),
    ("SIGTTOU", 22),
    ("SIGURG", 23),
    ("SIGXCPU", 24),
    ("SIGXFSZ", 25),
    ("SIGVTALRM", 26),
    ("SIGPROF", 27),
    ("SIGWINCH", 28),
    ("SIGIO", 29),
    ("SIGPWR", 30),
    ("SIGSYS", 31),
];

/// A signal that has a name. Written and serialized as that name, `SIGTERM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signal(i32);

impl Signal {
    /// `SIGKILL`, which no program can refuse.
    pub const KILL: Self = Self(9);
    /// `SIGTERM`, the polite request to end.
    pub const TERM: Self = Self(15);
    /// `SIGSTOP`, which no program can refuse either.
    pub const STOP: Self = Self(19);
    /// `SIGCONT`, which lets a stopped program go on.
    pub const CONT: Self = Self(18);

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

    /// The number that `kill(2)` takes.
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
        let deadly = ["SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL"];
        let others = ["SIGSEGV", "SIGTERM", "SIGSTKFLT", "SIGXCPU", "SIGXFSZ", "SIGSYS"];
        deadly.contains(&self.name()) || others.contains(&self.name())
    }

    /// Whether a program that gets it stops until it gets `SIGCONT`.
    pub fn stops(self) -> bool {
        ["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"].contains(&self.name())
    }

    /// Whether it stops a program or lets a stopped one go on.
    pub fn stops_or_continues(self) -> bool {
        self.stops() || self == Self::CONT
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

    #[cfg(feature = "host")]
    #[test]
    fn the_numbers_are_this_kernels() {
        use libc as c;
        let kernels = [
            [c::SIGHUP, c::SIGINT, c::SIGQUIT, c::SIGILL, c::SIGTRAP, c::SIGABRT, c::SIGBUS, c::SIGFPE],
            [c::SIGKILL, c::SIGUSR1, c::SIGSEGV, c::SIGUSR2, c::SIGPIPE, c::SIGALRM, c::SIGTERM, c::SIGSTKFLT],
            [c::SIGCHLD, c::SIGCONT, c::SIGSTOP, c::SIGTSTP, c::SIGTTIN, c::SIGTTOU, c::SIGURG, c::SIGXCPU],
        ];
        let last = [c::SIGXFSZ, c::SIGVTALRM, c::SIGPROF, c::SIGWINCH, c::SIGIO, c::SIGPWR, c::SIGSYS];
        let kernels: Vec<i32> = kernels.into_iter().flatten().chain(last).collect();
        assert_eq!(NAMES.map(|(_, number)| number).to_vec(), kernels);
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
