//! The audit trail of a cluster: `<data-dir>/audit/<name>.jsonl`, what was done to it, when, and what came of it.
//!
//! It outlives the cluster, and clusters of the same name continue it. Each entry is one line written at once, so that
//! several processes may append; a line that was torn by a crash is passed by when the trail is read.

use crate::engine::{Command, FaultInfo, Reply, Selection};
use crate::fault::Fault;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The way to a cluster's trail.
#[derive(Clone, Debug)]
pub struct Audit {
    path: PathBuf,
}

/// One thing that was done to a cluster. The first five keys are the old Blockade's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What: `up`, `partition`, `stop`, …
    pub event: String,
    /// Whether it was done.
    pub status: Status,
    /// To whom: names of nodes, lists of names for a partition, ids of faults.
    pub targets: Vec<Value>,
    /// When it was done, RFC 3339 in UTC.
    pub timestamp: String,
    /// What came of it.
    pub message: String,
    /// By whom: `command` for what stands until it is undone, `session N` for a run that was attached, `supervisor`.
    #[serde(default)]
    pub by: String,
}

/// Whether something was done, in the old Blockade's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It was.
    Success,
    /// It was not, or not wholly.
    Failed,
}

impl Entry {
    /// An entry for something that has come to its end just now.
    pub(super) fn new(event: &str, targets: Vec<Value>, by: &str, outcome: &Result<String>) -> Self {
        let (status, message) = match outcome {
            Ok(message) => (Status::Success, message.clone()),
            Err(error) => (Status::Failed, error.to_string()),
        };
        let timestamp = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        Self { event: event.to_owned(), status, targets, timestamp, message, by: by.to_owned() }
    }

    /// The entry for a command; `None` for one that changes nothing of the cluster.
    pub(super) fn of(command: &Command, by: &str, outcome: &Result<Reply>) -> Option<Self> {
        let (event, targets) = subject(command)?;
        let targets = if targets.is_empty() { healed(outcome) } else { targets };
        let outcome = outcome.as_ref().map(told).map_err(Clone::clone);
        Some(Self::new(event, targets, by, &outcome))
    }

    /// The entry for faults whose time was over, or whose owner is gone; `None` where there were none.
    pub(super) fn healed(by: &str, why: &str, outcome: &Result<Vec<FaultInfo>>) -> Option<Self> {
        if outcome.as_ref().is_ok_and(Vec::is_empty) {
            return None;
        }
        let ids = outcome.iter().flatten().map(|info| json!(info.id)).collect();
        let outcome = outcome.as_ref().map(|faults| format!("{why}: {}", list(faults))).map_err(Clone::clone);
        Some(Self::new("heal", ids, by, &outcome))
    }
}

/// What a command does, and to whom.
fn subject(command: &Command) -> Option<(&str, Vec<Value>)> {
    let names = |names: &[String]| names.iter().map(|name| json!(name)).collect::<Vec<_>>();
    Some(match command {
        Command::Inject { fault, .. } | Command::Replace { fault, .. } => (fault.kind(), targets(fault)),
        Command::Heal { which: Selection::All } => ("heal", Vec::new()),
        Command::Heal { which: Selection::One(id) } => ("heal", vec![json!(id)]),
        Command::Heal { which: Selection::Partitions } => ("join", Vec::new()),
        Command::Heal { which: Selection::Impairments(nodes) } => ("fast", names(nodes)),
        Command::Node { action, nodes } => (action.verb(), names(nodes)),
        Command::Add { containers } => ("add", names(containers)),
        _ => return None,
    })
}

/// Whose faults were healed, each once: of a command that names nobody.
fn healed(outcome: &Result<Reply>) -> Vec<Value> {
    let Ok(Reply::Faults(faults)) = outcome else { return Vec::new() };
    let mut names: Vec<Value> = Vec::new();
    for target in faults.iter().flat_map(|info| targets(&info.fault)) {
        let of_it = if let Value::Array(group) = target { group } else { vec![target] };
        let fresh: Vec<Value> = of_it.into_iter().filter(|name| !names.contains(name)).collect();
        names.extend(fresh);
    }
    names
}

/// Whom a fault is about: where it names links, those nodes that all of them lead from or to, if there are any.
fn targets(fault: &Fault) -> Vec<Value> {
    if let Fault::Partition { groups } = fault {
        return groups.iter().map(|group| json!(group)).collect();
    }
    let pairs = match fault {
        Fault::Block { links } | Fault::Reject { links } | Fault::Degrade { links, .. } => &links.pairs[..],
        _ => &[],
    };
    let mut names: Vec<&str> = Vec::new();
    for name in fault.names() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let is_common = |name: &str| pairs.iter().all(|(a, b)| [a, b].iter().any(|end| end.to_string() == name));
    if names.iter().any(|name| is_common(name)) {
        names.retain(|name| is_common(name));
    }
    names.into_iter().map(|name| json!(name)).collect()
}

fn told(reply: &Reply) -> String {
    match reply {
        Reply::Fault(info) => text(info),
        Reply::Faults(faults) if faults.is_empty() => "nothing to heal".to_owned(),
        Reply::Faults(faults) => list(faults),
        Reply::Added(nodes) => format!("took in {}", nodes.join(", ")),
        _ => String::new(),
    }
}

