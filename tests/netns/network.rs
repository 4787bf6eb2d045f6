//! The network between nodes.

use crate::skip::skip;
use crate::support::*;
use blockade::agent::protocol::*;
use blockade::fault::Filter;
use blockade::plan::{Ruleset, Treatment};

fn node(name: &str) -> Party {
    Party::Node(name.into())
}

impl Cluster {
    async fn reaches(&self, from: Party, to: Party, wait_ms: u64) -> bool {
        self.agent.call(Reachable { from, to, wait_ms }).await.unwrap()
    }

    /// Whether a packet gets there: waits long where it has to, and not long where it must not.
    async fn link(&self, from: &str, to: &str, expected: bool) {
        let wait_ms = if expected { LONG.as_millis() as u64 } else { 200 };
        assert_eq!(self.reaches(node(from), node(to), wait_ms).await, expected, "{from} → {to}");
    }

    /// What `target` has to hold to hear nothing of `sources`.
    async fn refuse(&self, target: &str, sources: &[usize]) -> Applied {
        let mut ruleset = Ruleset::default();
        for source in sources {
            let refused = ruleset.treated.entry((Filter::default(), Treatment::Drop)).or_default();
            refused.extend(self.addresses[*source].iter().copied());
        }
        self.agent.call(ApplyPlans { plans: vec![(target.into(), ruleset.into())] }).await.unwrap()
    }
}

#[tokio::test]
async fn a_nodes_addresses_are_those_asked_for_and_the_link_local_one() {
    let cluster = cluster!(2);
    let local = "fe80::ff:fe00:2".parse::<std::net::IpAddr>().unwrap();
    assert_eq!(cluster.addresses[1], ["10.9.0.3".parse().unwrap(), "fd00:9::3".parse().unwrap(), local]);
}

#[tokio::test]
async fn packets_travel_between_nodes_and_the_world_whether_or_not_anything_runs_in_them() {
    let cluster = cluster!(2);
    cluster.start_idle("n1").await;
    for (from, to) in [(node("n1"), node("n2")), (Party::World, node("n2")), (node("n1"), Party::World)] {
        assert!(cluster.reaches(from.clone(), to.clone(), 10_000).await, "{from:?} → {to:?}");
        let probed = cluster.agent.call(Probe { from, to, wait_ms: 10_000 }).await.unwrap();
        assert!(probed.rtt_us.is_some());
    }
    let unknown = Probe { from: node("n1"), to: node("n9"), wait_ms: 1 };
    assert!(cluster.agent.call(unknown).await.is_err());
}

#[tokio::test]
async fn there_is_no_way_out() {
    let cluster = cluster!(1);
    cluster.start_idle("n1").await;
    let routes = cluster.sh("n1", "cut -f 1,2 /proc/net/route").await.stdout;
    assert_eq!(routes, "Iface\tDestination\neth0\t0000090A\n");
    assert_eq!(cluster.sh("n1", "cat /proc/sys/net/ipv4/ip_forward").await.stdout, "0\n");
    let links = cluster.sh("n1", "tail -n +3 /proc/net/dev | cut -d : -f 1 | tr -d ' '").await.stdout;
    assert_eq!(links, "lo\neth0\n");
}

#[tokio::test]
async fn a_cut_holds_over_a_restart_of_the_node_and_ends_when_it_is_healed() {
    let cluster = cluster!(3);
    cluster.start("n2", "exec sleep infinity").await;
    cluster.link("n1", "n2", true).await;
    cluster.link("n2", "n1", true).await;
    assert_eq!(cluster.refuse("n2", &[0]).await.failures, []);
    cluster.link("n1", "n2", false).await;
    cluster.link("n2", "n1", true).await;
    cluster.link("n3", "n2", true).await;
    cluster.link("n2", "n3", true).await;
    let lost = Probe { from: node("n2"), to: node("n1"), wait_ms: 300 };
    assert_eq!(cluster.agent.call(lost).await, Ok(Probed { rtt_us: None }));
    cluster.agent.call(kill("n2", libc::SIGKILL)).await.unwrap();
    cluster.link("n1", "n2", false).await;
    cluster.link("n2", "n1", true).await;
    cluster.start("n2", "exec sleep infinity").await;
    cluster.link("n1", "n2", false).await;
    cluster.link("n2", "n1", true).await;
    assert_eq!(cluster.refuse("n2", &[2]).await.failures, []);
    cluster.link("n1", "n2", true).await;
    cluster.link("n2", "n1", true).await;
    cluster.link("n3", "n2", false).await;
    cluster.link("n2", "n3", true).await;
    assert_eq!(cluster.refuse("n2", &[]).await.failures, []);
    cluster.link("n3", "n2", true).await;
    cluster.link("n2", "n3", true).await;
}

#[tokio::test]
async fn a_node_that_is_not_there_does_not_keep_the_others_from_their_rules() {
    let cluster = cluster!(2);
    let mut cut = Ruleset::default();
    cut.treated.entry((Filter::default(), Treatment::Drop)).or_default().extend(cluster.addresses[0].iter().copied());
    let plans = vec![("n9".into(), cut.clone()), ("n2".into(), cut)];
    let applied = cluster
        .agent
        .call(ApplyPlans { plans: plans.into_iter().map(|(node, ruleset)| (node, ruleset.into())).collect() })
        .await
        .unwrap();
    let failures: Vec<_> = applied.failures.iter().map(|(node, error)| format!("{node}: {error}")).collect();
    assert_eq!(failures, ["n9: there is no node n9"]);
    cluster.link("n1", "n2", false).await;
    cluster.link("n2", "n1", true).await;
}

#[tokio::test]
async fn a_program_without_rights_may_listen_on_any_port_and_ping() {
    let cluster = cluster!(1);
    let mut request = cluster.node("n1", None);
    request.program =
        Some(cluster.program("n1", &["blockade", "demo-store", "serve", "--id", "1", "--listen", "0.0.0.0:80"]));
    cluster.agent.call(request).await.unwrap();
    let tcp = |port| Tcp { node: "n1".into(), port, timeout_ms: 2_000 };
    let began = std::time::Instant::now();
    while !cluster.agent.call(tcp(80)).await.unwrap() {
        assert!(began.elapsed() < LONG, "{}", cluster.log("n1"));
    }
    assert_eq!(cluster.agent.call(tcp(81)).await, Ok(false));
    let group = rustix::process::getegid().as_raw();
    let range = cluster.sh("n1", "cat /proc/sys/net/ipv4/ping_group_range").await.stdout;
    let range: Vec<u32> = range.split_whitespace().map(|number| number.parse().unwrap()).collect();
    assert!((range[0]..=range[1]).contains(&group), "{range:?}");
}

#[tokio::test]
async fn an_address_that_comes_later_is_told() {
    if !rustix::process::geteuid().is_root() {
        return skip("only root's nodes have the right to add an address");
    }
    let mut cluster = cluster!(1);
    cluster.start_idle("n1").await;
    if cluster.sh("n1", "command -v ip").await.code != Some(0) {
        return skip("iproute2 is not installed");
    }
    let done = cluster.sh("n1", "ip address add 10.9.0.77/24 dev eth0").await;
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let Notification::Interfaces { node, interfaces } = cluster.notified().await else { panic!() };
    assert_eq!(node, "n1");
    assert!(interfaces.addresses.contains(&"10.9.0.77".parse().unwrap()), "{interfaces:?}");
}
