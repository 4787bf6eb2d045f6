//! The matrix and the nodes' addresses in, a ruleset for each node out.

use super::{Addresses, Interfaces, Treatment, Ruleset};
use crate::fault::{Cut, Matrix};

/// The ruleset of every node, `nodes` being their interfaces in the matrix's order of nodes: the receiver refuses, in prerouting; towards the world the sender does, at egress.
pub fn rulesets(matrix: &Matrix, nodes: &[Interfaces]) -> Vec<Ruleset> {
    let world = matrix.world();
    let mut rulesets = vec![Ruleset::default(); nodes.len()];
    for ((source, target), cell) in matrix.cells() {
        for (filter, effect) in cell {
            let refusal = match effect.cut {
                Cut::Open => continue,
                Cut::Reject => Treatment::Reject,
                Cut::Drop => Treatment::Drop,
            };
            if target == world {
                rulesets[source].world.to_world.insert(*filter);
            } else if source == world {
                rulesets[target].world.from_world.insert((*filter, refusal));
            } else {
                rulesets[target]
                    .treated
                    .entry((*filter, refusal))
                    .or_default()
                    .extend(nodes[source].addresses.iter().copied());
            }
        }
    }
    for (ruleset, node) in rulesets.iter_mut().zip(nodes).filter(|(ruleset, _)| !ruleset.world.is_empty()) {
        ruleset.nodes = all(nodes);
        ruleset.devices = node.devices.iter().cloned().collect();
    }
    rulesets
}

fn all(nodes: &[Interfaces]) -> Addresses {
    let mut all = Addresses::default();
    all.extend(nodes.iter().flat_map(|node| &node.addresses).copied());
    all
}

#[cfg(test)]
mod tests {
    use super::super::interpret::{DEVICES, PORTS, Packet, filter, meets};
    use super::super::table::{TableFamily, Verdict};
    use super::*;
    use crate::fault::{Fault, Filter, LinkSet, Member, Party, Proto};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};
    use std::net::IpAddr;

    const NODES: [&str; 3] = ["n0", "n1", "n2"];

    fn nodes() -> Vec<Interfaces> {
        let all = [&["10.0.0.2", "fd00::2", "fe80::2"][..], &["10.0.0.3", "fd00::3"], &["10.0.0.4"]];
        let addresses = all.map(|some| some.iter().map(|text| text.parse().unwrap()).collect());
        addresses.map(|addresses| Interfaces { addresses, devices: DEVICES.map(String::from).into() }).into()
    }

    fn party() -> impl Strategy<Value = Party> {
        select(["n0", "n1", "n2", "world"].map(|name| Party::from(name.to_owned())).to_vec())
    }

    fn links() -> impl Strategy<Value = LinkSet> {
        (vec(party(), 1..3), vec(party(), 1..3), filter())
            .prop_map(|(sources, targets, filter)| LinkSet { filter, ..LinkSet::new(&sources, &targets) })
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let names =
            || subsequence(NODES.to_vec(), 1..3).prop_map(|names| names.into_iter().map(String::from).collect());
        prop_oneof![
            vec(names(), 1..3).prop_map(|groups| Fault::Partition { groups }),
            names().prop_map(|nodes| Fault::Isolate { nodes }),
            (vec(party(), 1..2), vec(party(), 1..2)).prop_map(|(source, target)| Fault::OneWay { source, target }),
            links().prop_map(|links| Fault::Block { links }),
            links().prop_map(|links| Fault::Reject { links }),
        ]
    }

    /// Packets with at most one port that a filter asks for, and how a filter sees them.
    fn packets(hook: TableFamily, party: IpAddr) -> impl Iterator<Item = (Packet, Filter)> {
        let icmp = std::iter::once((Proto::Icmp, [0, 0], None));
        let both = |port| [[port, 1], [1, port]].map(|ports| (ports, Some(port)));
        let ports = PORTS.into_iter().flat_map(both).chain([([1, 2], None)]);
        let with_ports = ports.flat_map(|(ports, port)| [Proto::Tcp, Proto::Udp].map(|proto| (proto, ports, port)));
        icmp.chain(with_ports).map(move |(proto, ports, port)| {
            let packet = Packet::new(hook, party, proto, ports);
            (packet, Filter { proto: Some(proto), port, family: Some(packet.family()) })
        })
    }

    fn wanted(cut: Cut, packet: Packet) -> Verdict {
        match cut {
            Cut::Open => Verdict::Accept,
            // What leaves has no receiver of ours that could answer.
            Cut::Reject if packet.hook == TableFamily::Inet && packet.proto == Proto::Tcp => Verdict::ResetTcp,
            Cut::Reject if packet.hook == TableFamily::Inet => Verdict::PortUnreachable,
            Cut::Reject | Cut::Drop => Verdict::Drop,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn the_rulesets_refuse_exactly_what_the_matrix_says(faults in vec(fault(), 0..4)) {
            let members = NODES.map(|name| Member { name: name.into(), ..Member::default() });
            let matrix = Matrix::fold(&members, &faults);
            let rulesets = rulesets(&matrix, &nodes());
            let mut parties: Vec<Vec<IpAddr>> = nodes().into_iter().map(|node| node.addresses).collect();
            parties.push(["10.0.0.1", "192.0.2.1", "fd00::1"].map(|text| text.parse().unwrap()).into());
            for (target, ruleset) in rulesets.iter().enumerate() {
                let tables = ruleset.tables();
                prop_assert_eq!(tables.is_empty(), ruleset.is_empty() || !ruleset.selects_anything());
                for (source, addresses) in parties.iter().enumerate().filter(|(source, _)| *source != target) {
                    for (packet, seen) in addresses.iter().flat_map(|address| packets(TableFamily::Inet, *address)) {
                        let cut = matrix.effect(source, target, seen).cut;
                        prop_assert_eq!(meets(&tables, packet), wanted(cut, packet), "{:?}", packet);
                    }
                    for (packet, seen) in addresses.iter().flat_map(|address| packets(TableFamily::Netdev, *address)) {
                        let cut = if source == matrix.world() { matrix.effect(target, source, seen).cut } else { Cut::Open };
                        for packet in DEVICES.map(|device| Packet { device, ..packet }) {
                            prop_assert_eq!(meets(&tables, packet), wanted(cut, packet), "{:?}", packet);
                        }
                    }
                }
            }
        }
    }

    impl Ruleset {
        /// ICMP with a port does not exist, so a filter that asks for it needs no rule.
        fn selects_anything(&self) -> bool {
            let arriving = self.treated.keys().chain(&self.world.from_world).map(|(filter, _)| filter);
            let mut all = arriving.chain(&self.world.to_world);
            all.any(|filter| filter.proto != Some(Proto::Icmp) || filter.port.is_none())
        }
    }
}
