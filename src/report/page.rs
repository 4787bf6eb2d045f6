//! The page as a whole.
//!
//! Its policy names its own style and its own script by their fingerprints: whatever else gets onto the page, it cannot be
//! run, and nothing can be fetched.

use super::chart::chart;
use super::failure::failure;
use super::model::{Head, Model, Texts};
use super::tables::tables;
use super::text::{count, span};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The report as HTML, one file.
#[must_use]
pub fn page(model: &Model) -> String {
    let head = &model.head;
    let title = format!("{} {} seed {}", head.verdict.word().to_uppercase(), base_name(&head.script), head.seed);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (top(model))
                    (failure(model))
                    (chart(model))
                    (commands(&model.texts))
                    (tables(model))
                    (texts(&model.texts))
                    (foot(model))
                }
                div #tip role="status" hidden {}
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn policy() -> String {
    let fingerprint = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'",
        fingerprint(STYLE),
        fingerprint(SCRIPT)
    )
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn top(model: &Model) -> Markup {
    let Head { script, verdict, runtime, is_cut_off, .. } = &model.head;
    html! {
        header.top {
            p.brand { "blockade report" }
            h1 {
                span class={ "verdict " @if *is_cut_off { "cut-off" } @else { (verdict.word()) } } {
                    @if *is_cut_off { "cut off" } @else { (verdict.word()) }
                }
                span { (base_name(script)) }
            }
            @if *is_cut_off {
                p.card.unknown {
                    "This run was cut off, or is still going on: its journal ends at " (span(model.end_us))
                    ", before the run did. What came later is not known, and what is drawn to the right edge may have ended earlier."
                }
            }
            @if runtime == "sim" { p.quiet { "Simulated: no real node was involved." } }
            (facts(model))
        }
    }
}

fn facts(model: &Model) -> Markup {
    let head = &model.head;
    let facts = [
        ("seed", head.seed.clone()),
        ("runtime", head.runtime.clone()),
        ("nodes", model.nodes.len().to_string()),
        ("duration", span(model.end_us)),
        ("faults", model.faults.len().to_string()),
        ("operations", operations(model)),
        ("started", head.started.clone()),
        ("script", head.script.clone()),
        ("options", head.options.join(", ")),
        ("kernel", head.kernel.clone()),
        ("blockade", head.version.clone()),
    ];
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

fn operations(model: &Model) -> String {
    if model.operations.is_empty() {
        return String::new();
    }
    let mut counts = [0_usize; 3];
    let done = || model.operations.iter().filter_map(|operation| operation.done);
    done().for_each(|(_, done)| counts[done as usize] += 1);
    let open = model.operations.len() - counts.iter().sum::<usize>();
    let mut text = format!("{} ok, {} fail, {} info", counts[0], counts[1], counts[2]);
    if open > 0 {
        let _ = write!(text, ", {open} never came out"); // writing to a String cannot fail
    }
    text
}

fn commands(texts: &Texts) -> Markup {
    html! {
        section #again aria-labelledby="again-title" {
            h2 #again-title { "See it again" }
            @for (what, command) in &texts.commands {
                div.command { p { (what) } pre { code { (command) } button.copy type="button" hidden { "Copy" } } }
            }
            @if let Some(minimal) = &texts.minimal {
                h3 { "minimal.rhai: the smallest schedule that was found to fail" }
                pre.source { code { (minimal) } }
            }
        }
    }
}

fn texts(texts: &Texts) -> Markup {
    html! {
        section #sources aria-labelledby="sources-title" {
            h2 #sources-title { "Script and cluster" }
            details { summary { "script.rhai" } pre.source { code { (texts.script) } } }
            details { summary { "cluster.yaml" } pre.source { code { (texts.cluster) } } }
        }
    }
}

fn foot(model: &Model) -> Markup {
    html! {
        footer {
            @if model.unknown_lines > 0 {
                p { (count(model.unknown_lines, "line")) " of the journal: of no kind that this version can tell." }
            }
            p { "Made by blockade " (model.head.told_by) " from journal.jsonl, which has every detail." }
        }
    }
}
