//! How long it takes; run with `cargo test --release --test netns -- --ignored --nocapture speed`.

use crate::support::*;
use blockade::agent::protocol::*;
use blockade::fault::Filter;
use blockade::plan::{Ruleset, Treatment};
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

async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let began = Instant::now();
    let done = work.await;
    (began.elapsed().as_secs_f64() * 1e3, done)
}

async fn rounds(nodes: u8) {
    let began = Instant::now();
    let lap = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    let (agent, _) = blockade::agent::Agent::launch_from(&binary()).await.unwrap();
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
    let plans = |cut: bool| {
        let half = |node: usize| node < usize::from(nodes) / 2;
        let refused = |node: usize| {
            let mut ruleset = Ruleset::default();
            let others = (0..usize::from(nodes)).filter(|other| cut && half(*other) != half(node));
            let addresses = others.flat_map(|other| cluster.addresses[other].iter().copied());
            let addresses: Vec<_> = addresses.collect();
            if cut {
                ruleset.treated.entry((Filter::default(), Treatment::Drop)).or_default().extend(addresses);
            }
            ruleset
        };
        (0..usize::from(nodes)).map(|node| (format!("n{}", node + 1), refused(node).into())).collect()
    };
    let (cutting, applied) = timed(cluster.agent.call(ApplyPlans { plans: plans(true) })).await;
    let (healing, healed) = timed(cluster.agent.call(ApplyPlans { plans: plans(false) })).await;
    let (applied, healed) = (applied.unwrap(), healed.unwrap());
    println!(
        "  cut {cutting:.2} ms, of that commits {:.2}; heal {healing:.2}, commits {:.2}",
        applied.first_to_last_us as f64 / 1e3,
        healed.first_to_last_us as f64 / 1e3
    );
    let down = Instant::now();
    assert_eq!(cluster.agent.call(Teardown::default()).await, Ok(vec![]));
    let teardown = lap(down);
    cluster.agent.close().await;
    let closed = lap(down);
    println!(
        "{nodes} nodes: launch {launched:.1} ms; fabric {fabric:.1}, all up {up:.1}; exec {exec:.2}; teardown {teardown:.1}, closed {closed:.1}"
    );
}
