//! Faults hold on whatever network a container has.

use super::clusters::{TALKERS, THREE};
use super::common::until;
use super::old_files::free_port;
use super::stage::Stage;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A kernel setting, as it was again at the end.
struct Setting {
    path: &'static str,
    before: String,
}

impl Setting {
    fn to(path: &'static str, value: &str) -> Option<Self> {
        let before = std::fs::read_to_string(path).ok()?;
        std::fs::write(path, value).ok()?;
        Some(Self { path, before })
    }
}

impl Drop for Setting {
    fn drop(&mut self) {
        std::fs::write(self.path, &self.before).unwrap();
    }
}

#[test]
fn a_partition_holds_where_bridged_packets_never_meet_the_hosts_firewall() {
    let Some(stage) = Stage::up(THREE) else { return };
    // Not there at all where the kernel has no br_netfilter: then it is so anyway.
    let _v4 = Setting::to("/proc/sys/net/bridge/bridge-nf-call-iptables", "0");
    let _v6 = Setting::to("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "0");
    assert!(stage.linked("n1", "n2"));
    stage.says(&["partition", "n1"]);
    assert!(!stage.linked("n1", "n2"));
    stage.says(&["join"]);
    assert!(stage.linked("n1", "n2"));
}

#[test]
fn a_second_network_is_no_way_around_a_partition() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    stage.says(&["partition", "n1"]);
    let second = stage.network_beside("second", &[]);
    for node in ["n1", "n2"] {
        stage.docker(&["network", "connect", &second, &stage.holder(node)]);
    }
    let template = format!("{{{{(index .NetworkSettings.Networks \"{second}\").IPAddress}}}}");
    let other = |node| stage.inspect(&stage.holder(node), &template);
    let others = [other("n1"), other("n2")];
    for (node, address) in [("n1", &others[0]), ("n2", &others[1])] {
        until("status knows the address", || stage.status(node)["addresses"].to_string().contains(address.as_str()));
    }
    stage.hears("n1", &[], &[&others[1], &stage.ip("n2")]);
    stage.hears("n2", &[], &[&others[0], &stage.ip("n1")]);
    stage.says(&["join"]);
    stage.hears("n1", &[&others[1]], &[]);
    // And one that is there before the cut.
    stage.says(&["partition", "n2"]);
    stage.hears("n1", &[], &[&others[1], &stage.ip("n2")]);
}

#[test]
fn ipv6_is_cut_like_ipv4() {
    let Some(stage) = Stage::up(TALKERS) else { return };
    let [six1, six2, six3] = ["n1", "n2", "n3"].map(|node| stage.ip6(node));
    stage.hears("n1", &[&six2, &six3], &[]);
    stage.says(&["partition", "n1"]);
    stage.hears("n1", &[], &[&six2, &six3]);
    stage.hears("n2", &[&six3], &[&six1]);
    let answer = stage.inside("n2", &["ping", "-6", "-c", "1", "-W", "1", &six1]);
    assert_ne!(answer.code, 0, "{}", answer.stdout);
    stage.says(&["join"]);
    stage.hears("n1", &[&six2, &six3], &[]);
}

#[test]
fn an_open_connection_falls_silent_under_a_cut_and_goes_on_after_it() {
    let cluster = "
containers:
  server: { image: 'blockade-test:1', command: talker 7000 }
  client: { image: 'blockade-test:1', command: 'talker stream 7000 ${ip:server}', links: [server] }
";
    let Some(stage) = Stage::up(cluster) else { return };
    let last = |node: &str, word: &str| {
        let log = stage.log(node);
        let numbers = log.lines().filter_map(|line| line.strip_prefix(word)?.trim().parse::<u64>().ok());
        numbers.max()
    };
    until("lines arrive", || last("server", "got") > Some(10));
    stage.says(&["partition", "client"]);
    let cut = last("client", "sent").unwrap();
    // The client goes on unharmed, and nothing of it arrives. A log may be a little behind: by less than a second.
    until("the client goes on", || last("client", "sent") > Some(cut + 200));
    assert!(last("server", "got") < Some(cut + 100));
    stage.says(&["join"]);
    until("the connection goes on", || last("server", "got") > Some(cut + 250));
    assert!(!stage.log("client").contains("broken"));
}

