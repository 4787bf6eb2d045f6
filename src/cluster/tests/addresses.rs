//! Subnets and addresses of whole clusters, and what is wrong with some.

use super::*;
use std::collections::BTreeSet;
use std::net::IpAddr;

#[test]
fn an_address_asked_for_is_kept_and_skipped_for_others() {
    let text = "network: { subnet: 10.9.0.0/29, subnet6: 'fd00:9::/64' }\nnodes: { a: , b: { ip: [10.9.0.3, 'fd00:9::2'] }, c: }";
    insta::assert_snapshot!(ips(&cluster(text)), @r"
    a 10.9.0.2/29 fd00:9::3/64
    b 10.9.0.3/29 fd00:9::2/64
    c 10.9.0.4/29 fd00:9::4/64
    ");
}

#[test]
fn without_a_subnet_the_addresses_asked_for_say_where_it_is() {
    insta::assert_snapshot!(ips(&cluster("nodes: { a: , b: { ip: 10.9.7.2 }, c: { ip: 'fd00:7::9' } }")), @r"
    a 10.9.7.3/24 fd00:7::2/64
    b 10.9.7.2/24 fd00:7::3/64
    c 10.9.7.4/24 fd00:7::9/64
    ");
}

#[test]
fn the_world_stands_at_the_first_host() {
    let gateways = cluster("network: { subnet: 10.9.0.0/24, subnet6: 'fd00:9::/64' }\nnodes: { a: }").gateways();
    assert_eq!(gateways.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.9.0.1/24", "fd00:9::1/64"]);
}

#[test]
fn a_node_answers_to_its_link_local_address_too() {
    let node = &cluster("network: { subnet: 10.9.0.0/24, subnet6: 'fd00:9::/64' }\nnodes: { a: , b: }").nodes[1];
    assert_eq!(node.mac.to_string(), "02:42:0a:09:00:03");
    let all = node.all_addresses().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(all, ["10.9.0.3", "fd00:9::3", "fe80::42:aff:fe09:3"]);
}

#[test]
fn every_node_of_a_large_cluster_has_addresses_of_its_own() {
    let cluster = cluster("nodes: { n: { count: 1000 } }");
    assert_eq!(cluster.network.subnet.prefix_len(), 22);
    let all: BTreeSet<IpAddr> = cluster.nodes.iter().flat_map(Node::all_addresses).collect();
    assert_eq!(all.len(), 3000);
}

#[test]
fn a_full_subnet_holds_as_many_nodes_as_it_says() {
    insta::assert_snapshot!(ips(&cluster("network: { subnet: 10.9.0.0/30, subnet6: 'fd00:9::/126' }\nnodes: { a: }")), @"a 10.9.0.2/30 fd00:9::2/126");
}

#[test]
fn a_host_without_a_free_subnet_is_a_machine_error() {
    let used: Vec<IpNet> = ["0.0.0.0/1", "128.0.0.0/1"].iter().map(|net| net.parse().unwrap()).collect();
    let error = try_load("nodes: { a: }", &[], &used).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Machine);
    insta::assert_snapshot!(error, @"the routes of this machine leave no private subnet free for the cluster (choose one in the cluster file: `network: { subnet: 10.9.0.0/24 }`)");
}

#[test]
fn a_wrong_address_says_why() {
    let file = |ip: &str| format!("network: {{ subnet: 10.9.0.0/24 }}\nnodes:\n  a: {{ ip: {ip} }}\n");
    insta::assert_snapshot!(wrong(&file("10.8.0.5")), @r"
    error: the address 10.8.0.5 is outside of the subnet 10.9.0.0/24
     --> blockade.yaml:3:12
      |
    3 |   a: { ip: 10.8.0.5 }
      |            ^^^^^^^^
      |
    help: the first that a node may have is 10.9.0.2
    ");
    insta::assert_snapshot!(wrong(&file("10.9.0.0")), @r"
    error: the address 10.9.0.0 is the address of the subnet 10.9.0.0/24 itself
     --> blockade.yaml:3:12
      |
    3 |   a: { ip: 10.9.0.0 }
      |            ^^^^^^^^
      |
    help: the first that a node may have is 10.9.0.2
    ");
    insta::assert_snapshot!(wrong(&file("10.9.0.1")), @r"
    error: the address 10.9.0.1 is the gateway of the subnet 10.9.0.0/24
     --> blockade.yaml:3:12
      |
    3 |   a: { ip: 10.9.0.1 }
      |            ^^^^^^^^
      |
    help: the first that a node may have is 10.9.0.2
    ");
    insta::assert_snapshot!(wrong(&file("10.9.0.255")), @r"
    error: the address 10.9.0.255 is the broadcast address of the subnet 10.9.0.0/24
     --> blockade.yaml:3:12
      |
    3 |   a: { ip: 10.9.0.255 }
      |            ^^^^^^^^^^
      |
    help: the first that a node may have is 10.9.0.2
    ");
    insta::assert_snapshot!(wrong(&file("10.9.0.256")), @r"
    error: `ip` cannot be `10.9.0.256`
     --> blockade.yaml:3:12
      |
    3 |   a: { ip: 10.9.0.256 }
      |            ^^^^^^^^^^
      |
    help: write it like `10.9.0.11`
    ");
    insta::assert_snapshot!(wrong(&file("[10.9.0.5, 10.9.0.6]")), @r"
    error: `ip` has two addresses of one family
     --> blockade.yaml:3:23
      |
    3 |   a: { ip: [10.9.0.5, 10.9.0.6] }
      |                       ^^^^^^^^
      |
    help: a node has one address of IPv4 and one of IPv6
    ");
    insta::assert_snapshot!(wrong("nodes:\n  a: { ip: 10.9.0.5 }\n  b: { ip: 10.9.0.5 }\n"), @r"
    error: the address 10.9.0.5 is given to another node already
     --> blockade.yaml:3:12
      |
    3 |   b: { ip: 10.9.0.5 }
      |            ^^^^^^^^
      |
    help: leave `ip` out: a free one is chosen
    ");
    insta::assert_snapshot!(wrong("nodes: { a: { ip: 10.9.0.5, count: 2 } }\n"), @r"
    error: the copies of `a` cannot share one address
     --> blockade.yaml:1:19
      |
    1 | nodes: { a: { ip: 10.9.0.5, count: 2 } }
      |                   ^^^^^^^^
      |
    help: leave `ip` out: each copy is given one
    ");
    insta::assert_snapshot!(wrong("nodes: { a: { ip: 127.0.0.5 } }\n"), @r"
    error: no node can live in 127.0.0.0/24
     --> blockade.yaml:1:19
      |
    1 | nodes: { a: { ip: 127.0.0.5 } }
      |                   ^^^^^^^^^
      |
    help: write a private subnet like `10.9.0.0/24`, or leave it out: a free one is chosen
    ");
}

#[test]
fn a_wrong_subnet_says_what_would_do() {
    let file = |subnet: &str| format!("network:\n  {subnet}\nnodes: {{ n: {{ count: 3 }} }}\n");
    insta::assert_snapshot!(wrong(&file("subnet: 10.9.0.0/30")), @r"
    error: the subnet 10.9.0.0/30 has room for 1 of the cluster's 3 nodes
     --> blockade.yaml:2:11
      |
    2 |   subnet: 10.9.0.0/30
      |           ^^^^^^^^^^^
      |
    help: a subnet of /29 has room for all
    ");
    insta::assert_snapshot!(wrong(&file("subnet6: 'fd00:9::/127'")), @r"
    error: the subnet fd00:9::/127 has room for 0 of the cluster's 3 nodes
     --> blockade.yaml:2:12
      |
    2 |   subnet6: 'fd00:9::/127'
      |            ^^^^^^^^^^^^^^
      |
    help: a subnet of /64 has room for all
    ");
    insta::assert_snapshot!(wrong(&file("subnet: 10.9.0.1/24")), @r"
    error: 10.9.0.1/24 is an address within a subnet
     --> blockade.yaml:2:11
      |
    2 |   subnet: 10.9.0.1/24
      |           ^^^^^^^^^^^
      |
    help: write the subnet as `10.9.0.0/24`
    ");
    insta::assert_snapshot!(wrong(&file("subnet: 10.9.0.0")), @r"
    error: `subnet` cannot be `10.9.0.0`
     --> blockade.yaml:2:11
      |
    2 |   subnet: 10.9.0.0
      |           ^^^^^^^^
      |
    help: write it like `10.9.0.0/24`
    ");
    insta::assert_snapshot!(wrong(&file("subnet: 'fd00:9::/64'")), @r"
    error: `subnet` cannot be `fd00:9::/64`
     --> blockade.yaml:2:11
      |
    2 |   subnet: 'fd00:9::/64'
      |           ^^^^^^^^^^^^^
      |
    help: write it like `10.9.0.0/24`
    ");
    insta::assert_snapshot!(wrong(&file("subnet: 127.0.0.0/8")), @r"
    error: no node can live in 127.0.0.0/8
     --> blockade.yaml:2:11
      |
    2 |   subnet: 127.0.0.0/8
      |           ^^^^^^^^^^^
      |
    help: write a private subnet like `10.9.0.0/24`, or leave it out: a free one is chosen
    ");
    insta::assert_snapshot!(wrong(&file("subnet6: 'fe80::/64'")), @r"
    error: no node can live in fe80::/64
     --> blockade.yaml:2:12
      |
    2 |   subnet6: 'fe80::/64'
      |            ^^^^^^^^^^^
      |
    help: write a private subnet like `fd00:9::/64`, or leave it out: a free one is chosen
    ");
}
