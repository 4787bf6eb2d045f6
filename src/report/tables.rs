//! The same as the drawing, as text: for who reads with the ears, searches, or copies.

use super::chart::of_interest;
use super::load;
use super::model::{FaultSpan, Model};
use super::plots;
use super::text::{count, cut, grouped, moment, span};
use maud::{Markup, html};
use std::cmp::Reverse;

/// As many rows has a table of what a script may do without end.
const ROWS: usize = 2_000;

/// All tables.
pub(super) fn tables(model: &Model) -> Markup {
    html! {
        (faults(model))
        (operations(model))
        (errors(model))
        (checks(model))
        (nodes(model))
        (notes(model))
        (metrics(model))
    }
}

fn table(id: &str, title: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        section id=(id) aria-labelledby={ (id) "-title" } {
            h2 id={ (id) "-title" } { (title) }
            div.scroll tabindex="0" role="group" aria-labelledby={ (id) "-title" } {
                table {
                    thead { tr { @for head in heads { th scope="col" { (head) } } } }
                    tbody { (rows) }
                }
            }
        }
    }
}

fn more(all: usize, shown: usize) -> Markup {
    html! { @if all > shown { p.quiet { (grouped(all - shown)) " more are in journal.jsonl." } } }
}

fn faults(model: &Model) -> Markup {
    let rows = html! {
        @for (index, fault) in model.faults.iter().enumerate() { (fault_row(fault, index)) }
        @if model.faults.is_empty() { tr { td colspan="6" { "none" } } }
    };
    table("faults", "Faults", &["", "what and whom", "from", "until", "lasted", "by"], &rows)
}

fn fault_row(fault: &FaultSpan, index: usize) -> Markup {
    html! {
        tr id={ "fault-" (index) } {
            th scope="row" { i class={ "key " (fault.family.class()) } {} (fault.id) }
            td.what { (fault.text) @if let Some(error) = &fault.failed { br; b { "could not be injected: " } (error) } }
            td { (moment(fault.from_us)) }
            td { @match fault.healed_us { Some(t_us) => (moment(t_us)), None => "not healed" } }
            td { @if let Some(t_us) = fault.healed_us { (span(t_us - fault.from_us)) } }
            td { (fault.task) }
        }
    }
}

fn operations(model: &Model) -> Markup {
    if model.operations.is_empty() {
        return html! {};
    }
    let sums = load::sums(&model.operations);
    let rows = html! {
        @for (f, sums) in sums.iter().take(ROWS) {
            tr {
                th scope="row" { code { (f) } }
                @for number in sums.done { td.number { (grouped(number)) } }
                td.number { (grouped(sums.open)) }
                @match sums.took_us {
                    Some(took_us) => { @for text in plots::spans(took_us) { td.number { (text) } } }
                    None => { td {} td {} td {} }
                }
            }
        }
    };
    let heads = ["operation", "ok", "fail", "info", "never came out", "median", "99 %", "longest"];
    html! { (table("operations", "Operations", &heads, &rows)) (more(sums.len(), ROWS)) }
}

/// Why operations were not done, the most frequent first.
fn errors(model: &Model) -> Markup {
    const SHOWN: usize = 100;
    if model.errors.is_empty() {
        return html! {};
    }
    let mut errors: Vec<_> = model.errors.iter().collect();
    errors.sort_by_key(|(_, count)| Reverse(**count));
    let rows = html! {
        @for ((f, done, error), count) in errors.iter().take(SHOWN) {
            tr {
                td.number { (grouped(**count)) }
                td { i class={ "key " (done.word()) } {} (done.word()) }
                td { code { (f) } }
                td.what { (error) }
            }
        }
    };
    html! {
        (table("errors", "Errors of operations", &["times", "", "operation", "error"], &rows))
        (more(errors.len(), SHOWN))
    }
}

fn checks(model: &Model) -> Markup {
    if model.claims.is_empty() {
        return html! {};
    }
    let shown: Vec<_> = of_interest(&model.claims).take(ROWS).collect();
    let rows = html! {
        @for claim in &shown {
            tr {
                td { span class={ "word " (claim.outcome.word()) } { (claim.outcome.word()) } }
                td { (moment(claim.t_us)) }
                td { code { (claim.name) } }
                td.what { (cut(&claim.message, 2_000)) }
            }
        }
    };
    html! {
        (table("checks", "Checks", &["", "at", "check", "what"], &rows))
        (more(model.claims.len(), shown.len()))
    }
}

fn nodes(model: &Model) -> Markup {
    let mut gaps: Vec<_> =
        model.nodes.iter().flat_map(|node| node.gaps.iter().map(move |gap| (gap.from_us, node, gap))).collect();
    gaps.sort_by_key(|(from_us, ..)| *from_us);
    if gaps.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for (from_us, node, gap) in gaps.iter().take(ROWS) {
            tr {
                td { (moment(*from_us)) }
                th scope="row" { (node.name) }
                td.what { (gap.text) @if !gap.log.is_empty() { pre { (cut(&gap.log.join("\n"), 4_000)) } } }
                td { @match gap.to_us { Some(t_us) => (moment(t_us)), None => "" } }
            }
        }
    };
    html! {
        (table("nodes", "Nodes: starts, restarts, exits", &["at", "node", "what", "up again"], &rows))
        (more(gaps.len(), ROWS))
    }
}

fn notes(model: &Model) -> Markup {
    if model.notes.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for note in model.notes.iter().take(ROWS) {
            tr { td { (moment(note.t_us)) } td { (note.task) } td.what { (cut(&note.text, 2_000)) } }
        }
    };
    html! { (table("notes", "Notes", &["at", "by", "what"], &rows)) (more(model.notes.len(), ROWS)) }
}

fn metrics(model: &Model) -> Markup {
    if model.metrics.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for metric in model.metrics.iter().take(ROWS) {
            @let values = metric.values.iter().map(|(_, value)| *value);
            tr {
                th scope="row" { (metric.name) }
                td { (count(metric.values.len(), "value")) }
                td.number { (values.clone().fold(f64::INFINITY, f64::min)) }
                td.number { (values.fold(f64::NEG_INFINITY, f64::max)) }
                td.number { @if let Some((_, last)) = metric.values.last() { (last) } }
            }
        }
    };
    html! {
        (table("metrics", "Metrics", &["metric", "", "least", "most", "last"], &rows))
        (more(model.metrics.len(), ROWS))
    }
}
