//! The speed of the spine, measured on the binary itself: `cargo bench --bench spine`.
//!
//! Every figure is a median of several rounds in one run, with the spread beside it, since machines are noisy; what has
//! a peer is measured in interleaved pairs. Needs the right to make namespaces, nothing else.

mod figures;
mod rounds;
mod traffic;

use figures::{Figure, table};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--sink", port] => traffic::sink(port),
        ["--send", address, milliseconds] => traffic::send(address, milliseconds),
        _ => {
            let only = words.iter().find(|word| !word.starts_with("--")).copied();
            let figures: Vec<Figure> = rounds::ALL
                .iter()
                .filter(|(name, _)| only.is_none_or(|only| name.contains(only)))
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
