//! What others break on Docker's side is repaired, under the same faults.

use super::clusters::TALKERS;
use super::common::until;
use super::daemon::Daemon;
use super::stage::Stage;

/// `n1` and `n3` hear each other, and `n2` neither; tells what crossed the cut, as long as the log of `n2` lives.
struct Cut {
    stage: Stage,
    ip1: String,
}

impl Cut {
    fn new(stage: Stage) -> Self {
        let ip1 = stage.ip("n1");
        until("n2 hears n1", || stage.lives_heard("n2", &ip1) == 1);
        stage.says(&["partition", "n1,n3", "n2"]);
        Self { stage, ip1 }
    }

    /// Waits until `n1` is itself again on its own side, and sees that nothing reaches the other.
    fn is_repaired(&self) {
        let known = self.stage.lives_heard("n3", &self.ip1);
        let (ip2, ip3) = (self.stage.ip("n2"), self.stage.ip("n3"));
        until("n1 is up", || self.stage.status("n1")["status"] == "UP");
        until("n1 reaches n3", || {
            let asked = self.stage.inside("n1", &["talker", "ask", "7000", &ip3, "--"]);
            asked.code == 0 && asked.stdout.contains(&ip3)
        });
        assert!(self.stage.lives_heard("n3", &self.ip1) >= known);
        self.stage.hears("n1", &[], &[&ip2]);
        self.stage.hears("n2", &[], &[&self.ip1]);
        assert_eq!(self.stage.lives_heard("n2", &self.ip1), 1, "a life of n1 crossed the cut");
        self.stage.says(&["join"]);
        self.stage.hears("n1", &[&ip2], &[]);
    }
}

#[test]
fn a_holder_that_is_restarted() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let cut = Cut::new(stage);
    let before = cut.stage.lives_heard("n3", &cut.ip1);
    cut.stage.docker(&["restart", "-t", "0", &cut.stage.holder("n1")]);
    until("a new life of n1", || cut.stage.lives_heard("n3", &cut.ip1) > before);
    cut.is_repaired();
}

#[test]
fn a_holder_that_is_removed() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let cut = Cut::new(stage);
    let (before, holder) = (cut.stage.lives_heard("n3", &cut.ip1), cut.stage.holder("n1"));
    cut.stage.docker(&["rm", "-f", &holder]);
    until("a new life of n1", || cut.stage.lives_heard("n3", &cut.ip1) > before);
    assert_eq!(cut.stage.inspect(&holder, "{{.State.Running}}"), "true");
    cut.is_repaired();
    cut.stage.says(&["destroy"]);
    assert_eq!(cut.stage.left(), [""; 0]);
}

#[test]
fn a_node_that_is_removed_is_missing_and_start_makes_it_anew() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let cut = Cut::new(stage);
    let before = cut.stage.lives_heard("n3", &cut.ip1);
    cut.stage.docker(&["rm", "-f", &cut.stage.container("n1")]);
    until("status tells it", || cut.stage.status("n1")["status"] == "MISSING");
    cut.stage.says(&["start", "n1"]);
    until("a new life of n1", || cut.stage.lives_heard("n3", &cut.ip1) > before);
    assert_eq!(cut.stage.ip("n1"), cut.ip1);
    cut.is_repaired();
}

#[test]
fn everything_removed_behind_our_back_is_no_hindrance_to_destroy() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    for name in ["n1", "n2", "n3"] {
        stage.docker(&["rm", "-f", &stage.container(name), &stage.holder(name)]);
    }
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn a_daemon_that_is_restarted_under_a_standing_partition() {
    let Some(mut daemon) = Daemon::start() else { return };
    let Some(stage) = Stage::new(TALKERS) else { return };
    let stage = stage.set("DOCKER_HOST", &daemon.host());
    stage.says(&["up"]);
    let cut = Cut::new(stage);
    let before = cut.stage.lives_heard("n3", &cut.ip1);
    daemon.stop();
    daemon.start_again();
    until("a new life of n1", || cut.stage.lives_heard("n3", &cut.ip1) > before);
    for node in ["n1", "n2", "n3"] {
        until("all are up", || cut.stage.status(node)["status"] == "UP");
    }
    cut.is_repaired();
    cut.stage.says(&["destroy"]);
    assert_eq!(cut.stage.left(), [""; 0]);
}
