//! Where front ends hand in their commands: the controller in this process, or a supervisor in another.

use super::{Command, Controller, Hurry, Job, Owner, Reply, change};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How long a change under way may hold up the end of its cluster: a node with a long grace would for minutes.
const PATIENCE: Duration = Duration::from_millis(250);

/// Gets at the controller for the end of its cluster. A change under way has a moment to come to its own end; then it
/// is given up, since all that it was to change goes. Must be called within tokio.
pub async fn seize(controller: &Arc<Mutex<Controller>>, hurry: &Hurry) -> OwnedMutexGuard<Controller> {
    let patient = tokio::time::timeout(PATIENCE, quiet(controller)).await;
    hurry.raise();
    match patient {
        Ok(controller) => controller,
        Err(_) => Arc::clone(controller).lock_owned().await,
    }
}

/// The controller, when nobody is at any program either.
async fn quiet(controller: &Arc<Mutex<Controller>>) -> OwnedMutexGuard<Controller> {
    loop {
        let held = Arc::clone(controller).lock_owned().await;
        let next_end = held.turns.next_end();
        if held.turns.are_over() {
            return held;
        }
        drop(held);
        next_end.await;
    }
}

/// Takes commands for one cluster.
pub trait Port: Send + Sync {
    /// Carries out one command on behalf of a task. A change whose job is dropped half-way is carried out all the same.
    fn call(&self, task: &str, command: Command) -> Job<Reply>;
}

/// The controller in this process.
#[derive(Clone)]
pub struct LocalPort {
    controller: Arc<Mutex<Controller>>,
    owner: Owner,
}

impl LocalPort {
    /// A port whose faults belong to `owner`.
    #[must_use]
    pub fn new(controller: Arc<Mutex<Controller>>, owner: Owner) -> Self {
        Self { controller, owner }
    }

    /// The controller behind it.
    #[must_use]
    pub fn controller(&self) -> &Arc<Mutex<Controller>> {
        &self.controller
    }
}

impl Port for LocalPort {
    fn call(&self, task: &str, command: Command) -> Job<Reply> {
        let controller = Arc::clone(&self.controller);
        let (owner, task) = (self.owner, task.to_owned());
        let changes = command.changes();
        let asked = tracing::enabled!(tracing::Level::INFO).then(|| (format!("{command:?}"), Instant::now()));
        let work = async move {
            let reply = carry_out(controller, owner, &task, command).await;
            if let Some((asked, began)) = asked {
                tracing::info!(ok = reply.is_ok(), took = ?began.elapsed(), "{asked}");
            }
            reply
        };
        // A change that was begun is brought to its end, even if Ctrl-C ends the wait for it: as a task of its own. A
        // look ends with the wait: a request in a node, say, that nobody hears of any more.
        match tokio::runtime::Handle::try_current() {
            Ok(handle) if changes => {
                let task = handle.spawn(work);
                Box::pin(async move { task.await.unwrap_or_else(|panic| Err(crash(&panic))) })
            }
            _ => Box::pin(work),
        }
    }
}

async fn carry_out(
    controller: Arc<Mutex<Controller>>,
    owner: Owner,
    task: &str,
    command: Command,
) -> crate::Result<Reply> {
    let look = controller.lock().await.observe(&command).await;
    match look {
        // A slow look must not hold up anybody's change.
        Some(look) => look.await,
        // On the heap: it is large, and would be moved with all that holds it.
        None => Box::pin(change(&controller, owner, task, command)).await,
    }
}

fn crash(panic: &tokio::task::JoinError) -> crate::Error {
    crate::Error::machine(format!("the controller crashed: {panic}")).help("this is a bug in blockade")
}
