//! Where a run takes place: on virtual time, on nodes of its own, or on a cluster that is up already. Each brings the
//! nodes there, drives the script and cleans up, whatever happened.

use super::attach::Attached;
use super::{logs, notices, signals};
use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{Clock, Controller, LocalPort, Owner, Port, Recorder, at_once, seize};
use crate::plan::Shaper;
use crate::runtime;
use crate::script::{Host, HostSettings, Interrupt};
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A run's own owner: its faults end with it.
const RUN: Owner = Owner(1);

/// Far longer than the removal of a thousand nodes takes.
const CLEANUP_MAX: Duration = Duration::from_secs(20);
/// The same, where somebody's daemon does the removal and nodes are given their grace.
const CLEANUP_BY_DAEMON_MAX: Duration = Duration::from_secs(120);

/// How what was to be done ended, and how the clean-up did.
pub type Ends = (Result<()>, Result<()>);

/// What is to be done there: a script, or a person's session.
pub(super) type Act<'a> = Box<dyn FnOnce(Rc<Host>) -> Result<()> + Send + 'a>;

/// What a run or a session needs to know of its place.
pub struct Stage<'a> {
    /// With addresses and all.
    pub cluster: &'a Cluster,
    /// Where the nodes live.
    pub kind: RuntimeKind,
    /// Of every choice.
    pub seed: u64,
    /// `--set NAME=VALUE`.
    pub params: &'a BTreeMap<String, String>,
    /// Where nodes of its own keep their files.
    pub folder: Option<&'a Path>,
    /// What alone is to impair links.
    pub shaper: Option<Shaper>,
    /// Whether every impairment is measured as soon as it is in force.
    pub verify: bool,
    /// The cluster that is up already.
    pub attached: Option<&'a Attached>,
    /// Ctrl-C.
    pub interrupt: &'a Arc<Interrupt>,
    /// What the signals that end programs do.
    pub signals: Signals,
}

/// What Ctrl-C, SIGTERM and SIGHUP do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signals {
    /// End the process at once: there is nothing to clean up.
    Kill,
    /// Interrupt the run.
    Interrupt,
    /// Ctrl-C interrupts what a person waits for; the others end the session.
    Session,
    /// Nothing here: who runs many at once hears them, and interrupts all.
    Others,
}

impl Stage<'_> {
    /// The time there: virtual only on a simulation that nobody else works with.
    #[must_use]
    pub fn clock(&self) -> Arc<Clock> {
        let is_virtual = self.kind == RuntimeKind::Sim && self.attached.is_none();
        Arc::new(if is_virtual { Clock::simulated() } else { Clock::real() })
    }

    fn listen(&self) -> Result<()> {
        match self.signals {
            Signals::Kill | Signals::Others => Ok(()),
            Signals::Interrupt => signals::interrupt_on_signals(self.interrupt),
            Signals::Session => signals::interrupt_or_end_on_signals(self.interrupt),
        }
    }
}

/// Does it where the stage says.
pub(super) fn perform(stage: &Stage, clock: &Arc<Clock>, recorder: &Arc<Recorder>, act: Act) -> Ends {
    match (stage.attached, stage.kind) {
        (Some(attached), _) => on_standing(stage, attached, clock, recorder, act),
        (None, RuntimeKind::Sim) => simulate(stage, clock, recorder, act),
        (None, _) => on_own(stage, clock, recorder, act).unwrap_or_else(|error| (Err(error), Ok(()))),
    }
}

/// A simulated run ends on a signal as a real one does. A plan, which leaves no files, ends at once.
fn simulate(stage: &Stage, clock: &Arc<Clock>, recorder: &Arc<Recorder>, act: Act) -> Ends {
    if matches!(stage.signals, Signals::Kill | Signals::Others) {
        return on_virtual_time(stage, clock, recorder, act);
    }
    let listening = runtime::io_threads().and_then(|tokio| {
        let _inside = tokio.enter();
        stage.listen()?;
        Ok(tokio)
    });
    match listening {
        Ok(_until_the_end) => on_virtual_time(stage, clock, recorder, act),
        Err(error) => (Err(error), Ok(())),
    }
}

/// Everything happens on this thread and the script's, and nothing waits.
fn on_virtual_time(stage: &Stage, clock: &Arc<Clock>, recorder: &Arc<Recorder>, act: Act) -> Ends {
    let cluster = Arc::new(stage.cluster.clone());
    let sim = Arc::new(runtime::sim::Sim::new(&cluster, Arc::clone(clock)));
    let controller =
        Controller::new(cluster, sim, Arc::clone(recorder), Arc::clone(clock)).shaping(stage.seed, stage.shaper);
    let controller = Arc::new(Mutex::new(controller));
    let up = at_once(async { controller.lock().await.up().await });
    let port = Arc::new(LocalPort::new(Arc::clone(&controller), RUN));
    let verdict = up.and_then(|()| on_this_thread(stage, clock, recorder, port, act));
    let cleanup = at_once(async { controller.lock().await.on_behalf_of("engine").down().await });
    (verdict, cleanup)
}

