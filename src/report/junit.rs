//! JUnit's XML, for CI: a test case for each claim of the script, and one for the run itself.
//!
//! A claim or a run that is unknown is an `error`, not `skipped`: CI passes over what was skipped, but what cannot be said
//! is never a pass (exit code 5). So is a run that was cut off, and one whose clean-up failed.

use super::chart::of_interest;
use super::model::{Claim, Failure, Model, Outcome};
use super::text::cut;
use maud::{Markup, PreEscaped, html};
use std::collections::HashMap;

/// What CI is told of one thing.
struct Case {
    name: String,
    seconds: f64,
    outcome: Outcome,
    /// In a line.
    message: String,
    /// All of it.
    text: String,
}

/// The report as JUnit's XML.
#[must_use]
pub fn junit(model: &Model) -> String {
    let cases = cases(model);
    let failures = cases.iter().filter(|case| case.outcome == Outcome::Fail).count();
    let errors = cases.iter().filter(|case| matches!(case.outcome, Outcome::Error | Outcome::Unknown)).count();
    let (head, seconds) = (&model.head, model.end_us as f64 / 1e6);
    let suite = format!("{} seed {}", head.script, head.seed);
    let properties = [
        ("seed", &head.seed),
        ("runtime", &head.runtime),
        ("blockade", &head.version),
        ("options", &head.options.join(", ")),
    ];
    let xml = html! {
        testsuites tests=(cases.len()) failures=(failures) errors=(errors) time=(seconds) {
            "\n  "
            testsuite name=(suite) tests=(cases.len()) failures=(failures) errors=(errors) skipped="0" time=(seconds)
                timestamp=[timestamp(&head.started)] {
                "\n    "
                properties { @for (name, value) in properties { property name=(name) value=(value) {} } }
                @for case in &cases { "\n    " (element(case, &head.script)) }
                "\n    "
                system-out { (commands(model)) }
                "\n  "
            }
            "\n"
        }
    };
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", xml.into_string())
}

/// JUnit knows no time zone.
fn timestamp(started: &str) -> Option<&str> {
    started.get(..19)
}

fn cases(model: &Model) -> Vec<Case> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut cases = vec![of_run(model)];
    for claim in of_interest(&model.claims) {
        let mut case = of_claim(claim, model.failure.as_ref());
        let count = seen.entry(case.name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            // CI tells cases apart by their names.
            case.name = format!("{} #{count}", case.name);
        }
        cases.push(case);
    }
    cases
}

/// The run itself.
fn of_run(model: &Model) -> Case {
    let failure = model.failure.as_ref();
    let (outcome, message) = match (model.head.is_cut_off, model.head.verdict, failure) {
        (true, ..) => (Outcome::Error, "the run was cut off before its end".to_owned()),
        (_, Outcome::Pass, _) if !model.leftovers.is_empty() => (Outcome::Error, model.leftovers.join("; ")),
        (_, outcome, Some(failure)) => (outcome, failure.message.clone()),
        (_, outcome, None) => (outcome, String::new()),
    };
    let mut text = format!("{}{message}\n", place(failure));
    let leftovers = model.leftovers.iter().map(|leftover| format!("left behind: {leftover}"));
    text.push_str(&leftovers.collect::<Vec<_>>().join("\n"));
    Case { name: "run".to_owned(), seconds: model.end_us as f64 / 1e6, outcome, message, text }
}

fn of_claim(claim: &Claim, failure: Option<&Failure>) -> Case {
    let what = if claim.message.is_empty() { claim.name.clone() } else { format!("{}: {}", claim.name, claim.message) };
    // The journal has no places of claims; of the one that failed the run, the result has it.
    let failure = failure.filter(|failure| failure.is(claim));
    let details = if claim.details.is_null() { String::new() } else { claim.details.to_string() };
    let text = format!("{}{what}\n{}", place(failure), super::text::printable(&cut(&details, 4_000)));
    // A message may be long, and may hold numbers of this run alone; a name is to be a line.
    let name = cut(what.lines().next().unwrap_or_default(), 200);
    Case { name, seconds: 0.0, outcome: claim.outcome, message: claim.message.clone(), text }
}

/// `FILE:LINE:COLUMN: `, where there is a place.
fn place(failure: Option<&Failure>) -> String {
    let place = failure.and_then(|failure| failure.place.map(|place| (failure, place)));
    place.map_or(String::new(), |(failure, (line, column))| format!("{}:{line}:{column}: ", failure.file))
}

fn element(case: &Case, script: &str) -> Markup {
    let message = one_line(&case.message);
    html! {
        testcase name=(one_line(&case.name)) classname=(script) time=(case.seconds) {
            @match case.outcome {
                Outcome::Pass => {}
                Outcome::Fail => { failure type="fail" message=(message) { (case.text) } }
                Outcome::Unknown => { error type="unknown" message=(message) { (case.text) } }
                Outcome::Error => { error type="error" message=(message) { (case.text) } }
            }
        }
    }
}

/// A reader of XML makes spaces of the line breaks of an attribute, unless they are written so.
fn one_line(text: &str) -> Markup {
    PreEscaped(html! { (text) }.into_string().replace('\n', "&#10;").replace('\t', "&#9;"))
}

fn commands(model: &Model) -> String {
    let commands = model.texts.commands.iter().map(|(what, command)| format!("{what}: {command}"));
    commands.collect::<Vec<_>>().join("\n")
}
