//! A partition that stands while the daemon is killed and started again, and nothing that crosses it.

use crate::client::{CLUSTER, Daemon};
use crate::figures::Figure;
use crate::{figure, flood};
use serde_json::Value;
use std::time::{Duration, Instant};

const NODES: usize = 50;
const RESTARTS: usize = 100;
/// How long nodes may take to print what they have counted.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn figures() -> Vec<Figure> {
    let exchange = tempfile::TempDir::new().expect("a temporary folder");
    let program = std::env::current_exe().expect("this program");
    let command = format!("['{}', --flood, '${{ip}}', '{}']", program.display(), exchange.path().display());
    let mut daemon = Daemon::with(&format!("nodes:\n  n: {{ command: {command}, count: {NODES} }}\n"));
    let cluster = json(&daemon, "");
    let nodes = cluster["nodes"].as_array().expect("nodes");
    let addresses: Vec<String> = nodes.iter().map(|node| text(&node["ip_address"])).collect();
    let names: Vec<String> = nodes.iter().map(|node| text(&node["name"])).collect();
    let (left, right) = addresses.split_at(NODES / 2);
    partition(&daemon, &names[..NODES / 2]);
    let faults = json(&daemon, "/faults");

    flood::begin(exchange.path(), [left, right]);
    let took: Vec<f64> = (0..RESTARTS)
        .map(|_| {
            let began = Instant::now();
            daemon.again();
            assert_eq!(json(&daemon, "/faults"), faults, "another partition");
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    flood::end(exchange.path());
    let counted: Vec<flood::Counted> = names.iter().map(|name| counted(&daemon, name)).collect();
    assert!(counted.iter().all(|one| one.own > 0 && one.sent > 0), "no flood: {counted:?}");
    let crossed: u64 = counted.iter().map(|one| one.crossed).sum();
    assert_eq!(crossed, 0, "packets crossed the partition: {counted:?}");
    let sent: u64 = counted.iter().map(|one| one.sent).sum();
    let own: u64 = counted.iter().map(|one| one.own).sum();
    let what = format!("partition of {NODES} nodes, daemon killed and restarted {RESTARTS} times: packets sent across");
    vec![
        figure(what, vec![sent as f64], "", ""),
        figure("… that came through", vec![crossed as f64], "", "0"),
        figure("… that came through within its sides", vec![own as f64], "", ""),
        figure("… from the kill until the next daemon has told the same faults", took, "ms", ""),
    ]
}

fn partition(daemon: &Daemon, left: &[String]) {
    let fault = serde_json::json!({ "fault": { "kind": "partition", "groups": [left] } });
    assert_eq!(daemon.connect().ask("POST", &format!("{CLUSTER}/faults"), &fault.to_string()).0, 201);
}

fn json(daemon: &Daemon, path: &str) -> Value {
    let (status, body) = daemon.connect().ask("GET", &format!("{CLUSTER}{path}"), "");
    assert_eq!(status, 200);
    serde_json::from_slice(&body).expect("JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn counted(daemon: &Daemon, name: &str) -> flood::Counted {
    let began = Instant::now();
    loop {
        if let Some(counted) = flood::counted(&daemon.says(&["logs", name])) {
            return counted;
        }
        assert!(began.elapsed() < PATIENCE, "{name} does not print what it counted");
        std::thread::sleep(Duration::from_millis(50));
    }
}
