//! The order in which nodes start: whoever is linked to starts first.
//!
//! Pure.

use super::Cluster;

/// Waves of nodes: each node stands in the first wave after those of all nodes it depends on. `depends[i]` are the
/// nodes that `i` needs. The error is a circle, each of its nodes needing the next and the last one the first.
pub(super) fn waves(depends: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, Vec<usize>> {
    let mut placed = vec![false; depends.len()];
    let mut waves = Vec::new();
    loop {
        let ready = |node: &usize| !placed[*node] && depends[*node].iter().all(|needed| placed[*needed]);
        let wave: Vec<usize> = (0..depends.len()).filter(ready).collect();
        if wave.is_empty() {
            break;
        }
        for node in &wave {
            placed[*node] = true;
        }
        waves.push(wave);
    }
    match placed.iter().position(|placed| !placed) {
        None => Ok(waves),
        Some(stuck) => Err(circle(depends, &placed, stuck)),
    }
}

/// Walks from a node that cannot be placed through nodes that cannot either, until one comes again.
fn circle(depends: &[Vec<usize>], placed: &[bool], start: usize) -> Vec<usize> {
    let mut path = vec![start];
    loop {
        let last = path[path.len() - 1];
        let Some(next) = depends[last].iter().copied().find(|needed| !placed[*needed]) else { return path };
        if let Some(first) = path.iter().position(|seen| *seen == next) {
            return path.split_off(first);
        }
        path.push(next);
    }
}

impl Cluster {
    /// The nodes by place in `nodes`, in waves: a node starts once all of the waves before its own have started.
    pub fn start_order(&self) -> Vec<Vec<usize>> {
        let places = |node: &super::Node| node.links.iter().filter_map(|link| self.position(link)).collect();
        let depends: Vec<Vec<usize>> = self.nodes.iter().map(places).collect();
        // A circle was refused when the file was read; a cluster made by hand that has one starts all at once.
        waves(&depends).unwrap_or_else(|_| vec![(0..self.nodes.len()).collect()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nodes_start_in_waves() {
        assert_eq!(waves(&[vec![1, 2], vec![2], vec![], vec![]]), Ok(vec![vec![2, 3], vec![1], vec![0]]));
    }

    #[test]
    fn a_circle_is_named_without_what_leads_to_it() {
        assert_eq!(waves(&[vec![1], vec![2], vec![3], vec![1]]), Err(vec![1, 2, 3]));
        assert_eq!(waves(&[vec![0]]), Err(vec![0]));
    }

    proptest! {
        #[test]
        fn every_node_starts_once_and_after_all_it_links_to_or_there_is_a_circle(
            depends in proptest::collection::vec(proptest::collection::vec(0_usize..12, 0..3), 12)
        ) {
            match waves(&depends) {
                Ok(waves) => {
                    let order = waves.concat();
                    let mut sorted = order.clone();
                    sorted.sort_unstable();
                    prop_assert_eq!(sorted, (0..12).collect::<Vec<_>>());
                    let wave = |node: usize| waves.iter().position(|wave| wave.contains(&node));
                    for (node, needed) in depends.iter().enumerate() {
                        prop_assert!(needed.iter().all(|needed| wave(*needed) < wave(node)));
                    }
                }
                Err(circle) => {
                    for (place, node) in circle.iter().enumerate() {
                        prop_assert!(depends[*node].contains(&circle[(place + 1) % circle.len()]));
                    }
                }
            }
        }
    }
}
