//! The faults of a journal: what each did, to whom, from when to when.

use super::model::{Family, FaultSpan, Touch};
use super::read::Reader;
use super::text::{moment, printable};
use crate::fault::{Fault, Party};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

impl Reader {
    /// Reads a line of a fault.
    pub(super) fn fault(&mut self, line: &Value, what: &str, t_us: u64) -> Option<()> {
        let id = line["id"].as_str()?;
        if what == "inject" {
            let span = self.injected(line, id, t_us);
            self.faults.insert(id.to_owned(), self.model.faults.len());
            self.model.faults.push(span);
            return Some(());
        }
        let span = &mut self.model.faults[*self.faults.get(id)?];
        let t_us = t_us.max(span.from_us);
        match what {
            "active" => span.active_us = Some(t_us),
            "failed" => {
                span.failed = Some(printable(line["error"].as_str().unwrap_or("without a reason")));
                span.healed_us = Some(t_us);
            }
            "narrow" => {
                if let Ok(left) = Fault::deserialize(&line["fault"]) {
                    span.text.push_str(&printable(&format!("; from {} only {left}", moment(t_us))));
                }
            }
            "heal" | "narrowed" => {}
            "healed" => span.healed_us = Some(t_us),
            _ => return None,
        }
        Some(())
    }

    fn injected(&mut self, line: &Value, id: &str, from_us: u64) -> FaultSpan {
        let (family, text, touches) = match Fault::deserialize(&line["fault"]) {
            Ok(fault) => (Family::of(&fault), fault.to_string(), self.touches(&fault)),
            // Of a later version: at least it shows what stands there.
            Err(_) => (Family::Other, line["fault"].to_string(), Vec::new()),
        };
        FaultSpan {
            id: printable(id),
            family,
            text: printable(&text),
            task: printable(line["task"].as_str().unwrap_or_default()),
            from_us,
            active_us: None,
            healed_us: None,
            failed: None,
            touches,
        }
    }

    /// Whom a fault touches, in the cluster's order.
    fn touches(&mut self, fault: &Fault) -> Vec<Touch> {
        for name in fault.names() {
            self.node(name);
        }
        let mut parts = Parts::default();
        match fault {
            Fault::Partition { groups } => {
                for (index, group) in groups.iter().enumerate() {
                    group.iter().filter_map(|name| self.known(name)).for_each(|node| parts.add(node, &letter(index)));
                }
                let others: Vec<usize> =
                    (0..self.model.nodes.len()).filter(|node| !parts.0.contains_key(node)).collect();
                for node in others {
                    parts.add(node, &letter(groups.len()));
                }
            }
            Fault::OneWay { source, target } => {
                self.nodes_of(source).for_each(|node| parts.add(node, "sends"));
                self.nodes_of(target).for_each(|node| parts.add(node, "receives"));
            }
            Fault::Block { links } | Fault::Reject { links } | Fault::Degrade { links, .. } => {
                self.nodes_of(links.pairs.iter().map(|(source, _)| source)).for_each(|node| parts.add(node, "out"));
                self.nodes_of(links.pairs.iter().map(|(_, target)| target)).for_each(|node| parts.add(node, "in"));
            }
            Fault::Isolate { nodes } | Fault::Pause { nodes } | Fault::Stop { nodes } | Fault::Kill { nodes, .. } => {
                nodes.iter().filter_map(|name| self.known(name)).for_each(|node| parts.add(node, ""));
            }
        }
        parts.touches()
    }

    fn nodes_of<'a>(&'a self, parties: impl IntoIterator<Item = &'a Party>) -> impl Iterator<Item = usize> {
        parties.into_iter().filter_map(|party| match party {
            Party::Node(name) => self.known(name),
            Party::World => None,
        })
    }
}

/// The parts that nodes have in a fault.
#[derive(Default)]
struct Parts(BTreeMap<usize, Vec<String>>);

impl Parts {
    fn add(&mut self, node: usize, part: &str) {
        let parts = self.0.entry(node).or_default();
        if !parts.iter().any(|other| other == part) {
            parts.push(part.to_owned());
        }
    }

    fn touches(self) -> Vec<Touch> {
        self.0.into_iter().map(|(node, parts)| Touch { node, part: parts.join(" + ") }).collect()
    }
}

/// What a group of a partition is called: A, B, … Z, then by number.
fn letter(index: usize) -> String {
    u8::try_from(index)
        .ok()
        .filter(|index| *index < 26)
        .map_or_else(|| format!("group {}", index + 1), |index| char::from(b'A' + index).to_string())
}
