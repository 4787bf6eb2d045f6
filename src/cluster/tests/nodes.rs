//! Mistakes in the values of a node.

use super::*;

#[test]
fn of_several_that_read_the_same_the_wrong_one_is_shown() {
    for (line, place) in [
        ("command: 'echo ${seed} ${'", "blockade.yaml:3:28"),
        ("command: echo $${nope} ${nope}", "blockade.yaml:3:28"),
        ("command: ['${nope', 'a ${seed} ${nope} ${']", "blockade.yaml:3:16"),
    ] {
        let told = wrong_node(line);
        assert!(told.contains(&format!(" --> {place}\n")), "{line}: {told}");
    }
    assert_eq!(wrong_node("command: '${nope} ${nope}'").matches("--> blockade.yaml:3:").count(), 2);
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
}

#[test]
fn a_wrong_path_or_word_says_what_to_write() {
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

#[test]
fn an_image_that_no_registry_could_have_is_told_before_docker_is_asked() {
    insta::assert_snapshot!(wrong_node("image: Redis:7"), @r"
    error: no image can be called `Redis:7`
     --> blockade.yaml:3:12
      |
    3 |     image: Redis:7
      |            ^^^^^^^
      |
    help: write it in lower case; only a tag may hold capitals
    ");
    insta::assert_snapshot!(wrong_node("image: 'redis:7 '"), @r"
    error: no image can be called `redis:7 `
     --> blockade.yaml:3:12
      |
    3 |     image: 'redis:7 '
      |            ^^^^^^^^^^
      |
    help: write it like `redis`, `redis:7` or `registry.example.org/team/redis:7`
    ");
}

#[test]
fn a_port_of_the_host_leads_to_one_container() {
    insta::assert_snapshot!(wrong_node("image: x\nports: ['80:1', 80/udp, '80:2']"), @r"
    error: port 80 of the host comes twice in `ports` of `n1`
     --> blockade.yaml:4:29
      |
    4 |     ports: ['80:1', 80/udp, '80:2']
      |                             ^^^^^^
      |
    help: it can lead to one port of a container only
    ");
    insta::assert_snapshot!(wrong_node("image: x\ncount: 3\nports: { 80: 1 }"), @r"
    error: the copies of `n1` cannot share port 80 of the host
     --> blockade.yaml:5:14
      |
    5 |     ports: { 80: 1 }
      |              ^^
      |
    help: write them as nodes of their own, each with a port of its own
    ");
    insta::assert_snapshot!(wrong("nodes: { a: { image: x, ports: [80] }, b: { image: x, ports: [80] } }"), @r"
    error: node `a` has port 80 of the host already
     --> blockade.yaml:1:63
      |
    1 | nodes: { a: { image: x, ports: [80] }, b: { image: x, ports: [80] } }
      |                                                               ^^
      |
    help: give another one: it can lead to one container only
    ");
    cluster("nodes: { a: { ports: [80] }, b: { ports: [80, 80] } }");
}

#[test]
fn a_containers_name_is_one_that_docker_takes_and_nobody_elses() {
    insta::assert_snapshot!(wrong_node("image: x\ncontainer_name: a b"), @r"
    error: no container can be called `a b`
     --> blockade.yaml:4:21
      |
    4 |     container_name: a b
      |                     ^^^
      |
    help: a name has at least two letters, digits, `_`, `.` and `-`, and begins with a letter or digit
    ");
    insta::assert_snapshot!(wrong("nodes: { a: { image: x, container_name: db }, b: { image: x, container_name: db } }"), @r"
    error: the containers of `a` and `b` have one name: db
     --> blockade.yaml:1:78
      |
    1 | nodes: { a: { image: x, container_name: db }, b: { image: x, container_name: db } }
      |                                                                              ^^
      |
    help: leave `container_name` out, or give another one
    ");
    insta::assert_snapshot!(wrong("nodes: { a: { image: x, container_name: test_b }, b: { image: x } }"), @r"
    error: the containers of `a` and `b` have one name: test_b
     --> blockade.yaml:1:41
      |
    1 | nodes: { a: { image: x, container_name: test_b }, b: { image: x } }
      |                                         ^^^^^^
      |
    help: leave `container_name` out, or give another one
    ");
}
