//! The way to a cluster that is up already: `--attach`, and `--keep` once it has brought one up.

use crate::cluster::Cluster;
use crate::engine::{Event, Recorder};
use crate::script::Interrupt;
use crate::supervisor::{self, ClusterFolder, Info, RemotePort};
use crate::{ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};

/// A session with a supervisor. Its faults are healed when it ends, however it ends.
pub struct Attached {
    pub(super) tokio: tokio::runtime::Runtime,
    pub(super) port: RemotePort,
    info: Info,
    heard: Arc<Mutex<Option<Arc<Recorder>>>>,
}

impl Attached {
    /// Opens a session with the cluster that is up here.
    pub fn open(folder: &ClusterFolder) -> Result<Self> {
        let tokio = crate::runtime::io_threads()?;
        let heard: Arc<Mutex<Option<Arc<Recorder>>>> = Arc::default();
        let (recorder, own) = (Arc::clone(&heard), Arc::new(Mutex::new(String::new())));
        let task = Arc::clone(&own);
        let events = Box::new(move |event: Event| {
            if let Some(recorder) = &*recorder.lock().unwrap_or_else(PoisonError::into_inner) {
                let session = task.lock().unwrap_or_else(PoisonError::into_inner);
                // A journal that cannot take it shows at the script's own next record.
                let _ = match event.task.strip_prefix(&*session) {
                    Some("") => recorder.record(event.body),
                    Some(task) if task.starts_with(' ') => recorder.record_as(task.trim_start(), event.body),
                    _ => recorder.record_engine(event.body),
                };
            }
        });
        let connection = tokio.block_on(supervisor::connect(folder, Some(events)))?;
        own.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&connection.info.task);
        Ok(Self { tokio, port: connection.port, info: connection.info, heard })
    }

    /// The cluster that is up.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.info.cluster
    }

    /// Where its nodes live.
    #[must_use]
    pub fn runtime(&self) -> &str {
        &self.info.runtime
    }

    /// Whether the cluster ends with this session, however that ends.
    pub fn lease(&self, holds: bool) -> Result<()> {
        self.tokio.block_on(self.port.lease(holds))
    }

    /// Ends the run where its cluster goes before it, also in the middle of a wait for something else.
    pub(super) fn end_with_it(&self, interrupt: &Arc<Interrupt>) -> Watch {
        let (gone, interrupt) = (self.port.gone(), Arc::clone(interrupt));
        Watch(self.tokio.spawn(async move {
            gone.await;
            interrupt.end();
        }))
    }

    /// The reason why a run was interrupted, if it was not the user.
    pub(super) fn explain(&self, verdict: Result<()>) -> Result<()> {
        match (verdict, self.port.loss()) {
            (Err(error), Some(loss)) if error.kind == ErrorKind::Interrupted => Err(loss),
            (verdict, _) => verdict,
        }
    }

    /// From now on what happens there goes into this run's record.
    pub(super) fn hear(&self, recorder: &Arc<Recorder>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(recorder));
    }
}

/// Looks after the cluster of a run, as long as that lasts.
pub(super) struct Watch(tokio::task::JoinHandle<()>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}
