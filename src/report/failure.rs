//! Why a run did not pass: its failure at its place in the script, and the claims that did not hold, with all they tell.

use super::model::{Claim, Failure, Model, Outcome};
use super::text::{count, cut, moment, printable};
use super::witness;
use maud::{Markup, html};
use serde_json::Value;

/// As many claims that did not hold are told in full; the table has all of them.
const TOLD: usize = 20;

/// What a person wants to know first; nothing, where all is well.
pub(super) fn failure(model: &Model) -> Markup {
    let broken: Vec<&Claim> = model.claims.iter().filter(|claim| claim.outcome != Outcome::Pass).collect();
    let is_it = |claim: &&Claim| model.failure.as_ref().is_some_and(|failure| failure.is(claim));
    let (the_failure, others): (Vec<&Claim>, Vec<&Claim>) = broken.iter().copied().partition(is_it);
    if model.failure.is_none() && broken.is_empty() && model.leftovers.is_empty() {
        return html! {};
    }
    html! {
        section #failure aria-labelledby="failure-title" {
            h2 #failure-title { "What went wrong" }
            @if let Some(failure) = &model.failure { (of_run(failure, the_failure.first().copied(), model)) }
            @for claim in the_failure.iter().skip(1).chain(&others).take(TOLD) { (of_claim(claim, model)) }
            @if broken.len() > TOLD + 1 {
                p.quiet { (count(broken.len() - TOLD - 1, "more claim")) " did not hold: see the table of checks." }
            }
            @if !model.leftovers.is_empty() {
                div.card.error {
                    h3 { "Left behind: the clean-up failed" }
                    ul { @for leftover in &model.leftovers { li { (leftover) } } }
                }
            }
        }
    }
}

/// The run's failure, with what the claim tells that it is about.
fn of_run(failure: &Failure, claim: Option<&Claim>, model: &Model) -> Markup {
    html! {
        div class={ "card " (model.head.verdict.word()) } {
            p.message { (failure.message) }
            @if let Some((line, column)) = failure.place {
                p.place { code { (failure.file) ":" (line) ":" (column) } }
                (excerpt(failure, line, column, model))
            }
            @if let Some(claim) = claim { (told(claim, model)) }
            @if !failure.signature.is_empty() { p.quiet { "Signature: " code { (failure.signature) } } }
        }
    }
}

/// The lines around the place, if it is one of the script.
fn excerpt(failure: &Failure, line: usize, column: usize, model: &Model) -> Markup {
    let is_script = failure.file == model.head.script;
    let first = line.saturating_sub(4);
    let lines: Vec<(usize, &str)> = model.texts.script.lines().enumerate().skip(first).take(line + 1 - first).collect();
    html! {
        @if is_script && lines.len() > line.saturating_sub(first + 1) {
            pre.excerpt {
                @for (index, text) in lines {
                    @let number = index + 1;
                    span class=[(number == line).then_some("here")] { i { (format!("{number:>4} ")) } (text) "\n" }
                    @if number == line { span.caret { i { "     " } (" ".repeat(column.clamp(1, 500) - 1)) "^\n" } }
                }
            }
        }
    }
}

fn of_claim(claim: &Claim, model: &Model) -> Markup {
    html! {
        div class={ "card " (claim.outcome.word()) } {
            h3 {
                code { (claim.name) } " "
                span class={ "word " (claim.outcome.word()) } { (claim.outcome.word()) } " at " (moment(claim.t_us))
            }
            @if !claim.message.is_empty() { p.message { (claim.message) } }
            (told(claim, model))
        }
    }
}

fn told(claim: &Claim, model: &Model) -> Markup {
    html! {
        @if let Some(witness) = &claim.witness { (witness::witness(witness, model)) }
        (details(&claim.details))
    }
}

/// What stands elsewhere already, or is drawn.
const TOLD_ELSEWHERE: [&str; 3] = ["message", "verdict", "witness"];

/// What a claim tells beside its message.
fn details(details: &Value) -> Markup {
    match details {
        Value::Null => html! {},
        Value::Object(map) => html! {
            details open[map.len() < 12] {
                summary { "Details" }
                dl.details {
                    @for (key, value) in map.iter().filter(|(key, _)| !TOLD_ELSEWHERE.contains(&key.as_str())) {
                        dt { (printable(key)) }
                        dd { (detail(value)) }
                    }
                }
            }
        },
        other => html! { p { code { (cut(&printable(&other.to_string()), 2_000)) } } },
    }
}

fn detail(value: &Value) -> Markup {
    const SHOWN: usize = 100;
    match value {
        Value::Array(list) => {
            let texts: Vec<String> = list.iter().take(SHOWN).map(plain).collect();
            html! {
                b { (list.len()) }
                @if !list.is_empty() {
                    ": " code { (texts.join(", ")) @if list.len() > SHOWN { ", …" } }
                }
            }
        }
        Value::Object(map) => {
            let texts: Vec<String> =
                map.iter().take(SHOWN).map(|(key, value)| format!("{} {}", printable(key), plain(value))).collect();
            html! { code { (texts.join(", ")) } }
        }
        other => html! { code { (plain(other)) } },
    }
}

fn plain(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    cut(&printable(&text), 1_000)
}
