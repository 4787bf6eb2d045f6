//! This machine, as a cluster that is to be placed on it wants to know it.
//!
//! Reads routes and addresses over netlink, and asks Docker where the cluster is for Docker.

use super::docker::{connection, network};
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
            used.extend(connection::ask(async |docker| network::subnets(&docker).await).unwrap_or_default());
        }
        Ok(used)
    }

    fn ipv6(&self) -> bool {
        Path::new("/proc/net/if_inet6").exists()
    }

    fn external(&self, name: &str) -> Result<Option<External>> {
        connection::ask(async |docker| network::external(&docker, name).await)
    }
}
