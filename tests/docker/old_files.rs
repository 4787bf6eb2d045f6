//! Files of the old Blockade's users, unchanged.

use super::common::until;
use super::stage::Stage;
use std::hash::BuildHasher;
use std::net::{TcpListener, UdpSocket};

/// A port that nobody uses now. Docker binds it only later: it is none of those that the kernel gives to whoever asks
/// for any.
pub fn free_port() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap();
    let first: u64 = range.split_whitespace().next().unwrap().parse().unwrap();
    let random = std::hash::RandomState::new();
    let ports = (0..).map(|tries: u32| 1024 + (random.hash_one(tries) % (first.max(2048) - 1024)) as u16);
    let is_free =
        |port: &u16| TcpListener::bind(("0.0.0.0", *port)).is_ok() && UdpSocket::bind(("0.0.0.0", *port)).is_ok();
    ports.take(1000).find(is_free).unwrap()
}

#[test]
fn links_ports_volumes_and_environment() {
    let port = free_port();
    let cluster = format!(
        r#"
containers:
  c1:
    image: blockade-test:1
    command: /bin/sh -c "echo hello > /tmp/index.html; httpd -f -p 80 -h /tmp"
    volumes:
      "${{CWD}}/shared": "/shared"
    expose: [80]
    environment:
      "IS_MASTER": 1
      "WHO": "${{WHO}}"
    ports:
      {port}: 80
  c2:
    image: blockade-test:1
    command: ["/bin/hold"]
    volumes: ["/etc/hostname"]
    links:
      c1: master
  c3:
    image: blockade-test:1
    links: [c1]

network:
  flaky: 30%
  slow: 75ms 100ms distribution normal
"#
    );
    let Some(stage) = Stage::new(&cluster) else { return };
    let stage = stage.set("WHO", "somebody");
    std::fs::create_dir(stage.place.path().join("shared")).unwrap();
    stage.place.write("shared/file", "from the host\n");
    stage.says(&["up"]);
    assert_eq!(stage.inside("c1", &["cat", "/shared/file"]).with(0).stdout, "from the host\n");
    let environment = stage.inside("c1", &["env"]).with(0).stdout;
    assert!(environment.contains("IS_MASTER=1\n") && environment.contains("WHO=somebody\n"), "{environment}");
    assert_eq!(
        stage.inside("c2", &["cat", "/etc/hostname"]).with(0).stdout,
        std::fs::read_to_string("/etc/hostname").unwrap()
    );
    // The link's name, the node's and the container's all lead to it, for those who link and, by its own names, for all.
    for (node, name) in [("c2", "master"), ("c2", "c1"), ("c3", "c1"), ("c2", &stage.container("c1"))] {
        let page = || stage.inside(node, &["wget", "-q", "-O", "-", &format!("http://{name}/")]).stdout;
        until(&format!("{node} has the page of {name}"), || page() == "hello\n");
    }
    let linked = stage.inside("c2", &["env"]).with(0).stdout;
    assert!(linked.contains(&format!("MASTER_PORT_80_TCP_ADDR={}\n", stage.ip("c1"))), "{linked}");
    // The published port, from the host.
    until("the port is open", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
}

#[test]
fn hostname_dns_capabilities_and_names() {
    let cluster = r"
containers:
  web:
    image: blockade-test:1
    hostname: www
    dns: [192.0.2.53]
    cap_add: [NET_ADMIN]
    container_name: CALLED
    count: 2
  lone:
    image: blockade-test:1
    count: 1
";
    let Some(stage) = Stage::new("") else { return };
    let called = format!("{}-called", stage.name);
    stage.place.write("blockade.yaml", &cluster.replace("CALLED", &called));
    stage.says(&["up"]);
    let first = format!("{called}_1");
    assert_eq!(stage.docker(&["exec", &first, "hostname"]), "www");
    assert_eq!(stage.docker(&["exec", &format!("{called}_2"), "hostname"]), "www");
    let effective = stage.docker(&["exec", &first, "sh", "-c", "grep CapEff /proc/1/status"]);
    let bits = u64::from_str_radix(effective.rsplit('\t').next().unwrap().trim(), 16).unwrap();
    assert_ne!(bits & (1 << 12), 0, "CAP_NET_ADMIN in {effective}");
    // Docker's own resolver stands before the given one.
    let holder = stage.holder("web_1");
    assert_eq!(stage.inspect(&holder, "{{.HostConfig.Dns}}"), "[192.0.2.53]");
    let names: Vec<_> = stage.json(&["status"]).as_array().unwrap().iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, ["web_1", "web_2", "lone"]);
    assert_eq!(stage.inspect(&stage.container("lone"), "{{.State.Running}}"), "true");
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn a_port_of_udp() {
    let port = free_port();
    let cluster = format!(
        "containers:\n  dns: {{ image: 'blockade-test:1', command: talker 7000, ports: ['{port}:7000/udp'], expose: [7000/udp] }}\n"
    );
    let Some(stage) = Stage::up(&cluster) else { return };
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
    until("the port answers", || {
        // Refused while the program is not there yet.
        let _ = socket.send_to(b"? 0", ("127.0.0.1", port));
        socket.recv_from(&mut [0; 64]).is_ok()
    });
    drop(stage);
}

#[test]
fn nodes_start_in_the_order_of_their_links_and_after_their_delay() {
    let cluster = "
containers:
  last: { image: 'blockade-test:1', links: [first], start_delay: 2 }
  first: { image: 'blockade-test:1' }
network: { driver: udn }
";
    let Some(stage) = Stage::up(cluster) else { return };
    let started = |node| {
        let time = stage.inspect(&stage.container(node), "{{.State.StartedAt}}");
        time.parse::<jiff::Timestamp>().unwrap()
    };
    let between = started("last").duration_since(started("first"));
    assert!(between.as_millis() >= 2000, "{between:?}");
}

#[test]
fn a_file_without_the_image_or_with_a_key_too_many_says_so() {
    let Some(stage) = Stage::new("containers:\n  c1: { image: 'blockade-test:1', enviroment: { A: 1 } }\n") else {
        return;
    };
    let ended = stage.run(&["up"]).with(2);
    assert!(ended.stderr.contains("did you mean `environment`?"), "{}", ended.stderr);
    stage
        .place
        .write("blockade.yaml", "containers:\n  c1: { image: 'blockade-test:1' }\nnetwork: { driver: bridge }\n");
    let ended = stage.run(&["up"]).with(2);
    assert!(ended.stderr.contains("`driver`"), "{}", ended.stderr);
    assert_eq!(stage.left(), [""; 0]);
}
