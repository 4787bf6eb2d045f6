//! What the active faults leave of a node's program. Pure: a function of the set of faults, not of their order.

use super::Fault;
use crate::signal::Signal;

/// What a node's program should be doing: running, unless something here says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeState {
    /// Not to run: a fault ended it.
    pub down: bool,
    /// To be frozen, with all processes of the node.
    pub frozen: bool,
    /// To be stopped by this signal.
    pub stopped: Option<Signal>,
}

impl NodeState {
    /// The state that these faults demand of a node.
    pub fn fold<'a>(node: &str, faults: impl IntoIterator<Item = &'a Fault>) -> Self {
        let concerned = |fault: &&Fault| fault.halted().iter().any(|halted| halted == node);
        faults.into_iter().filter(concerned).fold(Self::default(), |state, fault| Self {
            down: state.down || fault.keeps_down(node),
            frozen: state.frozen || fault.freezes(),
            // Of several, the one that no program can refuse.
            stopped: state.stopped.into_iter().chain(fault.stops()).max_by_key(|signal| *signal == Signal::STOP),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause() -> Fault {
        Fault::Pause { nodes: vec!["n1".into(), "n2".into()] }
    }

    fn kill(signal: &str) -> Fault {
        Fault::Kill { nodes: vec!["n1".into()], signal: signal.into() }
    }

    fn stop() -> Fault {
        Fault::Stop { nodes: vec!["n1".into()] }
    }

    #[test]
    fn a_node_is_what_all_of_its_faults_demand_together() {
        let all = [pause(), kill("SIGSTOP"), kill("SIGCONT"), kill("SIGHUP"), stop()];
        let stopped = Some(Signal::STOP);
        assert_eq!(NodeState::fold("n1", &all), NodeState { down: true, frozen: true, stopped });
        assert_eq!(NodeState::fold("n1", &all[..4]), NodeState { down: false, frozen: true, stopped });
        assert_eq!(NodeState::fold("n1", &all[1..4]), NodeState { stopped, ..NodeState::default() });
        assert_eq!(NodeState::fold("n1", &all[2..4]), NodeState::default());
        assert_eq!(NodeState::fold("n2", &all), NodeState { frozen: true, ..NodeState::default() });
        assert_eq!(NodeState::fold("n3", &all), NodeState::default());
    }

    #[test]
    fn what_one_of_two_alike_demands_holds_without_the_other() {
        for fault in [pause(), kill("SIGSTOP"), kill("SIGTERM"), stop()] {
            let both = NodeState::fold("n1", [&fault, &fault]);
            assert_eq!(NodeState::fold("n1", [&fault]), both, "{fault}");
        }
    }

    #[test]
    fn of_signals_that_stop_the_one_that_nobody_refuses_counts_in_whatever_order() {
        for signals in [["SIGTSTP", "SIGSTOP"], ["SIGSTOP", "SIGTSTP"]] {
            assert_eq!(NodeState::fold("n1", &signals.map(kill)).stopped, Some(Signal::STOP));
        }
    }
}
