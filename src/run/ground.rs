//! Where a run takes place: on virtual time, on nodes of its own, or on a cluster that is up already. Each brings the
//! nodes there, drives the script and cleans up, whatever happened.

use super::attach::Attached;
use super::{Settings, drive, interrupt_on_signals, notices};
use crate::cluster::{Cluster, RuntimeKind};
use crate::engine::{Clock, Controller, LocalPort, Owner, Recorder, at_once, seize};
use crate::runtime;
use crate::{Error, ErrorKind, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A run's own owner: its faults end with it.
const RUN: Owner = Owner(1);

/// Far longer than the removal of a thousand nodes takes.
const CLEANUP_MAX: Duration = Duration::from_secs(20);
/// The same, where somebody's daemon does the removal and nodes are given their grace.
const CLEANUP_BY_DAEMON_MAX: Duration = Duration::from_secs(120);

/// How the script ended, and how the clean-up did.
pub(super) type Ends = (Result<()>, Result<()>);

/// Runs the script where the settings say.
pub(super) fn run(settings: &Settings, clock: &Arc<Clock>, recorder: &Arc<Recorder>) -> Ends {
    match (&settings.attached, settings.kind) {
        (Some(attached), _) => on_standing(settings, attached, clock, recorder),
        (None, RuntimeKind::Sim) => simulate(settings, clock, recorder),
        (None, _) => on_own(settings, clock, recorder).unwrap_or_else(|error| (Err(error), Ok(()))),
    }
}

/// A simulated run ends on a signal as a real one does. A plan, which leaves no files, dies of it at once.
fn simulate(settings: &Settings, clock: &Arc<Clock>, recorder: &Arc<Recorder>) -> Ends {
    if settings.folder.is_none() {
        return on_virtual_time(settings, clock, recorder);
    }
    let listening = runtime::io_threads().and_then(|tokio| {
        let _inside = tokio.enter();
        interrupt_on_signals(&settings.interrupt)?;
        Ok(tokio)
    });
    match listening {
        Ok(_until_the_end) => on_virtual_time(settings, clock, recorder),
        Err(error) => (Err(error), Ok(())),
    }
}

/// Everything happens on this thread and the script's, and nothing waits.
fn on_virtual_time(settings: &Settings, clock: &Arc<Clock>, recorder: &Arc<Recorder>) -> Ends {
    let cluster = Arc::new(settings.cluster.clone());
    let sim = Arc::new(runtime::sim::Sim::new(&cluster, Arc::clone(clock)));
    let controller =
        Controller::new(cluster, sim, Arc::clone(recorder), Arc::clone(clock)).shaping(settings.seed, settings.shaper);
    let controller = Arc::new(Mutex::new(controller));
    let up = at_once(async { controller.lock().await.up().await });
    let verdict =
        up.and_then(|()| drive(settings, clock, recorder, Arc::new(LocalPort::new(Arc::clone(&controller), RUN))));
    let cleanup = at_once(async { controller.lock().await.on_behalf_of("engine").down().await });
    (verdict, cleanup)
}

/// On nodes of its own. An error means that nothing was started at all.
fn on_own(settings: &Settings, clock: &Arc<Clock>, recorder: &Arc<Recorder>) -> Result<Ends> {
    let tokio = runtime::io_threads()?;
    let _inside = tokio.enter();
    interrupt_on_signals(&settings.interrupt)?;
    let folder = settings.folder.as_ref().ok_or_else(|| Error::machine("a real run needs a folder"))?;
    let cluster: Arc<Cluster> = Arc::new(settings.cluster.clone());
    let options = runtime::Options::default();
    let (nodes, notices) = tokio.block_on(runtime::create(settings.kind, &cluster, &folder.path, options))?;
    let controller = Controller::new(cluster, nodes, Arc::clone(recorder), Arc::clone(clock))
        .shaping(settings.seed, settings.shaper);
    let hurry = controller.hurry();
    let controller = Arc::new(Mutex::new(controller));
    let pump = notices::pump(notices, Arc::clone(&controller), Arc::clone(&settings.interrupt));
    let verdict = tokio.block_on(bring_up(settings, &controller)).and_then(|()| {
        let port = Arc::new(LocalPort::new(Arc::clone(&controller), RUN));
        drive(settings, clock, recorder, port)
    });
    let verdict = pump.explain(verdict);
    let removal = async { seize(&controller, &hurry).await.on_behalf_of("engine").down().await };
    let cleanup = tokio.block_on(within(settings, removal));
    Ok((verdict, cleanup))
}

/// Waits for the clean-up, but not for ever: where the agent does not answer (somebody stopped it, say), the end of this
/// process ends it, and the kernel everything in it; where Docker does not, its containers stay.
async fn within(settings: &Settings, cleanup: impl Future<Output = Result<()>>) -> Result<()> {
    let (patience, help) = if settings.kind == RuntimeKind::Docker {
        let graces = settings.cluster.nodes.iter().map(|node| node.stop.within_us);
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
async fn bring_up(settings: &Settings, controller: &Arc<Mutex<Controller>>) -> Result<()> {
    let controller = Arc::clone(controller);
    let mut work = tokio::spawn(async move { controller.lock().await.up().await });
    tokio::select! {
        biased;
        () = settings.interrupt.raised() => {
            work.abort(); // what it has started goes with the clean-up
            let _ = work.await;
            Err(Error::new(ErrorKind::Interrupted, "interrupted"))
        }
        up = &mut work => up.unwrap_or_else(|panic| Err(Error::machine(format!("bringing up crashed: {panic}")))),
    }
}

/// On a cluster that is up and stays so: only the run's faults go.
fn on_standing(settings: &Settings, attached: &Attached, clock: &Arc<Clock>, recorder: &Arc<Recorder>) -> Ends {
    let _inside = attached.tokio.enter();
    attached.hear(recorder);
    let verdict = interrupt_on_signals(&settings.interrupt).and_then(|()| {
        let port = Arc::new(attached.port.clone());
        drive(settings, clock, recorder, port)
    });
    recorder.enter_task("engine");
    (verdict, attached.tokio.block_on(attached.port.release()))
}
