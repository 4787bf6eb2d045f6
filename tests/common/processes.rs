//! The machine's processes and the namespaces they are in.

use std::path::PathBuf;

/// A process as the machine sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) parent: u32,
    /// In ticks since the machine's start: tells it from a later process with the same id.
    pub(crate) started: u64,
    pub(crate) command: String,
}

/// Every process that descends from `root`, itself included.
pub(crate) fn descendants(root: u32) -> Vec<Process> {
    let all: Vec<_> = everybody().filter_map(process).collect();
    let mut found: Vec<Process> = all.iter().filter(|process| process.pid == root).cloned().collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        found.extend(all.iter().filter(|process| process.parent == parent).cloned());
        next += 1;
    }
    found
}

/// The process with this id, unless it has ended.
pub(crate) fn process(pid: u32) -> Option<Process> {
    let folder = format!("/proc/{pid}");
    let stat = std::fs::read_to_string(format!("{folder}/stat")).ok()?;
    let fields: Vec<_> = stat[stat.rfind(')')? + 2..].split(' ').collect();
    let (parent, started) = (fields.get(1)?.parse().ok()?, fields.get(19)?.parse().ok()?);
    let command = std::fs::read_to_string(format!("{folder}/cmdline")).ok()?.replace('\0', " ");
    (fields[0] != "Z").then_some(Process { pid, parent, started, command })
}

fn everybody() -> impl Iterator<Item = u32> {
    std::fs::read_dir("/proc").expect("a /proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

const KINDS: [&str; 5] = ["net", "mnt", "pid", "uts", "ipc"];

/// Every process that is in one of these namespaces.
pub(crate) fn inhabitants(namespaces: &[PathBuf]) -> Vec<Process> {
    let inside = |pid: &u32| {
        KINDS.iter().any(|kind| {
            std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).is_ok_and(|namespace| namespaces.contains(&namespace))
        })
    };
    everybody().filter(inside).filter_map(process).collect()
}

/// The namespaces, of all kinds, that some process is in but that this process is not in.
pub(crate) fn foreign_namespaces(pids: impl IntoIterator<Item = u32>) -> Vec<PathBuf> {
    let read = |pid: &str, kind: &str| std::fs::read_link(format!("/proc/{pid}/ns/{kind}"));
    let mut found: Vec<_> = pids
        .into_iter()
        .flat_map(|pid| KINDS.map(|kind| (read(&pid.to_string(), kind).ok(), read("self", kind).ok())))
        .filter(|(theirs, ours)| theirs != ours)
        .filter_map(|(theirs, _)| theirs)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// Every process whose environment holds this.
pub fn marked(mark: &str) -> Vec<Process> {
    let inside = |pid: &u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    everybody().filter(inside).filter_map(process).collect()
}

/// A process, everything that descends from it, and whoever else is in one of the namespaces of these.
pub fn world_of(root: u32) -> Vec<Process> {
    let mut found = descendants(root);
    let namespaces = foreign_namespaces(found.iter().map(|process| process.pid));
    found.extend(inhabitants(&namespaces));
    found.sort();
    found.dedup();
    found
}

/// Whether this very process still exists; another may have its number by now.
pub fn lives(old: &Process) -> bool {
    process(old.pid).is_some_and(|new| new.started == old.started)
}
