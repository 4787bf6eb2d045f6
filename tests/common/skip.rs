//! What a test does that cannot run here: says so loudly, and is counted by `tests/run`.

#![allow(dead_code, unreachable_pub, reason = "shared by several crates' tests")]

use std::io::Write;
use std::process::Command;
use std::sync::OnceLock;

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

/// Whether the kernel has netem. Where not, the running test does nothing.
///
/// Such a test has `netem` in its name, or its module's: `tests/run` runs it once more in an emulated machine with
/// another kernel (`tests/qemu`). `BLOCKADE_NETEM` says what a kernel without netem means: `elsewhere`, that the test
/// runs there; `required`, which is said in that machine, a failure; nothing, a skipped test.
pub fn netem() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    let there = *THERE.get_or_init(|| {
        let tc = ["tc", "qdisc", "add", "dev", "lo", "root", "netem"];
        let works = |user: &[&str]| {
            let tried = Command::new("unshare").arg("--net").args(user).args(tc).output();
            tried.is_ok_and(|output| output.status.success())
        };
        works(&[]) || works(&["--map-root-user"])
    });
    match std::env::var("BLOCKADE_NETEM").as_deref() {
        _ if there => {}
        Ok("required") => panic!("no sch_netem in this kernel"),
        Ok("elsewhere") => {}
        _ => skip("no sch_netem in this kernel: runs under QEMU"),
    }
    there
}
