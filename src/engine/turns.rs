//! Whose turn it is with a node's program. What a stop takes, its grace, is waited for without the controller, so that
//! the rest of the cluster goes on; nobody else may meanwhile halt, start or heal those programs. Pure but for the
//! waiting.

use std::collections::BTreeSet;
use tokio::sync::watch;

/// The nodes whose programs somebody is at, by their places in the cluster.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns(watch::Sender<BTreeSet<usize>>);

/// Some nodes' programs, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    nodes: BTreeSet<usize>,
}

impl Turns {
    /// The turn at these nodes' programs, if nobody is at any of them.
    pub(super) fn take(&self, nodes: &BTreeSet<usize>) -> Option<Turn> {
        let taken = nodes.is_empty()
            || self.0.send_if_modified(|taken| {
                let free = taken.is_disjoint(nodes);
                if free {
                    taken.extend(nodes);
                }
                free
            });
        taken.then(|| Turn { turns: self.clone(), nodes: nodes.clone() })
    }

    /// Whether nobody is at any of these nodes' programs.
    pub(super) fn are_free(&self, nodes: &BTreeSet<usize>) -> bool {
        self.0.borrow().is_disjoint(nodes)
    }

    /// Whether nobody is at any node's.
    pub(super) fn are_over(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// Waits until somebody's turn has ended that has not ended by now.
    pub(super) fn next_end(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut ends = self.0.subscribe();
        async move {
            // The sender lives as long as the controller.
            let _gone = ends.changed().await;
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.nodes.is_empty() {
            self.turns.0.send_modify(|taken| taken.retain(|node| !self.nodes.contains(node)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_one_turn_at_a_time() {
        let turns = Turns::default();
        let first = turns.take(&BTreeSet::from([1, 2])).unwrap();
        assert!(turns.take(&BTreeSet::from([2, 3])).is_none() && turns.are_free(&BTreeSet::from([3])));
        let other = turns.take(&BTreeSet::from([3])).unwrap();
        drop(first);
        assert!(turns.take(&BTreeSet::from([2])).is_some() && !turns.are_over());
        drop(other);
        assert!(turns.are_over());
        assert!(turns.take(&BTreeSet::new()).is_some(), "no node is no turn");
    }

    #[tokio::test]
    async fn who_waits_hears_of_the_end() {
        let turns = Turns::default();
        let turn = turns.take(&BTreeSet::from([1])).unwrap();
        let end = turns.next_end();
        drop(turn);
        end.await;
    }
}
