//! This machine, as a cluster that is to be placed on it wants to know it.
//!
//! Reads routes and addresses over netlink, and asks Docker where the cluster is for Docker.

use super::docker::{connection, network};
use super::reserve;
use crate::Result;
use crate::cluster::{External, RuntimeKind, Surroundings};
use crate::kernel::address::used_subnets;
use ipnet::IpNet;
use std::path::Path;

/// This machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here;

impl Surroundings for Here {
    fn used(&self, kind: RuntimeKind) -> Result<Vec<IpNet>> {
        let mut used = used_subnets()?;
        if kind == RuntimeKind::Docker {
            // Some of its networks have no route on the host. A Docker that does not answer says so when it is needed.
            used.extend(docker_subnets());
        }
        Ok(used)
    }

    /// Processes in namespaces have a network of their own, which nothing else can collide with.
    fn reserve(&self, subnet: IpNet, kind: RuntimeKind) -> bool {
        if kind != RuntimeKind::Docker {
            return true;
        }
        if !reserve::reserve(subnet) {
            return false;
        }
        // Whoever had it before may have brought its network up since the used ones were listed.
        let overlaps = |other: &IpNet| other.contains(&subnet.network()) || subnet.contains(&other.network());
        let overlapped = docker_subnets().iter().any(overlaps);
        if overlapped {
            reserve::release([subnet]);
        }
        !overlapped
    }

    fn ipv6(&self) -> bool {
        Path::new("/proc/net/if_inet6").exists()
    }

    fn external(&self, name: &str) -> Result<Option<External>> {
        connection::ask(async |docker| network::external(&docker, name).await)
    }
}

/// Nothing where Docker does not answer.
fn docker_subnets() -> Vec<IpNet> {
    connection::ask(async |docker| network::subnets(&docker).await).unwrap_or_default()
}
