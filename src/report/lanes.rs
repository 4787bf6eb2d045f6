//! A lane for each node: above, its program; below, the faults of links that touch it.

use super::chart::{clipped, row};
use super::model::{Family, FaultSpan, Gap, Model, Node, Touch};
use super::scale::{Scale, packed, united};
use super::text::{count, moment, span};
use maud::{Markup, html};

/// The height of a program's track, pixels.
const PROGRAM: usize = 20;
/// The height of a track of faults, pixels.
const TRACK: usize = 13;
/// More bands than these, in all lanes together, are drawn as what they cover, without saying whose each is.
const BANDS: usize = 5_000;

/// A fault that touches a node: its place among all, and the node's part in it.
type Touched<'a> = (usize, &'a FaultSpan, &'a Touch);

/// All nodes' lanes.
pub(super) fn lanes(model: &Model, scale: Scale) -> Markup {
    let mut of_node: Vec<Vec<Touched<'_>>> = vec![Vec::new(); model.nodes.len()];
    for (index, fault) in model.faults.iter().enumerate() {
        for touch in &fault.touches {
            of_node[touch.node].push((index, fault, touch));
        }
    }
    let are_many = of_node.iter().map(Vec::len).sum::<usize>() > BANDS;
    html! {
        @for (node, touched) in model.nodes.iter().zip(of_node) { (lane(node, touched, are_many, scale, model)) }
    }
}

fn lane(node: &Node, touched: Vec<Touched<'_>>, are_many: bool, scale: Scale, model: &Model) -> Markup {
    let (halts, cuts): (Vec<_>, Vec<_>) = touched.into_iter().partition(|(_, fault, _)| fault.family == Family::Halt);
    let (height, tracks) =
        if are_many { covered(&cuts, scale, model.end_us) } else { bands(&cuts, scale, model.end_us) };
    let drawing = html! {
        (tracks)
        line.alive x1=(scale.at(model.up_us.unwrap_or_default())) x2="100%" y1="10" y2="10" {}
        @for gap in &node.gaps { (absent(gap, scale, model.end_us)) }
        @for (index, fault, _) in &halts { (halt(fault, *index, scale, model.end_us)) }
        @for gap in &node.gaps { (event(gap, scale)) }
    };
    let label = format!(
        "{}: {} and {} of its program, {} of its links",
        node.name,
        count(halts.len(), "fault"),
        count(node.gaps.len(), "event"),
        count(cuts.len(), "fault")
    );
    row("node", &html! { (node.name) }, &label, PROGRAM + height + 2, &drawing)
}

/// A band for each fault, in tracks below the program's; how high all are.
fn bands(faults: &[Touched<'_>], scale: Scale, end_us: u64) -> (usize, Markup) {
    let times: Vec<_> = faults.iter().map(|(_, fault, _)| (fault.from_us, fault.to_us(end_us))).collect();
    let (tracks, count) = packed(&times);
    let shown = count.min(4);
    let drawing = html! {
        @for ((index, fault, touch), track) in faults.iter().zip(tracks) {
            @let y = PROGRAM + (track % shown.max(1)) * TRACK;
            @let to_us = fault.to_us(end_us);
            @let (x, width) = (scale.at(fault.from_us), scale.width(fault.from_us, to_us));
            a href={ "#fault-" (index) } tabindex="-1" aria-hidden="true" {
                rect class={ "band " (fault.family.class()) (group(touch)) } x=(x) width=(width) y=(y) height=(TRACK - 1) {}
                @if width.0 > 0.2 && !touch.part.is_empty() { (clipped(x, width, y, TRACK - 1, &touch.part)) }
            }
        }
    };
    (shown * TRACK, drawing)
}

/// The group's colour, of a partition.
fn group(touch: &Touch) -> &'static str {
    match touch.part.as_str() {
        "A" => " group-a",
        "B" => " group-b",
        "C" => " group-c",
        "D" => " group-d",
        _ => "",
    }
}

/// When some fault of a family touches the node.
fn covered(faults: &[Touched<'_>], scale: Scale, end_us: u64) -> (usize, Markup) {
    let families: Vec<_> = [Family::Cut, Family::Impairment]
        .into_iter()
        .map(|family| {
            let of_it = faults.iter().filter(|(_, fault, _)| fault.family == family);
            (family, united(of_it.map(|(_, fault, _)| (fault.from_us, fault.to_us(end_us))).collect()))
        })
        .filter(|(_, times)| !times.is_empty())
        .collect();
    let drawing = html! {
        @for (track, (family, times)) in families.iter().enumerate() {
            @for (from_us, to_us) in times {
                rect class={ "band " (family.class()) } x=(scale.at(*from_us)) width=(scale.width(*from_us, *to_us))
                    y=(PROGRAM + track * TRACK) height=(TRACK - 1) {}
            }
        }
    };
    (families.len() * TRACK, drawing)
}

/// A fault that stops or freezes the program.
fn halt(fault: &FaultSpan, index: usize, scale: Scale, end_us: u64) -> Markup {
    let to_us = fault.to_us(end_us);
    let (x, width) = (scale.at(fault.from_us), scale.width(fault.from_us, to_us));
    let word = fault.text.split(' ').next().unwrap_or_default();
    html! {
        a href={ "#fault-" (index) } tabindex="-1" aria-hidden="true" {
            rect class={ "fault halt" @if fault.failed.is_some() { " failed" } } x=(x) width=(width) y="3" height="14" rx="2" {}
            @if width.0 > 0.2 { (clipped(x, width, 3, 14, word)) }
        }
    }
}

/// A time without a program.
fn absent(gap: &Gap, scale: Scale, end_us: u64) -> Markup {
    let to_us = gap.to_us.unwrap_or(end_us).max(gap.from_us);
    let (x, width) = (scale.at(gap.from_us), scale.width(gap.from_us, to_us));
    html! {
        g data-tip={ (moment(gap.from_us)) "  " (gap.text) ", for " (span(to_us - gap.from_us)) } {
            rect class={ "gap " (gap.kind) } x=(x) width=(width) y="3" height="14" rx="2" {}
        }
    }
}

/// What happened to the program, as a mark that is seen however short it was.
fn event(gap: &Gap, scale: Scale) -> Markup {
    let shape = match gap.kind {
        "exit" | "missing" => "M-4-4l8 8m0-8l-8 8",
        "paused" => "M-2-4v8m4-8v8",
        "start" => "M-3-4l7 4-7 4z",
        _ => "M3-3a4 4 0 1 0 1 4m0-6v3h-3",
    };
    html! {
        svg.mark x=(scale.at(gap.from_us)) y="10" data-tip={ (moment(gap.from_us)) "  " (gap.text) } {
            circle.halo r="7" {}
            path class=(gap.kind) d=(shape) {}
        }
    }
}
