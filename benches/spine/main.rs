//! The speed of the spine, measured on the binary itself: `cargo bench --bench spine`; and how exact impairments are, and
//! what they cost: `cargo bench --bench spine shaping`; the checkers alone: `cargo bench --bench spine checkers`.
//!
//! Every figure is a median of several rounds in one run, with the spread beside it, since machines are noisy; what has
//! a peer is measured in interleaved pairs. Needs the right to make namespaces, nothing else.

mod checkers;
mod figures;
mod packets;
mod rounds;
mod shaping;
mod traffic;

use figures::{Figure, table};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--sink", port] => traffic::sink(port),
        ["--sinks", port] => traffic::sinks(port),
        ["--send", address, milliseconds] => traffic::send(address, milliseconds),
        ["--streams", address, count, milliseconds] => traffic::streams(address, count, milliseconds),
        ["--udp-send", address, count, interval_us] => packets::send(address, count, interval_us),
        ["--udp-sink", port, quiet_ms] => packets::sink(port, quiet_ms),
        _ => {
            let only = words.iter().find(|word| !word.starts_with("--")).copied();
            let figures: Vec<Figure> = rounds::ALL
                .iter()
                .filter(|(name, _)| only.map_or(!name.starts_with("shaping"), |only| name.contains(only)))
                .flat_map(|(name, measure)| {
                    eprintln!("measuring {name} …");
                    measure()
                })
                .collect();
            println!("{}", table(&figures));
            ExitCode::SUCCESS
        }
    }
}
