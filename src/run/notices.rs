//! Follows what nodes do by themselves, beside the script.

use crate::engine::Controller;
use crate::runtime::Notice;
use crate::script::Interrupt;
use crate::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use tokio::sync::{Mutex, mpsc};

/// What the pump could not follow.
pub(super) struct Pump {
    troubles: Arc<StdMutex<Vec<Error>>>,
}

/// Hands every notice to the controller. One that it cannot follow ends the run: the cluster is not what the script
/// believes it to be.
pub(super) fn pump(
    mut notices: mpsc::UnboundedReceiver<Notice>,
    controller: Arc<Mutex<Controller>>,
    interrupt: Arc<Interrupt>,
) -> Pump {
    let troubles = Arc::new(StdMutex::new(Vec::new()));
    let seen = Arc::clone(&troubles);
    tokio::spawn(async move {
        while let Some(notice) = notices.recv().await {
            if let Err(error) = controller.lock().await.notice(notice).await {
                seen.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                interrupt.raise();
            }
        }
    });
    Pump { troubles }
}

impl Pump {
    /// The reason why a run was interrupted, if it was not the user.
    pub(super) fn explain(&self, verdict: Result<()>) -> Result<()> {
        let trouble = self.troubles.lock().unwrap_or_else(PoisonError::into_inner).first().cloned();
        match (verdict, trouble) {
            (Err(error), Some(trouble)) if error.kind == ErrorKind::Interrupted => Err(trouble),
            (Ok(()), Some(trouble)) => Err(trouble),
            (verdict, _) => verdict,
        }
    }
}
