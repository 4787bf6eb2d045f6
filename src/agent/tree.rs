//! Ends a process with everything that came from it.

use crate::error::{Error, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::BTreeSet;
use std::fs;

/// A process as `/proc/PID/stat` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Process {
    pid: i32,
    parent: i32,
    session: i32,
    /// When it was started: what tells it from a later process of the same number.
    started: u64,
}

/// How often the tree is looked at anew: what forks faster than that is not stopped by looking.
const ROUNDS: usize = 50;

/// Kills a process of the host with all that came from it.
pub(super) fn kill_host_tree(pid: i32) -> Result<()> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    // Of a negative number `Pid` is not even to be asked.
    let leader = if pid > 1 && pid != own { Pid::from_raw(pid) } else { None };
    leader.map(kill_tree).ok_or_else(|| Error::usage(format!("process {pid} is not one to be killed")))
}

/// Kills a session's leader, its descendants, and what is left of its session, until none of them is found.
pub(super) fn kill_tree(leader: Pid) {
    let leader = leader.as_raw_nonzero().get();
    kill_all(|all| members(all, leader));
}

/// Kills all that came from this process, until none of them is found.
pub(crate) fn kill_descendants() {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    kill_all(|all| {
        let mut members = with_descendants(all, BTreeSet::from([own]));
        members.remove(&own);
        members
    });
}

/// Kills what is found among all processes, until nothing new is.
fn kill_all(find: impl Fn(&[Process]) -> BTreeSet<i32>) {
    let mut killed = BTreeSet::new();
    for _ in 0..ROUNDS {
        let all = processes();
        let members = find(&all);
        let is_new = |process: &&Process| members.contains(&process.pid) && !killed.contains(*process);
        let found: Vec<_> = all.iter().filter(is_new).copied().collect();
        if found.is_empty() {
            return;
        }
        for process in &found {
            process.kill();
        }
        killed.extend(found);
    }
}

impl Process {
    fn find(pid: i32) -> Option<Self> {
        parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Kills this one and no other, which may have got its number meanwhile.
    fn kill(&self) {
        let Some(process) = Pid::from_raw(self.pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
            return;
        };
        if Self::find(self.pid).is_some_and(|found| found.started == self.started) {
            // It may have ended meanwhile.
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    }
}

/// The leader, its descendants and its session; the latter finds what a dead parent left behind.
fn members(processes: &[Process], leader: i32) -> BTreeSet<i32> {
    let session = processes.iter().filter(|process| process.session == leader).map(|process| process.pid);
    with_descendants(processes, session.chain([leader]).collect())
}

/// These, and all that came from them.
fn with_descendants(processes: &[Process], mut members: BTreeSet<i32>) -> BTreeSet<i32> {
    loop {
        let before = members.len();
        for process in processes {
            if members.contains(&process.parent) {
                members.insert(process.pid);
            }
        }
        if members.len() == before {
            return members;
        }
    }
}

fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(Process::find).collect()
}

fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(' ')?;
    // The name is in parentheses and may hold any character.
    let mut fields = rest.get(rest.rfind(')')? + 1..)?.split_ascii_whitespace().skip(1);
    let mut field = || fields.next()?.parse().ok();
    let (parent, _group, session): (_, Option<i32>, _) = (field()?, field(), field()?);
    // Fields 4 and 6, and 22.
    let started = fields.nth(15)?.parse().ok()?;
    Some(Process { pid: pid.parse().ok()?, parent, session, started })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_any_name() {
        let stat = "42 (a) S 7 (b) S 7 41 40 0 -1 9 10 11 12 13 14 15 16 17 18 19 20 21 2200 23";
        assert_eq!(parse(stat), Some(Process { pid: 42, parent: 7, session: 40, started: 2200 }));
    }

    #[test]
    fn a_tree_holds_grandchildren_that_left_the_session_and_orphans_that_did_not() {
        let process = |pid, parent, session| Process { pid, parent, session, started: 0 };
        let all = [process(9, 5, 9), process(5, 3, 3), process(6, 1, 3), process(7, 1, 7), process(1, 0, 1)];
        assert_eq!(members(&all, 3), BTreeSet::from([3, 5, 6, 9]));
    }
}
