//! The timeline: rows below each other on one axis of time.
//!
//! Across, everything is placed in percent, so that the page may be of any width, and zooming is no more than making the
//! column wider. Down, everything is in pixels.

use super::lanes;
use super::model::{Claim, Family, FaultSpan, Model, Outcome};
use super::plots;
use super::scale::{Percent, Scale, packed};
use super::text::{count, cut, moment, span};
use maud::{Markup, html};

/// The timeline with its legend.
pub(super) fn chart(model: &Model) -> Markup {
    let scale = Scale::new(model.end_us);
    html! {
        section #timeline aria-labelledby="timeline-title" {
            header.bar {
                h2 #timeline-title { "Timeline" }
                (legend(model))
                div.zoom role="group" aria-label="Zoom" hidden {
                    button type="button" data-zoom="out" aria-label="Zoom out" { "−" }
                    button type="button" data-zoom="all" { "All" }
                    button type="button" data-zoom="in" aria-label="Zoom in" { "+" }
                }
            }
            a.skip href="#faults" { "Skip the drawing: the tables below tell the same as text" }
            div.scroll tabindex="0" role="group" aria-label="The run from left to right" {
                div.plot data-end-us=(model.end_us) {
                    (under(model, scale))
                    (axis(scale))
                    (phases(model, scale))
                    (said(model, scale))
                    (faults(model, scale))
                    (lanes::lanes(model, scale))
                    (plots::plots(model, scale))
                    @if model.nodes.len() + model.metrics.len() > 6 { (axis(scale)) }
                }
            }
            @if model.faults.is_empty() { p.quiet { "No fault was injected." } }
        }
    }
}

/// A row of the timeline: its name, and a drawing as wide as the axis. To who cannot see it, it is what `label` says.
pub(super) fn row(class: &str, name: &Markup, label: &str, height: usize, drawing: &Markup) -> Markup {
    html! {
        div class={ "row " (class) } {
            div.name { (name) }
            svg.lane role="img" aria-label=(label) width="100%" height=(height) { (drawing) }
        }
    }
}

/// A text that ends where its box does.
pub(super) fn clipped(x: Percent, width: Percent, y: usize, height: usize, text: &str) -> Markup {
    html! {
        svg x=(x) y=(y) width=(width) height=(height) aria-hidden="true" {
            text x="5" y=(height * 7 / 10 + 1) { (text) }
        }
    }
}

fn legend(model: &Model) -> Markup {
    let has = |family: Family| model.faults.iter().any(|fault| fault.family == family);
    let families = [
        (Family::Cut, "links cut"),
        (Family::Impairment, "links impaired"),
        (Family::Halt, "program stopped or frozen"),
        (Family::Other, "other faults"),
    ];
    html! {
        ul.legend {
            @for (family, what) in families.iter().filter(|(family, _)| has(*family)) {
                li { i class={ "key " (family.class()) } {} (what) }
            }
            @if !model.operations.is_empty() {
                li { i.key.ok {} "ok" }
                li { i.key.fail {} "fail" }
                li { i.key.info {} "info: nobody knows" }
            }
        }
    }
}

/// Lines behind all rows: round moments, the parts of the script, claims that did not hold.
fn under(model: &Model, scale: Scale) -> Markup {
    let line = |class: &str, t_us: u64| {
        let x = scale.at(t_us);
        html! { line class=(class) x1=(x) x2=(x) y1="0" y2="100%" {} }
    };
    html! {
        svg.under aria-hidden="true" {
            @for (t_us, _) in scale.ticks() { (line("grid", t_us)) }
            @for phase in &model.phases { (line("begins", phase.from_us)) }
            @for claim in model.claims.iter().filter(|claim| claim.outcome == Outcome::Fail).take(200) {
                (line("broken", claim.t_us))
            }
        }
        div.cursor hidden { span {} }
    }
}

fn axis(scale: Scale) -> Markup {
    let drawing = html! {
        @for (index, (t_us, text)) in scale.ticks().into_iter().enumerate() {
            text class=[(index % 2 == 1).then_some("odd")] x=(scale.at(t_us)) dx="4" y="15" { (text) }
        }
    };
    row("axis", &html! {}, "time", 22, &drawing)
}

