//! Ends a process with everything that came from it.

use crate::error::{Error, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;

/// A process as `/proc/PID/stat` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    session: i32,
}

/// How often the tree is looked at anew: what forks faster than that is not stopped by looking.
const ROUNDS: usize = 50;

/// Kills a process of the host with all that came from it.
pub(super) fn kill_host_tree(pid: i32) -> Result<()> {
    let own = rustix::process::getpid().as_raw_nonzero().get();
    match Pid::from_raw(pid).filter(|_| pid > 1 && pid != own) {
        Some(leader) => {
            kill_tree(leader);
            Ok(())
        }
        None => Err(Error::usage(format!("process {pid} is not one to be killed"))),
    }
}

/// Kills a session's leader, its descendants, and what is left of its session, until none of them is found.
pub(super) fn kill_tree(leader: Pid) {
    let leader = leader.as_raw_nonzero().get();
    let mut killed = BTreeSet::new();
    for _ in 0..ROUNDS {
        let found: Vec<_> = members(&processes(), leader).into_iter().filter(|pid| killed.insert(*pid)).collect();
        if found.is_empty() {
            return;
        }
        for pid in found.into_iter().filter_map(Pid::from_raw) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The leader, its descendants and its session; the latter finds what a dead parent left behind.
fn members(processes: &[Process], leader: i32) -> BTreeSet<i32> {
    let mut members = BTreeSet::from([leader]);
    loop {
        let before = members.len();
        for process in processes {
            if process.session == leader || members.contains(&process.parent) {
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
    entries
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit))
        .filter_map(|entry| parse(&fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect()
}

fn parse(stat: &str) -> Option<Process> {
    let (pid, rest) = stat.split_once(' ')?;
    // The name is in parentheses and may hold any character.
    let mut fields = rest.get(rest.rfind(')')? + 1..)?.split_ascii_whitespace().skip(1);
    let mut field = || fields.next()?.parse().ok();
    let (parent, _group, session): (_, Option<i32>, _) = (field()?, field(), field()?);
    Some(Process { pid: pid.parse().ok()?, parent, session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read_past_any_name() {
        let stat = "42 (a) S 7 (b) S 7 41 40 0 -1";
        assert_eq!(parse(stat), Some(Process { pid: 42, parent: 7, session: 40 }));
    }

    #[test]
    fn a_tree_holds_grandchildren_that_left_the_session_and_orphans_that_did_not() {
        let process = |pid, parent, session| Process { pid, parent, session };
        let all = [process(9, 5, 9), process(5, 3, 3), process(6, 1, 3), process(7, 1, 7), process(1, 0, 1)];
        assert_eq!(members(&all, 3), BTreeSet::from([3, 5, 6, 9]));
    }
}
