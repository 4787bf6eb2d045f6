//! Changes to a cluster, asked for by many at once: one after another, but for the grace of nodes that stop. That is
//! waited for without the controller, so that nothing else in the cluster stands still meanwhile.

use super::controller::{Begun, Controller, Hurry, Owner};
use super::turns::Turn;
use super::{Command, FaultInfo, Reply, Selection};
use crate::fault::FaultId;
use crate::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// What several clients share.
type Shared = Arc<Mutex<Controller>>;

/// Carries out a command that changes something, unless there is a [`Hurry`]. Its events belong to the task `by`.
pub async fn change(controller: &Shared, owner: Owner, by: &str, command: Command) -> Result<Reply> {
    if let Command::Heal { which } = &command
        && !matches!(which, Selection::Impairments(_))
    {
        return heal(controller, by, |controller| controller.selected(which)).await.map(Reply::Faults);
    }
    let (mut held, _turn) = at_programs(controller, |controller| controller.programs_of(&command)).await?;
    match held.on_behalf_of(by).begin(owner, command).await? {
        Begun::Done(reply) => Ok(reply),
        Begun::Stopping(stopping) => {
            let hurry = held.hurry();
            drop(held);
            let stopped = unless(&hurry, async { Ok(stopping.wait().await) }).await?;
            let mut held = lock(controller, &hurry).await?;
            held.on_behalf_of(by).conclude(stopped).await
        }
    }
}

/// Heals all that belongs to this owner: the end of its run.
pub async fn release(controller: &Shared, owner: Owner, by: &str) -> Result<Vec<FaultInfo>> {
    heal(controller, by, |controller| controller.owned(owner)).await
}

/// Heals what is selected now: at once where nobody is at a program that it halts, then the rest.
async fn heal(controller: &Shared, by: &str, select: impl Fn(&Controller) -> Vec<FaultId>) -> Result<Vec<FaultInfo>> {
    let mut held = Arc::clone(controller).lock_owned().await;
    let (free, later): (Vec<_>, Vec<_>) = select(&held).into_iter().partition(|id| held.is_free(*id));
    let hurry = held.hurry();
    let at_once = unless(&hurry, held.on_behalf_of(by).heal(free)).await;
    drop(held);
    if later.is_empty() {
        return at_once;
    }
    let (mut held, _turn) = at_programs(controller, |controller| controller.programs_under(&later)).await?;
    let afterwards = unless(&hurry, held.on_behalf_of(by).heal(later)).await;
    let mut healed = at_once?;
    healed.extend(afterwards?);
    Ok(healed)
}

/// The controller, when nobody is at the programs of these nodes, and the turn at them.
async fn at_programs(
    controller: &Shared,
    nodes: impl Fn(&Controller) -> BTreeSet<usize>,
) -> Result<(OwnedMutexGuard<Controller>, Turn)> {
    loop {
        let held = Arc::clone(controller).lock_owned().await;
        // Listened for before asking: an end between the two is heard of.
        let (hurry, next_end) = (held.hurry(), held.turns.next_end());
        if let Some(turn) = held.turns.take(&nodes(&held)) {
            return Ok((held, turn));
        }
        drop(held);
        let ended = async {
            next_end.await;
            Ok(())
        };
        unless(&hurry, ended).await?;
    }
}

async fn lock(controller: &Shared, hurry: &Hurry) -> Result<OwnedMutexGuard<Controller>> {
    unless(hurry, async { Ok(Arc::clone(controller).lock_owned().await) }).await
}

/// Does it unless there is a hurry.
pub(super) async fn unless<T>(hurry: &Hurry, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        () = hurry.raised() => Err(Error::new(ErrorKind::Interrupted, "given up: the cluster is being removed")),
        outcome = work => outcome,
    }
}
