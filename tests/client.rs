//! The client alone: what a build without `host` does by itself, what it leaves to a daemon, and whether other systems could
//! build it. `cargo test --no-default-features --features client --test client` runs these; elsewhere there are none.
#![cfg(not(feature = "host"))]
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const REFUSAL: &str = "error: this build of blockade is a client: name a daemon with --host URL\n";

const CLUSTER: &str = "nodes: {n1: {command: serve}, n2: {command: serve}}\n";
const SCRIPT: &str = r#"
fn chaos() { during(partition([["n1"], ["n2"]]), random_duration("1s", "2s")); }
fn check() { assert(reachable("n1", "n2"), "they meet again"); }
"#;

/// A folder with a script and its cluster.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s.rhai"), SCRIPT).unwrap();
    std::fs::write(folder.path().join("s.yaml"), CLUSTER).unwrap();
    folder
}

fn blockade(folder: &Path, line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blockade"));
    command.current_dir(folder).args(line.split_whitespace()).env_remove("BLOCKADE_HOST").output().unwrap()
}

/// What a command printed that must succeed.
fn done(folder: &Path, line: &str) -> String {
    let output = blockade(folder, line);
    assert_eq!(output.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_touches_no_node_is_done_here() {
    let folder = folder();
    let folder = folder.path();
    assert_eq!(done(folder, "check s.rhai"), "1 script checked: 0 errors, 0 warnings\n");
    assert!(done(folder, "plan s.rhai --seed 7").ends_with("PASS (simulated): seed 7, 1 fault\n"));
    assert!(done(folder, "doc partition").starts_with("partition(groups)\n"));
    assert!(done(folder, "completions bash").contains("one-way"));
    assert_eq!(done(folder, "version"), format!("blockade {}\n", env!("CARGO_PKG_VERSION")));
    std::fs::write(folder.join("h.jsonl"), "{\"process\":0,\"type\":\"invoke\",\"f\":\"write\",\"value\":1}\n")
        .unwrap();
    assert_eq!(blockade(folder, "history check h.jsonl --model register").status.code(), Some(5));
}

#[test]
fn a_simulated_run_is_made_reported_and_replayed_here() {
    let folder = folder();
    let folder = folder.path();
    assert!(done(folder, "run s.rhai --runtime sim --seed 7 --out r").contains("PASS (simulated): seed 7, 1 fault,"));
    assert!(done(folder, "report r --junit").contains("report.html"));
    assert!(done(folder, "replay r -q").contains("PASS (simulated)"));
    assert!(done(folder, "soak s.rhai --runtime sim --runs 3").ends_with("3 runs, 3 passed (simulated)\n"));
}

#[test]
fn what_needs_nodes_is_refused_with_the_way_to_a_daemon() {
    let lines = [
        "run s.rhai",
        "run s.rhai --attach",
        "soak s.rhai --runs 2",
        "repl -c s.yaml",
        "up",
        "destroy",
        "status --json",
        "partition n1 n2",
        "slow n1 --delay 5ms",
        "exec n1 -- true",
        "logs n1",
        "add other",
        "events",
        "chaos",
        "daemon",
        "doctor",
    ];
    let folder = folder();
    for line in lines {
        let output = blockade(folder.path(), line);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.as_str()), (Some(2), REFUSAL), "{line}");
    }
    // Nor is anything left behind.
    assert!(!folder.path().join(".blockade").exists());
}

#[test]
fn every_command_of_a_host_can_be_said() {
    let commands = "run plan check soak replay shrink report repl history doctor doc up destroy status start stop restart \
        kill pause resume logs exec add partition join one-way block slow flaky duplicate corrupt reorder throttle degrade \
        fast heal faults events chaos daemon version completions";
    let folder = folder();
    for command in commands.split_whitespace() {
        assert!(done(folder.path(), &format!("{command} --help")).contains("Options of every command"), "{command}");
    }
    let hidden = blockade(folder.path(), "agent --host");
    assert!(String::from_utf8(hidden.stderr).unwrap().starts_with("error: unrecognized subcommand 'agent'"));
}

/// The names of the crates that a client links on a system, as far as they are so many steps away from it.
fn linked(target: &str, depth: &str) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--locked", "--no-default-features", "--features", "client", "--edges", "normal"]);
    cargo.args(["--target", target, "--depth", depth, "--prefix", "none", "--format", "{p}"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn what_is_linked_elsewhere_is_at_home_there() {
    let linux = ["bollard", "linux-raw-sys", "inotify", "procfs"];
    let unix = ["rustix", "nix", "signal-hook", "errno"];
    let of_a_host = ["axum", "libc", "rmp-serde", "tar", "utoipa"];
    for target in ["x86_64-pc-windows-gnu", "aarch64-apple-darwin"] {
        let all = linked(target, "99");
        assert!(all.iter().any(|name| name == "rhai"), "{all:?}");
        let foreign = linux.iter().chain(unix.iter().filter(|_| target.contains("windows")));
        let found: Vec<_> = foreign.filter(|name| all.iter().any(|other| other == *name)).collect();
        assert!(found.is_empty(), "{target} would link {found:?}");
        let own = linked(target, "1");
        assert!(own.iter().any(|name| name == "tokio"), "{own:?}");
        assert!(!of_a_host.iter().any(|name| own.iter().any(|other| other == name)), "{target}: {own:?}");
    }
}

/// What is compiled for a host only, and the files that have a half for Unix.
const BEYOND_THE_WALL: [&str; 17] = [
    "agent/",
    "daemon/",
    "doctor/",
    "kernel/",
    "shaper/",
    "supervisor/",
    "platform/unix.rs",
    "remote/connect.rs",
    "runtime/docker/",
    "runtime/here.rs",
    "runtime/make.rs",
    "runtime/netns/",
    "runtime/ready.rs",
    "runtime/reserve.rs",
    "script/bind/workload/program/",
    "script/bind/workload/program.rs",
    "signal/early.rs",
];

/// Only Unix has these, or only Linux.
const NOT_EVERYWHERE: [&str; 6] = ["std::os::", "signal::unix", "net::Unix", "rustix::", "libc::", "/proc/"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// Other systems' standard libraries are not at hand wherever the tests run; where they are, `tests/portable` compiles.
#[test]
fn nothing_outside_of_the_wall_asks_for_a_system_of_its_own() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut read = 0;
    for path in sources(&src) {
        let name = path.strip_prefix(&src).unwrap().to_str().unwrap();
        let is_beyond = BEYOND_THE_WALL.iter().any(|part| name.starts_with(part)) && !name.ends_with("hostless.rs");
        let is_source = name.ends_with(".rs") && !name.contains("tests");
        if is_beyond || !is_source {
            continue;
        }
        read += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let without_tests = text.split("\nmod tests").next().unwrap_or_default();
        let code = without_tests.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
        for line in code {
            assert!(!NOT_EVERYWHERE.iter().any(|word| line.contains(word)), "src/{name}: {line}");
        }
    }
    assert!(read > 100, "only {read} files");
}
