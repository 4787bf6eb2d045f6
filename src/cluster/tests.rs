//! What a cluster file means, and every way in which one can be wrong, as the user sees it.

use super::*;
use crate::error::ErrorKind;
use std::collections::BTreeSet;
use std::net::IpAddr;

fn try_load(text: &str, params: &[(&str, &str)], used: &[IpNet]) -> Result<Cluster> {
    let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let env = |name: &str| (name == "HOME").then(|| "/home/user".to_owned());
    let variables = Variables { name: "test", seed: 7, params: &params, env: &env, used };
    load(Path::new("blockade.yaml"), text, &variables)
}

fn cluster(text: &str) -> Cluster {
    try_load(text, &[], &[]).unwrap_or_else(|error| panic!("{}", rendered(&error)))
}

/// The nodes' values under one key of `containers: { n1: { KEY } }`.
fn node(keys: &str) -> Node {
    cluster(&format!("containers:\n  n1:\n    {}\n", keys.replace('\n', "\n    "))).nodes.remove(0)
}

fn rendered(error: &crate::Error) -> String {
    match error.diagnostics.is_empty() {
        true => error.to_string(),
        false => error.diagnostics.iter().map(|diagnostic| diagnostic.render(false)).collect(),
    }
}

/// What the user sees of a wrong file.
fn wrong(text: &str) -> String {
    let error = try_load(text, &[], &[]).expect_err("the file is wrong");
    assert_eq!(error.kind, ErrorKind::Usage);
    rendered(&error)
}

/// What the user sees of a wrong key of a node.
fn wrong_node(keys: &str) -> String {
    wrong(&format!("containers:\n  n1:\n    {}\n", keys.replace('\n', "\n    ")))
}

fn ips(cluster: &Cluster) -> String {
    let ip = |node: &Node| node.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    cluster.nodes.iter().map(|node| format!("{} {}\n", node.name, ip(node))).collect()
}

// What a file means.

