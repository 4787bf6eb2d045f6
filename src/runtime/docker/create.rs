//! `up`: room for the cluster, its network, the holders with an agent in their namespaces, and then the nodes.

use super::error::{self, Explained};
use super::member::{Member, Which};
use super::network;
use super::remove;
use super::runtime::Inner;
use crate::runtime::ready;
use crate::{Error, Result};
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, UploadToContainerOptions};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many containers are created and started side by side. More are no faster: the daemon does most of it one by one.
const SIDE_BY_SIDE: usize = 8;

impl Inner {
    /// Creates everything and starts the nodes. What an error leaves is for [`Inner::down`].
    pub(super) async fn up(self: &Arc<Self>) -> Result<()> {
        remove::make_room(self).await?;
        self.begin();
        if self.cluster.nodes.is_empty() {
            return Ok(());
        }
        let (docker, cluster, request) = (self.docker.clone(), Arc::clone(&self.cluster), self.spec().network());
        self.gate.pass(async move { network::create(&docker, &cluster, request).await }).await?;
        self.prepare_all().await?;
        ready::start_all(self).await
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
                inner.create_container(&member).await
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
        if let Some(files) = self.spec().files(member.index)? {
            let options = UploadToContainerOptions { path: "/".to_owned(), ..UploadToContainerOptions::default() };
            let uploaded = self.docker.upload_to_container(&id, Some(options), bollard::body_full(files.into())).await;
            uploaded.or_cannot(|| "write its files".to_owned()).map_err(named)?;
        }
        member.set_id(Which::Container, Some(id));
        Ok(())
    }

    /// Creates a container; with `--force`, in the place of whatever has its name.
    async fn create(&self, name: &str, body: Box<ContainerCreateBody>) -> Result<String> {
        let created = self.try_create(name, body.clone()).await?;
        let created = match created {
            Err(refusal) if error::is_conflict(&refusal) && self.options.force => {
                let options = RemoveContainerOptions { force: true, v: false, ..RemoveContainerOptions::default() };
                let removed = self.docker.remove_container(name, Some(options)).await;
                removed.or_cannot(|| format!("remove the container {name}, which is in the way"))?;
                self.try_create(name, body).await?
            }
            created => created,
        };
        created.or_cannot(|| format!("create the container {name}"))
    }

    async fn try_create(
        &self,
        name: &str,
        body: Box<ContainerCreateBody>,
    ) -> Result<Result<String, bollard::errors::Error>> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..CreateContainerOptions::default() };
        let docker = self.docker.clone();
        // A body is some kilobytes: on the heap it stays out of every future on the way here.
        let create = async move {
            let created = Box::pin(docker.create_container(Some(options), *body)).await;
            Ok(created.map(|created| created.id))
        };
        Box::pin(self.gate.pass(create)).await
    }
}

fn in_the_network_of(member: &Member, error: Error) -> Error {
    error.context(format!("node {}", member.name()))
}
