//! A node that restarts, by whomever, is under its faults before its program can talk.

use super::clusters::TALKERS;
use super::common::until;
use super::stage::Stage;

/// `n1` and `n3` on one side, `n2` alone on the other, every node asking every other a thousand times a second.
///
/// What crossed the cut is told by the programs themselves: every life of `n1` has a number of its own, which `n2`
/// would print once, and the one life of `n2` would be printed by every life of `n1`.
struct Cut {
    stage: Stage,
    ip1: String,
    ip2: String,
    /// Lives of `n1` that have talked: `n3` has heard them.
    lives: usize,
}

impl Cut {
    fn new(stage: Stage) -> Self {
        let (ip1, ip2) = (stage.ip("n1"), stage.ip("n2"));
        until("all hear each other", || {
            stage.lives_heard("n3", &ip1) == 1
                && stage.lives_heard("n2", &ip1) == 1
                && stage.lives_heard("n1", &ip2) == 1
        });
        stage.says(&["partition", "n1,n3", "n2"]);
        Self { stage, ip1, ip2, lives: 1 }
    }

    /// Waits until one more life of `n1` has talked.
    fn next_life(&mut self) {
        self.lives += 1;
        until("the new life talks", || self.stage.lives_heard("n3", &self.ip1) >= self.lives);
    }

    /// Not one packet has crossed, in either direction, and they do as soon as they may.
    fn check(&self) {
        let heard = || (self.stage.lives_heard("n2", &self.ip1), self.stage.lives_heard("n1", &self.ip2));
        assert_eq!(self.stage.lives_heard("n3", &self.ip1), self.lives, "every life has talked, and no other");
        assert_eq!(heard(), (1, 1), "lives of n1 that n2 has heard, and lives of n1 that have heard n2");
        self.stage.says(&["join"]);
        until("healed", || heard() == (2, 2));
    }
}

fn restart_by_us(cut: &mut Cut, times: usize) {
    for round in 0..times {
        match round % 3 {
            0 => cut.stage.says(&["restart", "n1"]),
            1 => cut.stage.says(&["kill", "n1"]) + &cut.stage.says(&["start", "n1"]),
            _ => cut.stage.says(&["stop", "n1"]) + &cut.stage.says(&["start", "n1"]),
        };
        cut.next_life();
    }
}

#[test]
fn sixty_restarts_by_our_commands() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let mut cut = Cut::new(stage);
    restart_by_us(&mut cut, 60);
    cut.check();
}

#[test]
fn thirty_five_restarts_by_somebodys_docker_restart() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let mut cut = Cut::new(stage);
    let container = cut.stage.container("n1");
    for _ in 0..35 {
        cut.stage.docker(&["restart", "-t", "1", &container]);
        cut.next_life();
    }
    cut.check();
}

#[test]
fn five_restarts_by_its_restart_policy() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let mut cut = Cut::new(stage);
    let container = cut.stage.container("n1");
    cut.stage.docker(&["update", "--restart", "always", &container]);
    // Docker waits twice as long before each: no more than a few.
    for _ in 0..5 {
        cut.stage.inside("n1", &["kill", "1"]);
        cut.next_life();
    }
    assert_eq!(cut.stage.inspect(&container, "{{.RestartCount}}"), "5");
    cut.check();
}

#[test]
fn a_new_partition_opens_no_link_that_is_cut_before_and_after() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let (ip1, ip3) = (stage.ip("n1"), stage.ip("n3"));
    stage.says(&["partition", "n1", "n2", "n3"]);
    stage.says(&["restart", "--all"]);
    let heard = || [("n1", &ip3), ("n3", &ip1)].map(|(node, other)| stage.lives_heard(node, other));
    let before = heard();
    for _ in 0..25 {
        stage.says(&["partition", "n1,n2", "n3"]);
        stage.says(&["partition", "n1", "n2,n3"]);
        stage.says(&["partition", "n1", "n2", "n3"]);
    }
    assert_eq!(heard(), before);
    stage.says(&["join"]);
    until("healed", || heard() == before.map(|lives| lives + 1));
}
