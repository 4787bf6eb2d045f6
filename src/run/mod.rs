//! One run of a script, from its seed to its verdict.
//!
//! Brings the cluster up, drives the script, heals what it left, removes the cluster and says what came of it. What
//! can go wrong in the middle must not skip the end: every path from here leads through the clean-up.

mod attach;
mod ground;
mod logs;
mod notices;
mod signals;
mod stop;
mod tally;

pub use attach::Attached;
pub use ground::{Ends, Signals, Stage};
pub use signals::interrupt_on_signals;
pub use stop::{Stop, spawn};

use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{EventBody, Output, Recorder};
use crate::journal::{Cleanup, Failure, Header, HistoryWriter, JournalWriter, RunFolder, RunResult, Verdict};
use crate::plan::Shaper;
use crate::script::{Drive, Interrupt, Script, Session};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use tally::Tally;

/// What a run is made of.
pub struct Settings {
    /// Compiled.
    pub script: Script,
    /// What takes the place of its `chaos()`: `--chaos FILE`, or a schedule.
    pub chaos: Option<Script>,
    /// With addresses and all.
    pub cluster: Cluster,
    /// The text of the cluster file, for the run's folder.
    pub cluster_text: String,
    /// Where the nodes live.
    pub kind: RuntimeKind,
    /// Of every choice.
    pub seed: u64,
    /// `--set NAME=VALUE`.
    pub params: BTreeMap<String, String>,
    /// `--timeout`, microseconds.
    pub timeout_us: Option<u64>,
    /// Where its files go; none are written without.
    pub folder: Option<RunFolder>,
    /// What alone is to impair links.
    pub shaper: Option<Shaper>,
    /// Whether every impairment is measured as soon as it is in force.
    pub verify: bool,
    /// The cluster that is up already, if the run is to take place there.
    pub attached: Option<Attached>,
    /// Whether it goes on until somebody ends it, so that being interrupted is how it passes.
    pub is_endless: bool,
    /// Ctrl-C.
    pub interrupt: Arc<Interrupt>,
    /// What the signals that end programs do.
    pub signals: Signals,
}

impl Settings {
    /// A simulated run that leaves nothing behind, for tests; `nodes` is the text of its cluster file.
    #[cfg(test)]
    #[allow(clippy::unwrap_used, reason = "a test says so by failing")]
    pub(crate) fn simulated(script: Script, nodes: &str) -> Self {
        use crate::cluster::{Nowhere, Variables};
        let params = BTreeMap::new();
        let variables =
            Variables { name: "test", seed: 1, params: &params, env: &|_| None, kind: None, surroundings: &Nowhere };
        Self {
            script,
            chaos: None,
            cluster: crate::cluster::load(std::path::Path::new("c.yaml"), nodes, &variables).unwrap(),
            cluster_text: nodes.to_owned(),
            kind: RuntimeKind::Sim,
            seed: 1,
            params,
            timeout_us: None,
            folder: None,
            shaper: None,
            verify: false,
            attached: None,
            is_endless: false,
            interrupt: Arc::default(),
            signals: Signals::Kill,
        }
    }

    /// Where it takes place.
    fn stage(&self) -> Stage<'_> {
        Stage {
            cluster: &self.cluster,
            kind: self.kind,
            seed: self.seed,
            params: &self.params,
            folder: self.folder.as_ref().map(|folder| folder.path.as_path()),
            shaper: self.shaper,
            verify: self.verify,
            attached: self.attached.as_ref(),
            interrupt: &self.interrupt,
            signals: self.signals,
        }
    }
}

/// How a run ended.
pub struct Outcome {
    /// What `result.json` says.
    pub result: RunResult,
    /// Why the script did not pass.
    pub error: Option<Error>,
    /// What could not be cleaned up.
    pub cleanup: Option<Error>,
}

impl Outcome {
    /// The process's exit code: the worst of all that happened.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        worst([&self.error, &self.cleanup].into_iter().flatten().map(|error| error.kind.exit_code()))
    }
}

/// The worst of several exit codes; 0 of none.
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    let rank = |code: &u8| [4, 1, 3, 5, 130, 2].iter().position(|worst| worst == code).unwrap_or(usize::MAX);
    codes.into_iter().min_by_key(rank).unwrap_or(0)
}

/// The journal's head for this run.
pub fn header(settings: &Settings) -> Result<Header> {
    let cluster = serde_json::to_value(&settings.cluster)
        .map_err(|error| Error::machine(format!("the cluster cannot be written as JSON: {error}")))?;
    let simulated = settings.kind == RuntimeKind::Sim;
    Ok(Header {
        format: crate::journal::FORMAT,
        blockade: env!("CARGO_PKG_VERSION").to_owned(),
        seed: settings.seed,
        script: serde_json::json!({ "path": settings.script.path(), "sha256": sha256(settings.script.text()) }),
        cluster,
        runtime: settings.kind.to_string(),
        kernel: (!simulated).then(crate::platform::kernel),
        options: options(settings),
    })
}

