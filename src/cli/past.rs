//! A past run as what another run is made from: its script, its cluster and its options, as they were then.

use super::place::Place;
use super::report;
use super::setup::{self, Setup};
use crate::cluster::Cluster;
use crate::journal::{PastRun, RunFolder};
use crate::plan::Shaper;
use crate::run::Settings;
use crate::schedule::{self, Course, Recorded, Schedule, Step};
use crate::script::Script;
use crate::{Error, Result};
use std::path::Path;

/// A past run, ready to be repeated.
pub(super) struct Past {
    pub(super) run: PastRun,
    pub(super) schedule: Schedule,
    setup: Setup,
    shaper: Option<Shaper>,
}

impl Past {
    /// Reads a run's folder, and says what a repetition will not be like.
    pub(super) fn open(place: &Place, named: &Path) -> Result<Self> {
        let run = PastRun::open(named, &place.data_dir().join("runs"))?;
        let recorded = schedule::recorded(&run.journal)?;
        warn(&recorded);
        let schedule = recorded.schedule;
        let kind = setup::runtime(&run.runtime).map_err(Error::usage)?;
        let script = Script::compile(&run.script_path.display().to_string(), &run.script)?;
        let cluster = place.read(&run.cluster_path, &run.cluster, run.seed, &run.params, Some(kind))?;
        let setup = Setup { script, cluster, cluster_text: run.cluster.clone(), kind, attached: None };
        setup::check(&setup, true)?;
        check_nodes(&schedule, &setup.cluster)?;
        let shaper = serde_json::from_value(run.shaper.clone())
            .map_err(|error| Error::usage(format!("the journal's header has a shaper that there is not: {error}")))?;
        setup::check_shaper(shaper, kind)?;
        crate::runtime::prepare(kind, &setup.cluster)?;
        Ok(Self { run, schedule, setup, shaper })
    }

    /// Where its nodes lived, and will.
    pub(super) fn kind(&self) -> crate::cluster::RuntimeKind {
        self.setup.kind
    }

    /// The names of its nodes.
    pub(super) fn nodes(&self) -> Vec<String> {
        self.setup.nodes()
    }

    /// The cluster once more, for a run beside others.
    pub(super) fn cluster(&self, place: &Place) -> Result<Cluster> {
        place.read(&self.run.cluster_path, &self.run.cluster, self.run.seed, &self.run.params, Some(self.setup.kind))
    }

    /// The words of its options.
    pub(super) fn options(&self) -> Vec<String> {
        setup::options(self.run.timeout_us, self.shaper, self.run.verify)
    }

    /// The same run, with this in the place of its `chaos()`.
    pub(super) fn settings(&self, chaos: Script, folder: Option<RunFolder>) -> Settings {
        let run = &self.run;
        let settings = self.setup.again().settings(run.seed, run.params.clone(), run.timeout_us, folder);
        Settings { chaos: Some(chaos), shaper: self.shaper, verify: run.verify, ..settings }
    }
}

/// What a schedule does not hold.
fn warn(recorded: &Recorded) {
    let warn = |message: &str| report::message(&format!("warning: {message}"));
    match recorded.course {
        Course::Returned => {}
        Course::Ended => warn(
            "the run ended within chaos(): what chaos() itself asserts or waits for is in no schedule; only what fails \
             elsewhere can fail again",
        ),
        Course::CutOff => warn("the journal was cut off within chaos(): what came later is not known"),
    }
    if !recorded.other_deeds.is_empty() {
        let deeds: Vec<String> = recorded.other_deeds.iter().map(|deed| format!("{deed}()")).collect();
        let deeds = deeds.join(", ");
        warn(&format!("chaos() also called {deeds}: a schedule holds faults only; let a client(id) do that"));
    }
    if !recorded.others_healed.is_empty() {
        let faults: Vec<String> = recorded.others_healed.iter().map(ToString::to_string).collect();
        let faults = faults.join(", ");
        warn(&format!(
            "chaos() healed {faults}, which it had not injected: they now last until it returns; inject them in chaos()"
        ));
    }
}

/// The cluster may be another one than then: its file may name the environment.
fn check_nodes(schedule: &Schedule, cluster: &Cluster) -> Result<()> {
    let known = |name: &str| name == "world" || cluster.nodes.iter().any(|node| node.name == name);
    let named = schedule.steps.iter().flat_map(|step| match step {
        Step::Fault { fault, .. } => fault.names(),
        Step::Node { nodes, .. } => nodes.iter().map(String::as_str).collect(),
    });
    match named.into_iter().find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => {
            let nodes: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
            Err(Error::usage(format!("the recorded schedule names {name}, which is no node of the cluster any more"))
                .help(format!("the nodes are {}", nodes.join(", "))))
        }
    }
}
