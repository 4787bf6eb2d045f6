//! Impairments that make no sense: each is told with what to write instead, and nothing is done.

use super::*;

#[test]
fn a_delay_that_is_none() {
    insta::assert_snapshot!(told(r#"slow("n1", "fast");"#), @r#"
    exit 2
    error: "fast" is no duration
     --> s.rhai:1:1
      |
    1 | slow("n1", "fast");
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", -1);"#), @r#"
    exit 2
    error: the duration -1 is negative
     --> s.rhai:1:1
      |
    1 | slow("n1", -1);
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", "-5ms");"#), @r#"
    exit 2
    error: the duration "-5ms" is negative
     --> s.rhai:1:1
      |
    1 | slow("n1", "-5ms");
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", 0.0 / 0.0);"#), @r#"
    exit 2
    error: the duration NaN is not a number
     --> s.rhai:1:1
      |
    1 | slow("n1", 0.0 / 0.0);
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", 1e300);"#), @r#"
    exit 2
    error: the duration 1e300 is too long
     --> s.rhai:1:1
      |
    1 | slow("n1", 1e300);
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", "5");"#), @r#"
    exit 2
    error: the duration "5" has no unit
     --> s.rhai:1:1
      |
    1 | slow("n1", "5");
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1");"#), @r#"
    exit 2
    error: `slow` does not take 1 argument
     --> s.rhai:1:1
      |
    1 | slow("n1");
      | ^^^^
      |
    help: it is slow(links, delay)
    "#);
}

#[test]
fn a_jitter_that_cannot_be() {
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "1ms", jitter: "2ms" });"#), @r#"
    exit 2
    error: the jitter is larger than the delay
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "1ms", jitter: "2ms" });
      | ^^^^
      |
    help: a packet cannot arrive before it was sent: raise the delay or lower the jitter
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "5ms", jitter: -1 });"#), @r#"
    exit 2
    error: the duration -1 is negative
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "5ms", jitter: -1 });
      | ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "5ms", jitter: "1ms", distribution: "bell" });"#), @r#"
    exit 2
    error: unknown distribution `bell`
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "5ms", jitter: "1ms", distribution: "bell" });
      | ^^^^
      |
    help: one of uniform, normal, pareto, paretonormal
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "5ms", distribution: "normal" });"#), @r#"
    exit 2
    error: a distribution without a jitter has no effect
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "5ms", distribution: "normal" });
      | ^^^^
      |
    help: add a jitter, or leave `distribution` out
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "5ms", correlation: 0.5 });"#), @r#"
    exit 2
    error: a correlation without a jitter has no effect
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "5ms", correlation: 0.5 });
      | ^^^^
      |
    help: add a jitter, or leave `correlation` out
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "5ms", jitter: "1ms", correlation: 1 });"#), @r#"
    exit 2
    error: a correlation of 1 would repeat the first packet's fate for ever
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "5ms", jitter: "1ms", correlation: 1 });
      | ^^^^
      |
    help: write a correlation below 1, like 0.25 or "25%"
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{ jitter: "1ms", loss: 0.1 });"#), @r#"
    exit 2
    error: the jitter is larger than the delay
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ jitter: "1ms", loss: 0.1 });
      | ^^^^^^^
      |
    help: a packet cannot arrive before it was sent: raise the delay or lower the jitter
    "#);
}

