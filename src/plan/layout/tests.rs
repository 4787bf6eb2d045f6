//! How rulesets read, and whether real nft takes them.

use super::super::WorldCut;
use super::super::interpret::{DEVICES, Packet, refuses, ruleset};
use super::*;
use insta::assert_snapshot;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use std::io::Write;
use std::process::{Command, Stdio};

fn ruleset_of(treated: &[(Filter, Treatment, &[&str])]) -> Ruleset {
    let mut ruleset = Ruleset::default();
    for (filter, refusal, addresses) in treated {
        let addresses = addresses.iter().map(|address| address.parse::<IpAddr>().unwrap());
        ruleset.treated.entry((*filter, *refusal)).or_default().extend(addresses);
    }
    ruleset
}

fn filter(proto: Option<Proto>, port: Option<u16>, family: Option<Family>) -> Filter {
    Filter { proto, port, family }
}

const OTHER_HALF: &[&str] = &["10.0.0.10", "10.0.0.9", "fd00::9", "fe80::42:aff:fe00:9"];

#[test]
fn half_of_a_partition() {
    let half = ruleset_of(&[(Filter::ANY, Treatment::Drop, OTHER_HALF)]);
    assert_snapshot!(checked(&half), @r"
    table inet blockade {
        set dropped4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.9, 10.0.0.10 }
        }

        set dropped6 {
            type ipv6_addr
            size 512
            elements = { fd00::9, fe80::42:aff:fe00:9 }
        }

        chain arriving_dropped {
            type filter hook prerouting priority raw; policy accept;
            ip saddr @dropped4 drop
            icmpv6 type 133-137 return
            ip6 saddr @dropped6 drop
        }
    }
    ");
}

#[test]
fn the_deaf_end_of_a_one_way_link() {
    let one = ruleset_of(&[(Filter::ANY, Treatment::Drop, &["10.0.0.2"])]);
    assert_snapshot!(checked(&one), @r"
    table inet blockade {
        set dropped4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.2 }
        }

        set dropped6 {
            type ipv6_addr
            size 512
        }

        chain arriving_dropped {
            type filter hook prerouting priority raw; policy accept;
            ip saddr @dropped4 drop
            icmpv6 type 133-137 return
            ip6 saddr @dropped6 drop
        }
    }
    ");
}

#[test]
fn a_reject() {
    let reject = ruleset_of(&[(Filter::ANY, Treatment::Reject, &["10.0.0.2", "fd00::2"])]);
    assert_snapshot!(checked(&reject), @r"
    table inet blockade {
        set rejected4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.2 }
        }

        set rejected6 {
            type ipv6_addr
            size 512
            elements = { fd00::2 }
        }

        chain arriving_rejected {
            type filter hook prerouting priority raw; policy accept;
            tcp flags rst return
            icmp type destination-unreachable return
            icmpv6 type destination-unreachable return
            meta l4proto tcp ip saddr @rejected4 reject with tcp reset
            ip saddr @rejected4 reject with icmpx port-unreachable
            icmpv6 type 133-137 return
            meta l4proto tcp ip6 saddr @rejected6 reject with tcp reset
            ip6 saddr @rejected6 reject with icmpx port-unreachable
        }
    }
    ");
}

