//! The daemon under load, measured on the binary itself: `cargo bench --bench daemon`, or one of `status`, `events` and
//! `restarts` by name.
//!
//! A figure that must be zero and is not ends the measurement with a panic. Needs the right to make namespaces, nothing
//! else.

mod client;
mod events;
#[path = "../spine/figures.rs"]
mod figures;
mod flood;
mod restarts;
mod status;

use figures::{Figure, table};
use std::process::ExitCode;

type Measure = fn() -> Vec<Figure>;

/// By name.
const ALL: [(&str, Measure); 3] =
    [("status", status::figures), ("events", events::figures), ("restarts", restarts::figures)];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["--flood", own, folder] = words.as_slice() {
        return flood::node(own, folder);
    }
    let only = words.iter().find(|word| !word.starts_with("--"));
    let mut figures = Vec::new();
    for (name, measure) in ALL.iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
        eprintln!("measuring {name} …");
        figures.extend(measure());
    }
    println!("{}", table(&figures));
    ExitCode::SUCCESS
}

fn figure(what: impl Into<String>, samples: Vec<f64>, unit: &'static str, bar: &'static str) -> Figure {
    Figure { what: what.into(), samples, unit, bar }
}

/// The sample below which so large a share of them lies.
fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
