//! How exact impairments are, and what they cost. Each figure is of the arm that its name says: the user-space shaper on
//! any kernel, netem where there is one.

use crate::figures::Figure;
use crate::rounds::{events, figure, place, timed};
use blockade::agent::Agent;
use blockade::agent::protocol::{ApplyPlans, CreateFabric, FindMeans, NodeNet};
use blockade::fault::{Distribution, Fault, Impairment, LinkSet, Matrix, Member, Party};
use blockade::plan::{Interfaces, Means, Planner, Shaper};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const ARMS: [&str; 2] = ["userspace", "netem"];

/// The arms that work here.
fn arms() -> impl Iterator<Item = &'static str> {
    ARMS.into_iter().filter(|arm| {
        let folder = place("slow(\"n_1\", 0.001);", "nodes:\n  n: { command: sleep infinity, count: 2 }\n");
        let works = crate::rounds::succeeds(folder.path(), &["run", "s.rhai", "-q", "--shaper", arm]);
        if !works {
            eprintln!("SKIPPED {arm}: it does not work here");
        }
        works
    })
}

fn own() -> String {
    std::env::current_exe().expect("this binary").display().to_string()
}

/// Two nodes, and a script that has `send(count, interval_us, quiet_ms)`: a list of how long packets took from a to b.
fn pair(script: &str) -> TempDir {
    let own = own();
    let nodes = "nodes:\n  a: { command: sleep infinity }\n  b: { command: sleep infinity }\n";
    let tools = format!(
        r#"
        fn send(count, interval_us, quiet_ms) {{
            let line = `${{"{own}"}} --udp-send ${{ip("b")}}:9001 ${{count}} ${{interval_us}}`;
            exec("b", `${{"{own}"}} --udp-sink 9001 ${{quiet_ms}} >/tmp/took 2>&1 & echo $! >/tmp/sink; sleep 0.2`);
            exec("a", line, #{{ timeout: "5m" }});
            exec("b", "while kill -0 $(cat /tmp/sink) 2>/dev/null; do sleep 0.05; done", #{{ timeout: "1m" }});
            exec("b", "cat /tmp/took").stdout.split("\n").filter(|line| line != "").map(|line| parse_float(line))
        }}
        {script}"#
    );
    place(&tools, nodes)
}

fn metrics(folder: &TempDir, name: &str) -> Vec<f64> {
    let metrics = events(folder.path(), "metric");
    metrics.iter().filter(|metric| metric["name"] == name).filter_map(|metric| metric["value"].as_f64()).collect()
}

/// What is taken where nobody says otherwise.
const DEFAULT: &str = "default";

fn run(folder: &TempDir, arm: &str) {
    let mut args = vec!["run", "s.rhai", "-q", "--out", "out", "--timeout", "10m"];
    if arm != DEFAULT {
        args.extend(["--shaper", arm]);
    }
    timed(folder.path(), &args);
}

/// By how much a round trip is off what was asked for.
pub(crate) fn delay() -> Vec<Figure> {
    let mut figures = Vec::new();
    for arm in arms() {
        for (ms, probes) in [(1, 200), (10, 100), (100, 30), (500, 9)] {
            let script = format!(
                r#"
                let bare = [];
                for i in 0..100 {{ bare.push(probe("a", "b").rtt); }}
                bare.sort();
                slow(link("a", "b"), {ms}.ms);
                for i in 0..{probes} {{ metric("off", (probe("a", "b").rtt - bare[50] - {ms}.ms) * 1000.0); }}"#
            );
            let folder = pair(&script);
            run(&folder, arm);
            let bar = if arm == "netem" { "≤ 0.2 ms" } else { "≤ 1 ms" };
            figures.push(figure(format!("{arm}: delay {ms} ms, error of RTT"), metrics(&folder, "off"), "ms", bar));
        }
    }
    figures.extend([1, 10, 100, 500].map(oversleep));
    figures
}

/// By how much a mere sleep is off on this machine: no delay can be expected to be more exact than that.
fn oversleep(ms: u64) -> Figure {
    let asked = Duration::from_millis(ms);
    let off = (0..(2_000 / ms).clamp(9, 200)).map(|_| {
        let began = Instant::now();
        std::thread::sleep(asked);
        began.elapsed().saturating_sub(asked).as_secs_f64() * 1e3
    });
    figure(format!("… a program's own sleep of {ms} ms, error"), off.collect(), "ms", "")
}

/// How many of 20,000 packets are lost.
pub(crate) fn loss() -> Vec<Figure> {
    const PACKETS: u32 = 20_000;
    let mut figures = Vec::new();
    for arm in arms() {
        for p in [0.01, 0.1, 0.5] {
            let script = format!(
                r#"flaky(link("a", "b"), {p:?}); metric("lost", ({PACKETS} - send({PACKETS}, 100, 1500).len) * 100.0 / {PACKETS});"#
            );
            let folder = pair(&script);
            run(&folder, arm);
            let lost = metrics(&folder, "lost");
            let half = 3.29 * (p * (1.0 - p) / f64::from(PACKETS)).sqrt() * 100.0;
            let within = lost.iter().all(|lost| (lost - p * 100.0).abs() <= half);
            let said = if within { "within" } else { "NOT within" };
            let what = format!(
                "{arm}: loss {} % of {PACKETS}, {said} {:.2} … {:.2} %",
                p * 100.0,
                p * 100.0 - half,
                p * 100.0 + half
            );
            figures.push(figure(what, lost, "%", "99.9 %"));
        }
    }
    figures
}

/// How probable a distance between what came of a jitter and its distribution as great as found is (Kolmogorov and
/// Smirnov). What the same delay without a jitter is off is left out: that is the error of delays.
pub(crate) fn jitter() -> Vec<Figure> {
    let mut figures = Vec::new();
    for arm in arms() {
        for distribution in Distribution::ALL {
            let name = distribution.name();
            let script = format!(
                r#"
                let constant = slow(link("a", "b"), 100.ms);
                let all_alike = send(1000, 1000, 1000);
                all_alike.sort();
                constant.heal();
                slow(link("a", "b"), #{{ delay: 100.ms, jitter: 30.ms, distribution: "{name}" }});
                for us in send(4000, 1000, 1000) {{ metric("took", us - all_alike[500]); }}"#
            );
            let folder = pair(&script);
            run(&folder, arm);
            let deviations = metrics(&folder, "took").iter().map(|us| us / 30_000.0).collect();
            figures.push(figure(
                format!("{arm}: jitter, {name}, 4,000 packets: p"),
                vec![kolmogorov(deviations, distribution)],
                "",
                "> 0.001",
            ));
        }
    }
    figures
}

/// The probability of a distance as great as found, if the values are of this distribution (Kolmogorov's series).
fn kolmogorov(mut values: Vec<f64>, distribution: Distribution) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let share = |value: f64| {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if distribution.quantile(middle) <= value { low = middle } else { high = middle }
        }
        low
    };
    let distance = values
        .iter()
        .enumerate()
        .map(|(place, value)| {
            ((place as f64 + 1.0) / n - share(*value)).abs().max((share(*value) - place as f64 / n).abs())
        })
        .fold(0.0, f64::max);
    let x = distance * n.sqrt();
    let terms = (1..100).map(|k: i32| {
        let sign = if k % 2 == 1 { 2.0 } else { -2.0 };
        sign * (-2.0 * f64::from(k * k) * x * x).exp()
    });
    terms.sum::<f64>().clamp(0.0, 1.0)
}

fn tcp_pair(script: &str, more: &str) -> TempDir {
    let own = own();
    let cluster = format!(
        "nodes:\n  a: {{ command: sleep infinity }}\n  b: {{ command: \"{own} --sinks 9000\", ready: {{ tcp: 9000 }} }}\n{more}"
    );
    let tools = format!(
        r#"
        fn rate(streams, ms) {{
            parse_float(exec("a", ["{own}", "--streams", ip("b") + ":9000", streams.to_string(), ms.to_string()], #{{ timeout: "2m" }}).stdout.split("\n")[0])
        }}
        {script}"#
    );
    place(&tools, &cluster)
}

/// How much of a bandwidth TCP gets.
pub(crate) fn rate() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (mbit, arm) in [1, 10, 100].into_iter().flat_map(|mbit| arms().chain([DEFAULT]).map(move |arm| (mbit, arm))) {
        let script = format!(
            r#"throttle(link("a", "b"), "{mbit}mbit"); for i in 0..3 {{ metric("got", rate(1, 10000) * 100000.0 / {mbit}.0); }}"#
        );
        let folder = tcp_pair(&script, "");
        run(&folder, arm);
        figures.push(figure(
            format!("{arm}: rate {mbit} mbit, 10 s of TCP"),
            metrics(&folder, "got"),
            "%",
            "95 … 100 %",
        ));
    }
    figures
}

/// What TCP gets through a delay.
pub(crate) fn throughput() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (ms, bar) in [(5, "≥ 4 Gbit/s"), (50, "≥ 3 Gbit/s")] {
        let script = format!(
            r#"for i in 0..5 {{ metric("bare", rate(8, 2000)); }}
               slow(link("a", "b"), {ms}.ms);
               rate(8, 1000);
               for i in 0..5 {{ metric("slow", rate(8, 4000)); }}"#
        );
        let folder = tcp_pair(&script, "");
        run(&folder, "userspace");
        figures.push(figure(
            format!("userspace: 8 TCP streams through {ms} ms"),
            metrics(&folder, "slow"),
            "Gbit/s",
            bar,
        ));
        figures.push(figure("… the same without it", metrics(&folder, "bare"), "Gbit/s", ""));
    }
    figures
}

/// A link that no impairment covers, beside 50 that are impaired.
pub(crate) fn beside() -> Vec<Figure> {
    let script = r#"
        let others = nodes("n_*");
        rate(1, 700);
        for i in 0..12 {
            let first = i % 2 == 0;
            if first { metric("bare", rate(1, 700)); }
            let made = [];
            for n in 0..others.len { made.push(degrade([link("a", others[n]), link(others[n], "b")], #{ delay: (n + 1).ms, loss: 0.01, rate: `${n + 1}mbit` })); }
            metric("beside", rate(1, 700));
            for f in made { f.heal(); }
            if !first { metric("bare", rate(1, 700)); }
        }"#;
    let mut figures = Vec::new();
    for arm in arms().chain([DEFAULT]) {
        let folder = tcp_pair(script, "  n: { command: sleep infinity, count: 50 }\n");
        run(&folder, arm);
        let (bare, beside) = (metrics(&folder, "bare"), metrics(&folder, "beside"));
        let ratios = beside.iter().zip(&bare).map(|(beside, bare)| 100.0 * beside / bare).collect();
        figures.push(figure(
            format!("{arm}: TCP beside 50 impaired links, against bare, 12 interleaved pairs"),
            ratios,
            "%",
            "≥ 90 %",
        ));
    }
    figures
}

/// Every link of 50 nodes gets an impairment of its own, at once: folded, planned and put in force.
pub(crate) fn all_different() -> Vec<Figure> {
    const NODES: u8 = 50;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    let mut figures = Vec::new();
    for (arm, only) in [("userspace", Shaper::Userspace), ("netem", Shaper::Netem)] {
        if !arms().any(|works| works == arm) {
            continue;
        }
        let samples = (0..5).map(|_| runtime.block_on(apply_all(NODES, only))).collect();
        figures.push(figure(format!("{arm}: 50 × 49 different impairments applied"), samples, "ms", "≤ 100 ms"));
    }
    figures
}

async fn apply_all(nodes: u8, only: Shaper) -> f64 {
    let binary = Path::new(env!("CARGO_BIN_EXE_blockade"));
    let (agent, _notifications) = Agent::launch_from(binary).await.expect("an agent");
    let net = |number: u8| NodeNet {
        name: format!("n{number}"),
        addresses: vec![format!("10.9.0.{}/24", number + 1).parse().expect("an address")],
        mac: [2, 0, 0, 0, 0, number],
    };
    let gateway = vec!["10.9.0.1/24".parse().expect("an address")];
    let made = agent.call(CreateFabric { gateway, nodes: (1..=nodes).map(net).collect() }).await.expect("a network");
    let interfaces: Vec<Interfaces> =
        made.into_iter().map(|addresses| Interfaces { addresses, devices: vec!["eth0".to_owned()] }).collect();
    let names: Vec<String> = (1..=nodes).map(|number| format!("n{number}")).collect();
    let members: Vec<Member> = names.iter().map(|name| Member { name: name.clone(), ..Member::default() }).collect();
    let link = |a: &String, b: &String| LinkSet::new(&[Party::Node(a.clone())], &[Party::Node(b.clone())]);
    let pairs = names.iter().flat_map(|a| names.iter().map(move |b| (a, b))).filter(|(a, b)| a != b);
    let faults: Vec<Fault> = (1..)
        .zip(pairs)
        .map(|(number, (a, b))| Fault::Degrade {
            verb: "slow".to_owned(),
            links: link(a, b),
            impairment: Impairment { delay_us: number * 10, ..Impairment::NONE },
        })
        .collect();
    let means = agent.call(FindMeans {}).await.expect("means");
    let mut planner = Planner::new(Means { only: Some(only), ..means }, 1);
    // The shaper's start is not part of it.
    let first = planner.plans(&Matrix::fold(&members, &faults[..1]), &interfaces).expect("a plan");
    agent.call(ApplyPlans { plans: names.iter().cloned().zip(first).collect() }).await.expect("applied");
    let began = Instant::now();
    let plans = planner.plans(&Matrix::fold(&members, &faults), &interfaces).expect("plans");
    let applied = agent.call(ApplyPlans { plans: names.iter().cloned().zip(plans).collect() }).await.expect("applied");
    let took = began.elapsed().as_secs_f64() * 1e3;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    agent.close().await;
    took
}
