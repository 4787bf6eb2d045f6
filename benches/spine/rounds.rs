//! The measurements. Each runs the binary as a user would and reads its journal where the figure lies inside.

use crate::checkers;
use crate::figures::Figure;
use crate::shaping;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tempfile::TempDir;

const BLOCKADE: &str = env!("CARGO_BIN_EXE_blockade");
const ROUNDS: usize = 15;

type Measure = fn() -> Vec<Figure>;

/// By name.
pub(crate) const ALL: &[(&str, Measure)] = &[
    ("partition", partition),
    ("one-shot", one_shot),
    ("up", up_and_destroy),
    ("empty", empty_run),
    ("plan", plan),
    ("script", scripts),
    ("throughput", throughput),
    ("checkers", checkers::figures),
    ("shaping-delay", shaping::delay),
    ("shaping-loss", shaping::loss),
    ("shaping-jitter", shaping::jitter),
    ("shaping-rate", shaping::rate),
    ("shaping-throughput", shaping::throughput),
    ("shaping-beside", shaping::beside),
    ("shaping-all-different", shaping::all_different),
];

fn idle(nodes: usize) -> String {
    format!("nodes:\n  n: {{ command: sleep infinity, count: {nodes} }}\n")
}

/// A folder with a script and its cluster.
pub(crate) fn place(script: &str, cluster: &str) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    std::fs::write(folder.path().join("s.rhai"), script).expect("the script");
    std::fs::write(folder.path().join("s.yaml"), cluster).expect("the cluster file");
    folder
}

/// Runs the binary and returns how long it took, milliseconds.
pub(crate) fn timed(folder: &Path, args: &[&str]) -> f64 {
    let start = Instant::now();
    let output = Command::new(BLOCKADE).args(args).current_dir(folder).output().expect("the binary");
    let took = start.elapsed().as_secs_f64() * 1e3;
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    took
}

/// Whether the binary succeeds.
pub(crate) fn succeeds(folder: &Path, args: &[&str]) -> bool {
    Command::new(BLOCKADE).args(args).current_dir(folder).output().is_ok_and(|output| output.status.success())
}

/// The events of one kind in a run's journal.
pub(crate) fn events(folder: &Path, kind: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("out/journal.jsonl")).expect("the journal");
    let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a journal line"));
    lines.filter(|line| line["kind"] == kind).collect()
}

fn milliseconds(events: &[serde_json::Value], field: &str) -> Vec<f64> {
    events.iter().map(|event| event[field].as_f64().expect("microseconds") / 1e3).collect()
}

pub(crate) fn figure(what: impl Into<String>, samples: Vec<f64>, unit: &'static str, bar: &'static str) -> Figure {
    Figure { what: what.into(), samples, unit, bar }
}

/// Half from half, again and again, in a script.
fn partition() -> Vec<Figure> {
    [(10, ""), (50, "≤ 5 ms"), (100, "linear")]
        .into_iter()
        .flat_map(|(nodes, bar)| {
            let script = format!(
                "let half = nodes().extract(0, {});\nfor i in 0..{ROUNDS} {{ let f = partition([half]); sleep(0.05); f.heal(); sleep(0.05); }}",
                nodes / 2
            );
            let folder = place(&script, &idle(nodes));
            timed(folder.path(), &["run", "s.rhai", "-q", "--out", "out"]);
            let active = events(folder.path(), "fault.active");
            let spread_bar = if nodes == 50 { "≤ 2 ms" } else { "" };
            [
                figure(format!("`partition` half/half in a script, {nodes} nodes"), milliseconds(&active, "took_us"), "ms", bar),
                figure(format!("… first to last node, {nodes} nodes"), milliseconds(&active, "spread_us"), "ms", spread_bar),
                figure(format!("… its heal, {nodes} nodes"), milliseconds(&events(folder.path(), "fault.healed"), "took_us"), "ms", ""),
            ]
        })
        .collect()
}

/// The same as a command of its own.
fn one_shot() -> Vec<Figure> {
    let folder = place("", &idle(50));
    let half = (1..=25).map(|n| format!("n_{n}")).collect::<Vec<_>>().join(",");
    timed(folder.path(), &["-c", "s.yaml", "up"]);
    let mut cut = Vec::new();
    let mut joined = Vec::new();
    let mut status = Vec::new();
    for _ in 0..ROUNDS {
        cut.push(timed(folder.path(), &["partition", &half]));
        status.push(timed(folder.path(), &["status"]));
        joined.push(timed(folder.path(), &["join"]));
    }
    timed(folder.path(), &["destroy"]);
    vec![
        figure("`blockade partition` half/half, 50 nodes", cut, "ms", "≤ 50 ms"),
        figure("`blockade join`, 50 nodes", joined, "ms", ""),
        figure("`blockade status`, 50 nodes", status, "ms", ""),
    ]
}

