//! Cluster files, seen through the binary.

use super::*;

#[test]
fn an_unknown_key_names_the_nearest() {
    insta::assert_snapshot!(config(r"nodes:
  n1: { comand: sleep infinity }
"), @r"
    exit 2
    error: node `n1` has no key `comand`
     --> s.yaml:2:9
      |
    2 |   n1: { comand: sleep infinity }
      |         ^^^^^^
      |
    help: did you mean `command`? the keys of node `n1` are `command`, `environment`, `workdir`, `files`, `ready`, `stop`, `ip`, `hostname`, `user`, `links`, `start_delay`, `count`, `neutral`, `holy`, `image`, `container_name`, `dns`, `cap_add`, `volumes`, `ports` and `expose`
    ");
    insta::assert_snapshot!(config(r"nodes: { n1: }
networks: {}
"), @r"
    exit 2
    error: the cluster file has no key `networks`
     --> s.yaml:2:1
      |
    2 | networks: {}
      | ^^^^^^^^
      |
    help: did you mean `network`? the keys of the cluster file are `containers`, `nodes`, `network` and `runtime`
    ");
}

#[test]
fn a_duplicate_address() {
    insta::assert_snapshot!(config(r"nodes:
  n1: { ip: 10.9.0.11 }
  n2: { ip: 10.9.0.11 }
"), @r"
    exit 2
    error: the address 10.9.0.11 is given to another node already
     --> s.yaml:3:13
      |
    3 |   n2: { ip: 10.9.0.11 }
      |             ^^^^^^^^^
      |
    help: leave `ip` out: a free one is chosen
    ");
}

#[test]
fn an_address_outside_of_the_subnet() {
    insta::assert_snapshot!(config(r"network: { subnet: 10.9.0.0/24 }
nodes:
  n1: { ip: 10.8.0.11 }
"), @r"
    exit 2
    error: the address 10.8.0.11 is outside of the subnet 10.9.0.0/24
     --> s.yaml:3:13
      |
    3 |   n1: { ip: 10.8.0.11 }
      |             ^^^^^^^^^
      |
    help: the first that a node may have is 10.9.0.2
    ");
}

#[test]
fn a_subnet_too_small_for_its_nodes() {
    insta::assert_snapshot!(config(r"network: { subnet: 10.9.0.0/30 }
nodes:
  n: { count: 5 }
"), @r"
    exit 2
    error: the subnet 10.9.0.0/30 has room for 1 of the cluster's 5 nodes
     --> s.yaml:1:20
      |
    1 | network: { subnet: 10.9.0.0/30 }
      |                    ^^^^^^^^^^^
      |
    help: a subnet of /29 has room for all
    ");
}

#[test]
fn an_unknown_link() {
    insta::assert_snapshot!(config(r"nodes:
  db: { command: sleep infinity }
  web: { links: [bd] }
"), @r"
    exit 2
    error: there is no node `bd`
     --> s.yaml:3:18
      |
    3 |   web: { links: [bd] }
      |                  ^^
      |
    help: did you mean `db`? the nodes are db, web
    ");
}

#[test]
fn circular_links() {
    insta::assert_snapshot!(config(r"nodes:
  a: { links: [b] }
  b: { links: [c] }
  c: { links: [a] }
"), @r"
    exit 2
    error: the links go in a circle: a → b → c → a
     --> s.yaml:4:16
      |
    4 |   c: { links: [a] }
      |                ^
      |
    help: a node starts after those it links to: leave out one of the links
    ");
}

#[test]
fn several_mistakes_are_told_at_once() {
    insta::assert_snapshot!(config(r"nodes:
  n1: { count: many }
  n2: { neutral: 5 }
"), @r"
    exit 2
    error: `count` must be an integer from 1 to 1000, found the text `many`
     --> s.yaml:2:16
      |
    2 |   n1: { count: many }
      |                ^^^^
    error: `neutral` must be `true` or `false`, found the number 5
     --> s.yaml:3:18
      |
    3 |   n2: { neutral: 5 }
      |                  ^
    ");
}

#[test]
fn what_is_no_yaml() {
    insta::assert_snapshot!(config(r"nodes: [n1
"), @r"
    exit 2
    error: this is not YAML: unclosed bracket '['
     --> s.yaml:1:8
      |
    1 | nodes: [n1
      |        ^
    ");
}

#[test]
fn a_file_without_nodes() {
    insta::assert_snapshot!(config(""), @r"
    exit 2
    error: the cluster has no nodes
     --> s.yaml:1:1
      |
    1 |
      | ^
      |
    help: write at least one: `containers: { n1: { command: […] } }`
    ");
    insta::assert_snapshot!(config(r"nodes: {}
"), @r"
    exit 2
    error: the cluster has no nodes
     --> s.yaml:1:8
      |
    1 | nodes: {}
      |        ^
      |
    help: write at least one: `containers: { n1: { command: […] } }`
    ");
}

#[test]
fn a_variable_that_nobody_gave() {
    insta::assert_snapshot!(config(r#"nodes:
  n1: { command: "serve ${ip:n7} ${param:acks}" }
"#), @r#"
    exit 2
    error: there is no node `n7`
     --> s.yaml:2:25
      |
    2 |   n1: { command: "serve ${ip:n7} ${param:acks}" }
      |                         ^^^^^^^^
      |
    help: did you mean `n1`? the nodes are n1
    error: the parameter `acks` has no value
     --> s.yaml:2:34
      |
    2 |   n1: { command: "serve ${ip:n7} ${param:acks}" }
      |                                  ^^^^^^^^^^^^^
      |
    help: run it with `--set acks=VALUE`, or write a default: `${param:acks:DEFAULT}`
    "#);
}

#[test]
#[allow(clippy::too_many_lines, reason = "one whole output after the other")]
fn an_impairment_that_makes_no_sense() {
    insta::assert_snapshot!(config(r"network: { slow: fast }
nodes: { n1: }
"), @r#"
    exit 2
    error: "fast" is no duration
     --> s.yaml:1:18
      |
    1 | network: { slow: fast }
      |                  ^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(config(r"network: { slow: 75ms distribution bell }
nodes: { n1: }
"), @r"
    exit 2
    error: unknown distribution `bell`
     --> s.yaml:1:18
      |
    1 | network: { slow: 75ms distribution bell }
      |                  ^^^^^^^^^^^^^^^^^^^^^^
      |
    help: write TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], like `75ms 100ms distribution normal`
    ");
    insta::assert_snapshot!(config(r"network: { slow: 75ms 10ms 25% 3 }
nodes: { n1: }
"), @r#"
    exit 2
    error: "75ms 10ms 25% 3" is no delay
     --> s.yaml:1:18
      |
    1 | network: { slow: 75ms 10ms 25% 3 }
      |                  ^^^^^^^^^^^^^^^
      |
    help: write TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], like `75ms 100ms distribution normal`
    "#);
    insta::assert_snapshot!(config(r"network: { slow: 75ms 10ms 100% }
nodes: { n1: }
"), @r"
    exit 2
    error: a correlation of 100% would repeat the first packet's fate for ever
     --> s.yaml:1:18
      |
    1 | network: { slow: 75ms 10ms 100% }
      |                  ^^^^^^^^^^^^^^
      |
    help: write less
    ");
    insta::assert_snapshot!(config(r"network: { slow: 5 }
nodes: { n1: }
"), @r#"
    exit 2
    error: the duration "5" has no unit
     --> s.yaml:1:18
      |
    1 | network: { slow: 5 }
      |                  ^
      |
    help: write TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], like `75ms 100ms distribution normal`
    "#);
    insta::assert_snapshot!(config(r"network: { flaky: 130% }
nodes: { n1: }
"), @r#"
    exit 2
    error: the probability "130%" is not between 0 and 1
     --> s.yaml:1:19
      |
    1 | network: { flaky: 130% }
      |                   ^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(config(r"network: { flaky: 30 }
nodes: { n1: }
"), @r#"
    exit 2
    error: the probability "30" has no unit
     --> s.yaml:1:19
      |
    1 | network: { flaky: 30 }
      |                   ^^
      |
    help: write [random] PERCENT [CORRELATION], like `30%` or `30% 25%`
    "#);
    insta::assert_snapshot!(config(r#"network: { flaky: "30% 100%" }
nodes: { n1: }
"#), @r#"
    exit 2
    error: a correlation of 100% would repeat the first packet's fate for ever
     --> s.yaml:1:19
      |
    1 | network: { flaky: "30% 100%" }
      |                   ^^^^^^^^^^
      |
    help: write less
    "#);
    insta::assert_snapshot!(config(r#"network: { duplicate: "5% 1% 1%" }
nodes: { n1: }
"#), @r#"
    exit 2
    error: "5% 1% 1%" is no probability
     --> s.yaml:1:23
      |
    1 | network: { duplicate: "5% 1% 1%" }
      |                       ^^^^^^^^^^
      |
    help: write [random] PERCENT [CORRELATION], like `30%` or `30% 25%`
    "#);
    insta::assert_snapshot!(config(r"network: { duplicate: -5% }
nodes: { n1: }
"), @r#"
    exit 2
    error: the probability "-5%" is not between 0 and 1
     --> s.yaml:1:23
      |
    1 | network: { duplicate: -5% }
      |                       ^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
}

#[test]
fn an_impairment_that_changes_nothing_or_is_half_said() {
    for (key, text) in [("slow", "0ms"), ("flaky", "0%"), ("duplicate", "random 0% 25%")] {
        let told = config(&format!("network: {{ {key}: {text} }}\nnodes: {{ n1: }}\n"));
        assert!(told.starts_with(&format!("exit 2\nerror: \"{text}\" changes nothing: all of it is 0\n")), "{told}");
    }
    insta::assert_snapshot!(config(r"network: { slow: 0ms, flaky: 0% }
nodes: { n1: }
"), @r#"
    exit 2
    error: "0ms" changes nothing: all of it is 0
     --> s.yaml:1:18
      |
    1 | network: { slow: 0ms, flaky: 0% }
      |                  ^^^
      |
    help: write something above 0, or leave the key out for what is usual
    error: "0%" changes nothing: all of it is 0
     --> s.yaml:1:30
      |
    1 | network: { slow: 0ms, flaky: 0% }
      |                              ^^
      |
    help: write something above 0, or leave the key out for what is usual
    "#);
    insta::assert_snapshot!(config(r"network: { slow: 75ms distribution normal }
nodes: { n1: }
"), @"
    exit 2
    error: a distribution without a jitter has no effect
     --> s.yaml:1:18
      |
    1 | network: { slow: 75ms distribution normal }
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^
      |
    help: add a jitter, or leave the distribution out: TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], like `75ms 100ms distribution normal`
    ");
    insta::assert_snapshot!(config(r"network: { slow: 75ms 0ms 25% distribution normal }
nodes: { n1: }
"), @"
    exit 2
    error: a correlation without a jitter has no effect
     --> s.yaml:1:18
      |
    1 | network: { slow: 75ms 0ms 25% distribution normal }
      |                  ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
    help: add a jitter, or leave the correlation out: TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], like `75ms 100ms distribution normal`
    ");
    insta::assert_snapshot!(config(r"network: { slow: 75ms 10ms distribution }
nodes: { n1: }
"), @"
    exit 2
    error: a name is missing behind `distribution`
     --> s.yaml:1:18
      |
    1 | network: { slow: 75ms 10ms distribution }
      |                  ^^^^^^^^^^^^^^^^^^^^^^
      |
    help: write TIME [JITTER [CORRELATION]] [distribution uniform|normal|pareto|paretonormal], like `75ms 100ms distribution normal`
    ");
    insta::assert_snapshot!(config(r"network: { flaky: random random 30% random }
nodes: { n1: }
"), @r#"
    exit 2
    error: "random random 30% random" is no probability
     --> s.yaml:1:19
      |
    1 | network: { flaky: random random 30% random }
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^
      |
    help: write [random] PERCENT [CORRELATION], like `30%` or `30% 25%`
    "#);
    insta::assert_snapshot!(config(r"network: { duplicate: 0.00000001% }
nodes: { n1: }
"), @r#"
    exit 2
    error: the share "0.00000001%" cannot be told from none: packets are drawn one in 1,000,000,000 at best
     --> s.yaml:1:23
      |
    1 | network: { duplicate: 0.00000001% }
      |                       ^^^^^^^^^^^
      |
    help: write 0.000000001 ("0.0000001%") or more, or 0
    "#);
}