#[test]
fn filters() {
    let filtered = ruleset_of(&[
        (filter(Some(Proto::Icmp), None, None), Treatment::Drop, &["10.0.0.2", "fd00::2"]),
        (filter(None, Some(53), Some(Family::Ipv4)), Treatment::Drop, &["10.0.0.3"]),
        (filter(Some(Proto::Tcp), Some(6379), Some(Family::Ipv6)), Treatment::Reject, &["fd00::3"]),
        (filter(Some(Proto::Udp), None, Some(Family::Ipv6)), Treatment::Reject, &["fd00::4"]),
    ]);
    assert_snapshot!(checked(&filtered), @r"
    table inet blockade {
        set dropped4_53_ipv4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.3 }
        }

        set dropped4_icmp {
            type ipv4_addr
            size 512
            elements = { 10.0.0.2 }
        }

        set dropped6_icmp {
            type ipv6_addr
            size 512
            elements = { fd00::2 }
        }

        set rejected6_tcp_6379_ipv6 {
            type ipv6_addr
            size 512
            elements = { fd00::3 }
        }

        set rejected6_udp_ipv6 {
            type ipv6_addr
            size 512
            elements = { fd00::4 }
        }

        chain arriving {
            type filter hook prerouting priority raw; policy accept;
            jump dropped_53_ipv4
            jump dropped_icmp
            jump rejected_tcp_6379_ipv6
            jump rejected_udp_ipv6
        }

        chain dropped_53_ipv4 {
            tcp sport 53 ip saddr @dropped4_53_ipv4 drop
            tcp dport 53 ip saddr @dropped4_53_ipv4 drop
            udp sport 53 ip saddr @dropped4_53_ipv4 drop
            udp dport 53 ip saddr @dropped4_53_ipv4 drop
        }

        chain dropped_icmp {
            meta l4proto icmp ip saddr @dropped4_icmp drop
            icmpv6 type 133-137 return
            meta l4proto ipv6-icmp ip6 saddr @dropped6_icmp drop
        }

        chain rejected_tcp_6379_ipv6 {
            tcp flags rst return
            tcp sport 6379 ip6 saddr @rejected6_tcp_6379_ipv6 reject with tcp reset
            tcp dport 6379 ip6 saddr @rejected6_tcp_6379_ipv6 reject with tcp reset
        }

        chain rejected_udp_ipv6 {
            meta l4proto udp ip6 saddr @rejected6_udp_ipv6 reject with icmpx port-unreachable
        }
    }
    ");
}

#[test]
fn the_world_cut_off_both_ways() {
    let world = WorldCut {
        from_world: [(Filter::ANY, Treatment::Drop)].into(),
        to_world: [(Filter::ANY, Leaving::Drop)].into(),
    };
    let devices = DEVICES.map(String::from).into();
    let mut isolated = Ruleset { world, devices, ..Ruleset::default() };
    isolated.nodes.extend(OTHER_HALF.iter().map(|text| text.parse::<IpAddr>().unwrap()));
    assert_snapshot!(checked(&isolated), @r#"
    table inet blockade {
        set nodes4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.9, 10.0.0.10 }
        }

        set nodes6 {
            type ipv6_addr
            size 512
            elements = { fd00::9, fe80::42:aff:fe00:9 }
        }

        chain arriving_world_dropped {
            type filter hook prerouting priority raw; policy accept;
            iif "lo" return
            ip saddr != @nodes4 drop
            icmpv6 type 133-137 return
            ip6 saddr != @nodes6 drop
        }
    }

    table netdev blockade {
        set nodes4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.9, 10.0.0.10 }
        }

        set nodes6 {
            type ipv6_addr
            size 512
            elements = { fd00::9, fe80::42:aff:fe00:9 }
        }

        chain leaving_by_eth0_world_dropped {
            type filter hook egress device "eth0" priority filter; policy accept;
            ip daddr 224.0.0.0/3 return
            ip6 daddr ff00::/8 return
            ether daddr ff:ff:ff:ff:ff:ff return
            ip daddr != @nodes4 drop
            icmpv6 type 133-137 return
            ip6 daddr != @nodes6 drop
        }

        chain leaving_by_wg/2b1_world_dropped {
            type filter hook egress device "wg+1" priority filter; policy accept;
            ip daddr 224.0.0.0/3 return
            ip6 daddr ff00::/8 return
            ether daddr ff:ff:ff:ff:ff:ff return
            ip daddr != @nodes4 drop
            icmpv6 type 133-137 return
            ip6 daddr != @nodes6 drop
        }
    }
    "#);
}

