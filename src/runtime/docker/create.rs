//! `up`: room for the cluster, its network, the holders with an agent in their namespaces, and then the nodes.

use super::error::Explained;
use super::inspect::{self, Look};
use super::member::{Member, Which};
use super::network;
use super::remove::{self, remove_container};
use super::runtime::Inner;
use crate::runtime::ready;
use crate::{Error, Result};
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, UploadToContainerOptions};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many nodes are prepared side by side. More are no faster: the daemon does most of it one by one.
const SIDE_BY_SIDE: usize = 8;
/// How many of them may join the network at once, lest the daemon lose count (see [`network::remove`]).
pub(super) const JOINING: usize = 4;

impl Inner {
    /// Creates everything and starts the nodes. What an error leaves is for [`Inner::down`].
    pub(super) async fn up(self: &Arc<Self>) -> Result<()> {
        remove::make_room(self).await?;
        if self.options.force {
            self.make_way().await?;
        }
        self.begin();
        if self.cluster.nodes.is_empty() {
            return Ok(());
        }
        if self.cluster.network.external.is_none() {
            let name = self.spec().network_name();
            let free = network::free_name(&self.docker, &name, &self.cluster.name).await?;
            self.network.get_or_init(|| free);
        }
        let (docker, cluster, request) = (self.docker.clone(), Arc::clone(&self.cluster), self.spec().network());
        self.gate.pass(async move { network::create(&docker, &cluster, request).await }).await?;
        // A node starts as soon as it is prepared and its turn has come.
        tokio::try_join!(self.prepare_all(), ready::start_all(self)).map(|_| ())
    }

    /// Everything but the nodes' programs, for all nodes side by side.
    async fn prepare_all(self: &Arc<Self>) -> Result<()> {
        let places = Arc::new(Semaphore::new(SIDE_BY_SIDE));
        let mut tasks = JoinSet::new();
        for member in self.own_members() {
            let (inner, places) = (Arc::clone(self), Arc::clone(&places));
            tasks.spawn(async move {
                let _place = places.acquire_owned().await;
                let _turn = member.turn.lock().await;
                inner.restore_network(&member).await?;
                inner.create_container(&member).await?;
                member.is_prepared();
                Ok(())
            });
        }
        while let Some(outcome) = tasks.join_next().await {
            outcome.unwrap_or_else(|crash| Err(Error::machine(format!("creating a node crashed: {crash}"))))?;
        }
        Ok(())
    }

    /// Creates a node's holder, where it has none.
    pub(super) async fn create_holder(&self, member: &Member) -> Result<String> {
        if let Some(id) = member.ids().holder {
            return Ok(id);
        }
        let (name, body) = (self.spec().holder_name(member.index), Box::new(self.spec().holder(member.index)));
        let id = self.create(&name, body).await.map_err(|error| in_the_network_of(member, error))?;
        member.set_id(Which::Holder, Some(id.clone()));
        Ok(id)
    }

    /// Starts a node's holder.
    pub(super) async fn start_holder(&self, member: &Member, id: &str) -> Result<()> {
        let _place = self.joining.acquire().await;
        let (docker, id) = (self.docker.clone(), id.to_owned());
        let doing = format!("start the network of node {}", member.name());
        self.gate.pass(async move { docker.start_container(&id, None).await.or_cannot(|| doing) }).await
    }

    /// Creates a node's container with its files, where it has none. Its holder must be there.
    pub(super) async fn create_container(&self, member: &Member) -> Result<()> {
        let ids = member.ids();
        let (None, Some(holder)) = (ids.container, ids.holder) else { return Ok(()) };
        let named = |error: Error| error.context(format!("node {}", member.name()));
        let name = super::spec::container_name(&self.cluster, &member.node);
        let body = Box::new(self.spec().node(member.index, &holder));
        let id = self.create(&name, body).await.map_err(named)?;
        if let Err(error) = self.write_files(member, &id).await {
            // Without its files it is not the node, and its name is needed for the next try.
            let _ = remove_container(&self.docker, &id, &name).await;
            return Err(named(error));
        }
        member.set_id(Which::Container, Some(id));
        Ok(())
    }

    async fn write_files(&self, member: &Member, id: &str) -> Result<()> {
        let Some(files) = self.spec().files(member.index)? else { return Ok(()) };
        let options = UploadToContainerOptions { path: "/".to_owned(), ..UploadToContainerOptions::default() };
        let uploaded = self.docker.upload_to_container(id, Some(options), bollard::body_full(files.into())).await;
        uploaded.or_cannot(|| "write its files".to_owned())
    }

    /// Removes whatever has the name of one of the nodes' containers. Only for `up`: later on nobody has asked for it.
    async fn make_way(&self) -> Result<()> {
        for member in self.own_members() {
            let container = super::spec::container_name(&self.cluster, &member.node);
            for name in [container, self.spec().holder_name(member.index)] {
                let look = inspect::container(&self.docker, &name).await?;
                // Docker takes the beginning of an id for a name, too.
                let is_called_so = |look: &Look| look.raw.name.as_deref() == Some(&format!("/{name}"));
                if let Some(id) = look.filter(is_called_so).and_then(|look| look.raw.id) {
                    tracing::info!("removing the container {name}, which is in the way");
                    // What it keeps in volumes is not in the way.
                    let options = RemoveContainerOptions { force: true, v: false, ..RemoveContainerOptions::default() };
                    let removed = self.docker.remove_container(&id, Some(options)).await;
                    removed.or_cannot(|| format!("remove the container {name}, which is in the way"))?;
                }
            }
        }
        Ok(())
    }

    async fn create(&self, name: &str, body: Box<ContainerCreateBody>) -> Result<String> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
        let (docker, doing) = (self.docker.clone(), format!("create the container {name}"));
        // A body is some kilobytes: on the heap it stays out of every future on the way here.
        let create = async move { Box::pin(docker.create_container(Some(options), *body)).await.or_cannot(|| doing) };
        Box::pin(self.gate.pass(create)).await.map(|created| created.id)
    }
}

fn in_the_network_of(member: &Member, error: Error) -> Error {
    error.context(format!("node {}", member.name()))
}
