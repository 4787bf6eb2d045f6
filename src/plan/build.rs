//! The matrix and the nodes' addresses in, a ruleset for each node out.

use super::{Addresses, Refusal, Ruleset};
use crate::fault::{Cut, Matrix};
use std::net::IpAddr;

/// All addresses a node answers to, link-local ones included, in the matrix's order of nodes.
pub type NodeAddresses = Vec<Vec<IpAddr>>;

/// The ruleset of every node: the receiver refuses, in prerouting; towards the world the sender does, at egress.
pub fn rulesets(matrix: &Matrix, addresses: &NodeAddresses) -> Vec<Ruleset> {
    let world = matrix.world();
    let mut rulesets = vec![Ruleset::default(); addresses.len()];
    for ((source, target), cell) in matrix.cells() {
        for (filter, effect) in cell {
            let refusal = match effect.cut {
                Cut::Open => continue,
                Cut::Reject => Refusal::Reject,
                Cut::Drop => Refusal::Drop,
            };
            if target == world {
                rulesets[source].world.to_world.insert(*filter);
            } else if source == world {
                rulesets[target].world.from_world.insert((*filter, refusal));
            } else {
                rulesets[target]
                    .refused
                    .entry((*filter, refusal))
                    .or_default()
                    .extend(addresses[source].iter().copied());
            }
        }
    }
    for ruleset in rulesets.iter_mut().filter(|ruleset| !ruleset.world.is_empty()) {
        ruleset.nodes = all(addresses);
    }
    rulesets
}

fn all(addresses: &NodeAddresses) -> Addresses {
    let mut all = Addresses::default();
    all.extend(addresses.iter().flatten().copied());
    all
}