#[test]
fn a_node_without_keys_idles_with_addresses_and_the_usual_stop() {
    let cluster = cluster("containers:\n  n1:\n");
    insta::assert_snapshot!(serde_json::to_string_pretty(&cluster).unwrap(), @r#"
    {
      "name": "test",
      "file": "blockade.yaml",
      "runtime": null,
      "network": {
        "subnet": "10.66.0.0/24",
        "subnet6": "fd00:b10c:ade::/64",
        "driver": "default",
        "external": null,
        "flaky": null,
        "slow": null,
        "duplicate": null
      },
      "nodes": [
        {
          "name": "n1",
          "hostname": "n1",
          "command": null,
          "environment": {},
          "workdir": null,
          "files": {},
          "ready": null,
          "stop": {
            "signal": "SIGTERM",
            "within_us": 3000000
          },
          "addresses": [
            "10.66.0.2/24",
            "fd00:b10c:ade::2/64"
          ],
          "mac": "02:62:6b:00:00:01",
          "user": null,
          "links": [],
          "aliases": {},
          "start_delay_us": 0,
          "neutral": false,
          "holy": false,
          "docker": {
            "image": null,
            "container_name": null,
            "dns": [],
            "cap_add": [],
            "volumes": [],
            "ports": [],
            "expose": []
          }
        }
      ],
      "params": {}
    }
    "#);
    assert_eq!(cluster.runtime_kind(), RuntimeKind::Netns);
    assert_eq!(serde_json::from_str::<Cluster>(&serde_json::to_string(&cluster).unwrap()).unwrap(), cluster);
}

#[test]
fn every_key_of_a_node_in_a_namespace_is_read() {
    let node = node(
        "command: redis-server --port 6379 --dir '/a b'\n\
         environment: { A: 1.10, B: yes, C: , D: '007' }\n\
         workdir: data/${node}\n\
         files: { 'redis.conf': \"port 6379\\n\", sub/x.sh: 'echo $${x} $HOME' }\n\
         ready: { tcp: 6379, within: 10s }\n\
         stop: { signal: int, within: 500ms }\n\
         ip: 10.9.0.11\n\
         user: postgres\n\
         hostname: db.example\n\
         start_delay: 1.5",
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&node).unwrap(), @r#"
    {
      "name": "n1",
      "hostname": "db.example",
      "command": [
        "redis-server",
        "--port",
        "6379",
        "--dir",
        "/a b"
      ],
      "environment": {
        "A": "1.10",
        "B": "yes",
        "C": "",
        "D": "007"
      },
      "workdir": "data/n1",
      "files": {
        "redis.conf": "port 6379\n",
        "sub/x.sh": "echo ${x} $HOME"
      },
      "ready": {
        "check": {
          "tcp": 6379
        },
        "within_us": 10000000
      },
      "stop": {
        "signal": "SIGINT",
        "within_us": 500000
      },
      "addresses": [
        "10.9.0.11/24",
        "fd00:b10c:ade::2/64"
      ],
      "mac": "02:62:6b:00:00:01",
      "user": "postgres",
      "links": [],
      "aliases": {},
      "start_delay_us": 1500000,
      "neutral": false,
      "holy": false,
      "docker": {
        "image": null,
        "container_name": null,
        "dns": [],
        "cap_add": [],
        "volumes": [],
        "ports": [],
        "expose": []
      }
    }
    "#);
}

#[test]
fn every_key_of_docker_is_kept() {
    let node = node(
        "image: redis:7\n\
         container_name: my-redis\n\
         dns: [10.0.0.2, '::1']\n\
         cap_add: [NET_ADMIN, cap_sys_time]\n\
         volumes: { '/data': '/var/lib/data', '${HOME}': , /x: '/y' }\n\
         ports: { 8080: 80, 5353: 53/udp, 9000: }\n\
         expose: [6379, 53/udp]\n\
         neutral: true",
    );
    insta::assert_snapshot!(serde_json::to_string_pretty(&node.docker).unwrap(), @r#"
    {
      "image": "redis:7",
      "container_name": "my-redis",
      "dns": [
        "10.0.0.2",
        "::1"
      ],
      "cap_add": [
        "NET_ADMIN",
        "SYS_TIME"
      ],
      "volumes": [
        {
          "host": "/data",
          "container": "/var/lib/data",
          "options": null
        },
        {
          "host": "/home/user",
          "container": "/home/user",
          "options": null
        },
        {
          "host": "/x",
          "container": "/y",
          "options": null
        }
      ],
      "ports": [
        {
          "host": 8080,
          "container": {
            "number": 80,
            "transport": "tcp"
          }
        },
        {
          "host": 5353,
          "container": {
            "number": 53,
            "transport": "udp"
          }
        },
        {
          "host": 9000,
          "container": {
            "number": 9000,
            "transport": "tcp"
          }
        }
      ],
      "expose": [
        {
          "number": 6379,
          "transport": "tcp"
        },
        {
          "number": 53,
          "transport": "udp"
        }
      ]
    }
    "#);
    assert!(node.neutral && !node.holy);
}

#[test]
fn volumes_and_ports_may_be_lists() {
    let node = node(
        "image: x\nvolumes: [/a, '/b:/c', 'data:/d:ro', '${HOME}/e:/e']\nports: [80, '8080:81', 53/udp, '5353:53/udp']",
    );
    insta::assert_snapshot!(serde_json::to_string(&node.docker.volumes).unwrap(), @r#"[{"host":"/a","container":"/a","options":null},{"host":"/b","container":"/c","options":null},{"host":"data","container":"/d","options":"ro"},{"host":"/home/user/e","container":"/e","options":null}]"#);
    insta::assert_snapshot!(serde_json::to_string(&node.docker.ports).unwrap(), @r#"[{"host":80,"container":{"number":80,"transport":"tcp"}},{"host":8080,"container":{"number":81,"transport":"tcp"}},{"host":53,"container":{"number":53,"transport":"udp"}},{"host":5353,"container":{"number":53,"transport":"udp"}}]"#);
}

#[test]
fn the_network_of_the_older_files_is_kept() {
    let cluster = cluster(
        "network:\n  driver: udn\n  flaky: 30%\n  slow: 75ms 100ms distribution normal\n  duplicate: 5%\n  \
         external: shared\n  subnet: 10.9.0.0/24\n  subnet6: fd00:9::/64\nruntime: sim\nnodes: { n1: }\n",
    );
    insta::assert_snapshot!(serde_json::to_string(&cluster.network).unwrap(), @r#"{"subnet":"10.9.0.0/24","subnet6":"fd00:9::/64","driver":"udn","external":"shared","flaky":"30%","slow":"75ms 100ms distribution normal","duplicate":"5%"}"#);
    assert_eq!(cluster.runtime_kind(), RuntimeKind::Sim);
}

#[test]
fn an_image_asks_for_docker() {
    assert_eq!(cluster("containers: { a: , b: { image: redis } }").runtime_kind(), RuntimeKind::Docker);
}

#[test]
fn copies_are_numbered_in_order_and_so_are_their_containers() {
    let cluster = cluster("containers: { z: , n: { count: 11, container_name: c }, a: { count: 1 } }");
    assert_eq!(
        cluster.names().collect::<Vec<_>>(),
        ["z", "n_1", "n_2", "n_3", "n_4", "n_5", "n_6", "n_7", "n_8", "n_9", "n_10", "n_11", "a_1"]
    );
    assert_eq!(cluster.nodes[11].docker.container_name.as_deref(), Some("c_11"));
}

#[test]
fn variables_are_replaced_in_commands_environments_files_and_folders() {
    let text = "containers:\n  n1:\n    ip: 10.9.0.7\n  n2:\n    command: p ${node} ${ip} ${ip:n1} ${seed} ${param:a} \
                ${param:b:x y} ${env:HOME} $${ip}\n    environment: { A: '${HOME}/${node}' }\n    \
                files: { f: '${ip:n1} ${param:c:}' }\n    ready: { exec: [check, '${ip}'] }\n";
    let cluster = try_load(text, &[("a", "one word"), ("unused", "1")], &[]).unwrap();
    let node = &cluster.nodes[1];
    insta::assert_snapshot!(format!("{:?}", node.command.as_ref().unwrap()), @r#"["p", "n2", "10.9.0.2", "10.9.0.7", "7", "one word", "x y", "/home/user", "${ip}"]"#);
    insta::assert_snapshot!(format!("{:?} {:?} {:?}", node.environment, node.files, node.ready), @r#"{"A": "/home/user/n2"} {"f": "10.9.0.7 "} Some(Ready { check: Exec(["check", "10.9.0.2"]), within_us: 30000000 })"#);
    insta::assert_snapshot!(format!("{:?}", cluster.params), @r#"{"a": "one word", "b": "x y", "c": ""}"#);
}

#[test]
fn links_are_nodes_or_all_copies_of_one_and_may_be_renamed() {
    let cluster =
        cluster("containers: { app: { links: { db: , cache: c } }, cache: , db: { count: 2, links: [cache] } }");
    assert_eq!(cluster.nodes[0].links, ["db_1", "db_2", "cache"]);
    assert_eq!(cluster.nodes[0].aliases, BTreeMap::from([("c".to_owned(), "cache".to_owned())]));
    assert_eq!(cluster.start_order(), [vec![1], vec![2, 3], vec![0]]);
}

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
    assert_eq!(gateways.map(|net| net.to_string()), ["10.9.0.1/24", "fd00:9::1/64"]);
}

#[test]
fn a_node_answers_to_its_link_local_address_too() {
    let node = &cluster("network: { subnet: 10.9.0.0/24, subnet6: 'fd00:9::/64' }\nnodes: { a: , b: }").nodes[1];
    assert_eq!(node.mac.to_string(), "02:62:6b:00:00:02");
    let all = node.all_addresses().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(all, ["10.9.0.3", "fd00:9::3", "fe80::62:6bff:fe00:2"]);
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
fn merged_and_repeated_parts_are_read_where_they_are_used() {
    let cluster = cluster("nodes:\n  a: &base { command: [x], user: u }\n  b: { <<: *base, user: v }\n  c: *base\n");
    let users: Vec<_> = cluster.nodes.iter().map(|node| node.user.clone().unwrap()).collect();
    assert_eq!(users, ["u", "v", "u"]);
    assert!(cluster.nodes.iter().all(|node| node.command.as_deref() == Some(&["x".to_owned()])));
}

// What is wrong with a file.

#[test]
fn an_unknown_key_names_the_nearest_one() {
    insta::assert_snapshot!(wrong_node("comand: x"), @r"
    error: node `n1` has no key `comand`
     --> blockade.yaml:3:5
      |
    3 |     comand: x
      |     ^^^^^^
      |
    help: did you mean `command`? the keys of node `n1` are `command`, `environment`, `workdir`, `files`, `ready`, `stop`, `ip`, `hostname`, `user`, `links`, `start_delay`, `count`, `neutral`, `holy`, `image`, `container_name`, `dns`, `cap_add`, `volumes`, `ports` and `expose`
    ");
    insta::assert_snapshot!(wrong("containres: {}\nnodes: { a: }\n"), @r"
    error: the cluster file has no key `containres`
     --> blockade.yaml:1:1
      |
    1 | containres: {}
      | ^^^^^^^^^^
      |
    help: did you mean `containers`? the keys of the cluster file are `containers`, `nodes`, `network` and `runtime`
    ");
    insta::assert_snapshot!(wrong("network: { sub: 1 }\nnodes: { a: }\n"), @r"
    error: `network` has no key `sub`
     --> blockade.yaml:1:12
      |
    1 | network: { sub: 1 }
      |            ^^^
      |
    help: the keys of `network` are `subnet`, `subnet6`, `driver`, `external`, `flaky`, `slow` and `duplicate`
    ");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_in_the_files_order() {
    insta::assert_snapshot!(wrong(
        "containers:\n  n1:\n    count: many\n    neutral: 5\n  n2:\n    command: {}\nnetwork:\n  driver: fast\n"
    ), @r"
    error: `count` must be an integer from 1 to 10000, found text
     --> blockade.yaml:3:12
      |
    3 |     count: many
      |            ^^^^
    error: `neutral` must be `true` or `false`, found the number 5
     --> blockade.yaml:4:14
      |
    4 |     neutral: 5
      |              ^
    error: `command` must be text, found a mapping
     --> blockade.yaml:6:14
      |
    6 |     command: {}
      |              ^
    error: `driver` cannot be `fast`
     --> blockade.yaml:8:11
      |
    8 |   driver: fast
      |           ^^^^
      |
    help: `driver` is one of `default` and `udn`
    ");
}

#[test]
fn a_wrong_type_says_what_is_expected_and_what_was_found() {
    insta::assert_snapshot!(wrong("containers: [n1, n2]\n"), @r"
    error: `containers` must be a mapping, found a list
     --> blockade.yaml:1:13
      |
    1 | containers: [n1, n2]
      |             ^
    ");
    insta::assert_snapshot!(wrong_node("command:\n  run: x"), @r"
    error: `command` must be text, found a mapping
     --> blockade.yaml:4:7
      |
    4 |       run: x
      |       ^
    ");
    insta::assert_snapshot!(wrong_node("links: n2"), @r"
    error: `links` must be a mapping, found text
     --> blockade.yaml:3:12
      |
    3 |     links: n2
      |            ^^
    ");
    insta::assert_snapshot!(wrong_node("holy: maybe"), @r"
    error: `holy` must be `true` or `false`, found text
     --> blockade.yaml:3:11
      |
    3 |     holy: maybe
      |           ^^^^^
    ");
    insta::assert_snapshot!(wrong_node("count: 0"), @r"
    error: `count` must be an integer from 1 to 10000, found the number 0
     --> blockade.yaml:3:12
      |
    3 |     count: 0
      |            ^
    ");
    insta::assert_snapshot!(wrong("just text"), @r"
    error: the cluster file must be a mapping, found text
     --> blockade.yaml:1:1
      |
    1 | just text
      | ^^^^^^^^^
    ");
}

#[test]
fn a_file_without_nodes_is_wrong() {
    insta::assert_snapshot!(wrong(""), @r"
    error: the cluster has no nodes
     --> blockade.yaml:1:1
      |
    1 |
      | ^
      |
    help: write at least one: `containers: { n1: { command: […] } }`
    ");
    insta::assert_snapshot!(wrong("runtime: netns\ncontainers:\n"), @r"
    error: the cluster has no nodes
     --> blockade.yaml:2:1
      |
    2 | containers:
      | ^^^^^^^^^^
      |
    help: write at least one: `containers: { n1: { command: […] } }`
    ");
    insta::assert_snapshot!(wrong("containers: {}\n"), @r"
    error: the cluster has no nodes
     --> blockade.yaml:1:13
      |
    1 | containers: {}
      |             ^
    ");
    insta::assert_snapshot!(wrong("containers: { a: }\nnodes: { b: }\n"), @r"
    error: `nodes` and `containers` are the same key
     --> blockade.yaml:2:1
      |
    2 | nodes: { b: }
      | ^^^^^
      |
    help: keep one of them
    ");
}

#[test]
fn what_is_not_yaml_is_shown_where_it_ceases_to_be() {
    insta::assert_snapshot!(wrong("containers:\n  n1: [\n"), @r"
    error: this is not YAML: unclosed bracket '['
     --> blockade.yaml:2:7
      |
    2 |   n1: [
      |       ^
    ");
    insta::assert_snapshot!(wrong("containers:\n  n1: a: b\n"), @r"
    error: this is not YAML: mapping values are not allowed in this context
     --> blockade.yaml:2:8
      |
    2 |   n1: a: b
      |        ^
    ");
    insta::assert_snapshot!(wrong("containers:\n  n1: 'x\n"), @r"
    error: this is not YAML: unclosed quote
     --> blockade.yaml:2:7
      |
    2 |   n1: 'x
      |       ^
    ");
    insta::assert_snapshot!(wrong("nodes: { ä: *nope }\n"), @r"
    error: this is not YAML: alias references unknown anchor
     --> blockade.yaml:1:13
      |
    1 | nodes: { ä: *nope }
      |             ^
    ");
    insta::assert_snapshot!(wrong("nodes: { a: }\n---\nnodes: { b: }\n"), @r"
    error: the file holds more than one YAML document
     --> blockade.yaml:3:1
      |
    3 | nodes: { b: }
      | ^
      |
    help: keep one: leave out the lines `---` and `...`
    ");
}

#[test]
fn a_key_or_node_that_comes_twice_names_the_first() {
    insta::assert_snapshot!(wrong("containers:\n  n1:\n  n2:\n  n1:\n"), @r"
    error: `n1` comes twice in `containers`
     --> blockade.yaml:4:3
      |
    4 |   n1:
      |   ^^
      |
    help: the first one is in line 2
    ");
    insta::assert_snapshot!(wrong_node("user: a\nuser: b"), @r"
    error: `user` comes twice in node `n1`
     --> blockade.yaml:4:5
      |
    4 |     user: b
      |     ^^^^
      |
    help: the first one is in line 3
    ");
    insta::assert_snapshot!(wrong("nodes:\n  n: { count: 2 }\n  n_2:\n"), @r"
    error: two nodes are called `n_2`
     --> blockade.yaml:3:3
      |
    3 |   n_2:
      |   ^^^
      |
    help: one of them is a copy: rename `n_2` or `n`
    ");
}

#[test]
fn a_name_that_no_node_can_have_is_refused() {
    insta::assert_snapshot!(wrong("nodes: { world: }\n"), @r"
    error: no node can be called `world`
     --> blockade.yaml:1:10
      |
    1 | nodes: { world: }
      |          ^^^^^
      |
    help: in scripts, that is everything that is not a node
    ");
    insta::assert_snapshot!(wrong("nodes: { 'a,b': }\n"), @r"
    error: no node can be called `a,b`
     --> blockade.yaml:1:10
      |
    1 | nodes: { 'a,b': }
      |          ^^^^^
      |
    help: a name has at most 48 letters, digits, `-`, `_` and `.`, and begins with a letter or digit
    ");
    insta::assert_snapshot!(wrong("nodes: { '': }\n"), @r"
    error: the cluster has no nodes
     --> blockade.yaml:1:8
      |
    1 | nodes: { '': }
      |        ^
    error: a key of `containers` is empty
     --> blockade.yaml:1:10
      |
    1 | nodes: { '': }
      |          ^^
    ");
}

#[test]
fn an_unknown_choice_names_the_nearest_one() {
    insta::assert_snapshot!(wrong("runtime: dokcer\nnodes: { a: }\n"), @r"
    error: `runtime` cannot be `dokcer`
     --> blockade.yaml:1:10
      |
    1 | runtime: dokcer
      |          ^^^^^^
      |
    help: did you mean `docker`? `runtime` is one of `docker`, `netns` and `sim`
    ");
    insta::assert_snapshot!(wrong("network: { driver: bridge }\nnodes: { a: }\n"), @r"
    error: `driver` cannot be `bridge`
     --> blockade.yaml:1:20
      |
    1 | network: { driver: bridge }
      |                    ^^^^^^
      |
    help: `driver` is one of `default` and `udn`
    ");
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

#[test]
fn a_wrong_link_names_the_nodes_or_the_circle() {
    insta::assert_snapshot!(wrong("nodes:\n  db1: { links: [db22] }\n  db2:\n"), @r"
    error: there is no node `db22`
     --> blockade.yaml:2:18
      |
    2 |   db1: { links: [db22] }
      |                  ^^^^
      |
    help: did you mean `db2`? the nodes are db1, db2
    ");
    insta::assert_snapshot!(wrong("nodes:\n  a: { links: [b] }\n  b: { links: [c] }\n  c: { links: [b] }\n"), @r"
    error: the links go in a circle: b → c → b
     --> blockade.yaml:4:16
      |
    4 |   c: { links: [b] }
      |                ^
      |
    help: a node starts after those it links to: leave out one of the links
    ");
    insta::assert_snapshot!(wrong("nodes:\n  a: { links: [a] }\n"), @r"
    error: the links go in a circle: a → a
     --> blockade.yaml:2:16
      |
    2 |   a: { links: [a] }
      |                ^
      |
    help: a node starts after those it links to: leave out one of the links
    ");
}

#[test]
fn a_variable_that_cannot_be_replaced_is_shown_within_its_text() {
    insta::assert_snapshot!(wrong_node("command: run ${nod} x"), @r"
    error: there is no variable `nod`
     --> blockade.yaml:3:18
      |
    3 |     command: run ${nod} x
      |                  ^^^^^^
      |
    help: did you mean `${node}`? there are `${node}`, `${ip}`, `${seed}`, `${ip:NODE}`, `${env:NAME}`, `${param:NAME}`, `${param:NAME:DEFAULT}`; write `$${nod}` for the text itself
    ");
    insta::assert_snapshot!(wrong_node("command: [run, '${ipp:n1}']"), @r"
    error: there is no variable `ipp:n1`
     --> blockade.yaml:3:21
      |
    3 |     command: [run, '${ipp:n1}']
      |                     ^^^^^^^^^
      |
    help: did you mean `${ip:n1}`? there are `${node}`, `${ip}`, `${seed}`, `${ip:NODE}`, `${env:NAME}`, `${param:NAME}`, `${param:NAME:DEFAULT}`; write `$${ipp:n1}` for the text itself
    ");
    insta::assert_snapshot!(wrong_node("command: [run, '${ip:n2}']"), @r"
    error: there is no node `n2`
     --> blockade.yaml:3:21
      |
    3 |     command: [run, '${ip:n2}']
      |                     ^^^^^^^^
      |
    help: did you mean `n1`? the nodes are n1
    ");
    insta::assert_snapshot!(wrong_node("command: run ${param:acks}"), @r"
    error: the parameter `acks` has no value
     --> blockade.yaml:3:18
      |
    3 |     command: run ${param:acks}
      |                  ^^^^^^^^^^^^^
      |
    help: run it with `--set acks=VALUE`, or write a default: `${param:acks:DEFAULT}`
    ");
    insta::assert_snapshot!(wrong_node("environment: { A: '${HOEM}' }"), @r"
    error: the environment variable `HOEM` is not set
     --> blockade.yaml:3:24
      |
    3 |     environment: { A: '${HOEM}' }
      |                        ^^^^^^^
      |
    help: set it, or write the value itself
    ");
    insta::assert_snapshot!(wrong_node("files:\n  run.sh: |\n    #!/bin/sh\n    echo ${x%.*}\n    echo ${y"), @r"
    error: there is no variable `x%.*`
     --> blockade.yaml:6:14
      |
    6 |         echo ${x%.*}
      |              ^^^^^^^
      |
    help: there are `${node}`, `${ip}`, `${seed}`, `${ip:NODE}`, `${env:NAME}`, `${param:NAME}`, `${param:NAME:DEFAULT}`; write `$${x%.*}` for the text itself
    error: this `${` is never closed
     --> blockade.yaml:7:14
      |
    7 |         echo ${y
      |              ^^^
      |
    help: close it with `}`, or write `$${` where `${` itself is meant
    ");
    insta::assert_snapshot!(wrong("nodes: { n: { count: 3, command: 'x ${env:NOPE}' } }\n"), @r"
    error: the environment variable `NOPE` is not set
     --> blockade.yaml:1:37
      |
    1 | nodes: { n: { count: 3, command: 'x ${env:NOPE}' } }
      |                                     ^^^^^^^^^^^
      |
    help: set it, or write the value itself
    ");
}

#[test]
fn a_wrong_value_of_a_node_says_what_to_write() {
    insta::assert_snapshot!(wrong_node("stop: { signal: SIGTREM }"), @r#"
    error: "SIGTREM" is no signal
     --> blockade.yaml:3:21
      |
    3 |     stop: { signal: SIGTREM }
      |                     ^^^^^^^
      |
    help: did you mean `SIGTERM`?
    "#);
    insta::assert_snapshot!(wrong_node("stop: { within: \"3\" }"), @r#"
    error: the duration "3" has no unit
     --> blockade.yaml:3:21
      |
    3 |     stop: { within: "3" }
      |                     ^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(wrong_node("start_delay: -1"), @r#"
    error: the duration -1 is negative
     --> blockade.yaml:3:18
      |
    3 |     start_delay: -1
      |                  ^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(wrong_node("start_delay: .inf"), @r#"
    error: ".inf" is no duration
     --> blockade.yaml:3:18
      |
    3 |     start_delay: .inf
      |                  ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(wrong_node("neutral: true\nholy: true"), @r"
    error: node `n1` is both neutral and holy
     --> blockade.yaml:4:5
      |
    4 |     holy: true
      |     ^^^^
      |
    help: no fault on the network touches `holy`, no partition `neutral`: keep one
    ");
    insta::assert_snapshot!(wrong_node("workdir: /data"), @r"
    error: the path `/data` leads out of the run's own folder
     --> blockade.yaml:3:14
      |
    3 |     workdir: /data
      |              ^^^^^
      |
    help: write a relative path without `..`, like `data/n1`
    ");
    insta::assert_snapshot!(wrong_node("workdir: ${env:HOME}"), @r"
    error: the path `/home/user` leads out of the run's own folder
     --> blockade.yaml:3:14
      |
    3 |     workdir: ${env:HOME}
      |              ^^^^^^^^^^^
      |
    help: write a relative path without `..`, like `data/n1`
    ");
    insta::assert_snapshot!(wrong_node("files: { ../x: y }"), @r"
    error: the path `../x` leads out of the run's own folder
     --> blockade.yaml:3:14
      |
    3 |     files: { ../x: y }
      |              ^^^^
      |
    help: write a relative path without `..`, like `data/n1`
    ");
    insta::assert_snapshot!(wrong_node("command: sh -c 'sleep 1"), @r"
    error: `command` has a quote that is never closed
     --> blockade.yaml:3:14
      |
    3 |     command: sh -c 'sleep 1
      |              ^^^^^^^^^^^^^^
      |
    help: close it, or write a list
    ");
    insta::assert_snapshot!(wrong_node("command: []"), @r"
    error: `command` names no program
     --> blockade.yaml:3:14
      |
    3 |     command: []
      |              ^
      |
    help: leave it out: a node without a command idles
    ");
    insta::assert_snapshot!(wrong_node("command: \"a\\0b\""), @r#"
    error: `command` holds a NUL character
     --> blockade.yaml:3:14
      |
    3 |     command: "a\0b"
      |              ^^^^^^
    "#);
    insta::assert_snapshot!(wrong_node("hostname: a b"), @r"
    error: no host can be called `a b`
     --> blockade.yaml:3:15
      |
    3 |     hostname: a b
      |               ^^^
      |
    help: a host name has at most 63 letters, digits, `-`, `_` and `.`
    ");
    insta::assert_snapshot!(wrong_node("environment: { 'A=B': c }"), @r"
    error: no environment variable can be called `A=B`
     --> blockade.yaml:3:20
      |
    3 |     environment: { 'A=B': c }
      |                    ^^^^^
      |
    help: write `NAME: value`
    ");
}

#[test]
fn a_wrong_ready_says_what_to_write() {
    insta::assert_snapshot!(wrong_node("ready: { tcp: 70000 }"), @r"
    error: `tcp` must be an integer from 1 to 65535, found the number 70000
     --> blockade.yaml:3:19
      |
    3 |     ready: { tcp: 70000 }
      |                   ^^^^^
    ");
    insta::assert_snapshot!(wrong_node("ready: { log: 'a(b' }"), @r"
    error: `log` is no regular expression: unclosed group
     --> blockade.yaml:3:19
      |
    3 |     ready: { log: 'a(b' }
      |                   ^^^^^
      |
    help: write `\` before a character that means itself
    ");
    insta::assert_snapshot!(wrong_node("ready: { within: 3s }"), @r"
    error: `ready` says nothing to wait for
     --> blockade.yaml:3:14
      |
    3 |     ready: { within: 3s }
      |              ^^^^^^
      |
    help: write one of `tcp`, `log`, `exec` and `http`
    ");
    insta::assert_snapshot!(wrong_node("ready: { tcp: 80, log: x }"), @r"
    error: `ready` waits for one thing only
     --> blockade.yaml:3:12
      |
    3 |     ready: { tcp: 80, log: x }
      |            ^
      |
    help: write one of `tcp`, `log`, `exec` and `http`
    ");
    insta::assert_snapshot!(wrong_node("ready: { http: { path: / } }"), @r"
    error: `http` has no `port`
     --> blockade.yaml:3:20
      |
    3 |     ready: { http: { path: / } }
      |                    ^
      |
    help: write it like `{ port: 8080, path: /health }`
    ");
    insta::assert_snapshot!(wrong_node("ready: { http: { port: 80, path: health } }"), @r"
    error: `path` cannot be `health`
     --> blockade.yaml:3:38
      |
    3 |     ready: { http: { port: 80, path: health } }
      |                                      ^^^^^^
      |
    help: write it like `/health`
    ");
}

#[test]
fn a_wrong_value_for_docker_says_what_to_write() {
    insta::assert_snapshot!(wrong_node("ports: { 80: http }"), @r"
    error: `http` is no port
     --> blockade.yaml:3:18
      |
    3 |     ports: { 80: http }
      |                  ^^^^
      |
    help: a port is a number from 1 to 65535, and may end with `/tcp` or `/udp`
    ");
    insta::assert_snapshot!(wrong_node("ports: ['80:81:82']"), @r"
    error: `81:82` is no port
     --> blockade.yaml:3:13
      |
    3 |     ports: ['80:81:82']
      |             ^^^^^^^^^^
      |
    help: a port is a number from 1 to 65535, and may end with `/tcp` or `/udp`
    ");
    insta::assert_snapshot!(wrong_node("expose: [53/icmp]"), @r"
    error: `53/icmp` is no port
     --> blockade.yaml:3:14
      |
    3 |     expose: [53/icmp]
      |              ^^^^^^^
      |
    help: a port is a number from 1 to 65535, and may end with `/tcp` or `/udp`
    ");
    insta::assert_snapshot!(wrong_node("dns: [nowhere]"), @r"
    error: an address of `dns` cannot be `nowhere`
     --> blockade.yaml:3:11
      |
    3 |     dns: [nowhere]
      |           ^^^^^^^
      |
    help: write it like `10.9.0.2`
    ");
}
