//! What a program sees in containers that are created as the docker runtime describes them.

#![allow(clippy::unwrap_used, reason = "a daemon that refuses a body fails the test")]

#[path = "common/skip.rs"]
mod skip;

use blockade::cluster::{Cluster, Surroundings, Variables, load};
use blockade::runtime::Here;
use blockade::runtime::docker::labels::{Owner, filter};
use blockade::runtime::docker::spec::{Host, Spec, container_name};
use blockade::runtime::docker::{connection, images, network, own_image};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::{
    CreateContainerOptions, ListContainersOptions, LogsOptions, RemoveContainerOptions, StartContainerOptions,
    UploadToContainerOptions, WaitContainerOptions,
};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::path::Path;

/// A cluster's containers, removed at the end of the test however it ends.
struct Ground {
    tokio: tokio::runtime::Runtime,
    docker: Docker,
    cluster: Cluster,
    image: String,
}

impl Ground {
    /// Everything but the nodes. Nothing where there is no Docker.
    fn new(name: &str, text: &str) -> Option<Self> {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let docker = match tokio.block_on(connection::connect()) {
            Ok(docker) => docker,
            Err(error) => {
                skip::skip(&error.to_string());
                return None;
            }
        };
        let image = tokio.block_on(own_image::image_of(&docker, Path::new(env!("CARGO_BIN_EXE_blockade")))).unwrap();
        let text = text.replace("OWN", &image);
        let name = format!("{name}{}", std::process::id());
        let variables = Variables {
            name: &name,
            seed: 1,
            params: &BTreeMap::new(),
            env: &|_| None,
            kind: None,
            surroundings: &Here,
        };
        let cluster = load(Path::new("blockade.yaml"), &text, &variables).unwrap();
        Some(Self { tokio, docker, cluster, image })
    }

    /// Brings everything up, and gives what the first node has printed when it has ended, with its exit code.
    fn run(&self) -> (String, i64) {
        self.tokio.block_on(async {
            let images = images::describe(&self.docker, &self.cluster).await.unwrap();
            let (owner, host) = (Owner::current().unwrap(), Host::read());
            let spec = Spec {
                cluster: &self.cluster,
                owner,
                own_image: &self.image,
                images: &images,
                host: &host,
                network: None,
            };
            network::create(&self.docker, &self.cluster, spec.network()).await.unwrap();
            for node in 0..self.cluster.nodes.len() {
                self.create(spec.holder_name(node), spec.holder(node)).await;
                let name = container_name(&self.cluster, &self.cluster.nodes[node]);
                self.docker.start_container(&spec.holder_name(node), None::<StartContainerOptions>).await.unwrap();
                self.create(name.clone(), spec.node(node, &spec.holder_name(node))).await;
                if let Some(files) = spec.files(node).unwrap() {
                    let options = UploadToContainerOptions { path: "/".to_owned(), ..Default::default() };
                    let body = bollard::body_full(files.into());
                    self.docker.upload_to_container(&name, Some(options), body).await.unwrap();
                }
            }
            for node in self.cluster.nodes.iter().rev() {
                let name = container_name(&self.cluster, node);
                self.docker.start_container(&name, None::<StartContainerOptions>).await.unwrap();
            }
            self.end_of(&container_name(&self.cluster, &self.cluster.nodes[0])).await
        })
    }

    async fn create(&self, name: String, body: bollard::models::ContainerCreateBody) {
        let options = CreateContainerOptions { name: Some(name), ..CreateContainerOptions::default() };
        self.docker.create_container(Some(options), body).await.unwrap();
    }

    async fn end_of(&self, name: &str) -> (String, i64) {
        let code = match self.docker.wait_container(name, None::<WaitContainerOptions>).next().await.unwrap() {
            Ok(ended) => ended.status_code,
            Err(bollard::errors::Error::DockerContainerWaitError { code, .. }) => code,
            Err(error) => panic!("{error}"),
        };
        let options = LogsOptions { stdout: true, stderr: true, ..LogsOptions::default() };
        let lines: Vec<LogOutput> = self.docker.logs(name, Some(options)).try_collect().await.unwrap();
        (lines.iter().map(ToString::to_string).collect(), code)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.tokio.block_on(async {
            let options =
                ListContainersOptions { all: true, filters: Some(filter(&self.cluster.name)), ..Default::default() };
            for container in self.docker.list_containers(Some(options)).await.unwrap_or_default() {
                let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
                let _ = self.docker.remove_container(&container.id.unwrap_or_default(), Some(options)).await;
            }
            let _ = network::remove(&self.docker, &format!("{}_net", self.cluster.name)).await;
        });
    }
}

/// What the first node of this file prints.
fn printed(name: &str, text: &str) -> Option<String> {
    let (printed, code) = Ground::new(name, text)?.run();
    assert_eq!(code, 0, "{printed}");
    Some(printed)
}

#[test]
fn a_node_without_an_image_runs_the_hosts_programs_in_its_own_folder() {
    let text = r#"
runtime: docker
nodes:
  n1:
    command: [sh, -c, 'hostname; pwd; echo $HOME $A; cat conf/a.txt; id -u; stat -c %u conf . ; touch x && ls; blockade 2>&1 | head -1']
    hostname: first
    workdir: data/n1
    user: nobody
    environment: { A: "1 2" }
    files: { conf/a.txt: "hello ${node}\n" }
"#;
    let Some(printed) = printed("ds-host", text) else { return };
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(
        lines[..10],
        [
            "first",
            "/work/data/n1",
            "/work/data/n1 1 2",
            "hello n1",
            "65534",
            "65534",
            "65534",
            "conf",
            "x",
            "sh: 1: blockade: not found"
        ],
        "{printed}"
    );
}

#[test]
fn nodes_know_each_other_by_name_address_and_alias() {
    let text = "
runtime: docker
nodes:
  n1: { command: [sh, -c, 'for name in n2 db other CONTAINER; do for v in 4 6; do getent ahostsv$v $name; done | cut -d\" \" -f1 | sort -u; done; ip -o addr show eth0 | sed s/.*inet/inet/'], links: { n2: db } }
  n2: { hostname: other }
";
    let text = text.replace("CONTAINER", &format!("ds-names{}_n2", std::process::id()));
    let Some(printed) = printed("ds-names", &text) else { return };
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0..2], lines[2..4], "{printed}");
    assert!(lines[0].ends_with(".3") && lines[1].ends_with("::3"), "{printed}");
    assert_eq!(lines[0..4], lines[4..8], "{printed}");
}

#[test]
fn an_existing_network_says_which_addresses_are_taken() {
    let Some(ground) = Ground::new("ds-taken", "runtime: docker\nnodes: { n1: { command: [sh, -c, exit] } }") else {
        return;
    };
    assert_eq!(ground.run().1, 0);
    let name = format!("{}_net", ground.cluster.name);
    let network = Here.external(&name).unwrap().unwrap();
    let own = ground.cluster.gateways().into_iter().chain(ground.cluster.nodes[0].addresses.clone());
    for net in own {
        assert!(network.subnets.contains(&net.trunc()) && network.taken.contains(&net.addr()), "{net} of {network:?}");
    }
    assert_eq!(Here.external("ds-nothing").unwrap(), None);
    let twice = ground.tokio.block_on(async {
        let request = bollard::models::NetworkCreateRequest { name, ..Default::default() };
        network::create(&ground.docker, &ground.cluster, request).await
    });
    assert!(twice.unwrap_err().message.contains("already"));
}
