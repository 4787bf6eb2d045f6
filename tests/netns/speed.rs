//! How long it takes; run with `cargo test --release --test netns -- --ignored --nocapture speed`.

use crate::support::*;
use blockade::runtime::netns::protocol::*;
use std::time::Instant;

#[tokio::test]
#[ignore = "measures"]
async fn speed_of_fifty_nodes_up_and_down() {
    for _ in 0..5 {
        rounds(50).await;
    }
    for _ in 0..5 {
        rounds(5).await;
    }
}

async fn rounds(nodes: u8) {
    let began = Instant::now();
    let lap = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    let (agent, _) = blockade::runtime::netns::Agent::launch_from(&binary()).await.unwrap();
    let launched = lap(began);
    agent.close().await;
    let began = Instant::now();
    let cluster = cluster!(nodes);
    let fabric = lap(began);
    let mut starting = tokio::task::JoinSet::new();
    for node in 1..=nodes {
        let node = format!("n{node}");
        let mut request = cluster.node(&node, None);
        request.program = Some(cluster.program(&node, &["sleep", "infinity"]));
        let agent = cluster.agent.clone();
        starting.spawn(async move { agent.call(request).await.unwrap() });
    }
    starting.join_all().await;
    let up = lap(began);
    let exec = Instant::now();
    for _ in 0..20 {
        cluster.agent.call(Exec { argv: vec!["true".into()], ..sh("n1", "") }).await.unwrap();
    }
    let exec = lap(exec) / 20.0;
    let down = Instant::now();
    assert_eq!(cluster.agent.call(Teardown::default()).await, Ok(vec![]));
    let teardown = lap(down);
    cluster.agent.close().await;
    let closed = lap(down);
    println!(
        "{nodes} nodes: launch {launched:.1} ms; fabric {fabric:.1}, all up {up:.1}; exec {exec:.2}; teardown {teardown:.1}, closed {closed:.1}"
    );
}