#[test]
#[allow(clippy::too_many_lines, reason = "one whole output after the other")]
fn a_probability_that_is_none() {
    insta::assert_snapshot!(told(r#"flaky("n1", 1.5);"#), @r#"
    exit 2
    error: the probability 1.5 is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | flaky("n1", 1.5);
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", "130%");"#), @r#"
    exit 2
    error: the probability "130%" is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | flaky("n1", "130%");
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", -0.1);"#), @r#"
    exit 2
    error: the probability -0.1 is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | flaky("n1", -0.1);
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", 0.0 / 0.0);"#), @r#"
    exit 2
    error: the probability NaN is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | flaky("n1", 0.0 / 0.0);
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", "NaN%");"#), @r#"
    exit 2
    error: "NaN%" is no probability
     --> s.rhai:1:1
      |
    1 | flaky("n1", "NaN%");
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", "30");"#), @r#"
    exit 2
    error: the probability "30" has no unit
     --> s.rhai:1:1
      |
    1 | flaky("n1", "30");
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"duplicate("n1", 2);"#), @r#"
    exit 2
    error: the probability 2 is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | duplicate("n1", 2);
      | ^^^^^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"corrupt("n1", true);"#), @r#"
    exit 2
    error: expected a probability (0.3, or text like "30%"), got a bool
     --> s.rhai:1:1
      |
    1 | corrupt("n1", true);
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"reorder("n1", "-1%");"#), @r#"
    exit 2
    error: the probability "-1%" is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | reorder("n1", "-1%");
      | ^^^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ loss: 0.1, correlation: "100%" });"#), @r#"
    exit 2
    error: a correlation of 1 would repeat the first packet's fate for ever
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ loss: 0.1, correlation: "100%" });
      | ^^^^^
      |
    help: write a correlation below 1, like 0.25 or "25%"
    "#);
    insta::assert_snapshot!(told(r#"duplicate("n1", #{ duplicate: 0.1, correlation: 1.0 });"#), @r#"
    exit 2
    error: a correlation of 1 would repeat the first packet's fate for ever
     --> s.rhai:1:1
      |
    1 | duplicate("n1", #{ duplicate: 0.1, correlation: 1.0 });
      | ^^^^^^^^^
      |
    help: write a correlation below 1, like 0.25 or "25%"
    "#);
}

#[test]
fn a_rate_that_is_none() {
    insta::assert_snapshot!(told(r#"throttle("n1", "1mbps");"#), @r#"
    exit 2
    error: the rate "1mbps" is ambiguous: bits or bytes
     --> s.rhai:1:1
      |
    1 | throttle("n1", "1mbps");
      | ^^^^^^^^
      |
    help: write "1mbit" or "1mbyte"
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", "10mb");"#), @r#"
    exit 2
    error: the rate "10mb" is ambiguous: bits or bytes
     --> s.rhai:1:1
      |
    1 | throttle("n1", "10mb");
      | ^^^^^^^^
      |
    help: write "10mbit" or "10mbyte"
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", 10);"#), @r#"
    exit 2
    error: the rate 10 has no unit
     --> s.rhai:1:1
      |
    1 | throttle("n1", 10);
      | ^^^^^^^^
      |
    help: write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte"
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", "0mbit");"#), @r#"
    exit 2
    error: the rate "0mbit" is zero
     --> s.rhai:1:1
      |
    1 | throttle("n1", "0mbit");
      | ^^^^^^^^
      |
    help: block the links instead
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", "-1mbit");"#), @r#"
    exit 2
    error: the rate "-1mbit" is negative
     --> s.rhai:1:1
      |
    1 | throttle("n1", "-1mbit");
      | ^^^^^^^^
      |
    help: write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte"
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", "0.5bit");"#), @r#"
    exit 2
    error: the rate "0.5bit" is too low: the kernel counts whole bytes per second
     --> s.rhai:1:1
      |
    1 | throttle("n1", "0.5bit");
      | ^^^^^^^^
      |
    help: write "8bit" or more, or block the links instead
    "#);
    insta::assert_snapshot!(told(r#"throttle("n1", "1.5kbyte/s");"#), @r#"
    exit 2
    error: "kbyte/s" is no unit of a rate, in "1.5kbyte/s"
     --> s.rhai:1:1
      |
    1 | throttle("n1", "1.5kbyte/s");
      | ^^^^^^^^
      |
    help: did you mean `kbyte`? write text with a unit like "500kbit", "10mbit", "1.5gbit" or "500kbyte"
    "#);
}

#[test]
fn a_gap_that_is_none() {
    insta::assert_snapshot!(told(r#"degrade("n1", #{ delay: "5ms", gap: 3 });"#), @r#"
    exit 2
    error: a gap without reorder has no effect
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ delay: "5ms", gap: 3 });
      | ^^^^^^^
      |
    help: add reorder: 0.25, or leave `gap` out
    "#);
    insta::assert_snapshot!(told(r#"reorder("n1", #{ reorder: 0.1, gap: 0 });"#), @r#"
    exit 2
    error: a gap of 0 packets
     --> s.rhai:1:1
      |
    1 | reorder("n1", #{ reorder: 0.1, gap: 0 });
      | ^^^^^^^
      |
    help: write 1 to 4294967295: every so-manieth packet may overtake
    "#);
    insta::assert_snapshot!(told(r#"reorder("n1", #{ reorder: 0.1, gap: 2.5 });"#), @r#"
    exit 2
    error: expected a number of packets for gap, got a number
     --> s.rhai:1:1
      |
    1 | reorder("n1", #{ reorder: 0.1, gap: 2.5 });
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"reorder("n1", #{ gap: 5 });"#), @r#"
    exit 2
    error: reorder() was not told its `reorder`
     --> s.rhai:1:1
      |
    1 | reorder("n1", #{ gap: 5 });
      | ^^^^^^^
      |
    help: write reorder(links, #{ reorder: …, gap: … })
    "#);
}

#[test]
fn a_model_that_is_none() {
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gilbert", p: 0.1 });"#), @r#"
    exit 2
    error: unknown model `gilbert`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gilbert", p: 0.1 });
      | ^^^^^
      |
    help: one of gemodel, 4state
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gemodel", r: 0.1 });"#), @r#"
    exit 2
    error: the model gemodel needs `p`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gemodel", r: 0.1 });
      | ^^^^^
      |
    help: the probability that a burst of losses begins
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "4state", p14: 0.1 });"#), @r#"
    exit 2
    error: the model 4state needs `p13`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "4state", p14: 0.1 });
      | ^^^^^
      |
    help: the probability that a burst of losses begins
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gemodel", p: 0.1, p13: 0.2 });"#), @r#"
    exit 2
    error: the model gemodel has no `p13`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gemodel", p: 0.1, p13: 0.2 });
      | ^^^^^
      |
    help: it takes p, r, h, k
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gemodel", p: 0.1, loss: 0.2 });"#), @r#"
    exit 2
    error: the model gemodel has no `loss`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gemodel", p: 0.1, loss: 0.2 });
      | ^^^^^
      |
    help: it takes p, r, h, k
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ loss: 0.1, r: 0.2 });"#), @r#"
    exit 2
    error: `r` belongs to a model
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ loss: 0.1, r: 0.2 });
      | ^^^^^
      |
    help: add model: "gemodel"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ loss: 0.1, p31: 0.2 });"#), @r#"
    exit 2
    error: `p31` belongs to a model
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ loss: 0.1, p31: 0.2 });
      | ^^^^^
      |
    help: add model: "4state"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gemodel", p: 1.1 });"#), @r#"
    exit 2
    error: the probability 1.1 is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gemodel", p: 1.1 });
      | ^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "4state", p13: 0.6, p14: 0.6 });"#), @r#"
    exit 2
    error: p13 and p14 are more than 1 together
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "4state", p13: 0.6, p14: 0.6 });
      | ^^^^^
      |
    help: both are ways out of the same state: their sum is at most 1
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "4state", p13: 0.6, p31: 0.6, p32: 0.6 });"#), @r#"
    exit 2
    error: p31 and p32 are more than 1 together
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "4state", p13: 0.6, p31: 0.6, p32: 0.6 });
      | ^^^^^
      |
    help: both are ways out of the same state: their sum is at most 1
    "#);
}

