//! Clusters that are brought up for others: from a file, or without nodes for containers to come.
//!
//! Once begun that goes on without whoever asked, but not beyond the end of the daemon.

use super::super::is_over;
use super::super::problem::Problem;
use super::{Daemon, blocking, crashed};
use crate::cli::place::{Place, folder_as};
use crate::cluster::RuntimeKind;
use crate::plan::Shaper;
use crate::runtime::{self, Options};
use crate::supervisor::{self, ClusterFolder, Launch, Standing};
use crate::{Error, ErrorKind, Result, doctor, entropy};
use axum::http::StatusCode;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A cluster to be brought up.
#[derive(Clone, Debug, Default)]
pub(in crate::daemon) struct Wanted {
    pub(in crate::daemon) name: String,
    /// The text of its file.
    pub(in crate::daemon) config: String,
    /// The runtime, in the place of what the file says.
    pub(in crate::daemon) kind: Option<RuntimeKind>,
    /// For `${param:NAME}`.
    pub(in crate::daemon) params: BTreeMap<String, String>,
    /// For `${env:NAME}`: the daemon's own variables are nobody's business.
    pub(in crate::daemon) env: BTreeMap<String, String>,
    /// For `${seed}`.
    pub(in crate::daemon) seed: Option<u64>,
    /// Whether containers in the way are replaced.
    pub(in crate::daemon) force: bool,
    /// What alone is to impair links.
    pub(in crate::daemon) shaper: Option<Shaper>,
}

/// Why a cluster was not brought up.
#[derive(Debug)]
pub(in crate::daemon) enum NotUp {
    /// Another one of its name is up, or comes or goes.
    Taken(Standing, Error),
    Wrong(Error),
}

impl From<Error> for NotUp {
    fn from(error: Error) -> Self {
        Self::Wrong(error)
    }
}

impl From<NotUp> for Error {
    fn from((NotUp::Taken(_, error) | NotUp::Wrong(error)): NotUp) -> Self {
        error
    }
}

impl From<NotUp> for Problem {
    fn from(not_up: NotUp) -> Self {
        match not_up {
            NotUp::Taken(Standing::Busy, error) => Self::busy(&error),
            NotUp::Taken(_, error) => Self::with(StatusCode::CONFLICT, &error),
            NotUp::Wrong(error) => error.into(),
        }
    }
}

/// What errors call the text of a cluster's file that came in a request.
const BODY: &str = "config";

impl Daemon {
    /// Brings a cluster up. Once begun it goes on, whether or not somebody waits.
    pub(in crate::daemon) async fn bring_up(self: &Arc<Self>, wanted: Wanted) -> Result<(), NotUp> {
        let daemon = Arc::clone(self);
        blocking(move || Ok(daemon.launch(wanted))).await?
    }

    fn launch(&self, wanted: Wanted) -> Result<(), NotUp> {
        let Wanted { name, config, kind, params, env, seed, force, shaper } = wanted;
        let folder = self.folder(&name)?;
        let place = Place { name: Some(name), ..self.place.clone() };
        let seed = seed.map_or_else(entropy::fresh_seed, Ok)?;
        let variable = |name: &str| env.get(name).cloned().or_else(|| folder_as(name));
        let cluster = place.read_with(&PathBuf::from(BODY), &config, seed, &params, &variable, kind)?;
        let kind = kind.unwrap_or_else(|| cluster.runtime_kind());
        let (options, debug) = (Options { force, shaper }, self.place.debug);
        let outcome = self.start(&folder, Launch { cluster: cluster.clone(), kind, params, seed, options, debug });
        // A process that lives on must not keep the subnets of clusters that have them by now, or never will.
        runtime::unreserve(&cluster);
        outcome.map_err(|error| match folder.standing() {
            // One of its own that failed left nothing.
            Ok(standing @ (Standing::Up | Standing::Busy)) if error.kind == ErrorKind::Usage => {
                NotUp::Taken(standing, error)
            }
            _ => NotUp::Wrong(error),
        })
    }

    fn start(&self, folder: &ClusterFolder, launch: Launch) -> Result<()> {
        if let Some(shaper) = launch.options.shaper
            && launch.kind != RuntimeKind::Sim
        {
            doctor::can_shape_with(shaper)?;
        }
        let prepared = runtime::prepare(launch.kind, &launch.cluster).and_then(|()| self.goes_on());
        prepared.inspect_err(|error| supervisor::not_started(folder, &launch.cluster, error))?;
        supervisor::start(folder, launch, self.end())
    }

    /// Images may have come for a long time.
    fn goes_on(&self) -> Result<()> {
        if *self.stopped.borrow() {
            return Err(Error::new(ErrorKind::Interrupted, "interrupted before the cluster came up"));
        }
        Ok(())
    }

    /// Comes when the daemon is to end: nobody then waits for what is not up yet, and nobody would know that it is.
    fn end(&self) -> impl Future<Output = std::io::Result<()>> + use<> {
        let mut stopped = self.stopped.clone();
        async move {
            is_over(&mut stopped).await;
            Ok(())
        }
    }

    /// Takes containers in; where no cluster of this name is up, into one of such containers alone.
    pub(in crate::daemon) async fn take_in(
        self: &Arc<Self>,
        name: &str,
        containers: Vec<String>,
    ) -> Result<Vec<String>, Problem> {
        let folder = self.folder(name)?;
        if !folder.is_free()? {
            return self.connect(name).await?.add(containers).await.map_err(Problem::from);
        }
        // A task of its own: whoever asks may go meanwhile, and a cluster without nodes would stay.
        let work = tokio::spawn(Arc::clone(self).take_into_new(folder, containers));
        work.await.unwrap_or_else(|panic| Err(crashed(&panic).into()))
    }

    async fn take_into_new(
        self: Arc<Self>,
        folder: ClusterFolder,
        containers: Vec<String>,
    ) -> Result<Vec<String>, Problem> {
        let (fresh, debug, end) = (folder.clone(), self.place.debug, self.end());
        blocking(move || supervisor::start_without_nodes(&fresh, debug, end)).await?;
        let added = match self.connect(folder.name()).await {
            Ok(remote) => remote.add(containers).await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        if added.is_err() {
            // The error of what was wanted is the one to tell.
            let _removed = supervisor::abandon(&folder).await;
        }
        added
    }
}
