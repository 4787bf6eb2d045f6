//! Whole bodies, as Docker gets them.

use super::*;
use crate::cluster::{Nowhere, Variables, load};
use std::path::Path;

/// What an old user's file says of its nodes.
const OLD: &str = r#"
containers:
  db:
    image: postgres:15
    ports: { 15432: 5432 }
    expose: [9187]
    environment: { POSTGRES_DB: shop }
    volumes: { ./data: /var/lib/postgresql, cache: /cache }
  web-1:
    image: shop/web
    container_name: front
    hostname: www
    command: ["serve", "--fast"]
    links: { db: pg-main }
    ports: ["53/udp", "8080:80", "8081:80"]
    dns: [10.0.0.53]
    cap_add: [CAP_SYS_TIME]
    volumes: ["/etc/hosts:/hosts:ro"]
    user: www-data
    stop: { signal: SIGINT, within: 1500ms }
"#;

/// The bodies' parts for a file, handed to a test.
fn with<T>(text: &str, test: impl FnOnce(&Spec<'_>) -> T) -> T {
    let params = BTreeMap::new();
    let variables =
        Variables { name: "shop", seed: 1, params: &params, env: &|_| None, kind: None, surroundings: &Nowhere };
    let cluster = load(Path::new("etc/blockade.yaml"), text, &variables).unwrap();
    let host = Host {
        binds: vec!["/usr:/usr:ro".to_owned()],
        folder: "/home/user".into(),
        passwd: "root:x:0:0::/root:/bin/sh\nredis:x:107:115::/var/lib/redis:/bin/false\n".to_owned(),
    };
    let expose = vec![Port { number: 5432, transport: Transport::Tcp }];
    let postgres = Image { workdir: "/data".into(), expose, has_program: true };
    let images = BTreeMap::from([("postgres:15".to_owned(), postgres)]);
    let owner = Owner { pid: 12, start_ticks: 345 };
    test(&Spec { cluster: &cluster, owner, own_image: "blockade:1", images: &images, host: &host, network: None })
}

/// A body as JSON. Fields that are not set are not sent.
fn json(body: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(&serde_json::to_value(body).unwrap()).unwrap()
}

#[test]
fn the_network_has_the_clusters_subnets_and_gateways() {
    insta::assert_snapshot!(with(OLD, |spec| json(&spec.network())), @r#"
    {
      "Driver": "bridge",
      "EnableIPv6": true,
      "IPAM": {
        "Config": [
          {
            "Gateway": "10.66.0.1",
            "Subnet": "10.66.0.0/24"
          },
          {
            "Gateway": "fd00:b10c:ade::1",
            "Subnet": "fd00:b10c:ade::/64"
          }
        ]
      },
      "Labels": {
        "blockade.id": "shop",
        "blockade.owner": "12/345",
        "blockade.role": "network"
      },
      "Name": "shop_net"
    }
    "#);
}

#[test]
fn a_holder_has_all_that_belongs_to_the_network() {
    insta::assert_snapshot!(with(OLD, |spec| json(&spec.holder(1))), @r#"
    {
      "Entrypoint": [
        "/blockade",
        "hold"
      ],
      "ExposedPorts": {
        "53/udp": {},
        "80/tcp": {}
      },
      "HostConfig": {
        "CapDrop": [
          "ALL"
        ],
        "Dns": [
          "10.0.0.53"
        ],
        "ExtraHosts": [
          "db:10.66.0.2",
          "db:fd00:b10c:ade::2",
          "shop_db:10.66.0.2",
          "shop_db:fd00:b10c:ade::2",
          "web-1:10.66.0.3",
          "web-1:fd00:b10c:ade::3",
          "front:10.66.0.3",
          "front:fd00:b10c:ade::3",
          "www:10.66.0.3",
          "www:fd00:b10c:ade::3",
          "pg-main:10.66.0.2",
          "pg-main:fd00:b10c:ade::2"
        ],
        "LogConfig": {
          "Type": "none"
        },
        "NetworkMode": "shop_net",
        "PortBindings": {
          "53/udp": [
            {
              "HostPort": "53"
            }
          ],
          "80/tcp": [
            {
              "HostPort": "8080"
            },
            {
              "HostPort": "8081"
            }
          ]
        }
      },
      "Hostname": "www",
      "Image": "blockade:1",
      "Labels": {
        "blockade.id": "shop",
        "blockade.node": "web-1",
        "blockade.owner": "12/345",
        "blockade.role": "holder"
      },
      "NetworkingConfig": {
        "EndpointsConfig": {
          "shop_net": {
            "Aliases": [
              "web-1",
              "front",
              "www"
            ],
            "IPAMConfig": {
              "IPv4Address": "10.66.0.3",
              "IPv6Address": "fd00:b10c:ade::3"
            },
            "MacAddress": "02:42:0a:42:00:03"
          }
        }
      }
    }
    "#);
}

#[test]
fn a_node_with_an_image_has_its_program_and_what_it_sees() {
    insta::assert_snapshot!(with(OLD, |spec| json(&spec.node(1, &spec.holder_name(1)))), @r#"
    {
      "Cmd": [
        "serve",
        "--fast"
      ],
      "Env": [
        "PG_MAIN_ENV_POSTGRES_DB=shop",
        "PG_MAIN_NAME=/front/pg-main",
        "PG_MAIN_PORT=tcp://10.66.0.2:5432",
        "PG_MAIN_PORT_5432_TCP=tcp://10.66.0.2:5432",
        "PG_MAIN_PORT_5432_TCP_ADDR=10.66.0.2",
        "PG_MAIN_PORT_5432_TCP_PORT=5432",
        "PG_MAIN_PORT_5432_TCP_PROTO=tcp",
        "PG_MAIN_PORT_9187_TCP=tcp://10.66.0.2:9187",
        "PG_MAIN_PORT_9187_TCP_ADDR=10.66.0.2",
        "PG_MAIN_PORT_9187_TCP_PORT=9187",
        "PG_MAIN_PORT_9187_TCP_PROTO=tcp"
      ],
      "HostConfig": {
        "Binds": [
          "/etc/hosts:/hosts:ro"
        ],
        "CapAdd": [
          "SYS_TIME"
        ],
        "LogConfig": {
          "Type": "json-file"
        },
        "NetworkMode": "container:shop__web-1"
      },
      "Image": "shop/web",
      "Labels": {
        "blockade.id": "shop",
        "blockade.node": "web-1",
        "blockade.owner": "12/345",
        "blockade.role": "node"
      },
      "StopSignal": "SIGINT",
      "StopTimeout": 2,
      "User": "www-data"
    }
    "#);
}

#[test]
fn a_node_keeps_its_images_command_and_signal_where_the_file_says_nothing() {
    let body = with(OLD, |spec| spec.node(0, "abc"));
    assert_eq!((body.entrypoint, body.cmd, body.stop_signal, body.working_dir), (None, None, None, None));
    let binds = body.host_config.and_then(|host| host.binds).unwrap();
    assert_eq!(binds, ["/home/user/etc/data:/var/lib/postgresql", "cache:/cache"]);
}

#[test]
fn a_node_without_an_image_runs_the_hosts_programs_under_our_init() {
    let text = "runtime: docker\nnodes: { r: { command: redis-server --port 1, user: redis, workdir: data, environment: { HOME: / } }, i: }";
    insta::assert_snapshot!(with(text, |spec| json(&spec.node(0, "shop__r"))), @r#"
    {
      "Cmd": [
        "redis-server",
        "--port",
        "1"
      ],
      "Entrypoint": [
        "/blockade",
        "init",
        "--"
      ],
      "Env": [
        "HOME=/",
        "LANG=C.UTF-8",
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "TMPDIR=/tmp"
      ],
      "HostConfig": {
        "Binds": [
          "/usr:/usr:ro"
        ],
        "LogConfig": {
          "Type": "json-file"
        },
        "NetworkMode": "container:shop__r"
      },
      "Image": "blockade:1",
      "Labels": {
        "blockade.id": "shop",
        "blockade.node": "r",
        "blockade.owner": "12/345",
        "blockade.role": "node"
      },
      "StopTimeout": 3,
      "User": "107:115",
      "WorkingDir": "/work/data"
    }
    "#);
    let idle = with(text, |spec| spec.node(1, "shop__i"));
    assert_eq!((idle.entrypoint, idle.cmd), (Some(vec!["/blockade".to_owned(), "hold".to_owned()]), None));
}

#[test]
fn a_command_that_names_blockade_is_this_binary() {
    let body = with("runtime: docker\nnodes: { s: { command: [blockade, demo-store] } }", |spec| spec.node(0, "h"));
    assert_eq!(body.cmd.unwrap(), ["/blockade", "demo-store"]);
}

#[test]
fn the_helper_has_the_rights_it_needs_and_is_never_privileged() {
    let argv = ["agent", "--connect", "/run/user/1/x.sock"].map(ToOwned::to_owned);
    insta::assert_snapshot!(with(OLD, |spec| json(&spec.agent(&argv, Path::new("/run/user/1/x.sock")))), @r#"
    {
      "Cmd": [
        "agent",
        "--connect",
        "/run/user/1/x.sock"
      ],
      "Entrypoint": [
        "/blockade"
      ],
      "HostConfig": {
        "AutoRemove": true,
        "Binds": [
          "/run/user/1/x.sock:/run/user/1/x.sock"
        ],
        "CapAdd": [
          "NET_ADMIN",
          "NET_RAW",
          "SYS_ADMIN",
          "SYS_PTRACE",
          "KILL"
        ],
        "CapDrop": [
          "ALL"
        ],
        "LogConfig": {
          "Type": "none"
        },
        "NetworkMode": "host",
        "PidMode": "host",
        "SecurityOpt": [
          "apparmor=unconfined",
          "seccomp=unconfined",
          "label=disable"
        ],
        "UsernsMode": "host"
      },
      "Image": "blockade:1",
      "Labels": {
        "blockade.id": "shop",
        "blockade.owner": "12/345",
        "blockade.role": "agent"
      },
      "StopSignal": "SIGKILL"
    }
    "#);
}

#[test]
fn names_of_nodes_and_holders_never_meet() {
    with("runtime: docker\nnodes: { a: { count: 2 }, a_1_b: }", |spec| {
        let nodes: Vec<_> = spec.cluster.nodes.iter().map(|node| container_name(spec.cluster, node)).collect();
        let holders: Vec<_> = (0..3).map(|node| spec.holder_name(node)).collect();
        assert_eq!(nodes, ["shop_a_1", "shop_a_2", "shop_a_1_b"]);
        assert_eq!(holders, ["shop__a_1", "shop__a_2", "shop__a_1_b"]);
        assert_eq!(spec.agent_name(), "shop__.agent");
    });
}

#[test]
fn on_an_external_network_the_holder_joins_that() {
    let text = "runtime: docker\nnetwork: { subnet: 10.9.0.0/24 }\nnodes: { a: }";
    with(text, |spec| {
        let mut cluster = spec.cluster.clone();
        cluster.network.external = Some("shared".to_owned());
        cluster.nodes[0].addresses.truncate(1);
        let holder = Spec { cluster: &cluster, ..spec.clone() }.holder(0);
        assert_eq!(holder.host_config.unwrap().network_mode.unwrap(), "shared");
        let endpoint = &holder.networking_config.unwrap().endpoints_config.unwrap()["shared"];
        let ipam = endpoint.ipam_config.as_ref().unwrap();
        assert_eq!((ipam.ipv4_address.as_deref(), ipam.ipv6_address.as_deref()), (Some("10.9.0.2"), None));
    });
}

/// `path owner mode text` of everything that is packed.
fn unpacked(tar: &[u8]) -> String {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut entry, &mut text).unwrap();
        let header = entry.header();
        let owner = format!("{}:{} {:o}", header.uid().unwrap(), header.gid().unwrap(), header.mode().unwrap());
        format!("{} {owner} {text}\n", entry.path().unwrap().display())
    });
    entries.collect()
}

#[test]
fn files_lie_in_the_working_folder_and_belong_to_the_nodes_user() {
    let text = "runtime: docker\nnodes: { r: { user: redis, workdir: data, files: { a.conf: x, sub/deep/b: y } } }";
    insta::assert_snapshot!(with(text, |spec| unpacked(&spec.files(0).unwrap().unwrap())), @"
    work/data 107:115 755 
    work/data/sub 107:115 755 
    work/data/sub/deep 107:115 755 
    work/data/a.conf 107:115 644 x
    work/data/sub/deep/b 107:115 644 y
    ");
    let text = "nodes: { d: { image: 'postgres:15', user: postgres, files: { conf/a: x } } }";
    insta::assert_snapshot!(with(text, |spec| unpacked(&spec.files(0).unwrap().unwrap())), @"
    data/conf/a 0:0 644 x
    ");
    assert_eq!(with(OLD, |spec| spec.files(0).unwrap()), None);
}