#[test]
fn a_fault_that_changes_nothing() {
    insta::assert_snapshot!(told(r#"slow("n1", 0);"#), @r#"
    exit 2
    error: slow() was told to change nothing: all it was given is 0
     --> s.rhai:1:1
      |
    1 | slow("n1", 0);
      | ^^^^
      |
    help: leave the call out, or give it something above 0
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", 0);"#), @r#"
    exit 2
    error: flaky() was told to change nothing: all it was given is 0
     --> s.rhai:1:1
      |
    1 | flaky("n1", 0);
      | ^^^^^
      |
    help: leave the call out, or give it something above 0
    "#);
    insta::assert_snapshot!(told(r#"duplicate("n1", #{ duplicate: 0, correlation: 0.5 });"#), @r#"
    exit 2
    error: duplicate() was told to change nothing: all it was given is 0
     --> s.rhai:1:1
      |
    1 | duplicate("n1", #{ duplicate: 0, correlation: 0.5 });
      | ^^^^^^^^^
      |
    help: leave the call out, or give it something above 0
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{ delay: 0, loss: "0%" });"#), @r#"
    exit 2
    error: degrade() was told to change nothing: all it was given is 0
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ delay: 0, loss: "0%" });
      | ^^^^^^^
      |
    help: leave the call out, or give it something above 0
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{});"#), @r#"
    exit 2
    error: degrade() was told nothing to do
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{});
      | ^^^^^^^
      |
    help: give it at least one of delay, jitter, distribution, loss, duplicate, corrupt, reorder, gap, rate
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "gemodel", p: 0, r: 0.5 });"#), @r#"
    exit 2
    error: flaky() was told to change nothing: that model never loses a packet
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "gemodel", p: 0, r: 0.5 });
      | ^^^^^
      |
    help: leave the call out, or let a burst begin
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ model: "4state", p13: 0, p31: 1 });"#), @r#"
    exit 2
    error: flaky() was told to change nothing: that model never loses a packet
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ model: "4state", p13: 0, p31: 1 });
      | ^^^^^
      |
    help: leave the call out, or let a burst begin
    "#);
}

