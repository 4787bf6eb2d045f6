//! Impairments that nobody would notice, links without packets, and words that are nearly the right ones.

use super::*;

#[test]
fn links_that_are_narrowed_to_nothing() {
    insta::assert_snapshot!(told(r#"slow(from("n1").on(#{ proto: "tcp" }).on(#{ proto: "udp" }), "1ms");"#), @r#"
    exit 2
    error: these links are narrowed to tcp already, not udp: no packet is of two protocols
     --> s.rhai:1:39
      |
    1 | slow(from("n1").on(#{ proto: "tcp" }).on(#{ proto: "udp" }), "1ms");
      |                                       ^^
      |
    help: what is given must all hold; where either is meant, make a fault for each
    "#);
    insta::assert_snapshot!(told(r#"slow(from("n1").on(#{ port: 80 }).on(#{ proto: "icmp" }), "1ms");"#), @r#"
    exit 2
    error: ICMP has no ports
     --> s.rhai:1:35
      |
    1 | slow(from("n1").on(#{ port: 80 }).on(#{ proto: "icmp" }), "1ms");
      |                                   ^^
      |
    help: leave the port out, or filter on tcp or udp
    "#);
    insta::assert_snapshot!(told(r#"slow(from("n1").on(#{ family: "ipv4" }).on(#{ family: "ipv6" }), "1ms");"#), @r#"
    exit 2
    error: these links are narrowed to ipv4 already, not ipv6: no packet is of two address families
     --> s.rhai:1:41
      |
    1 | slow(from("n1").on(#{ family: "ipv4" }).on(#{ family: "ipv6" }), "1ms");
      |                                         ^^
      |
    help: what is given must all hold; where either is meant, make a fault for each
    "#);
    insta::assert_snapshot!(told(r#"slow(from("n1").on(#{ port: 80 }).on(#{ proto: "tcp", port: 443 }), "1ms");"#), @r#"
    exit 2
    error: these links are narrowed to port 80 already, not port 443: a filter knows one port, of either end
     --> s.rhai:1:35
      |
    1 | slow(from("n1").on(#{ port: 80 }).on(#{ proto: "tcp", port: 443 }), "1ms");
      |                                   ^^
      |
    help: what is given must all hold; where either is meant, make a fault for each
    "#);
    insta::assert_snapshot!(told(r#"from("n1").on(#{});"#), @r#"
    exit 2
    error: on() was told nothing to narrow the links to
     --> s.rhai:1:12
      |
    1 | from("n1").on(#{});
      |            ^^
      |
    help: give it at least one of proto, port, family, as in on(#{ proto: "tcp", port: 6379 })
    "#);
}

#[test]
fn links_that_are_narrowed_twice_are_narrowed_by_both() {
    let script = r#"slow(link("n1", "n2").on(#{ proto: "tcp", port: 80 }).on(#{ port: 80, family: "ipv6" }), "1ms");"#;
    let planned = Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
    assert!(planned.stdout.contains("slow n1 → n2 (tcp port 80 ipv6): delay 1 ms"), "{}", planned.stdout);
}

#[test]
fn a_share_that_cannot_be_told_from_none_or_from_all() {
    insta::assert_snapshot!(told(r#"flaky("n1", 1e-12);"#), @r#"
    exit 2
    error: the share 1e-12 cannot be told from none: packets are drawn one in 1,000,000,000 at best
     --> s.rhai:1:1
      |
    1 | flaky("n1", 1e-12);
      | ^^^^^
      |
    help: write 0.000000001 ("0.0000001%") or more, or 0
    "#);
    insta::assert_snapshot!(told(r#"duplicate("n1", 0.9999999999);"#), @r#"
    exit 2
    error: the share 0.9999999999 cannot be told from all: packets are drawn one in 1,000,000,000 at best
     --> s.rhai:1:1
      |
    1 | duplicate("n1", 0.9999999999);
      | ^^^^^^^^^
      |
    help: write 0.999999999 ("99.9999999%") or less, or 1
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gemodel", p: "0.00000001%", r: 0.3 });"#), @r#"
    exit 2
    error: the share "0.00000001%" cannot be told from none: packets are drawn one in 1,000,000,000 at best
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gemodel", p: "0.00000001%", r: 0.3 });
      | ^^^^^
      |
    help: write 0.000000001 ("0.0000001%") or more, or 0
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ loss: 1e-9, correlation: 0.99 });"#), @r#"
    exit 2
    error: with that correlation losses begin or end with less than one packet in 1,000,000,000
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ loss: 1e-9, correlation: 0.99 });
      | ^^^^^
      |
    help: write a correlation further below 1, or a loss further from 0 and 1
    "#);
    let script = r#"flaky("n1", "0.0000001%"); corrupt("n2", "99.9999999%");"#;
    let planned = Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0).stdout;
    assert!(planned.contains("loss 0.0000001 %") && planned.contains("corrupt 99.9999999 %"), "{planned}");
}

#[test]
fn packets_that_all_overtake() {
    insta::assert_snapshot!(told(r#"reorder("n1", 1);"#), @r#"
    exit 2
    error: where every packet overtakes, there is none left to overtake
     --> s.rhai:1:1
      |
    1 | reorder("n1", 1);
      | ^^^^^^^
      |
    help: write a share below 1, like 0.25, or add gap: 5, so that every fifth packet overtakes
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{ delay: "5ms", reorder: "100%", gap: 1 });"#), @r#"
    exit 2
    error: where every packet overtakes, there is none left to overtake
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ delay: "5ms", reorder: "100%", gap: 1 });
      | ^^^^^^^
      |
    help: write a share below 1, like 0.25, or add gap: 5, so that every fifth packet overtakes
    "#);
    let script = r#"reorder("n1", #{ reorder: 1, gap: 5 });"#;
    Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn what_has_no_effect_beside_something_that_has_one() {
    insta::assert_snapshot!(told(r#"degrade("n1", #{ loss: 0.1, distribution: "normal" });"#), @r#"
    exit 2
    error: a distribution without a jitter has no effect
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ loss: 0.1, distribution: "normal" });
      | ^^^^^^^
      |
    help: add a jitter, or leave `distribution` out
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{ delay: "1ms", distribution: "normal" });"#), @r#"
    exit 2
    error: a distribution without a jitter has no effect
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ delay: "1ms", distribution: "normal" });
      | ^^^^^^^
      |
    help: add a jitter, or leave `distribution` out
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{ reorder: 0, gap: 4, loss: 0.1 });"#), @r#"
    exit 2
    error: a gap without reorder has no effect
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ reorder: 0, gap: 4, loss: 0.1 });
      | ^^^^^^^
      |
    help: add reorder: 0.25, or leave `gap` out
    "#);
}

#[test]
fn what_leads_to_the_right_words() {
    insta::assert_snapshot!(told(r#"slow("n1", "1ns");"#), @r#"
    exit 2
    error: the duration "1ns" is shorter than a microsecond
     --> s.rhai:1:1
      |
    1 | slow("n1", "1ns");
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", "1bit");"#), @r#"
    exit 2
    error: the rate "1bit" is too low: the kernel counts whole bytes per second
     --> s.rhai:1:1
      |
    1 | throttle("n1", "1bit");
      | ^^^^^^^^
      |
    help: write "8bit" or more, or block the links instead
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ p: 0.1, r: 0.3 });"#), @r#"
    exit 2
    error: `p` belongs to a model
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ p: 0.1, r: 0.3 });
      | ^^^^^
      |
    help: add model: "gemodel"
    "#);
    insta::assert_snapshot!(told(r#"reorder("n1", #{ reorder: 0.1, gap: 99999999999 });"#), @r#"
    exit 2
    error: a gap of 99999999999 packets
     --> s.rhai:1:1
      |
    1 | reorder("n1", #{ reorder: 0.1, gap: 99999999999 });
      | ^^^^^^^
      |
    help: write 1 to 4294967295: every so-manieth packet may overtake
    "#);
    insta::assert_snapshot!(told(r#"let f = slow("n1", "1ms");
f.heal().heal();"#), @"
    exit 2
    error: `heal` does not take (nothing)
     --> s.rhai:2:10
      |
    2 | f.heal().heal();
      |          ^^^^
      |
    help: it is heal() or heal(fault); the call before it gives nothing
    ");
    let script = "slow(\"n1\", \"10\u{b5}s\"); throttle(\"n2\", \"1tbit\"); throttle(\"n3\", \"12bit\");";
    let planned = Place::with(script, THREE).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0).stdout;
    assert!(planned.contains("delay 0.01 ms") && planned.contains("rate 1000000000 kbit"), "{planned}");
    assert!(planned.contains("n3 → world: rate 8 bit"), "{planned}");
}

#[test]
fn our_own_types_have_names() {
    insta::assert_snapshot!(told(r#"slow("n1", from("n2"));"#), @r#"
    exit 2
    error: expected a duration (seconds, or text like "100ms"), got links
     --> s.rhai:1:1
      |
    1 | slow("n1", from("n2"));
      | ^^^^
    "#);
    insta::assert_snapshot!(told(r#"isolate(slow("n1", "1ms"));"#), @r#"
    exit 2
    error: expected a node ("n1", a glob like "n*", or a list of them), got a fault
     --> s.rhai:1:1
      |
    1 | isolate(slow("n1", "1ms"));
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told("isolate(task(|| 1));"), @r#"
    exit 2
    error: expected a node ("n1", a glob like "n*", or a list of them), got a task
     --> s.rhai:1:1
      |
    1 | isolate(task(|| 1));
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told("sleep(0..5);"), @r#"
    exit 2
    error: expected a duration (seconds, or text like "100ms"), got a range
     --> s.rhai:1:1
      |
    1 | sleep(0..5);
      | ^^^^^
    "#);
    insta::assert_snapshot!(told(r#"let f = slow("n1", "1ms"); f.on(#{ port: 80 });"#), @r#"
    exit 2
    error: `on` does not take (fault, map)
     --> s.rhai:1:30
      |
    1 | let f = slow("n1", "1ms"); f.on(#{ port: 80 });
      |                              ^^
      |
    help: it is on(links, filter)
    "#);
    insta::assert_snapshot!(told(r#"from("n1") + task(|| 1);"#), @r#"
    exit 2
    error: `+` does not work on links and task
     --> s.rhai:1:12
      |
    1 | from("n1") + task(|| 1);
      |            ^
    "#);
}