/// Asks the published port of a web server; `None` where nothing comes.
fn page(host: &str, port: u16) -> Option<String> {
    let address = format!("{host}:{port}").parse().unwrap();
    let mut connection = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
    connection.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut text = String::new();
    connection.read_to_string(&mut text).ok().filter(|length| *length > 0)?;
    Some(text)
}

#[test]
fn a_published_port_serves_the_host_through_a_partition_and_not_through_a_cut_from_the_world() {
    let port = free_port();
    let cluster = format!(
        "containers:\n  web: {{ image: 'blockade-test:1', command: [sh, -c, 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp'], ports: {{ {port}: 80 }} }}\n  n2: {{ image: 'blockade-test:1' }}\n"
    );
    let Some(stage) = Stage::up(&cluster) else { return };
    until("the page", || page("127.0.0.1", port).is_some());
    stage.says(&["partition", "web"]);
    let serves = |host: &str, port| page(host, port).is_some_and(|text| text.contains("hello"));
    until("the page, through the partition", || serves("127.0.0.1", port));
    until("by the node's own address, too", || serves(&stage.ip("web"), 80));
    stage.says(&["join"]);
    stage.says(&["block", "world", "web"]);
    assert_eq!(page("127.0.0.1", port), None);
    stage.says(&["heal"]);
    stage.says(&["block", "web", "world"]);
    assert_eq!(page("127.0.0.1", port), None);
    stage.says(&["heal"]);
    until("healed", || page("127.0.0.1", port).is_some());
}

#[test]
fn a_published_port_leads_around_a_partition_unless_the_world_is_cut_too() {
    let port = free_port();
    let cluster = format!(
        "containers:\n  web: {{ image: 'blockade-test:1', command: 'talker 7000', ports: {{ {port}: 7000 }} }}\n  n2: {{ image: 'blockade-test:1' }}\n"
    );
    let Some(stage) = Stage::up(&cluster) else { return };
    let gateway = stage.inspect(&stage.holder("web"), "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}");
    // What forwards a line on the host's side connects long before it finds the way cut, and gives up after minutes.
    let says = |node: &str, word: &str, address: &str, port: u16| {
        stage.inside(node, &["sh", "-c", &format!("echo {word} | timeout 2 nc {address} {port}")]);
    };
    let printed = |word: &str| stage.log("web").lines().any(|line| line == format!("got {word}"));
    // Over the host's side of the network.
    let arrives = |word: &str| {
        says("n2", word, &gateway, port);
        printed(word)
    };
    until("the port is open", || arrives("open"));
    stage.says(&["partition", "web"]);
    // The host's own address is the sender: to the node it is the world that asks.
    assert!(!stage.reaches("n2", &stage.ip("web")));
    until("a line gets around", || arrives("around"));
    stage.says(&["block", "world", "web"]);
    assert!(!arrives("cut"));
    // Nor is it on its way to the log: what the node then tells itself stands there.
    says("web", "itself", "127.0.0.1", 7000);
    until("the log is whole", || printed("itself"));
    assert!(!printed("cut"));
    stage.says(&["heal"]);
    until("healed", || arrives("healed"));
}

#[test]
fn an_external_network_is_used_and_left() {
    let Some(stage) = Stage::new("") else { return };
    let network = stage.network_beside("external", &["--subnet", &stage.free_subnet()]);
    let beside = stage.container_beside("taken", &["--network", &network, super::common::docker::IMAGE]);
    stage.place.write("blockade.yaml", &format!("{THREE}network: {{ external: {network} }}\n"));
    stage.says(&["up"]);
    let taken = stage.inspect(&beside, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let ips = ["n1", "n2", "n3"].map(|node| stage.ip(node));
    assert!(!ips.contains(&taken), "{ips:?} {taken}");
    assert!(stage.linked("n1", "n2"));
    stage.says(&["partition", "n1"]);
    assert!(!stage.linked("n1", "n2"));
    // What is no node is the world, and no part of the partition.
    assert!(stage.reaches("n1", &taken));
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [beside, network]);
}
