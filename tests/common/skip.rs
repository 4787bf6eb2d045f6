//! What a test does that cannot run here: says so loudly, and is counted by `tests/run`.

#![allow(unreachable_pub, reason = "shared by several crates' tests")]

use std::io::Write;

/// Says why the running test cannot run here, and puts it on `tests/run`'s list.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("{test}: {reason}");
    // To the terminal itself: the test runner keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED {line}");
    if let Some(list) = std::env::var_os("BLOCKADE_SKIPPED_FILE") {
        let mut file =
            std::fs::File::options().append(true).create(true).open(list).expect("the list of skipped tests");
        writeln!(file, "{line}").expect("the list of skipped tests");
    }
}
