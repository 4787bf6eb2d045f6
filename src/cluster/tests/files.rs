//! Mistakes in a file's form: its YAML, keys, types, names and links.

use super::*;

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
    error: `count` must be an integer from 1 to 1000, found the text `many`
     --> blockade.yaml:3:12
      |
    3 |     count: many
      |            ^^^^
    error: `neutral` must be `true` or `false`, found the number 5
     --> blockade.yaml:4:14
      |
    4 |     neutral: 5
      |              ^
    error: `command` must be text or a list, found a mapping
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
    error: `command` must be text or a list, found a mapping
     --> blockade.yaml:4:7
      |
    4 |       run: x
      |       ^
    ");
    insta::assert_snapshot!(wrong_node("links: n2"), @r"
    error: `links` must be a list or a mapping, found the text `n2`
     --> blockade.yaml:3:12
      |
    3 |     links: n2
      |            ^^
    ");
    insta::assert_snapshot!(wrong_node("holy: maybe"), @r"
    error: `holy` must be `true` or `false`, found the text `maybe`
     --> blockade.yaml:3:11
      |
    3 |     holy: maybe
      |           ^^^^^
    ");
    insta::assert_snapshot!(wrong_node("count: 0"), @r"
    error: `count` must be an integer from 1 to 1000, found the number 0
     --> blockade.yaml:3:12
      |
    3 |     count: 0
      |            ^
    ");
    insta::assert_snapshot!(wrong("just text"), @r"
    error: the cluster file must be a mapping, found the text `just text`
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
      |
    help: write at least one: `containers: { n1: { command: […] } }`
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
    help: in scripts, `world` is everything that is not a node
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
