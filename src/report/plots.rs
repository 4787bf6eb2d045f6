//! Latencies and rates of operations, and what the script measured, below the timeline on its axis.
//!
//! Paths in a box of its own units, stretched to the row's size: their lines keep their width.

use super::chart::row;
use super::load::{Latencies, Middle, latencies, rates};
use super::model::{Done, Metric, Model};
use super::scale::{Scale, united};
use super::text::{grouped, span};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// How many cells the latencies' grid has.
const COLUMNS: usize = 500;
const ROWS: usize = 60;
/// How many bars there are of rates.
const BARS: usize = 120;
/// The heights of rows, pixels.
const HIGH: usize = 132;
const LOW: usize = 84;

/// All plots.
pub(super) fn plots(model: &Model, scale: Scale) -> Markup {
    let faults = model.faults.iter().map(|fault| (fault.from_us, fault.to_us(model.end_us)));
    let behind = html! {
        @for (from_us, to_us) in united(faults.collect()) {
            rect.during x=(scale.at(from_us)) width=(scale.width(from_us, to_us)) y="0" height="100%" {}
        }
    };
    html! {
        @if let Some(found) = latencies(&model.operations, scale, COLUMNS, ROWS) {
            @let (name, drawing) = (html! { "latency" small { "median, 99 %" } }, html! { (behind) (latency(&found)) });
            (row("chart", &name, "latencies of operations; their table has the numbers", HIGH, &drawing))
            @let (name, drawing) = (html! { "outcomes" small { "per second" } }, html! { (behind) (rate(model, scale)) });
            (row("chart", &name, "outcomes of operations; their table has the numbers", LOW, &drawing))
        }
        @for metric in model.metrics.iter().take(50) {
            @let drawing = html! { (behind) (measured(metric, scale)) };
            (row("chart metric", &html! { (metric.name) }, &metric.name, LOW / 2, &drawing))
        }
        @if model.metrics.len() > 50 { p.quiet { (model.metrics.len() - 50) " more metrics are in the journal." } }
    }
}

/// A box with units of its own.
fn stretched(width: usize, height: usize, drawing: &Markup) -> Markup {
    html! {
        svg.stretched viewBox={ "0 0 " (width) " " (height) } preserveAspectRatio="none" width="100%" height="100%" {
            (drawing)
        }
    }
}

fn latency(found: &Latencies) -> Markup {
    let decades = found.decades.1 - found.decades.0;
    let are_many = found.cells.iter().map(BTreeSet::len).sum::<usize>() > 3_000;
    let drawing = html! {
        @for (done, cells) in Done::ALL.iter().zip(&found.cells) {
            @if !cells.is_empty() { path class={ "dots " (done.word()) @if are_many { " many" } } d=(dots(cells)) {} }
        }
        @if found.middle.len() > 1 {
            path.p99 d=(line(&found.middle, 1)) {}
            path.p50 d=(line(&found.middle, 0)) {}
        }
    };
    html! {
        @for decade in 0..=decades {
            @let y = 100.0 * (1.0 - f64::from(decade) / f64::from(decades));
            line.grid x1="0" x2="100%" y1={ (y) "%" } y2={ (y) "%" } {}
        }
        (stretched(2 * COLUMNS, 2 * ROWS, &drawing))
        @for decade in 0..decades {
            @let y = 100.0 * (1.0 - f64::from(decade) / f64::from(decades));
            text.scale x="4" y={ (y) "%" } dy="-3" { (power(found.decades.0 + decade)) }
        }
    }
}

/// From part to part, and broken where one is empty: nobody knows what was in the middle there.
fn line(middle: &[Middle], which: usize) -> String {
    let mut path = String::new();
    let mut last = None;
    for part in middle {
        let goes_on = last == part.part.checked_sub(1) && last.is_some();
        let (mark, end) = if goes_on { ('L', "") } else { ('M', "h0") };
        let _ = write!(path, "{mark}{} {}{end}", 2 * part.column, 2 * (ROWS - part.rows[which]) - 1);
        last = Some(part.part);
    }
    path
}

/// A point for each cell: a line without a length, which ends in half circles.
fn dots<'a>(cells: impl IntoIterator<Item = &'a (usize, usize)>) -> String {
    let mut path = String::new();
    for (column, row) in cells {
        let _ = write!(path, "M{} {}h0", 2 * column + 1, 2 * (ROWS - row) - 1);
    }
    path
}

/// A power of ten of microseconds.
fn power(exponent: u32) -> String {
    match exponent {
        0..3 => format!("{} µs", 10_u64.pow(exponent)),
        3..6 => format!("{} ms", 10_u64.pow(exponent - 3)),
        _ => format!("{} s", 10_u128.pow(exponent.min(24) - 6)),
    }
}

fn rate(model: &Model, scale: Scale) -> Markup {
    let rates = rates(&model.operations, scale, BARS);
    let most = rates.iter().map(|part| part.iter().sum::<usize>()).max().unwrap_or_default().max(1);
    let mut paths = [String::new(), String::new(), String::new()];
    for (index, part) in rates.iter().enumerate() {
        let mut y = most;
        for (path, count) in paths.iter_mut().zip(part).filter(|(_, count)| **count > 0) {
            y -= count;
            let _ = write!(path, "M{} {y}h8v{count}h-8z", 10 * index + 1);
        }
    }
    let a_second = most as f64 * BARS as f64 * 1e6 / model.end_us as f64;
    let drawing = html! {
        @for (done, path) in Done::ALL.iter().zip(&paths) {
            @if !path.is_empty() { path class={ "bars " (done.word()) } d=(path) {} }
        }
    };
    let top = if a_second < 10.0 { format!("{a_second:.1}") } else { grouped(a_second as usize) };
    html! {
        (stretched(10 * BARS, most, &drawing))
        text.scale x="4" y="12" { (top) " /s" }
    }
}

fn measured(metric: &Metric, scale: Scale) -> Markup {
    let finite = metric.values.iter().map(|(_, value)| *value);
    let (least, most) = finite.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)));
    let range = most - least;
    let height =
        |value: f64| if range > 0.0 && range.is_finite() { 38.0 - 36.0 * (value - least) / range } else { 20.0 };
    let mut path = String::new();
    let mut last_part = None;
    for (t_us, value) in &metric.values {
        // As many points as one can see, however many there are.
        let part = scale.part(*t_us, 1_000);
        if last_part.replace(part) != Some(part) {
            let _ = write!(path, "{}{part} {:.1}", if path.is_empty() { 'M' } else { 'L' }, height(*value));
        }
    }
    html! {
        (stretched(1_000, 40, &html! { path.measured d={ (path) "h0" } {} }))
        text.scale x="4" y="12" { (most) }
        text.scale x="4" y="38" { @if least < most { (least) } }
    }
}

/// Spans in a line: median, 99th percentile, longest.
pub(super) fn spans(took_us: [u64; 3]) -> [String; 3] {
    took_us.map(span)
}
