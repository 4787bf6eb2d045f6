//! A table in the making: regular chains, and which of them packets go through at each hook.

use super::Spelled;
use crate::plan::table::{Base, Chain, Hook, Rule, Table, TableFamily, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// A table whose base chains are not there yet.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What is there.
    pub(super) table: Table,
    /// Regular chains by hook, each behind those of a lower rank.
    jumps: BTreeMap<Hook, BTreeSet<(u8, String)>>,
}

impl Draft {
    /// Packets go through a chain of these rules.
    pub(super) fn add(&mut self, hook: Hook, rank: u8, name: String, rules: Vec<Rule>) {
        self.jumps.entry(hook).or_default().insert((rank, name.clone()));
        self.table.chains.insert(name, Chain { base: None, rules });
    }

    /// The table, with the base chains that lead to the others, and with those that are to stand.
    pub(super) fn finish(
        mut self,
        family: TableFamily,
        standing: &BTreeSet<Hook>,
        devices: &BTreeSet<String>,
    ) -> Table {
        for hook in standing.iter().filter(|hook| hook.family() == family) {
            self.jumps.entry(*hook).or_default();
        }
        for (hook, jumps) in self.jumps {
            let jump = |(_, chain): (u8, String)| Rule { family: None, matches: vec![], verdict: Verdict::Jump(chain) };
            let rules: Vec<Rule> = jumps.into_iter().map(jump).collect();
            for base in bases(hook, devices) {
                self.table.chains.insert(name(&base), Chain { base: Some(base), rules: rules.clone() });
            }
        }
        self.table
    }
}

fn bases(hook: Hook, devices: &BTreeSet<String>) -> Vec<Base> {
    match hook {
        Hook::Departure => devices.iter().map(|device| Base { hook, device: Some(device.clone()) }).collect(),
        _ => vec![Base { hook, device: None }],
    }
}

/// A base chain's name, which is none of a regular one.
fn name(base: &Base) -> String {
    let kind = match base.hook {
        Hook::ArrivalShaped => "arriving_shaped",
        Hook::Arrival => "arriving",
        Hook::Sorting => "sorting",
        Hook::LeavingShaped => "leaving_shaped",
        Hook::Departure => "leaving",
    };
    base.device.as_ref().map_or(kind.to_owned(), |device| format!("{kind}_by_{}", Spelled(device)))
}
