//! The network between nodes.

use crate::support::*;
use blockade::runtime::netns::protocol::*;

#[tokio::test]
async fn a_node_reaches_itself_and_others_by_name_and_somebody_listens() {
    let cluster = Cluster::of(2).await;
    cluster.start_idle("n1").await;
    cluster.start_idle("n2").await;
    let tcp = |port| Tcp { node: "n1".into(), port, timeout_ms: 2_000 };
    assert_eq!(cluster.agent.call(tcp(80)).await, Ok(false));
    let addresses = &cluster.addresses[1];
    let local = "fe80::ff:fe00:2".parse::<std::net::IpAddr>().unwrap();
    assert_eq!(*addresses, ["10.9.0.3".parse().unwrap(), "fd00:9::3".parse().unwrap(), local]);
}

#[tokio::test]
async fn an_address_that_comes_later_is_told() {
    if !rustix::process::geteuid().is_root() {
        // Only root's nodes have the right to add one.
        return;
    }
    let mut cluster = Cluster::of(1).await;
    cluster.start_idle("n1").await;
    let done = cluster.sh("n1", "ip address add 10.9.0.77/24 dev eth0").await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let Notification::Addresses { node, addresses } = cluster.notified().await else { panic!() };
    assert_eq!(node, "n1");
    assert!(addresses.contains(&"10.9.0.77".parse().unwrap()), "{addresses:?}");
}
