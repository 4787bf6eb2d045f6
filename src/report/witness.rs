//! What no order explains, drawn: the operation, and those that were under way beside it.

use super::model::{Model, Operation};
use super::scale::Scale;
use super::text::{count, moment, printable};
use crate::checker::{Told, Witness};
use maud::{Markup, html};

/// The witness in words, as bars on an axis of its own.
pub(super) fn witness(witness: &Witness, model: &Model) -> Markup {
    let told = told(witness);
    let timed: Vec<_> = told.iter().map(|(role, told)| (*role, *told, operation(told, model))).collect();
    html! {
        div.witness {
            p { "No order of the operations explains " b { code { (words(&witness.operation)) } } "." }
            @if !witness.states.is_empty() {
                p { "Before it, the object can have held " @for (index, state) in witness.states.iter().enumerate() {
                    @if index > 0 { " or " } code { (printable(state)) }
                } "." }
            }
            (bars(&timed))
            p.quiet {
                "The first " (count(witness.events, "event")) " of the history cannot be explained; without the last of "
                "them, they can."
                @if !witness.is_shortest { " The time ran out before it was certain that none is shorter." }
                " Numbers of events are lines of " code { "history.jsonl" } ", from 0."
            }
        }
    }
}

/// The operations of a witness, each with its part in it.
fn told(witness: &Witness) -> Vec<(&'static str, &Told)> {
    let mut all = vec![("unexplained", &witness.operation)];
    all.extend(witness.failed.as_ref().map(|failed| ("since", failed)));
    all.extend(witness.concurrent.iter().map(|other| ("under way", other)));
    all
}

fn words(told: &Told) -> String {
    let key = if told.key.is_null() { String::new() } else { format!(", key {}", told.key) };
    printable(&format!("{}{key}", told.words()))
}

/// The operation that is told of: it was invoked at the same place of the history.
fn operation<'a>(told: &Told, model: &'a Model) -> Option<&'a Operation> {
    let found = model.operations.binary_search_by_key(&told.invoked, |operation| operation.places.0);
    found.ok().map(|index| &model.operations[index])
}

fn bars(timed: &[(&'static str, &Told, Option<&Operation>)]) -> Markup {
    let known = || timed.iter().filter_map(|(_, _, operation)| *operation);
    let from_us = known().map(|operation| operation.from_us).min().unwrap_or_default();
    let ends = known().map(|operation| operation.done.map_or(operation.from_us, |(t_us, _)| t_us));
    let to_us = ends.max().unwrap_or_default().max(from_us + 1);
    let scale = Scale::new(to_us - from_us);
    html! {
        table.witness {
            thead { tr { th { "operation" } th { "process" } th { "events" } th { "from" } th { "to" } th.wide { "" } } }
            tbody {
                @for (role, told, operation) in timed {
                    tr class=[(*role == "unexplained").then_some("here")] {
                        td { code { (words(told)) } " " small { (role) } }
                        td { (printable(&told.process.to_string())) }
                        td { (told.invoked) @if let Some(completed) = told.completed { "–" (completed) } @else { "–" } }
                        td { @if let Some(operation) = operation { (moment(operation.from_us)) } }
                        td { (operation.and_then(|operation| operation.done).map_or("never".to_owned(), |(t_us, _)| moment(t_us))) }
                        td.wide { @if let Some(operation) = operation { (bar(operation, from_us, to_us, scale)) } }
                    }
                }
            }
        }
    }
}

fn bar(operation: &Operation, from_us: u64, to_us: u64, scale: Scale) -> Markup {
    let (begin, end) = (operation.from_us - from_us, operation.done.map_or(to_us, |(t_us, _)| t_us) - from_us);
    let word = operation.done.map_or("info", |(_, done)| done.word());
    html! {
        svg width="100%" height="12" aria-hidden="true" {
            rect class={ "took " (word) } x=(scale.at(begin)) width=(scale.width(begin, end)) y="1" height="10" rx="2" {}
        }
    }
}
