//! Clusters on networks that exist already, and on hosts without IPv6.

use super::*;

/// A host with the network `shared`.
fn host(subnets: &[&str], taken: &[&str]) -> Host {
    let network = External {
        subnets: subnets.iter().map(|net| net.parse().unwrap()).collect(),
        taken: taken.iter().map(|address| address.parse().unwrap()).collect(),
    };
    Host { used: Vec::new(), reserved: Vec::new(), ipv6: true, network: Some(network) }
}

const FILE: &str = "runtime: docker\nnetwork: { external: shared }\nnodes: { a: , b: , c: }";

fn wrong_on(host: &Host, text: &str) -> String {
    let error = try_load_on(host, text, &[]).expect_err("the file is wrong here");
    assert_eq!(error.kind, ErrorKind::Usage);
    rendered(&error)
}

#[test]
fn nodes_on_a_network_that_exists_get_addresses_that_nobody_has() {
    let host = host(&["10.5.0.0/16", "fd00:5::/64"], &["10.5.0.1", "10.5.0.2", "10.5.0.4", "fd00:5::3"]);
    let cluster = try_load_on(&host, FILE, &[]).unwrap();
    insta::assert_snapshot!(ips(&cluster), @"
    a 10.5.0.3/16 fd00:5::2/64
    b 10.5.0.5/16 fd00:5::4/64
    c 10.5.0.6/16 fd00:5::5/64
    ");
    assert_eq!(cluster.network.external.as_deref(), Some("shared"));
}

#[test]
fn a_network_without_ipv6_gives_nodes_without() {
    let host = host(&["10.5.0.0/24"], &[]);
    let cluster = try_load_on(&host, FILE, &[]).unwrap();
    assert_eq!((cluster.network.subnet6, cluster.nodes[0].addresses.len()), (None, 1));
    assert_eq!(cluster.gateways().len(), 1);
    insta::assert_snapshot!(wrong_on(&host, "runtime: docker\nnetwork: { external: shared }\nnodes: { a: { ip: ['fd00::5'] } }"), @"
    error: no node can have the address fd00::5: the network has no IPv6
     --> blockade.yaml:3:20
      |
    3 | nodes: { a: { ip: ['fd00::5'] } }
      |                    ^^^^^^^^^
      |
    help: leave it out, or make the network with `--ipv6`
    ");
}

#[test]
fn only_docker_has_networks_that_exist() {
    let cluster =
        try_load_on(&host(&["10.5.0.0/24"], &[]), "network: { external: shared }\nnodes: { a: }", &[]).unwrap();
    assert_eq!(cluster.network.subnet.to_string(), "10.66.0.0/24");
}

#[test]
fn a_network_that_cannot_take_the_cluster_is_shown_in_the_file() {
    let full = host(&["10.5.0.0/29"], &["10.5.0.1", "10.5.0.2", "10.5.0.3", "10.5.0.4"]);
    insta::assert_snapshot!(wrong_on(&full, FILE), @"
    error: the network `shared` has free addresses for 2 of the cluster's 3 nodes
     --> blockade.yaml:2:22
      |
    2 | network: { external: shared }
      |                      ^^^^^^
      |
    help: its subnet is 10.5.0.0/29: remove containers from it, or name a larger network
    ");
    insta::assert_snapshot!(wrong_on(&host(&["fd00:5::/64"], &[]), FILE), @"
    error: the network `shared` has no IPv4 subnet
     --> blockade.yaml:2:22
      |
    2 | network: { external: shared }
      |                      ^^^^^^
      |
    help: make it with `docker network create --subnet 10.9.0.0/24`
    ");
    insta::assert_snapshot!(wrong_on(&full, &FILE.replace("shared", "shraed")), @"
    error: there is no network `shraed`
     --> blockade.yaml:2:22
      |
    2 | network: { external: shraed }
      |                      ^^^^^^
      |
    help: `docker network create --subnet 10.9.0.0/24 shraed` makes it
    ");
    insta::assert_snapshot!(wrong_on(&full, &FILE.replace("shared", "bridge")), @"
    error: nodes cannot be given addresses on Docker's own network `bridge`
     --> blockade.yaml:2:22
      |
    2 | network: { external: bridge }
      |                      ^^^^^^
      |
    help: name one that was made with `docker network create`
    ");
    let roomy = host(&["10.5.0.0/24"], &["10.5.0.9"]);
    insta::assert_snapshot!(wrong_on(&roomy, "runtime: docker\nnetwork: { external: shared, subnet: 10.9.0.0/24 }\nnodes: { a: }"), @"
    error: the network `shared` has no subnet 10.9.0.0/24
     --> blockade.yaml:2:38
      |
    2 | network: { external: shared, subnet: 10.9.0.0/24 }
      |                                      ^^^^^^^^^^^
      |
    help: leave it out: an external network keeps its own
    ");
    insta::assert_snapshot!(wrong_on(&roomy, "runtime: docker\nnetwork: { external: shared }\nnodes: { a: { ip: 10.5.0.9 } }"), @"
    error: the address 10.5.0.9 is in use on the network already
     --> blockade.yaml:3:19
      |
    3 | nodes: { a: { ip: 10.5.0.9 } }
      |                   ^^^^^^^^
      |
    help: leave `ip` out: a free one is chosen
    ");
}

#[test]
fn a_kernel_without_ipv6_gives_nodes_without_unless_the_file_asks_for_it() {
    let host = Host { used: Vec::new(), reserved: Vec::new(), ipv6: false, network: None };
    let cluster = try_load_on(&host, "nodes: { a: , b: }", &[]).unwrap();
    insta::assert_snapshot!(ips(&cluster), @"
    a 10.66.0.2/24
    b 10.66.0.3/24
    ");
    let error = try_load_on(&host, "nodes: { a: { ip: 'fd00::5' } }", &[]).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Machine);
    insta::assert_snapshot!(error, @"the cluster file asks for IPv6 addresses, and IPv6 is switched off in this machine's kernel (leave them out, or start the kernel without `ipv6.disable=1`)");
}

#[test]
fn a_subnet_that_somebody_takes_in_the_meantime_is_left_to_them() {
    let reserved = ["10.66.0.0/24", "10.66.1.0/24"].map(|net| net.parse().unwrap()).to_vec();
    let host = Host { used: Vec::new(), reserved, ipv6: true, network: None };
    let cluster = try_load_on(&host, "nodes: { a: }", &[]).unwrap();
    assert_eq!(cluster.network.subnet.to_string(), "10.66.2.0/24");
}