#[test]
fn keys_and_types() {
    insta::assert_snapshot!(told(r#"degrade("n1", #{ dealy: 1 });"#), @r#"
    exit 2
    error: unknown key `dealy`
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ dealy: 1 });
      | ^^^^^^^
      |
    help: did you mean `delay`? known are delay, jitter, distribution, loss, duplicate, corrupt, reorder, gap, rate
    "#);
    insta::assert_snapshot!(told(r#"slow("n1", #{ delay: "5ms", loss: 0.1 });"#), @r#"
    exit 2
    error: unknown key `loss`
     --> s.rhai:1:1
      |
    1 | slow("n1", #{ delay: "5ms", loss: 0.1 });
      | ^^^^
      |
    help: known are delay, jitter, correlation, distribution
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ loss: 0.1, corelation: 0.1 });"#), @r#"
    exit 2
    error: unknown key `corelation`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ loss: 0.1, corelation: 0.1 });
      | ^^^^^
      |
    help: did you mean `correlation`? known are loss, correlation, model, p, r, h, k, p13, p31, p32, p23, p14
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", #{ loss: 0.1, correlation: 0.1 });"#), @r#"
    exit 2
    error: unknown key `correlation`
     --> s.rhai:1:1
      |
    1 | degrade("n1", #{ loss: 0.1, correlation: 0.1 });
      | ^^^^^^^
      |
    help: known are delay, jitter, distribution, loss, duplicate, corrupt, reorder, gap, rate
    "#);
    insta::assert_snapshot!(told(r#"degrade("n1", 5);"#), @r#"
    exit 2
    error: expected a map like #{ delay: "50ms", loss: 0.1 }, got an integer
     --> s.rhai:1:1
      |
    1 | degrade("n1", 5);
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"flaky("n1", #{ correlation: 0.5 });"#), @r#"
    exit 2
    error: flaky() was not told its `loss`
     --> s.rhai:1:1
      |
    1 | flaky("n1", #{ correlation: 0.5 });
      | ^^^^^
      |
    help: write flaky(links, #{ loss: …, correlation: … })
    "#);
}

#[test]
fn links_that_cannot_be_impaired() {
    insta::assert_snapshot!(told(r#"reorder("n9", 0.1);"#), @r#"
    exit 2
    error: there is no node `n9`
     --> s.rhai:1:9
      |
    1 | reorder("n9", 0.1);
      |         ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(told(r#"slow(link("n1", "n1"), "5ms");"#), @r#"
    exit 2
    error: n1 has no link to itself
     --> s.rhai:1:6
      |
    1 | slow(link("n1", "n1"), "5ms");
      |      ^^^^
    "#);
    insta::assert_snapshot!(told(r#"slow(link("n1", "n2").on(#{ proto: "icmp", port: 80 }), "1ms");"#), @r#"
    exit 2
    error: ICMP has no ports
     --> s.rhai:1:23
      |
    1 | slow(link("n1", "n2").on(#{ proto: "icmp", port: 80 }), "1ms");
      |                       ^^
      |
    help: leave the port out, or filter on tcp or udp
    "#);
    insta::assert_snapshot!(told(r#"slow(5, "5ms");"#), @r#"
    exit 2
    error: expected a node ("n1", a glob like "n*", or a list of them), got an integer
     --> s.rhai:1:1
      |
    1 | slow(5, "5ms");
      | ^^^^
    "#);
    insta::assert_snapshot!(told(r#"slow([], "5ms");"#), @r#"
    exit 2
    error: no nodes were named
     --> s.rhai:1:1
      |
    1 | slow([], "5ms");
      | ^^^^
    "#);
}
