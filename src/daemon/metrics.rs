//! `/metrics`, as Prometheus reads it: what was counted, and what is in force.

use super::clusters::{Daemon, blocking};
use super::counts::{Counted, Tally};
use super::problem::{Problem, Problems};
use crate::engine::FaultInfo;
use crate::journal::Verdict;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long a cluster may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Its route.
pub(super) fn routes() -> OpenApiRouter<Arc<Daemon>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Faults in force, events, restarts and exits of nodes, how long faults took to be in force, packets in the user-space
/// shaper, and verdicts of runs; in Prometheus's text.
#[utoipa::path(get, path = "/metrics", tag = "metrics", responses((status = 200, content_type = "text/plain", body = String), Problems))]
async fn metrics(State(daemon): State<Arc<Daemon>>) -> Result<Response, Problem> {
    let counting = Arc::clone(&daemon);
    let Counted { journals, runs } = blocking(move || counting.counts.count(&counting)).await?;
    let mut clusters = Vec::new();
    for (name, tally) in journals {
        let asked = async { (daemon.faults(&name).await, daemon.held(&name).await) };
        // One that goes meanwhile has nothing to tell of, and one that hangs must not silence the others.
        if let Ok((Ok(faults), Ok(held))) = tokio::time::timeout(PATIENCE, asked).await {
            clusters.push(Cluster { name, tally, faults, held });
        }
    }
    let format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((format, render(&clusters, &runs)).into_response())
}

/// A cluster that is up.
struct Cluster {
    name: String,
    tally: Tally,
    faults: Vec<FaultInfo>,
    /// Packets in its user-space shaper.
    held: usize,
}

fn render(clusters: &[Cluster], runs: &[(Verdict, u64)]) -> String {
    let mut text = String::new();
    let name = "blockade_faults_active";
    family(&mut text, name, "gauge", "Faults in force, by kind.");
    for Cluster { name: cluster, faults, .. } in clusters {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for info in faults {
            *kinds.entry(info.fault.kind()).or_default() += 1;
        }
        samples(&mut text, name, cluster, "kind", &kinds);
    }
    let name = "blockade_shaper_held_packets";
    family(&mut text, name, "gauge", "Packets that the user-space shaper holds until they are due.");
    for Cluster { name: cluster, held, .. } in clusters {
        sample(&mut text, name, &[("cluster", cluster)], *held as u64);
    }
    let name = "blockade_events_total";
    family(&mut text, name, "counter", "Events of the cluster's journal, by kind.");
    for Cluster { name: cluster, tally, .. } in clusters {
        samples(&mut text, name, cluster, "kind", &tally.events);
    }
    let name = "blockade_node_restarts_total";
    family(&mut text, name, "counter", "Restarts of nodes that were asked for.");
    for Cluster { name: cluster, tally, .. } in clusters {
        samples(&mut text, name, cluster, "node", &tally.restarts);
    }
    let name = "blockade_node_exits_total";
    family(&mut text, name, "counter", "Ends of nodes' programs, by whether they were asked for.");
    for Cluster { name: cluster, tally, .. } in clusters {
        for ((node, expected), count) in &tally.exits {
            let expected = if *expected { "true" } else { "false" };
            sample(&mut text, name, &[("cluster", cluster), ("node", node), ("expected", expected)], *count);
        }
    }
    let name = "blockade_fault_apply_seconds";
    family(&mut text, name, "histogram", "From the call until a fault held, or was gone, everywhere.");
    for Cluster { name: cluster, tally, .. } in clusters {
        for (act, histogram) in [("inject", &tally.inject), ("heal", &tally.heal)] {
            histogram.write(name, &labels(&[("cluster", cluster), ("act", act)]), &mut text);
        }
    }
    let name = "blockade_runs";
    family(&mut text, name, "gauge", "Runs that have ended and whose folders are there, by verdict.");
    for (verdict, count) in runs {
        sample(&mut text, name, &[("verdict", verdict.word())], *count);
    }
    text
}

/// A line for each value of a label.
fn samples<K: AsRef<str>>(text: &mut String, name: &str, cluster: &str, label: &str, values: &BTreeMap<K, u64>) {
    for (value, count) in values {
        sample(text, name, &[("cluster", cluster), (label, value.as_ref())], *count);
    }
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}"); // writing to a String cannot fail
}

