//! What a cluster must know of the place where it is to live: which subnets and addresses are taken there.
//!
//! Pure: the host and Docker are asked by whoever implements [`Surroundings`].

use super::RuntimeKind;
use crate::Result;
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Answers for the place where a cluster is to live, asked only where they matter: a simulated cluster lives nowhere.
pub trait Surroundings {
    /// Subnets that a cluster of this kind must not choose: what routes, interfaces and Docker's networks cover. A
    /// default route counts for nothing.
    fn used(&self, kind: RuntimeKind) -> Result<Vec<IpNet>>;

    /// Takes a free subnet before it is used; `false` where another process has just done so.
    fn reserve(&self, subnet: IpNet, kind: RuntimeKind) -> bool;

    /// Whether the kernel knows IPv6.
    fn ipv6(&self) -> bool;

    /// The existing network of this name; nothing where there is none.
    fn external(&self, name: &str) -> Result<Option<External>>;
}

/// A network that exists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// Its subnets.
    pub subnets: Vec<IpNet>,
    /// The addresses in use on it, its gateways among them.
    pub taken: BTreeSet<IpAddr>,
}

/// Where nothing is taken: the same on every machine, for simulated clusters and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nowhere;

impl Surroundings for Nowhere {
    fn used(&self, _: RuntimeKind) -> Result<Vec<IpNet>> {
        Ok(Vec::new())
    }

    fn reserve(&self, _: IpNet, _: RuntimeKind) -> bool {
        true
    }

    fn ipv6(&self) -> bool {
        true
    }

    fn external(&self, _: &str) -> Result<Option<External>> {
        Ok(None)
    }
}
