//! The lines of `status`, computed from the cluster, the faults and what the programs are doing. Pure.

use super::command::{NodeStatus, RunState};
use crate::cluster::{Cluster, Node};
use crate::fault::{Cut, Fault, Filter, Matrix, Party};
use serde_json::Value;
use std::net::IpAddr;

/// What is known of a node beside the faults.
pub(super) struct Line<'a> {
    pub(super) state: RunState,
    pub(super) container_id: Option<String>,
    pub(super) addresses: &'a [IpAddr],
    pub(super) gap_us: Option<u64>,
}

/// A line for each node.
pub(super) fn of<'a>(
    cluster: &Cluster,
    matrix: &Matrix,
    faults: &[&Fault],
    line: impl Fn(usize) -> Line<'a>,
) -> Vec<NodeStatus> {
    let partitions = partitions(cluster, matrix, faults);
    cluster
        .nodes
        .iter()
        .enumerate()
        .map(|(index, node)| {
            let line = line(index);
            let addresses = addresses(node, line.addresses);
            NodeStatus {
                container_id: line.container_id.unwrap_or_else(|| format!("{}_{}", cluster.name, node.name)),
                ip_address: addresses.first().cloned(),
                addresses,
                name: node.name.clone(),
                network_state: network_state(&node.name, faults),
                partition: partitions[index].clone(),
                status: line.state,
                gap_us: line.gap_us,
            }
        })
        .collect()
}

/// Those it was given, then those it has on other networks. Link-local ones are of no use to who asks.
fn addresses(node: &Node, present: &[IpAddr]) -> Vec<String> {
    let mut addresses: Vec<IpAddr> = node.addresses.iter().map(ipnet::IpNet::addr).collect();
    for address in present {
        let is_link_local = match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        if !is_link_local && !addresses.contains(address) {
            addresses.push(*address);
        }
    }
    addresses.iter().map(IpAddr::to_string).collect()
}

/// What happens to what a node sends; of several impairments, the word of the latest.
fn network_state(name: &str, faults: &[&Fault]) -> String {
    let node = Party::Node(name.to_owned());
    let mut verbs = faults.iter().filter_map(|fault| match fault {
        Fault::Degrade { verb, links, .. } if links.pairs.iter().any(|(source, _)| *source == node) => {
            Some(verb.as_str())
        }
        _ => None,
    });
    match verbs.next_back() {
        None => "NORMAL",
        Some("slow") => "SLOW",
        Some("flaky") => "FLAKY",
        Some("duplicate") => "DUPLICATE",
        Some(_) => "UNKNOWN",
    }
    .to_owned()
}

/// The numbers of partitions, from 1. `N` is neutral, `H` holy; without any cut there are none.
fn partitions(cluster: &Cluster, matrix: &Matrix, faults: &[&Fault]) -> Vec<Option<Value>> {
    let cuts: Vec<&Fault> = faults.iter().copied().filter(|fault| fault.is_partition()).collect();
    let numbers = match cuts[..] {
        [] => return vec![None; cluster.nodes.len()],
        [Fault::Partition { groups }] => cluster.names().map(|name| group(groups, name)).collect(),
        _ => components(cluster, matrix),
    };
    let told = |(node, number): (&Node, usize)| match node {
        node if node.holy => Some("H".into()),
        node if node.neutral => Some("N".into()),
        _ => Some(number.into()),
    };
    cluster.nodes.iter().zip(numbers).map(told).collect()
}

/// The number of the first group that holds a node; those that none holds are one more group, the last.
fn group(groups: &[Vec<String>], name: &str) -> usize {
    let holds = |group: &Vec<String>| group.iter().any(|member| member == name);
    groups.iter().position(holds).unwrap_or(groups.len()) + 1
}

/// Of cuts that are not the groups of one partition, the sets of nodes that reach each other both ways, directly or
/// through others, in the order of their first node.
fn components(cluster: &Cluster, matrix: &Matrix) -> Vec<usize> {
    let size = cluster.nodes.len();
    let open = |a: usize, b: usize| matrix.effect(a, b, Filter::ANY).cut == Cut::Open;
    let bridges = |n: usize| cluster.nodes[n].neutral || cluster.nodes[n].holy;
    let mut number = vec![0_usize; size];
    let mut count = 0;
    for first in 0..size {
        if number[first] != 0 || bridges(first) {
            continue;
        }
        count += 1;
        number[first] = count;
        let mut open_ends = vec![first];
        while let Some(node) = open_ends.pop() {
            for other in (0..size).filter(|&other| !bridges(other)) {
                if number[other] == 0 && open(node, other) && open(other, node) {
                    number[other] = count;
                    open_ends.push(other);
                }
            }
        }
    }
    number
}