fn sample(text: &mut String, name: &str, pairs: &[(&str, &str)], value: u64) {
    let _ = writeln!(text, "{name}{{{}}} {value}", labels(pairs));
}

/// `name="value"` with commas between; what Prometheus would misread is escaped.
fn labels(pairs: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    pairs.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::tail::Line;
    use super::*;
    use crate::fault::{Fault, FaultId};

    #[test]
    fn a_journal_is_counted_by_kind_and_its_durations_fall_into_buckets() {
        let line = |seq: u64, kind: &str, more: &str| Line {
            seq,
            kind: kind.to_owned(),
            text: format!("{{\"seq\":{seq},\"t_us\":1,\"task\":\"command\",\"kind\":\"{kind}\"{more}}}"),
        };
        let mut tally = Tally::default();
        tally.add(&line(1, "fault.active", r#","id":"f1","took_us":3000,"spread_us":1"#));
        tally.add(&line(2, "fault.healed", r#","id":"f1","took_us":700"#));
        tally.add(&line(3, "node.restart", r#","node":"n1""#));
        tally.add(&line(4, "node.exit", r#","node":"n1","ended":{"code":0},"expected":true"#));
        tally.add(&line(5, "moon.phase", r#","x":1"#));
        let fault = Fault::Stop { nodes: vec!["n1".to_owned()] };
        let info = FaultInfo { id: FaultId(2), fault, keep: false, by: Vec::new() };
        let text = render(
            &[Cluster { name: "c1".to_owned(), tally, faults: vec![info], held: 7 }],
            &[(Verdict::Pass, 3), (Verdict::Fail, 0)],
        );
        let kept: Vec<&str> = text
            .lines()
            .filter(|line| !line.contains("_bucket{") || line.contains("=\"0.001\"") || line.contains("=\"0.005\""))
            .collect();
        insta::assert_snapshot!(kept.join("\n"), @r#"
        # HELP blockade_faults_active Faults in force, by kind.
        # TYPE blockade_faults_active gauge
        blockade_faults_active{cluster="c1",kind="stop"} 1
        # HELP blockade_shaper_held_packets Packets that the user-space shaper holds until they are due.
        # TYPE blockade_shaper_held_packets gauge
        blockade_shaper_held_packets{cluster="c1"} 7
        # HELP blockade_events_total Events of the cluster's journal, by kind.
        # TYPE blockade_events_total counter
        blockade_events_total{cluster="c1",kind="fault.active"} 1
        blockade_events_total{cluster="c1",kind="fault.healed"} 1
        blockade_events_total{cluster="c1",kind="moon.phase"} 1
        blockade_events_total{cluster="c1",kind="node.exit"} 1
        blockade_events_total{cluster="c1",kind="node.restart"} 1
        # HELP blockade_node_restarts_total Restarts of nodes that were asked for.
        # TYPE blockade_node_restarts_total counter
        blockade_node_restarts_total{cluster="c1",node="n1"} 1
        # HELP blockade_node_exits_total Ends of nodes' programs, by whether they were asked for.
        # TYPE blockade_node_exits_total counter
        blockade_node_exits_total{cluster="c1",node="n1",expected="true"} 1
        # HELP blockade_fault_apply_seconds From the call until a fault held, or was gone, everywhere.
        # TYPE blockade_fault_apply_seconds histogram
        blockade_fault_apply_seconds_bucket{cluster="c1",act="inject",le="0.001"} 0
        blockade_fault_apply_seconds_bucket{cluster="c1",act="inject",le="0.005"} 1
        blockade_fault_apply_seconds_sum{cluster="c1",act="inject"} 0.003
        blockade_fault_apply_seconds_count{cluster="c1",act="inject"} 1
        blockade_fault_apply_seconds_bucket{cluster="c1",act="heal",le="0.001"} 1
        blockade_fault_apply_seconds_bucket{cluster="c1",act="heal",le="0.005"} 1
        blockade_fault_apply_seconds_sum{cluster="c1",act="heal"} 0.0007
        blockade_fault_apply_seconds_count{cluster="c1",act="heal"} 1
        # HELP blockade_runs Runs that have ended and whose folders are there, by verdict.
        # TYPE blockade_runs gauge
        blockade_runs{verdict="pass"} 3
        blockade_runs{verdict="fail"} 0
        "#);
    }

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        assert_eq!(labels(&[("a", "x\"y\\z\n")]), r#"a="x\"y\\z\n""#);
    }
}