/// What else decides about a run, for whoever repeats it; only what was asked for, of what is rare.
fn options(settings: &Settings) -> serde_json::Value {
    let mut options = serde_json::json!({ "set": settings.params, "timeout_us": settings.timeout_us });
    if let Some(shaper) = settings.shaper {
        options["shaper"] = serde_json::json!(shaper);
    }
    if settings.verify {
        options["verify"] = true.into();
    }
    if let Some(file) = &settings.chaos {
        options["chaos"] = serde_json::json!({ "path": file.path(), "sha256": sha256(file.text()) });
    }
    options
}

/// The fingerprint of a text, in hexadecimal digits.
#[must_use]
pub fn sha256(text: &str) -> String {
    use sha2::Digest;
    let mut hex = String::new();
    for byte in sha2::Sha256::digest(text.as_bytes()) {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
    }
    hex
}

/// Runs a script. `outputs` get every event after the journal has it.
pub fn run(settings: Settings, outputs: Vec<Box<dyn Output>>) -> Result<Outcome> {
    let started = jiff::Timestamp::now();
    let simulated = settings.kind == RuntimeKind::Sim;
    let (tally, tallied) = Tally::new();
    let mut readers: Vec<Box<dyn Output>> = Vec::new();
    if let Some(folder) = &settings.folder {
        folder.write("script.rhai", settings.script.text())?;
        folder.write("cluster.yaml", &settings.cluster_text)?;
        // Not in the journal, which is the same wherever a seed runs.
        if let Some(chaos) = &settings.chaos {
            folder.write("chaos.rhai", chaos.text())?;
        }
        readers.push(Box::new(JournalWriter::create(&folder.file("journal.jsonl"), &header(&settings)?)?));
        readers.push(Box::new(HistoryWriter::new(&folder.file("history.jsonl"))));
    }
    readers.push(Box::new(tally));
    readers.extend(outputs);
    let stage = settings.stage();
    let clock = stage.clock();
    let recorder = Arc::new(Recorder::new(Arc::clone(&clock), readers));
    let (script, chaos, timeout_us) = (&settings.script, settings.chaos.as_ref(), settings.timeout_us);
    let act = Box::new(move |host| Drive::new(script, chaos, host, timeout_us)?.run());
    let (verdict, cleanup) = ground::perform(&stage, &clock, &recorder, act);
    let tallied = tallied.take();
    let (verdict, cleanup) = weigh(tallied.judge(verdict), cleanup);
    let (verdict, interrupted) = match verdict {
        Err(error) if settings.is_endless && error.kind == ErrorKind::Interrupted => (Ok(()), Some(error)),
        verdict => (verdict, None),
    };
    let verdict = announce(&recorder, verdict);
    let result = RunResult {
        format: crate::journal::FORMAT,
        verdict: Verdict::of(&verdict),
        simulated,
        seed: settings.seed,
        script: settings.script.path().to_owned(),
        runtime: settings.kind.to_string(),
        started: started.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        duration_ms: clock.now_us() / 1000,
        faults: tallied.faults,
        operations: tallied.operations,
        checks: tallied.checks,
        failure: verdict.as_ref().err().map(Failure::of),
        cleanup: Cleanup { ok: cleanup.is_none(), errors: cleanup.iter().map(ToString::to_string).collect() },
    };
    let mut error = verdict.err().or(interrupted);
    if let Some(folder) = &settings.folder
        && let Err(unwritten) = result.write(&folder.file("result.json"))
    {
        error = error.or(Some(unwritten));
    }
    Ok(Outcome { result, error, cleanup })
}

/// Opens a person's session there, with the same clean-up as a run. `outputs` get every event.
pub fn session(
    stage: &Stage,
    outputs: Vec<Box<dyn Output>>,
    body: impl FnOnce(&mut Session) -> Result<()> + Send + 'static,
) -> Ends {
    let clock = stage.clock();
    let recorder = Arc::new(Recorder::new(Arc::clone(&clock), outputs));
    ground::perform(stage, &clock, &recorder, Box::new(move |host| Session::run(host, body)))
}

/// A clean-up that could only not be recorded has left nothing behind, but no run passes without its record.
fn weigh(verdict: Result<()>, cleanup: Result<()>) -> (Result<()>, Option<Error>) {
    match cleanup {
        Err(error) if error.kind != ErrorKind::Cleanup => (verdict.and(Err(error)), None),
        cleanup => (verdict, cleanup.err()),
    }
}

/// Records the verdict. One that cannot be recorded is no pass.
fn announce(recorder: &Recorder, verdict: Result<()>) -> Result<()> {
    let body = EventBody::Verdict {
        verdict: Verdict::of(&verdict).word().to_owned(),
        message: verdict.as_ref().err().map(|error| error.message.clone()),
    };
    let recorded = recorder.record_engine(body);
    verdict.and(recorded)
}
