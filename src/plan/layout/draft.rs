//! A table in the making: which treatments packets meet at each hook, and the chains that say so.
//!
//! Where a hook has one treatment and may go again, the treatment's chain is hooked itself: a plain partition is one
//! chain. Where there are several, or where the hook is to stand, it is a chain of jumps to them.

use super::Spelled;
use crate::plan::table::{Base, Chain, Hook, Rule, Table, TableFamily, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// A table whose chains are not there yet.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// What is there.
    pub(super) table: Table,
    /// The treatments by hook, each behind those of a lower rank.
    treatments: BTreeMap<Hook, Treatments>,
}

/// Rules by rank and by the name of their chain.
type Treatments = BTreeMap<(u8, String), Vec<Rule>>;

impl Draft {
    /// Packets meet these rules, as a chain of this name.
    pub(super) fn add(&mut self, hook: Hook, rank: u8, name: String, rules: Vec<Rule>) {
        self.treatments.entry(hook).or_default().insert((rank, name), rules);
    }

    /// The table, with the chains, and with the base chains that are to stand.
    pub(super) fn finish(
        mut self,
        family: TableFamily,
        standing: &BTreeSet<Hook>,
        devices: &BTreeSet<String>,
    ) -> Table {
        for hook in standing.iter().filter(|hook| hook.family() == family) {
            self.treatments.entry(*hook).or_default();
        }
        for (hook, treatments) in self.treatments {
            let bases = bases(hook, devices);
            if treatments.len() == 1 && !standing.contains(&hook) {
                hooked(&mut self.table, &bases, treatments);
            } else {
                led_to(&mut self.table, &bases, treatments);
            }
        }
        self.table
    }
}

/// Each treatment is a base chain. Its name is none of a regular one nor of a chain of jumps: the kernel cannot make the
/// one of the other.
fn hooked(table: &mut Table, bases: &[Base], treatments: Treatments) {
    for ((_, treatment), rules) in treatments {
        for base in bases {
            let chain = Chain { base: Some(base.clone()), rules: rules.clone() };
            table.chains.insert(format!("{}_{treatment}", name(base)), chain);
        }
    }
}

/// Base chains that jump to the treatments, in their order.
fn led_to(table: &mut Table, bases: &[Base], treatments: Treatments) {
    let jump = |chain: &String| Rule { family: None, matches: vec![], verdict: Verdict::Jump(chain.clone()) };
    let jumps: Vec<Rule> = treatments.keys().map(|(_, chain)| jump(chain)).collect();
    for base in bases {
        table.chains.insert(name(base), Chain { base: Some(base.clone()), rules: jumps.clone() });
    }
    let chains = treatments.into_iter().map(|((_, name), rules)| (name, Chain { base: None, rules }));
    table.chains.extend(chains);
}

fn bases(hook: Hook, devices: &BTreeSet<String>) -> Vec<Base> {
    match hook {
        Hook::Departure => devices.iter().map(|device| Base { hook, device: Some(device.clone()) }).collect(),
        _ => vec![Base { hook, device: None }],
    }
}

/// The name of a base chain of jumps, which is none of a regular one.
fn name(base: &Base) -> String {
    let kind = match base.hook {
        Hook::ArrivalShaped => "arriving_shaped",
        Hook::Arrival => "arriving",
        Hook::Sending => "sending",
        Hook::Sorting => "sorting",
        Hook::LeavingShaped => "leaving_shaped",
        Hook::Departure => "leaving",
    };
    base.device.as_ref().map_or(kind.to_owned(), |device| format!("{kind}_by_{}", Spelled(device)))
}
