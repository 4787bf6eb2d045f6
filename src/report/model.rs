//! What a report tells of a run: values that are ready to be drawn and listed, texts made printable.

use crate::checker::Witness;
use crate::fault::Fault;
use serde_json::Value;
use std::collections::BTreeMap;

/// A run, as its report tells it.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What stands above everything.
    pub head: Head,
    /// Why it did not pass.
    pub failure: Option<Failure>,
    /// What could not be cleaned up.
    pub leftovers: Vec<String>,
    /// The last moment that is told of; never 0, so that one can divide by it. All times are microseconds since the start.
    pub end_us: u64,
    /// When all nodes were there for the first time; none where the journal does not say so.
    pub up_us: Option<u64>,
    /// In the cluster's order.
    pub nodes: Vec<Node>,
    /// In the order of injection.
    pub faults: Vec<FaultSpan>,
    /// One after the other.
    pub phases: Vec<Phase>,
    /// What the script said.
    pub notes: Vec<Note>,
    /// What it measured.
    pub metrics: Vec<Metric>,
    /// What it claimed.
    pub claims: Vec<Claim>,
    /// What its clients did, in the order of invocation.
    pub operations: Vec<Operation>,
    /// Why operations were not done, or are not known to be, by function and outcome; how often.
    pub errors: BTreeMap<(String, Done, String), usize>,
    /// So many lines of the journal this version does not know how to tell.
    pub unknown_lines: usize,
    /// Texts and commands for whoever wants to see it again.
    pub texts: Texts,
}

/// What a run is called, where it took place and what came of it.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The script's path.
    pub script: String,
    /// Of every choice.
    pub seed: String,
    /// `netns`, `docker`, `sim`.
    pub runtime: String,
    /// What came of it.
    pub verdict: Outcome,
    /// Whether the journal ends before the run did.
    pub is_cut_off: bool,
    /// RFC 3339; empty where nobody wrote it down.
    pub started: String,
    /// The version that ran it.
    pub version: String,
    /// The version that tells of it.
    pub told_by: String,
    /// Of the machine; empty on `sim`.
    pub kernel: String,
    /// `--set` and the rest, as `NAME=VALUE`.
    pub options: Vec<String>,
}

/// What came of a run or of a claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    /// It held.
    Pass,
    /// It did not.
    Fail,
    /// It cannot be said.
    #[default]
    Unknown,
    /// Something else went wrong.
    Error,
}

impl Outcome {
    /// The outcome of this name; unknown, where there is none.
    pub(super) fn named(word: &str) -> Self {
        match word {
            "pass" => Self::Pass,
            "fail" => Self::Fail,
            "error" => Self::Error,
            _ => Self::Unknown,
        }
    }

    /// `pass`, `fail`, `unknown` or `error`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Error => "error",
        }
    }
}

/// Why a run did not pass.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// In a sentence.
    pub message: String,
    /// The same for the same kind of failure.
    pub signature: String,
    /// The file, where there is a place.
    pub file: String,
    /// Line and column, from 1.
    pub place: Option<(usize, usize)>,
}

impl Failure {
    /// Whether it is that this claim did not hold: the run's message is the claim's, perhaps with its name in front.
    pub(super) fn is(&self, claim: &Claim) -> bool {
        claim.outcome != Outcome::Pass && !claim.message.is_empty() && self.message.ends_with(&claim.message)
    }
}

/// What a fault acts on, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// Links are cut.
    Cut,
    /// Links are slow, lossy, …
    Impairment,
    /// Programs are stopped or frozen.
    Halt,
    /// One of a later version.
    Other,
}

impl Family {
    /// Of this fault.
    pub(super) fn of(fault: &Fault) -> Self {
        match fault {
            _ if !fault.is_network() => Self::Halt,
            _ if fault.is_partition() => Self::Cut,
            _ => Self::Impairment,
        }
    }

    /// Its name in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Impairment => "impairment",
            Self::Halt => "halt",
            Self::Other => "other",
        }
    }
}

/// A fault, from its injection to its end.
#[derive(Clone, Debug)]
pub struct FaultSpan {
    /// `f1`.
    pub id: String,
    /// How it looks.
    pub family: Family,
    /// What it does to whom.
    pub text: String,
    /// Who injected it.
    pub task: String,
    /// When it was begun.
    pub from_us: u64,
    /// When it held everywhere.
    pub active_us: Option<u64>,
    /// When it was gone; none where the journal does not say so.
    pub healed_us: Option<u64>,
    /// Why it could not be injected.
    pub failed: Option<String>,
    /// Whom it touches.
    pub touches: Vec<Touch>,
}

impl FaultSpan {
    /// The last moment at which it is drawn.
    pub(super) fn to_us(&self, end_us: u64) -> u64 {
        self.healed_us.unwrap_or(end_us).max(self.from_us)
    }
}

/// A node that a fault touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// Which, of the model's nodes.
    pub node: usize,
    /// Its part in it: the groups it is in, whether it sends or receives.
    pub part: String,
}

/// A node, and what happened to its program.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// When its program was not there, apart from faults that stopped it.
    pub gaps: Vec<Gap>,
}

/// A time in which a node's program was not there.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Its name in the style sheet: `restart`, `start`, `exit`, `paused`, `missing`.
    pub kind: &'static str,
    /// What happened.
    pub text: String,
    /// When.
    pub from_us: u64,
    /// When it was over; none where the journal does not say so.
    pub to_us: Option<u64>,
    /// The last lines of the node's log, where it died.
    pub log: Vec<String>,
}

/// A part of the script.
#[derive(Clone, Debug)]
pub struct Phase {
    /// `main`, `setup`, `chaos`, `recovery`, `check`.
    pub name: String,
    /// When it began; it lasts until the next one does.
    pub from_us: u64,
}

/// What the script said.
#[derive(Clone, Debug)]
pub struct Note {
    /// When.
    pub t_us: u64,
    /// Who.
    pub task: String,
    /// What.
    pub text: String,
}

/// What the script measured under one name.
#[derive(Clone, Debug)]
pub struct Metric {
    /// The name.
    pub name: String,
    /// When and how much.
    pub values: Vec<(u64, f64)>,
}

/// What the script claimed.
#[derive(Clone, Debug)]
pub struct Claim {
    /// When.
    pub t_us: u64,
    /// `assert`, `check_set`, …
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was claimed, or found.
    pub message: String,
    /// More, where there is more.
    pub details: Value,
    /// What no order explains.
    pub witness: Option<Box<Witness>>,
}

/// How an operation came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Done {
    /// It was done.
    Ok,
    /// It was definitely not done.
    Fail,
    /// Nobody knows.
    Info,
}

impl Done {
    /// All of them, in the order in which they are told.
    pub(super) const ALL: [Self; 3] = [Self::Ok, Self::Fail, Self::Info];

    /// `ok`, `fail` or `info`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// What a client did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// `read`, `write`, …
    pub f: String,
    /// When it was begun.
    pub from_us: u64,
    /// When it came out, and how; none of one that never did.
    pub done: Option<(u64, Done)>,
    /// The places of its two events in the history, from 0.
    pub places: (usize, Option<usize>),
}

/// Texts and commands for whoever wants to see it again.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    /// The script.
    pub script: String,
    /// The cluster file.
    pub cluster: String,
    /// The smallest schedule that was found to fail.
    pub minimal: Option<String>,
    /// What a person can type, each with what it does.
    pub commands: Vec<(String, String)>,
}
