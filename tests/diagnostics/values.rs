//! Arguments that make no sense.

use super::*;

#[test]
fn a_partition_of_nobody() {
    insta::assert_snapshot!(told("partition([]);"), @r#"
    exit 2
    error: a partition of nobody: the list of groups is empty
     --> s.rhai:1:1
      |
    1 | partition([]);
      | ^^^^^^^^^
      |
    help: name at least one group, like [["n1", "n2"], "n3"]
    "#);
    insta::assert_snapshot!(told(r#"partition([["n1"], []]);"#), @r#"
    exit 2
    error: a partition of nobody: group 2 is empty
     --> s.rhai:1:1
      |
    1 | partition([["n1"], []]);
      | ^^^^^^^^^
      |
    help: leave an empty group out; nodes not named form one more group by themselves
    "#);
    insta::assert_snapshot!(told("isolate([]);"), @r#"
    exit 2
    error: no nodes were named
     --> s.rhai:1:1
      |
    1 | isolate([]);
      | ^^^^^^^
      |
    help: name at least one: "n1", ["n1", "n2"] or "n*"
    "#);
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    insta::assert_snapshot!(told("isolate(5);"), @r#"
    exit 2
    error: expected a node ("n1", a glob like "n*", or a list of them), got an integer
     --> s.rhai:1:1
      |
    1 | isolate(5);
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"partition("n1");"#), @r#"
    exit 2
    error: expected a list of groups like [["n1", "n2"], "n3"], got text
     --> s.rhai:1:1
      |
    1 | partition("n1");
      | ^^^^^^^^^
    "#);
    insta::assert_snapshot!(told("sleep([1]);"), @r#"
    exit 2
    error: expected a duration (seconds, or text like "100ms"), got a list
     --> s.rhai:1:1
      |
    1 | sleep([1]);
      | ^^^^^
    "#);
    insta::assert_snapshot!(told(r#"wait_until("1s", false);"#), @r#"
    exit 2
    error: `wait_until` does not take (text, bool)
     --> s.rhai:1:1
      |
    1 | wait_until("1s", false);
      | ^^^^^^^^^^
      |
    help: it is wait_until(timeout, condition)
    "#);
    insta::assert_snapshot!(told(r#"wait_until("1s", || 5);"#), @r#"
    exit 2
    error: expected a condition that is true or false, got an integer
     --> s.rhai:1:1
      |
    1 | wait_until("1s", || 5);
      | ^^^^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"assert(1, "a number");"#), @r#"
    exit 2
    error: expected true or false, got an integer
     --> s.rhai:1:1
      |
    1 | assert(1, "a number");
      | ^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"metric("x", "fast");"#), @r#"
    exit 2
    error: expected a number, got text
     --> s.rhai:1:1
      |
    1 | metric("x", "fast");
      | ^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"metric("lost", 0.0 / 0.0);"#), @r#"
    exit 2
    error: the metric `lost` is NaN, which no journal can hold
     --> s.rhai:1:1
      |
    1 | metric("lost", 0.0 / 0.0);
      | ^^^^^^
      |
    help: its numbers are finite, as those of JSON: look for a division by zero
    "#);
    insta::assert_snapshot!(told(r#"metric("each", 1.0 / 0.0);"#).lines().nth(1).unwrap_or_default(), @"error: the metric `each` is inf, which no journal can hold");
}

#[test]
fn durations() {
    insta::assert_snapshot!(told(r#"sleep("5 parsecs");"#), @r#"
    exit 2
    error: "parsecs" is no unit of a duration, in "5 parsecs"
     --> s.rhai:1:1
      |
    1 | sleep("5 parsecs");
      | ^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told("sleep(-1);"), @r#"
    exit 2
    error: the duration -1 is negative
     --> s.rhai:1:1
      |
    1 | sleep(-1);
      | ^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told("sleep(-0.5);"), @r#"
    exit 2
    error: the duration -0.5 is negative
     --> s.rhai:1:1
      |
    1 | sleep(-0.5);
      | ^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told("sleep(1e300);"), @r#"
    exit 2
    error: the duration 1e300 is too long
     --> s.rhai:1:1
      |
    1 | sleep(1e300);
      | ^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told(r#"sleep("1.5");"#), @r#"
    exit 2
    error: the duration "1.5" has no unit
     --> s.rhai:1:1
      |
    1 | sleep("1.5");
      | ^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told("random_duration(5, 1);"), @r"
    exit 2
    error: no number lies between 5 s and 1 s
     --> s.rhai:1:1
      |
    1 | random_duration(5, 1);
      | ^^^^^^^^^^^^^^^
      |
    help: the lower bound comes first
    ");
}

#[test]
fn links() {
    insta::assert_snapshot!(told(r#"one_way("n1", ["n1", "n2"]);"#), @r#"
    exit 2
    error: n1 is both source and target of one_way
     --> s.rhai:1:1
      |
    1 | one_way("n1", ["n1", "n2"]);
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"block("n1", "n1");"#), @r#"
    exit 2
    error: n1 has no link to itself
     --> s.rhai:1:1
      |
    1 | block("n1", "n1");
      | ^^^^^
    "#);
    insta::assert_snapshot!(told(r#"block(link("n1", "n2").on(#{ prot: "tcp" }));"#), @r#"
    exit 2
    error: unknown key `prot`
     --> s.rhai:1:24
      |
    1 | block(link("n1", "n2").on(#{ prot: "tcp" }));
      |                        ^^
      |
    help: did you mean `proto`? known are proto, port, family
    "#);
    insta::assert_snapshot!(told(r#"block(link("n1", "n2").on(#{ proto: "sctp" }));"#), @r#"
    exit 2
    error: unknown proto `sctp`
     --> s.rhai:1:24
      |
    1 | block(link("n1", "n2").on(#{ proto: "sctp" }));
      |                        ^^
      |
    help: one of "tcp", "udp", "icmp"
    "#);
    insta::assert_snapshot!(told(r#"block(link("n1", "n2").on(#{ proto: "icmp", port: 5 }));"#), @r#"
    exit 2
    error: ICMP has no ports
     --> s.rhai:1:24
      |
    1 | block(link("n1", "n2").on(#{ proto: "icmp", port: 5 }));
      |                        ^^
      |
    help: leave the port out, or filter on tcp or udp
    "#);
    insta::assert_snapshot!(told(r#"block(link("n1", "n2").on(#{ port: 70000 }));"#), @r#"
    exit 2
    error: 70000 is no port
     --> s.rhai:1:24
      |
    1 | block(link("n1", "n2").on(#{ port: 70000 }));
      |                        ^^
      |
    help: ports go from 1 to 65535
    "#);
}

#[test]
fn clients_are_counted_where_there_are_some() {
    insta::assert_snapshot!(told("fn client(id) {}"), @r"
    exit 0
    warning: no client is ever started
     --> s.rhai:1:4
      |
    1 | fn client(id) {}
      |    ^^^^^^
      |
    help: say how many: const OPTIONS = #{ clients: 3 };
    ");
    insta::assert_snapshot!(told("const OPTIONS = #{ clients: 4 };"), @r"
    exit 2
    error: OPTIONS.clients without a `fn client(id)`
     --> s.rhai:1:7
      |
    1 | const OPTIONS = #{ clients: 4 };
      |       ^^^^^^^
    ");
}

#[test]
fn looking() {
    insta::assert_snapshot!(told(r#"exec("n1", []);"#), @r#"
    exit 2
    error: the command is empty
     --> s.rhai:1:1
      |
    1 | exec("n1", []);
      | ^^^^
    "#);
    insta::assert_snapshot!(told(r#"exec("n1", "true", #{ timout: 1 });"#), @r#"
    exit 2
    error: unknown key `timout`
     --> s.rhai:1:1
      |
    1 | exec("n1", "true", #{ timout: 1 });
      | ^^^^
      |
    help: did you mean `timeout`? known are timeout, stdin
    "#);
    insta::assert_snapshot!(told(r#"tcp("n1", 70000);"#), @r#"
    exit 2
    error: 70000 is no port
     --> s.rhai:1:1
      |
    1 | tcp("n1", 70000);
      | ^^^
      |
    help: ports go from 1 to 65535
    "#);
    insta::assert_snapshot!(told(r#"logs("n1", #{ first: 3 });"#), @r#"
    exit 2
    error: unknown key `first`
     --> s.rhai:1:1
      |
    1 | logs("n1", #{ first: 3 });
      | ^^^^
      |
    help: known are last
    "#);
    insta::assert_snapshot!(told(r#"wait_log("n1", "(", 1);"#), @r#"
    exit 2
    error: `(` is no regular expression: regex parse error:
               (
               ^
           error: unclosed group
     --> s.rhai:1:1
      |
    1 | wait_log("n1", "(", 1);
      | ^^^^^^^^
    "#);
}

#[test]
fn signals() {
    insta::assert_snapshot!(told(r#"kill("n1", "SIGTREM");"#), @r#"
    exit 2
    error: "SIGTREM" is no signal
     --> s.rhai:1:1
      |
    1 | kill("n1", "SIGTREM");
      | ^^^^
      |
    help: did you mean `SIGTERM`?
    "#);
    insta::assert_snapshot!(told(r#"kill("n1", 99);"#), @r#"
    exit 2
    error: 99 is no signal
     --> s.rhai:1:1
      |
    1 | kill("n1", 99);
      | ^^^^
      |
    help: write a name like `SIGTERM` or a number from 1 to 31
    "#);
}

#[test]
fn chance() {
    insta::assert_snapshot!(told("chance(2);"), @r#"
    exit 2
    error: the probability 2 is not between 0 and 1
     --> s.rhai:1:1
      |
    1 | chance(2);
      | ^^^^^^
      |
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    "#);
    insta::assert_snapshot!(told("random(5, 1);"), @r"
    exit 2
    error: no number lies between 5 and 1
     --> s.rhai:1:1
      |
    1 | random(5, 1);
      | ^^^^^^
      |
    help: the lower bound comes first
    ");
    insta::assert_snapshot!(told("choose([]);"), @r"
    exit 2
    error: choose() from an empty list
     --> s.rhai:1:1
      |
    1 | choose([]);
      | ^^^^^^
      |
    help: look at list.len() first
    ");
    insta::assert_snapshot!(told("sample([1], 2);"), @r"
    exit 2
    error: sample() of 2 from a list of 1
     --> s.rhai:1:1
      |
    1 | sample([1], 2);
      | ^^^^^^
    ");
}

#[test]
fn options() {
    insta::assert_snapshot!(told(r#"// OPTIONS are wrong here
const OPTIONS = #{ recovry: "5s" };"#), @r#"
    exit 2
    error: unknown key `recovry`
     --> s.rhai:2:7
      |
    2 | const OPTIONS = #{ recovry: "5s" };
      |       ^^^^^^^
      |
    help: did you mean `recovery`? known are clients, recovery, timeout
    "#);
    insta::assert_snapshot!(told("const OPTIONS = 5;"), @r#"
    exit 2
    error: expected a map: const OPTIONS = #{ recovery: "5s" }, got an integer
     --> s.rhai:1:7
      |
    1 | const OPTIONS = 5;
      |       ^^^^^^^
    "#);
    insta::assert_snapshot!(told(r#"const OPTIONS = #{ recovery: "soon" };"#), @r#"
    exit 2
    error: "soon" is no duration
     --> s.rhai:1:7
      |
    1 | const OPTIONS = #{ recovery: "soon" };
      |       ^^^^^^^
      |
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    "#);
    insta::assert_snapshot!(told("const OPTIONS = #{ clients: -4 };"), @r"
    exit 2
    error: the number of clients cannot be negative: -4
     --> s.rhai:1:7
      |
    1 | const OPTIONS = #{ clients: -4 };
      |       ^^^^^^^
    ");
}

#[test]
fn a_request_that_cannot_be_sent() {
    let wrong = [
        r#"http("n1", #{ path: "/" });"#,
        r#"http("n1", #{ port: 80, url: "/" });"#,
        r#"http("n1", #{ port: 80, path: "/a\r\nX: y" });"#,
        r#"http("n1", #{ port: 80, method: "GET /" });"#,
        r#"http("n1", #{ port: 80, headers: #{ x: "1\r\ny: 2" } });"#,
        r#"http("n1", #{ port: 80, headers: "x: 1" });"#,
        r#"http("n1", #{ port: 80, body: #{ a: 1 } });"#,
        r#"http("n1", #{ port: 80, from: "n9" });"#,
        r#"http("n9", #{ port: 80 });"#,
        r#"http("n1", "http://n1/");"#,
    ];
    let told: Vec<String> = wrong.into_iter().map(told).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    exit 2
    error: the request has no port
     --> s.rhai:1:1
      |
    1 | http("n1", #{ path: "/" });
      | ^^^^
      |
    help: like #{ port: 8080, path: "/health" }

    exit 2
    error: unknown key `url`
     --> s.rhai:1:1
      |
    1 | http("n1", #{ port: 80, url: "/" });
      | ^^^^
      |
    help: known are port, path, method, headers, body, timeout, from

    exit 2
    error: '\r' cannot stand in a path
     --> s.rhai:1:1
      |
    1 | http("n1", #{ port: 80, path: "/a\r\nX: y" });
      | ^^^^
      |
    help: percent-encode it: a blank is %20, a line break %0A

    exit 2
    error: "GET /" is no HTTP method
     --> s.rhai:1:1
      |
    1 | http("n1", #{ port: 80, method: "GET /" });
      | ^^^^
      |
    help: like "GET", "POST", "PUT"

    exit 2
    error: the value of the header x holds what no header may: "1\r\ny: 2"
     --> s.rhai:1:1
      |
    1 | http("n1", #{ port: 80, headers: #{ x: "1\r\ny: 2" } });
      | ^^^^
      |
    help: one line of visible ASCII characters and blanks

    exit 2
    error: expected headers like #{ "content-type": "text/plain" }, got text
     --> s.rhai:1:1
      |
    1 | http("n1", #{ port: 80, headers: "x: 1" });
      | ^^^^

    exit 2
    error: expected text for body, got a map
     --> s.rhai:1:1
      |
    1 | http("n1", #{ port: 80, body: #{ a: 1 } });
      | ^^^^
      |
    help: a value as JSON is value.to_json()

    exit 2
    error: there is no node `n9`
     --> s.rhai:1:31
      |
    1 | http("n1", #{ port: 80, from: "n9" });
      |                               ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3

    exit 2
    error: there is no node `n9`
     --> s.rhai:1:6
      |
    1 | http("n9", #{ port: 80 });
      |      ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3

    exit 2
    error: `http` does not take (text, text)
     --> s.rhai:1:1
      |
    1 | http("n1", "http://n1/");
      | ^^^^
      |
    help: it is http(node, request)
    "#);
}

#[test]
fn an_operation_that_is_none() {
    let wrong = [
        r#"op("f", || 1, || 2);"#,
        r#"op("f", [1, #{ a: isolate("n1") }], || 2);"#,
        r"op(1, 1, || 2);",
        r#"op("f", 1, 2);"#,
        r#"op("f", 1, || op("g", 2, || 3));"#,
        r#"op("f", 1, || [|| 1]);"#,
        r#"ops(#{ type: "done" });"#,
        r"ops(#{ proces: 1 });",
        r#"definite_failure("too late");"#,
    ];
    let told: Vec<String> = wrong.into_iter().map(told).collect();
    insta::assert_snapshot!(told.join("\n"), @r##"
    exit 2
    error: the value is no data: it is or holds a function
     --> s.rhai:1:1
      |
    1 | op("f", || 1, || 2);
      | ^^
      |
    help: a history holds numbers, texts, bools, (), lists and maps of them

    exit 2
    error: the value is no data: it is or holds a fault
     --> s.rhai:1:1
      |
    1 | op("f", [1, #{ a: isolate("n1") }], || 2);
      | ^^
      |
    help: a history holds numbers, texts, bools, (), lists and maps of them

    exit 2
    error: expected what is done, like "read", got an integer
     --> s.rhai:1:1
      |
    1 | op(1, 1, || 2);
      | ^^

    exit 2
    error: `op` does not take (text, integer, integer)
     --> s.rhai:1:1
      |
    1 | op("f", 1, 2);
      | ^^
      |
    help: it is op(f, value, function) or op(f, key, value, function)

    exit 2
    error: op() within op()
     --> s.rhai:1:15
      |
    1 | op("f", 1, || op("g", 2, || 3));
      |               ^^
      |
    help: a client does one thing at a time; a task of its own may do another

    exit 2
    error: what the operation gives is no data: it is or holds a function
     --> s.rhai:1:1
      |
    1 | op("f", 1, || [|| 1]);
      | ^^
      |
    help: a history holds numbers, texts, bools, (), lists and maps of them

    exit 2
    error: "done" is no type of an entry
     --> s.rhai:1:1
      |
    1 | ops(#{ type: "done" });
      | ^^^
      |
    help: one of "invoke", "ok", "fail", "info"

    exit 2
    error: unknown key `proces`
     --> s.rhai:1:1
      |
    1 | ops(#{ proces: 1 });
      | ^^^
      |
    help: did you mean `process`? known are type, f, key, process

    exit 1
    error: too late
     --> s.rhai:1:1
      |
    1 | definite_failure("too late");
      | ^^^^^^^^^^^^^^^^
      |
    help: within op() it means: not done
    "##);
}