/// On nodes of its own. An error means that nothing was started at all.
fn on_own(stage: &Stage, clock: &Arc<Clock>, recorder: &Arc<Recorder>, act: Act) -> Result<Ends> {
    let tokio = runtime::io_threads()?;
    let _inside = tokio.enter();
    stage.listen()?;
    let folder = stage.folder.ok_or_else(|| Error::machine("a real run needs a folder"))?;
    let cluster: Arc<Cluster> = Arc::new(stage.cluster.clone());
    let options = runtime::Options::default();
    let (nodes, notices) = tokio.block_on(runtime::create(stage.kind, &cluster, folder, options))?;
    let controller =
        Controller::new(cluster, nodes, Arc::clone(recorder), Arc::clone(clock)).shaping(stage.seed, stage.shaper);
    let hurry = controller.hurry();
    let controller = Arc::new(Mutex::new(controller));
    let pump = notices::pump(notices, Arc::clone(&controller), Arc::clone(stage.interrupt));
    let verdict = tokio.block_on(bring_up(stage, &controller)).and_then(|()| {
        let port = Arc::new(LocalPort::new(Arc::clone(&controller), RUN));
        on_this_thread(stage, clock, recorder, port, act)
    });
    let verdict = pump.explain(verdict);
    let removal = async { seize(&controller, &hurry).await.on_behalf_of("engine").down().await };
    let cleanup = tokio.block_on(within(stage, removal));
    Ok((verdict, cleanup))
}

/// Waits for the clean-up, but not for ever: where the agent does not answer (somebody stopped it, say), the end of this
/// process ends it, and the kernel everything in it; where Docker does not, its containers stay.
async fn within(stage: &Stage<'_>, cleanup: impl Future<Output = Result<()>>) -> Result<()> {
    let (patience, help) = if stage.kind == RuntimeKind::Docker {
        let graces = stage.cluster.nodes.iter().map(|node| node.stop.within_us);
        let grace = Duration::from_micros(graces.max().unwrap_or(0));
        (CLEANUP_BY_DAEMON_MAX.saturating_add(grace), "`blockade destroy` removes its containers")
    } else {
        (CLEANUP_MAX, "the nodes end with blockade itself, however that ends")
    };
    tokio::time::timeout(patience, cleanup).await.unwrap_or_else(|_| {
        let waited = patience.as_secs();
        let message = format!("the clean-up did not come to its end within {waited} s");
        Err(Error::new(ErrorKind::Cleanup, message).help(help))
    })
}

/// Brings the nodes up; Ctrl-C ends the wait for nodes that never get ready.
async fn bring_up(stage: &Stage<'_>, controller: &Arc<Mutex<Controller>>) -> Result<()> {
    let controller = Arc::clone(controller);
    let mut work = tokio::spawn(async move { controller.lock().await.up().await });
    tokio::select! {
        biased;
        () = stage.interrupt.raised() => {
            work.abort(); // what it has started goes with the clean-up
            let _ = work.await;
            Err(Error::new(ErrorKind::Interrupted, "interrupted"))
        }
        up = &mut work => up.unwrap_or_else(|panic| Err(Error::machine(format!("bringing up crashed: {panic}")))),
    }
}

/// On a cluster that is up and stays so: only the run's faults go.
fn on_standing(stage: &Stage, attached: &Attached, clock: &Arc<Clock>, recorder: &Arc<Recorder>, act: Act) -> Ends {
    let _inside = attached.tokio.enter();
    attached.hear(recorder);
    let port = Arc::new(attached.port.clone());
    // A person sees what is gone, and may have something to finish all the same.
    let watch = (stage.signals != Signals::Session).then(|| attached.end_with_it(stage.interrupt));
    let verdict = stage.listen().and_then(|()| on_this_thread(stage, clock, recorder, port, act));
    drop(watch);
    let verdict = attached.explain(verdict);
    recorder.enter_task("engine");
    let released = attached.tokio.block_on(attached.port.release());
    // A simulated node writes nothing, and the daemon's chaos is to end at once.
    let kept = match stage.folder {
        Some(folder) if stage.kind != RuntimeKind::Sim && stage.signals != Signals::Others => {
            logs::keep(attached, folder)
        }
        _ => Ok(()),
    };
    (verdict, released.and(kept))
}

/// Does it on this thread, which all of its tasks share; within tokio unless time is virtual.
fn on_this_thread(
    stage: &Stage,
    clock: &Arc<Clock>,
    recorder: &Arc<Recorder>,
    port: Arc<dyn Port>,
    act: Act,
) -> Result<()> {
    let host = HostSettings {
        cluster: Arc::new(stage.cluster.clone()),
        port,
        clock: Arc::clone(clock),
        recorder: Arc::clone(recorder),
        interrupt: Arc::clone(stage.interrupt),
        seed: stage.seed,
        params: stage.params.clone(),
        verify: stage.verify,
    };
    // A crash of the script engine must not skip the clean-up.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(Rc::new(Host::new(host)))))
        .unwrap_or_else(|_| Err(Error::machine("the script engine crashed").help("this is a bug in blockade")))
}
