//! The way to a cluster that is up already: `--attach`, and `--keep` once it has brought one up.

use crate::Result;
use crate::cluster::Cluster;
use crate::engine::{Event, Recorder};
use crate::supervisor::{self, ClusterFolder, Info, RemotePort};
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

    /// From now on what happens there goes into this run's record.
    pub(super) fn hear(&self, recorder: &Arc<Recorder>) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(recorder));
    }
}