fn list(faults: &[FaultInfo]) -> String {
    format!("healed {}", faults.iter().map(text).collect::<Vec<_>>().join("; "))
}

fn text(info: &FaultInfo) -> String {
    format!("{}: {}", info.id, info.fault)
}

impl Audit {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an entry.
    pub(super) fn append(&self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry).map_err(|error| Error::machine(format!("no JSON: {error}")))?;
        self.write(&line).map_err(|error| {
            Error::machine(format!("cannot write the audit trail {}: {error}", self.path.display()))
                .help("the data folder must be writable; name another one with --data-dir")
        })
    }

    fn write(&self, line: &str) -> std::io::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = File::options().create(true).append(true).read(true).open(&self.path)?;
        // What a crash has torn must not spoil the line after it.
        let start = if is_torn(&mut file)? { "\n" } else { "" };
        file.write_all(format!("{start}{line}\n").as_bytes())
    }

    /// All entries, oldest first, and how many lines are none. Nothing was ever done to a cluster without a trail.
    pub fn read(&self) -> Result<(Vec<Entry>, usize)> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), 0)),
            Err(error) => {
                return Err(Error::machine(format!("cannot read the audit trail {}: {error}", self.path.display())));
            }
        };
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (entries, torn): (Vec<_>, Vec<_>) =
            lines.map(serde_json::from_slice::<Entry>).partition(std::result::Result::is_ok);
        Ok((entries.into_iter().flatten().collect(), torn.len()))
    }
}

fn is_torn(file: &mut File) -> std::io::Result<bool> {
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::NodeAction;

    fn entry(event: &str) -> Entry {
        Entry::new(event, vec![json!("n1")], "command", &Ok(String::new()))
    }

    fn audit(folder: &tempfile::TempDir) -> Audit {
        Audit::new(folder.path().join("audit/c1.jsonl"))
    }

    #[test]
    fn a_line_that_was_torn_is_lost_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let audit = audit(&folder);
        assert_eq!(audit.read().unwrap(), (vec![], 0));
        let (first, last) = (entry("stop"), entry("start"));
        audit.append(&first).unwrap();
        let mut file = File::options().append(true).open(audit.path()).unwrap();
        file.write_all(b"{\"event\":\"kill\",\"sta\xff").unwrap();
        assert_eq!(audit.read().unwrap(), (vec![first.clone()], 1));
        audit.append(&last).unwrap();
        assert_eq!(audit.read().unwrap(), (vec![first, last], 1));
    }

    #[test]
    fn entries_of_many_writers_at_once_are_all_there() {
        let folder = tempfile::tempdir().unwrap();
        let audit = audit(&folder);
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let audit = &audit;
                scope.spawn(move || (0..50).for_each(|_| audit.append(&entry(&format!("w{writer}"))).unwrap()));
            }
        });
        let (entries, torn) = audit.read().unwrap();
        assert_eq!((entries.len(), torn), (400, 0));
    }

    #[test]
    fn a_command_is_told_with_its_targets_and_its_outcome() {
        let line = |command: Command, outcome: Result<Reply>| {
            let Some(entry) = Entry::of(&command, "command", &outcome) else { return "nothing".to_owned() };
            let status = serde_json::to_string(&entry.status).unwrap();
            format!("{} {status} {} {}", entry.event, json!(entry.targets), entry.message)
        };
        let groups = vec![vec!["n1".to_owned(), "n2".to_owned()], vec!["n3".to_owned()]];
        let fault = Fault::Partition { groups };
        let info = FaultInfo { id: crate::fault::FaultId(1), fault: fault.clone(), keep: false, by: Vec::new() };
        let replace = Command::Replace { fault, for_us: None };
        let join = Command::Heal { which: Selection::Partitions };
        insta::assert_snapshot!(line(replace.clone(), Ok(Reply::Fault(info.clone()))), @r#"partition "Success" [["n1","n2"],["n3"]] f1: partition {n1, n2} | {n3}"#);
        insta::assert_snapshot!(line(replace, Err(Error::machine("it refuses").help("ask again"))), @r#"partition "Failed" [["n1","n2"],["n3"]] it refuses (ask again)"#);
        insta::assert_snapshot!(line(join, Ok(Reply::Faults(vec![info]))), @r#"join "Success" ["n1","n2","n3"] healed f1: partition {n1, n2} | {n3}"#);
        let parties = ["n1", "n2", "n3"].map(|name| crate::fault::Party::Node(name.to_owned()));
        let links = crate::fault::LinkSet::new(&parties[..1], &parties);
        let block = Command::Inject { fault: Fault::Block { links }, for_us: None };
        insta::assert_snapshot!(line(block, Ok(Reply::Done)), @r#"block "Success" ["n1"] "#);
        let start = Command::Node { action: NodeAction::Start, nodes: vec!["n1".to_owned()] };
        insta::assert_snapshot!(line(start, Ok(Reply::Done)), @r#"start "Success" ["n1"] "#);
        insta::assert_snapshot!(line(Command::Status, Ok(Reply::Done)), @"nothing");
    }
}
