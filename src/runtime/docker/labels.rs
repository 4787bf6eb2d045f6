//! How what we created is known again: by labels, never by names, so that two blockades whose names begin alike never
//! touch each other; and whether whoever created it still runs.
//!
//! Pure, but for [`Owner`], which looks into `/proc`.

use crate::{Error, Result};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// The blockade's name.
pub const ID: &str = "blockade.id";
/// What a thing is for: see [`Role`].
pub const ROLE: &str = "blockade.role";
/// The node that a container belongs to.
pub const NODE: &str = "blockade.node";
/// The process that looks after it: see [`Owner`].
pub const OWNER: &str = "blockade.owner";

/// What a container or network of ours is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Runs a node's program.
    Node,
    /// Holds a node's network namespace.
    Holder,
    /// Has the rights that the runner has not.
    Agent,
    /// Joins the nodes.
    Network,
}

impl Role {
    const ALL: [Self; 4] = [Self::Node, Self::Holder, Self::Agent, Self::Network];

    /// As the label says it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Holder => "holder",
            Self::Agent => "agent",
            Self::Network => "network",
        }
    }
}

/// What the labels of a container or network say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    /// The blockade's name.
    pub id: String,
    /// What it is for.
    pub role: Role,
    /// The node it belongs to, for nodes and holders.
    pub node: Option<String>,
    /// Who looks after it.
    pub owner: Owner,
}

impl Labels {
    /// As Docker takes them.
    pub fn to_map(&self) -> HashMap<String, String> {
        let fixed = [(ID, self.id.clone()), (ROLE, self.role.word().to_owned()), (OWNER, self.owner.to_string())];
        let node = self.node.clone().map(|node| (NODE, node));
        fixed.into_iter().chain(node).map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// What labels say; nothing where they are not ours.
    pub fn of(labels: &HashMap<String, String>) -> Option<Self> {
        let role = labels.get(ROLE)?;
        Some(Self {
            id: labels.get(ID)?.clone(),
            role: Role::ALL.into_iter().find(|known| known.word() == role)?,
            node: labels.get(NODE).cloned(),
            owner: labels.get(OWNER)?.parse().ok()?,
        })
    }
}

/// The filter for everything of one blockade, for lists of containers and of networks. Docker compares whole values.
pub fn filter(id: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{ID}={id}")])])
}

/// A process on this host, told from any later one with the same id by its start. Written `pid/ticks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Its process id.
    pub pid: u32,
    /// When it was started, in clock ticks since the host's start.
    pub start_ticks: u64,
}

impl Owner {
    /// This process.
    pub fn current() -> Result<Self> {
        Self::of(std::process::id())
            .ok_or_else(|| Error::machine("cannot read /proc/self/stat").help("blockade needs /proc"))
    }

    /// The process that has this number now.
    pub(super) fn of(pid: u32) -> Option<Self> {
        start_ticks(pid).map(|start_ticks| Self { pid, start_ticks })
    }

    /// Whether it still runs. A zombie does not.
    pub fn is_alive(self) -> bool {
        start_ticks(self.pid) == Some(self.start_ticks)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pid, self.start_ticks)
    }
}

impl FromStr for Owner {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (pid, ticks) = text.split_once('/').ok_or(())?;
        Ok(Self { pid: pid.parse().map_err(drop)?, start_ticks: ticks.parse().map_err(drop)? })
    }
}

/// When a process was started, where it runs.
fn start_ticks(pid: u32) -> Option<u64> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The start in a line of `/proc/PID/stat`: the 22nd field. The second one, the program's name in parentheses, may
/// hold spaces and parentheses itself. Nothing for the dead, whose state is `Z` or `X`.
fn parse_stat(line: &str) -> Option<u64> {
    let mut fields = line.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?; // the state was the third field
    if ["Z", "X"].contains(&state) { None } else { start.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_come_back_as_they_were_given() {
        let owner = Owner { pid: 12, start_ticks: 345 };
        let labels = Labels { id: "a.b".to_owned(), role: Role::Holder, node: Some("n1".to_owned()), owner };
        assert_eq!(Labels::of(&labels.to_map()), Some(labels));
        assert_eq!(Labels::of(&HashMap::from([(ID.to_owned(), "a".to_owned())])), None);
    }

    #[test]
    fn a_blockade_is_looked_for_by_its_whole_name() {
        assert_eq!(filter("shop")["label"], ["blockade.id=shop"]);
    }

    #[test]
    fn this_process_is_alive_and_one_with_its_id_and_another_start_is_not() {
        let owner = Owner::current().unwrap();
        assert!(owner.is_alive());
        assert_eq!(owner.to_string().parse(), Ok(owner));
        assert!(!Owner { start_ticks: owner.start_ticks + 1, ..owner }.is_alive());
    }

    #[test]
    fn a_program_whose_name_looks_like_fields_hides_nothing() {
        let line = "77 (a) R 1 (b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        assert_eq!(parse_stat(line), Some(4242));
        assert_eq!(parse_stat(&line.replace("(b) S", "(b) Z")), None);
        assert_eq!(parse_stat("77 (a"), None);
    }
}