#[test]
fn a_world_that_is_rejected_but_for_what_is_dropped() {
    let v4_only = |proto, port| filter(proto, port, Some(Family::Ipv4));
    let to_world =
        [(v4_only(None, None), Leaving::Reject), (v4_only(Some(Proto::Udp), Some(53)), Leaving::Drop)].into();
    let world = WorldCut { to_world, ..WorldCut::default() };
    let mut ruleset = Ruleset { world, devices: ["eth0".to_owned()].into(), ..Ruleset::default() };
    ruleset.nodes.extend(["10.0.0.9".parse::<IpAddr>().unwrap()]);
    assert_snapshot!(checked(&ruleset), @r#"
    table inet blockade {
        set nodes4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.9 }
        }

        set nodes6 {
            type ipv6_addr
            size 512
        }

        chain sending {
            type filter hook output priority filter; policy accept;
            jump world_spared_udp_53_ipv4
            jump world_refused_ipv4
        }

        chain world_refused_ipv4 {
            oif "lo" return
            fib daddr type broadcast return
            ip daddr 224.0.0.0/3 return
            tcp flags rst return
            icmp type destination-unreachable return
            meta l4proto tcp ip daddr != @nodes4 reject with tcp reset
            ip daddr != @nodes4 reject with icmpx port-unreachable
        }

        chain world_spared_udp_53_ipv4 {
            oif "lo" return
            fib daddr type broadcast return
            ip daddr 224.0.0.0/3 return
            udp sport 53 ip daddr != @nodes4 accept
            udp dport 53 ip daddr != @nodes4 accept
        }
    }

    table netdev blockade {
        set nodes4 {
            type ipv4_addr
            size 512
            elements = { 10.0.0.9 }
        }

        set nodes6 {
            type ipv6_addr
            size 512
        }

        chain leaving_by_eth0 {
            type filter hook egress device "eth0" priority filter; policy accept;
            jump world_dropped_udp_53_ipv4
            jump world_rejected_ipv4
        }

        chain world_dropped_udp_53_ipv4 {
            ip daddr 224.0.0.0/3 return
            ether daddr ff:ff:ff:ff:ff:ff return
            udp sport 53 ip daddr != @nodes4 drop
            udp dport 53 ip daddr != @nodes4 drop
        }

        chain world_rejected_ipv4 {
            ip daddr 224.0.0.0/3 return
            ether daddr ff:ff:ff:ff:ff:ff return
            tcp flags rst return
            icmp type destination-unreachable return
            ip daddr != @nodes4 drop
        }
    }
    "#);
}

proptest! {
    #[test]
    fn neighbour_discovery_and_loopback_are_never_refused(ruleset in ruleset()) {
        let tables = ruleset.tables();
        for packet in Packet::all().into_iter().filter(|packet| packet.proto == Proto::Icmp) {
            let discovery = Packet { discovery: packet.party.is_ipv6(), ..packet };
            prop_assert!(packet.party.is_ipv4() || !refuses(&tables, discovery));
        }
        let own = "127.0.0.1".parse().unwrap();
        let packet = Packet { loopback: true, ..Packet::new(TableFamily::Inet, own, Proto::Tcp, [1, 80]) };
        prop_assert!(!refuses(&tables, packet));
    }
}

#[test]
fn nft_itself_takes_every_kind_of_rule() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..30 {
        checked(&ruleset().new_tree(&mut runner).unwrap().current());
    }
}

/// The printed ruleset, after real nft, where it is installed, has found it right.
fn checked(ruleset: &Ruleset) -> String {
    let text = ruleset.to_string();
    let nft = Command::new("unshare")
        .args(["--net", "sh", "-c", "ip link add eth0 type veth peer name wg+1 && exec nft -c -f -"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut nft) = nft else {
        crate::skip::skip("unshare and nft do not check the printed ruleset");
        return text;
    };
    // Of a kernel that knows queues as iptables' target only, nft cannot ask whether it takes the rule.
    let asked = text.lines().map(|line| line.split("queue flags bypass").next().unwrap_or_default());
    let asked = asked.collect::<Vec<_>>().join("\n");
    nft.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = nft.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("not found") || said.contains("unshare failed") {
        crate::skip::skip(&format!("nft does not check the printed ruleset: {said}"));
    } else {
        assert!(output.status.success(), "nft refuses:\n{said}\n{text}");
    }
    text
}