fn phases(model: &Model, scale: Scale) -> Markup {
    if model.phases.is_empty() {
        return html! {};
    }
    let ends = model.phases.iter().skip(1).map(|phase| phase.from_us).chain([model.end_us]);
    let drawing = html! {
        @for (phase, end_us) in model.phases.iter().zip(ends) {
            @let (x, width) = (scale.at(phase.from_us), scale.width(phase.from_us, end_us));
            @let lasted = span(end_us.saturating_sub(phase.from_us));
            g data-tip={ (phase.name) ": " (moment(phase.from_us)) ", for " (lasted) } {
                rect.phase x=(x) width=(width) y="2" height="18" {}
                (clipped(x, width, 2, 18, &phase.name))
            }
        }
    };
    let names: Vec<&str> = model.phases.iter().map(|phase| phase.name.as_str()).collect();
    row("phases", &html! { "script" }, &format!("parts of the script: {}", names.join(", ")), 22, &drawing)
}

/// What the script said and claimed: a mark for each.
fn said(model: &Model, scale: Scale) -> Markup {
    if model.notes.is_empty() && model.claims.is_empty() {
        return html! {};
    }
    let drawing = html! {
        @for note in model.notes.iter().take(MARKS) {
            @let tip = format!("{}  note: {}", moment(note.t_us), cut(&note.text, 300));
            circle.note cx=(scale.at(note.t_us)) cy="11" r="4" data-tip=(tip) {}
        }
        @for claim in of_interest(&model.claims) { (mark(claim, scale)) }
    };
    let label = format!("{}, {}", count(model.notes.len(), "note"), count(model.claims.len(), "check"));
    row("said", &html! { "notes, checks" }, &label, 22, &drawing)
}

/// As many marks of a kind are drawn; the tables have more.
const MARKS: usize = 1_000;

/// All claims that did not hold, and the first of the others.
pub(super) fn of_interest(claims: &[Claim]) -> impl Iterator<Item = &Claim> {
    let held = |claim: &&Claim| claim.outcome == Outcome::Pass;
    claims.iter().filter(held).take(MARKS).chain(claims.iter().filter(move |claim| !held(claim)))
}

/// A tick, a cross or a question mark.
fn mark(claim: &Claim, scale: Scale) -> Markup {
    let shape = match claim.outcome {
        Outcome::Pass => "M-4 0l3 4 6-8",
        Outcome::Fail => "M-4-4l8 8m0-8l-8 8",
        Outcome::Unknown | Outcome::Error => "M-3-3q0-3 3-3t3 3q0 2-3 3v1m0 3v1",
    };
    let word = claim.outcome.word();
    let tip = format!("{}  {} ({word}): {}", moment(claim.t_us), claim.name, cut(&claim.message, 300));
    html! {
        svg.mark x=(scale.at(claim.t_us)) y="11" data-tip=(tip) {
            circle.halo r="7" {}
            path class=(word) d=(shape) {}
        }
    }
}

/// Each fault once, with what it does to whom; what overlaps stands below each other.
fn faults(model: &Model, scale: Scale) -> Markup {
    if model.faults.is_empty() {
        return html! {};
    }
    let times: Vec<_> = model.faults.iter().map(|fault| (fault.from_us, fault.to_us(model.end_us))).collect();
    let (rows, all) = packed(&times);
    let (shown, height) = match all {
        ..=12 => (all, 22),
        13..=40 => (all, 12),
        _ => (all.min(80), 6),
    };
    let drawing = html! {
        @for (index, (fault, row)) in model.faults.iter().zip(rows).enumerate() {
            (bar(fault, index, (row % shown) * height, height, scale, model.end_us))
        }
    };
    html! {
        div.row.faults {
            div.name { "faults" }
            svg.lane role="group" aria-label="faults" width="100%" height=(shown * height) { (drawing) }
        }
    }
}

fn bar(fault: &FaultSpan, index: usize, y: usize, height: usize, scale: Scale, end_us: u64) -> Markup {
    let to_us = fault.to_us(end_us);
    let (x, width) = (scale.at(fault.from_us), scale.width(fault.from_us, to_us));
    let text = format!("{} {}", fault.id, fault.text);
    let lasted = if fault.healed_us.is_some() {
        format!("for {}", span(to_us - fault.from_us))
    } else {
        "not healed".to_owned()
    };
    html! {
        a href={ "#fault-" (index) } aria-label={ (cut(&text, 200)) ", from " (moment(fault.from_us)) ", " (lasted) } {
            rect class={ "fault " (fault.family.class()) @if fault.failed.is_some() { " failed" } }
                x=(x) width=(width) y=(y + 1) height=(height - 2) rx="2" {}
            @if height > 16 && width.0 > 0.2 { (clipped(x, width, y + 1, height - 2, &cut(&text, 120))) }
        }
    }
}
