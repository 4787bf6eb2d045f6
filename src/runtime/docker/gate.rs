//! What is asked of the daemon is done by it, whether or not we wait for the answer: a request to create or to start
//! something that is given up half-way may be carried out after everything was removed. Such requests pass a gate: each
//! is brought to its end even if nobody waits for it any more, and when the gate closes, which waits for those on their
//! way, no further one is made.

use crate::{Error, ErrorKind, Result};
use std::sync::Arc;
use tokio::sync::RwLock;

/// Open until it is closed for good.
#[derive(Clone, Default)]
pub(super) struct Gate {
    closed: Arc<RwLock<bool>>,
}

impl Gate {
    /// Carries out a request. It may not pass the gate again itself.
    pub(super) async fn pass<T: Send + 'static>(
        &self,
        request: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let closed = Arc::clone(&self.closed).read_owned().await;
        if *closed {
            return Err(Error::new(ErrorKind::Interrupted, "given up: the cluster is being removed"));
        }
        let carried_out = tokio::spawn(async move {
            let outcome = request.await;
            drop(closed);
            outcome
        });
        carried_out.await.unwrap_or_else(|panic| Err(Error::machine(format!("a request to Docker crashed: {panic}"))))
    }

    /// Lets no further request pass, and waits for those on their way.
    pub(super) async fn close(&self) {
        *self.closed.write().await = true;
    }

    /// Whether it has been closed, or is about to be.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.try_read().map_or(true, |closed| *closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn a_request_that_is_given_up_ends_before_the_gate_is_closed() {
        let gate = Gate::default();
        let (begun, has_begun) = oneshot::channel();
        let (finish, finished) = oneshot::channel::<()>();
        let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (passing, did) = (gate.clone(), Arc::clone(&done));
        let waiter = tokio::spawn(async move {
            let request = async move {
                let _ = begun.send(());
                let _ = finished.await;
                did.store(true, std::sync::atomic::Ordering::SeqCst);
                Ok(())
            };
            passing.pass(request).await
        });
        has_begun.await.unwrap();
        waiter.abort();
        let closing = tokio::spawn({
            let gate = gate.clone();
            async move { gate.close().await }
        });
        finish.send(()).unwrap();
        closing.await.unwrap();
        assert!(done.load(std::sync::atomic::Ordering::SeqCst));
        let late = gate.pass(async { Ok(()) }).await;
        assert_eq!(late.unwrap_err().kind, ErrorKind::Interrupted);
        assert!(gate.is_closed());
    }
}
