//! From a journal to the model. Lines of kinds that this version does not know, and such as are none of their kind, are
//! passed over and counted; a fault is told even then, as it stands.

use super::model::{Claim, Done, Gap, Metric, Model, Node, Note, Operation, Outcome, Phase};
use super::text::{cut, printable};
use crate::checker::Witness;
use crate::engine::Ended;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Goes through the lines of a journal.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) model: Model,
    /// The node of a name.
    nodes: HashMap<String, usize>,
    /// The fault that has an id now.
    pub(super) faults: HashMap<String, usize>,
    metrics: HashMap<String, usize>,
    /// The operation of a process that is under way.
    open: HashMap<u64, usize>,
    /// How many events of operations there were.
    history: usize,
}

impl Reader {
    /// Of a cluster with these nodes.
    pub(super) fn new(nodes: impl IntoIterator<Item = String>) -> Self {
        let mut reader = Self::default();
        for name in nodes {
            reader.node(&name);
        }
        reader
    }

    /// Reads one line.
    pub(super) fn line(&mut self, line: &Value) {
        let t_us = line["t_us"].as_u64().unwrap_or_default();
        self.model.end_us = self.model.end_us.max(t_us);
        if self.told(line, t_us).is_none() {
            self.model.unknown_lines += 1;
        }
    }

    /// Reads it, if it is known.
    fn told(&mut self, line: &Value, t_us: u64) -> Option<()> {
        let kind = line["kind"].as_str()?;
        match kind.split_once('.') {
            Some(("fault", what)) => self.fault(line, what, t_us),
            Some(("node", what)) => self.program(line, what, t_us),
            Some(("op", what)) => self.operation(line, what, t_us),
            Some(("cluster", "up" | "add")) => self.cluster(line, t_us),
            Some(("cluster", "down")) => Some(()),
            Some(_) => None,
            None => self.script(line, kind, t_us),
        }
    }

    /// The node of this name, which is there from now on.
    pub(super) fn node(&mut self, name: &str) -> usize {
        if let Some(index) = self.nodes.get(name) {
            return *index;
        }
        let index = self.model.nodes.len();
        self.nodes.insert(name.to_owned(), index);
        self.model.nodes.push(Node { name: printable(name), gaps: Vec::new() });
        index
    }

    /// The node of this name, if there is one.
    pub(super) fn known(&self, name: &str) -> Option<usize> {
        self.nodes.get(name).copied()
    }

    fn cluster(&mut self, line: &Value, t_us: u64) -> Option<()> {
        for name in line["nodes"].as_array()? {
            self.node(name.as_str()?);
        }
        self.model.up_us.get_or_insert(t_us);
        Some(())
    }

    /// What happened to a node's program.
    fn program(&mut self, line: &Value, what: &str, t_us: u64) -> Option<()> {
        let node = self.node(line["node"].as_str()?);
        let gap = match what {
            "up" | "resume" => {
                self.ends(node, t_us);
                return Some(());
            }
            "exit" if line["expected"] == true => return Some(()),
            "exit" => {
                Gap { log: lines_of(&line["log"]), ..gap("exit", format!("ended by itself, {}", ended(line)), t_us) }
            }
            "start" => gap("start", "is being started".to_owned(), t_us),
            "restart" => gap("restart", "restart".to_owned(), t_us),
            "paused" => gap("paused", "frozen by somebody else".to_owned(), t_us),
            "missing" => gap("missing", "removed by somebody else".to_owned(), t_us),
            _ => return None,
        };
        self.ends(node, t_us);
        self.model.nodes[node].gaps.push(gap);
        Some(())
    }

    /// A node's program is there again.
    fn ends(&mut self, node: usize, t_us: u64) {
        if let Some(gap) = self.model.nodes[node].gaps.last_mut().filter(|gap| gap.to_us.is_none()) {
            gap.to_us = Some(t_us.max(gap.from_us));
        }
    }

    /// What the script itself did.
    fn script(&mut self, line: &Value, kind: &str, t_us: u64) -> Option<()> {
        let text = |key: &str| line[key].as_str().map(printable);
        match kind {
            "phase" => self.model.phases.push(Phase { name: text("name")?, from_us: t_us }),
            "note" => {
                let note = Note { t_us, task: text("task").unwrap_or_default(), text: text("message")? };
                self.model.notes.push(note);
            }
            "metric" => self.metric(text("name")?, line["value"].as_f64()?, t_us),
            "check" => self.model.claims.push(claim(line, t_us)?),
            "verdict" | "observe" | "param" => {}
            _ => return None,
        }
        Some(())
    }

    fn metric(&mut self, name: String, value: f64, t_us: u64) {
        let index = *self.metrics.entry(name.clone()).or_insert_with(|| {
            self.model.metrics.push(Metric { name, values: Vec::new() });
            self.model.metrics.len() - 1
        });
        self.model.metrics[index].values.push((t_us, value));
    }

    fn operation(&mut self, line: &Value, what: &str, t_us: u64) -> Option<()> {
        let process = line["process"].as_u64()?;
        let done = match what {
            "invoke" => None,
            "ok" => Some(Done::Ok),
            "fail" => Some(Done::Fail),
            "info" => Some(Done::Info),
            _ => return None,
        };
        let place = self.history;
        self.history += 1;
        match done {
            None => {
                let f = printable(line["f"].as_str().unwrap_or_default());
                self.open.insert(process, self.model.operations.len());
                self.model.operations.push(Operation { f, from_us: t_us, done: None, places: (place, None) });
            }
            Some(done) => {
                let operation = &mut self.model.operations[self.open.remove(&process)?];
                operation.done = Some((t_us.max(operation.from_us), done));
                operation.places.1 = Some(place);
                if let (Done::Fail | Done::Info, Some(error)) = (done, line["error"].as_str()) {
                    let key = (operation.f.clone(), done, printable(&cut(error, 300)));
                    count_error(&mut self.model.errors, key);
                }
            }
        }
        Some(())
    }
}

/// Errors may tell of values, and then each is another one.
fn count_error(errors: &mut BTreeMap<(String, Done, String), usize>, key: (String, Done, String)) {
    const DISTINCT: usize = 1_000;
    let key =
        if errors.len() < DISTINCT || errors.contains_key(&key) { key } else { (key.0, key.1, "(others)".to_owned()) };
    *errors.entry(key).or_default() += 1;
}

fn gap(kind: &'static str, text: String, from_us: u64) -> Gap {
    Gap { kind, text, from_us, to_us: None, log: Vec::new() }
}

fn ended(line: &Value) -> String {
    Ended::deserialize(&line["ended"]).map_or_else(|_| printable(&line["ended"].to_string()), |ended| ended.to_string())
}

fn lines_of(log: &Value) -> Vec<String> {
    log.as_array().into_iter().flatten().filter_map(Value::as_str).map(printable).collect()
}

fn claim(line: &Value, t_us: u64) -> Option<Claim> {
    let outcome = match (line["ok"].as_bool()?, line["unknown"] == true) {
        (_, true) => Outcome::Unknown,
        (true, false) => Outcome::Pass,
        (false, false) => Outcome::Fail,
    };
    let witness = Option::<Witness>::deserialize(&line["details"]["witness"]).ok().flatten().map(Box::new);
    Some(Claim {
        t_us,
        name: printable(line["name"].as_str()?),
        outcome,
        message: printable(line["message"].as_str().unwrap_or_default()),
        details: line["details"].clone(),
        witness,
    })
}