fn up_and_destroy() -> Vec<Figure> {
    let folder = place("", &idle(50));
    let (mut up, mut destroy, mut peer_up, mut peer_down) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        up.push(timed(folder.path(), &["-c", "s.yaml", "up"]));
        destroy.push(timed(folder.path(), &["destroy"]));
        if let Some((up, down)) = mininet() {
            peer_up.push(up);
            peer_down.push(down);
        }
    }
    let times = |peer: &[f64], own: &[f64]| peer.iter().zip(own).map(|(peer, own)| peer / own).collect::<Vec<_>>();
    let (faster_up, faster_down) = (times(&peer_up, &up), times(&peer_down, &destroy));
    let mut figures = vec![
        figure("`up` of 50 nodes", up, "ms", "≤ 300 ms"),
        figure("`destroy` of 50 nodes", destroy, "ms", "≤ 300 ms"),
    ];
    if peer_up.is_empty() {
        eprintln!(
            "SKIPPED the peer of up and destroy: no Mininet here (Debian: mininet bridge-utils net-tools, as root)"
        );
    } else {
        figures.push(figure("Mininet 2.3, 50 hosts on a Linux bridge: start", peer_up, "ms", ""));
        figures.push(figure("… stop", peer_down, "ms", ""));
        figures.push(figure("`up` is faster, pair by pair", faster_up, "times", ""));
        figures.push(figure("`destroy` is faster, pair by pair", faster_down, "times", ""));
    }
    figures
}

/// How long Mininet takes to start and to stop as many hosts, milliseconds.
fn mininet() -> Option<(f64, f64)> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/mininet_50.py");
    let output = Command::new("/usr/bin/python3").arg(script).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (up, down) = text.trim().split_once(' ')?;
    Some((up.parse().ok()?, down.parse().ok()?))
}

fn empty_run() -> Vec<Figure> {
    let folder = place("", &idle(5));
    let samples = (0..ROUNDS).map(|_| timed(folder.path(), &["run", "s.rhai", "-q"])).collect();
    vec![figure("an empty script on 5 nodes, start to exit", samples, "ms", "≤ 150 ms")]
}

fn plan() -> Vec<Figure> {
    let script = "for i in 0..1000 { let f = partition(random_partition()); sleep(random_duration(1, 5)); f.heal(); }";
    let folder = place(script, &idle(5));
    let samples = (0..ROUNDS)
        .map(|_| timed(folder.path(), &["plan", "s.rhai", "--seed", "1", "-q", "--timeout", "3h"]))
        .collect();
    vec![figure("`plan` of a script that draws 1,000 faults", samples, "ms", "≤ 50 ms")]
}

/// What scripts cost on virtual time.
fn scripts() -> Vec<Figure> {
    let seconds = |script: &str, more: &[&str]| -> Vec<f64> {
        let folder = place(script, &idle(5));
        let args = [&["plan", "s.rhai", "-q", "--timeout", "10h"], more].concat();
        (0..5).map(|_| timed(folder.path(), &args) / 1e3).collect()
    };
    let per_second = |count: f64, times: Vec<f64>| times.into_iter().map(|time| count / time).collect();
    let calls = "for i in 0..200000 { state(\"x\", i); chance(0.5); elapsed(); random(1, 6); ip(\"n_1\"); }";
    let swarm = "import \"swarm\" as swarm;\nswarm::run(#{ duration: \"1h\" });";
    let tasks = "let all = [];\nfor i in 0..1000 { all.push(task(|| { for k in 0..100 { sleep(0.01); } })); }\nfor t in all { t.join(); }";
    let one = ["--seed", "1"];
    vec![
        figure("script calls a second", per_second(1e6, seconds(calls, &one)), "", "≥ 500,000"),
        figure(
            "`plan` of an hour of `swarm::run` on 5 nodes, seeds a second",
            per_second(1_000.0, seconds(swarm, &["--seeds", "1..1000"])),
            "",
            "≥ 1,000",
        ),
        figure("1,000 tasks that each sleep 100 times", seconds(tasks, &one), "s", "≤ 0.5 s"),
    ]
}

/// Two nodes that no fault covers, while 48 others are partitioned, beside the same two without any ruleset.
fn throughput() -> Vec<Figure> {
    const PAIRS: usize = 16;
    let own = std::env::current_exe().expect("this binary");
    let own = own.display();
    let cluster = format!(
        "nodes:\n  a: {{ command: sleep infinity }}\n  b: {{ command: \"{own} --sink 9000\", ready: {{ tcp: 9000 }} }}\n  \
         n: {{ command: sleep infinity, count: 48 }}\n"
    );
    let script = format!(
        r#"fn rate() {{ parse_float(exec("a", ["{own}", "--send", ip("b") + ":9000", "700"]).stdout.split("\n")[0]) }}
           rate();
           for i in 0..{PAIRS} {{
               let first = i % 2 == 0;
               if first {{ metric("bare", rate()); }}
               let f = partition([nodes("n_*").extract(0, 24) + ["a", "b"], nodes("n_*").extract(24)  + ["a", "b"]]);
               metric("cut", rate());
               f.heal();
               if !first {{ metric("bare", rate()); }}
           }}"#
    );
    let folder = place(&script, &cluster);
    timed(folder.path(), &["run", "s.rhai", "-q", "--out", "out"]);
    let metrics = events(folder.path(), "metric");
    let rates = |name: &str| -> Vec<f64> {
        metrics.iter().filter(|m| m["name"] == name).map(|m| m["value"].as_f64().expect("a rate")).collect()
    };
    let (bare, cut) = (rates("bare"), rates("cut"));
    let ratios = cut.iter().zip(&bare).map(|(cut, bare)| 100.0 * cut / bare).collect();
    vec![
        figure("TCP between two nodes no fault covers, 48 others partitioned", cut, "Gbit/s", ""),
        figure("… against the same pair without any ruleset", ratios, "%", "≥ 97 %"),
    ]
}
