//! What every key means.

use super::*;

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
          "mac": "02:42:0a:42:00:02",
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
      "mac": "02:42:0a:09:00:0b",
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
        ["z", "n_1", "n_2", "n_3", "n_4", "n_5", "n_6", "n_7", "n_8", "n_9", "n_10", "n_11", "a"]
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
fn merged_and_repeated_parts_are_read_where_they_are_used() {
    let cluster = cluster("nodes:\n  a: &base { command: [x], user: u }\n  b: { <<: *base, user: v }\n  c: *base\n");
    let users: Vec<_> = cluster.nodes.iter().map(|node| node.user.clone().unwrap()).collect();
    assert_eq!(users, ["u", "v", "u"]);
    assert!(cluster.nodes.iter().all(|node| node.command.as_deref() == Some(&["x".to_owned()])));
}
