//! What nodes do over their lives, seen from scripts on real nodes: once as whoever runs the tests, and where it
//! matters once more as an ordinary user.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, User, namespaces};
use serde_json::Value;

const BOTH: [User; 2] = [User::Ours, User::Ordinary];

/// Runs a script that asserts for itself, as each of these users; returns the journal of the last.
fn holds(users: &[User], cluster: &str, script: &str) -> Vec<Value> {
    let mut journal = Vec::new();
    for user in users {
        if namespaces(*user) {
            let place = Place::of(*user, script, cluster);
            place.run(&["--runtime", "netns"]).with(0);
            journal = place.lines("out/journal.jsonl");
        }
    }
    journal
}

fn events<'j>(journal: &'j [Value], kind: &str) -> Vec<&'j Value> {
    journal.iter().filter(|event| event["kind"] == kind).collect()
}

const TWO: &str = "
nodes:
  n1: { command: [bash, -c, 'echo started $$; exec sleep infinity'] }
  n2: { command: sleep infinity }
";

#[test]
fn a_node_stops_starts_and_restarts_and_keeps_its_address() {
    let script = r#"
        let address = ip("n1");
        let begun = |times| wait_until("20s", || logs("n1").split("\n").filter(|line| line.contains("started")).len() == times);
        begun.call(1);
        let seen = || exec("n1", "hostname -I").stdout;
        let own = seen.call();
        assert(own.contains(address), own);
        assert(status("n1") == "UP");

        let down = stop("n1");
        assert(status("n1") == "DOWN" && down.active && down.kind == "stop");
        let refused = exec("n1", "true");
        assert(!refused.ok && refused.code == 125 && refused.stderr == "blockade: n1 is down\n", `${refused}`);
        stop("n1").heal();
        assert(status("n1") == "DOWN", "the other stop holds");
        start("n1");
        assert(status("n1") == "UP" && !down.active && faults().is_empty());

        begun.call(2);
        restart("n1");
        begun.call(3);
        kill("n1").heal();
        begun.call(4);
        stop("n1").heal();
        begun.call(5);
        stop("n1");
        heal();
        begun.call(6);
        assert(ip("n1") == address && seen.call() == own);
        assert(reachable("n2", "n1") && probe("n1", "n2").ok);
    "#;
    let journal = holds(&BOTH, TWO, script);
    for exit in events(&journal, "node.exit") {
        assert_eq!(exit["expected"], true, "{exit}");
    }
}

#[test]
fn pause_freezes_every_process_of_a_node_and_resume_lets_all_go_on() {
    let cluster = "
nodes:
  n1:
    command: [bash, -c, 'beat() { while sleep 0.02; do echo $1 >> $1; done }; beat a & (beat b &) ; beat c']
    workdir: w
";
    let script = r#"
        fn count(file) { parse_int(exec("n1", `cat ${file} | wc -l`).stdout.split("\n")[0]) }
        fn grows(file) { let before = count(file); wait_until("20s", || count(file) > before) }
        for file in ["a", "b", "c"] { grows(file); }
        let frozen = pause("n1");
        assert(status("n1") == "PAUSED");
        let refused = exec("n1", "true");
        assert(refused.code == 125 && refused.stderr == "blockade: n1 is paused\n", `${refused}`);
        assert(probe("world", "n1").ok, "its kernel still answers");
        assert(probe("world", "world").ok && reachable("world", "world"), "it needs no node for that");
        sleep("300ms");
        frozen.heal();
        assert(status("n1") == "UP");
        for file in ["a", "b", "c"] { grows(file); }

        // Paused twice, it goes on when nothing holds it any more; a paused node can be stopped, killed, restarted.
        let one = pause("n1");
        let two = pause("n*");
        one.heal();
        assert(status("n1") == "PAUSED");
        resume("n1");
        assert(status("n1") == "UP" && !two.active);
        pause("n1");
        restart("n1");
        assert(status("n1") == "UP" && faults().is_empty());
        pause("n1");
        stop("n1");
        assert(status("n1") == "DOWN");
        heal();
        assert(status("n1") == "UP");
        for file in ["a", "b", "c"] { grows(file); }
    "#;
    holds(&BOTH, cluster, script);
}

#[test]
fn a_paused_node_writes_nothing() {
    let cluster = "nodes:\n  n1: { command: [bash, -c, 'while sleep 0.01; do echo tick; done'] }\n";
    let script = r#"
        wait_log("n1", "tick", "20s");
        pause("n1");
        let before = logs("n1");
        sleep("300ms");
        assert(logs("n1") == before);
        resume("n1");
        wait_until("20s", || logs("n1").len() > before.len());
    "#;
    holds(&[User::Ours], cluster, script);
}

#[test]
fn healing_one_halt_leaves_the_others_in_force() {
    let cluster = "nodes:\n  n1: { command: [bash, -c, 'while sleep 0.01; do echo tick; done'] }\n";
    let script = r#"
        fn stands() { let before = logs("n1"); sleep("150ms"); logs("n1") == before }
        fn goes() { let before = logs("n1").len(); wait_until("20s", || logs("n1").len() > before) }
        goes();
        for halts in [
            [|| pause("n1"), || kill("n1", "SIGSTOP")],
            [|| kill("n1", "SIGSTOP"), || pause("n1")],
            [|| kill("n1", "SIGSTOP"), || kill("n1", "SIGSTOP")],
        ] {
            for first in 0..2 {
                let faults = halts.map(|halt| halt.call());
                faults[first].heal();
                let left = faults[1 - first];
                assert(stands() && left.active, `${left} holds`);
                assert((status("n1") == "PAUSED") == (left.kind == "pause"), status("n1"));
                left.heal();
                goes();
            }
        }

        let stopped = kill("n1", "SIGSTOP");
        assert(exec("n1", "true").ok, "other processes of the node run");
        kill("n1", "SIGCONT");
        goes();
        assert(!stopped.active);

        let frozen = pause("n1");
        let stopped = kill("n1", "SIGSTOP");
        kill("n1", "SIGCONT");
        assert(stands() && frozen.active && !stopped.active && status("n1") == "PAUSED");
        frozen.heal();
        goes();

        kill("n1", "SIGSTOP");
        kill("n1").heal();
        assert(stands() && status("n1") == "UP", "the new program is stopped too");
    "#;
    holds(&[User::Ours], cluster, script);
}

#[test]
fn a_signal_reaches_the_program_itself() {
    let cluster = "
nodes:
  deaf: { command: [bash, -c, 'trap \"echo heard TERM\" TERM; trap \"echo heard HUP\" HUP; echo ready; while :; do sleep 0.05; done'], ready: { log: ready } }
  polite: { command: [bash, -c, 'trap \"echo bye; exit 0\" TERM; echo ready; while :; do sleep 0.05; done'], ready: { log: ready } }
  plain: { command: sleep infinity }
";
    let script = r#"
        let ignored = kill("deaf", "SIGTERM");
        wait_log("deaf", "heard TERM", "20s");
        assert(status("deaf") == "UP");
        kill("deaf", "HUP");
        wait_log("deaf", "heard HUP", "20s");
        ignored.heal();
        assert(status("deaf") == "UP");

        kill("polite", 15);
        wait_until("20s", || status("polite") == "DOWN");
        assert(logs("polite", #{ last: 1 }) == "bye\n", logs("polite"));
        kill("plain", "SIGINT");
        wait_until("20s", || status("plain") == "DOWN");
        kill("deaf");
        assert(status("deaf") == "DOWN");
        heal();
        for node in nodes() { assert(status(node) == "UP", node); }
    "#;
    let journal = holds(&BOTH, cluster, script);
    let ends: Vec<_> = events(&journal, "node.exit").iter().map(|exit| (&exit["node"], &exit["ended"])).collect();
    if !journal.is_empty() {
        let ended = |node: &str, how: Value| assert!(ends.contains(&(&node.into(), &how)), "{node} {how}: {ends:?}");
        ended("polite", serde_json::json!({ "code": 0 }));
        ended("plain", serde_json::json!({ "signal": 2 }));
        ended("deaf", serde_json::json!({ "signal": 9 }));
    }
}

#[test]
fn stop_sends_the_nodes_own_signal_and_ends_what_outlasts_its_grace() {
    let cluster = "
nodes:
  int: { command: [bash, -c, 'trap \"echo asked; exit 0\" INT; echo ready; while :; do sleep 0.05; done'], ready: { log: ready }, stop: { signal: SIGINT, within: 20s } }
  stubborn: { command: [bash, -c, 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'], ready: { log: ready }, stop: { signal: SIGTERM, within: 500ms } }
";
    let script = r#"
        stop(["int", "stubborn"]);
        for node in nodes() { assert(status(node) == "DOWN"); }
        assert(logs("int") == "ready\nasked\n", logs("int"));
        // That a node has ended is told a little later.
        let told = "until [ $(grep -c node.exit out/journal.jsonl) = 2 ]; do sleep 0.05; done";
        assert(workload(told, #{ timeout: "20s" }).ok, "two ends");
    "#;
    let journal = holds(&[User::Ours], cluster, script);
    if !journal.is_empty() {
        let exits = events(&journal, "node.exit");
        let end_of = |node: &str| exits.iter().find(|exit| exit["node"] == node).unwrap()["ended"].to_string();
        assert_eq!((end_of("int"), end_of("stubborn")), (r#"{"code":0}"#.into(), r#"{"signal":9}"#.into()));
    }
}

#[test]
fn while_a_node_has_its_grace_the_rest_of_the_cluster_goes_on() {
    let cluster = "
nodes:
  n1:
    command: [bash, -c, 'trap \"touch asked\" TERM; touch ready; until [ -e end ]; do sleep 0.1; done; rm ready asked end']
    stop: { within: 60s }
  n2: {}
  n3: {}
";
    let script = r#"
        const OPTIONS = #{ clients: 1 };
        fn setup() { state("looks", 0); }
        fn client(id) {
            loop {
                if op("look", (), || exec("n2", "true").ok).value == true { state("looks", state("looks") + 1); }
                sleep("20ms");
            }
        }
        fn chaos() {
            for verb in [|| stop("n1"), || restart("n1")] {
                wait_until("20s", || exec("n1", "test -e ready").ok);
                let halt = task(|| call(verb));
                wait_until("20s", || exec("n1", "test -e asked").ok);
                let cut = isolate("n2");
                assert(!reachable("n3", "n2"), "the cut is in force");
                cut.heal();
                assert(reachable("n3", "n2"), "the cut is gone");
                let looks = state("looks");
                wait_until("20s", || state("looks") > looks + 1); // one may have begun before
                assert(!halt.done, "all that while the node had its grace");
                exec("n1", "touch end");
                halt.join();
                heal();
                assert(status("n1") == "UP", "it is back");
            }
        }
    "#;
    holds(&[User::Ours], cluster, script);
}

#[test]
fn a_program_that_ends_by_itself_is_an_event_with_its_last_words() {
    let cluster = "
nodes:
  quits: { command: [bash, -c, 'for n in 1 2 3 4 5 6 7; do echo line $n; done; until [ -e go ]; do sleep 0.01; done; rm go; exit 3'] }
  dies: { command: [bash, -c, 'echo oh no >&2; until [ -e go ]; do sleep 0.01; done; kill -ABRT $$'] }
";
    let script = r#"
        exec("quits", "touch go");
        exec("dies", "touch go");
        wait_until("20s", || status("quits") == "DOWN" && status("dies") == "DOWN");
        start(["quits"]);
        assert(status("quits") == "UP");
    "#;
    let journal = holds(&BOTH, cluster, script);
    let exits: Vec<_> = events(&journal, "node.exit").into_iter().filter(|exit| exit["expected"] == false).collect();
    let of = |node: &str| exits.iter().find(|exit| exit["node"] == node).copied();
    if let (Some(quits), Some(dies)) = (of("quits"), of("dies")) {
        assert_eq!(quits["ended"]["code"], 3);
        assert_eq!(quits["log"], serde_json::json!(["line 3", "line 4", "line 5", "line 6", "line 7"]));
        assert_eq!(dies["ended"]["signal"], 6);
        assert_eq!(dies["log"], serde_json::json!(["oh no"]));
    } else {
        assert!(journal.is_empty(), "{journal:?}");
    }
}

#[test]
fn exec_runs_programs_inside_the_node() {
    let cluster = "
nodes:
  n1: { command: sleep infinity, workdir: data, environment: { COLOUR: green } }
  n2: { command: sleep infinity }
";
    let script = r#"
        let r = exec("n1", ["sh", "-c", "echo out; echo err >&2; exit 7"]);
        assert(r.code == 7 && !r.ok && r.stdout == "out\n" && r.stderr == "err\n" && !r.timed_out && r.took > 0.0, `${r}`);
        assert(exec("n1", "cat", #{ stdin: "ä\nb" }).stdout == "ä\nb");
        assert(exec("n1", ["printf", "%s", "$HOME; *"]).stdout == "$HOME; *");
        assert(exec("n1", "kill -KILL $$").code == 137);
        assert(exec("n1", "echo $COLOUR; basename $PWD").stdout == "green\ndata\n");
        assert(exec("n1", "hostname").stdout == "n1\n" && exec("n2", "hostname").stdout == "n2\n");

        let missing = exec("n1", ["no-such-program", "x"]);
        assert(missing.code == 127 && !missing.ok, `${missing}`);

        // A program that takes too long is ended, and what it started with it.
        let slow = exec("n1", "sleep 1000 & echo begun; sleep 1000", #{ timeout: "3s" });
        assert(slow.timed_out && !slow.ok && slow.stdout == "begun\n", `${slow}`);
        assert(exec("n1", "pgrep -fx 'sleep 1000'").code == 1);

        // One that leaves something behind does not wait for it.
        let left = exec("n1", "sleep 1001 & echo done", #{ timeout: "20s" });
        assert(left.ok && left.stdout == "done\n" && !left.timed_out, `${left}`);
        wait_until("20s", || exec("n1", "pgrep -fx 'sleep 1001'").ok); // the shell may end before its child has begun
        // With the node goes what runs in it.
        restart("n1");
        assert(exec("n1", "pgrep -fx 'sleep 1001'").code == 1);

        let much = exec("n1", "head -c 3000000 /dev/zero | tr '\\0' x");
        assert(much.stdout.len() == 3000000, `${much.stdout.len()}`);
    "#;
    holds(&BOTH, cluster, script);
}

#[test]
fn logs_hold_both_outputs_over_restarts() {
    let cluster = "
nodes:
  n1: { command: [bash, -c, 'echo out; echo err >&2; exec sleep infinity'], ready: { log: err } }
";
    let script = r#"
        assert(logs("n1") == "out\nerr\n", logs("n1"));
        restart("n1");
        wait_until("20s", || logs("n1") == "out\nerr\nout\nerr\n");
        assert(logs("n1", #{ last: 3 }) == "err\nout\nerr\n");
        assert(logs("n1", #{ last: 0 }) == "");
        assert(wait_log("n1", "^o.t$", "1s"));
        let told = "";
        try { wait_log("n1", "never", "100ms"); } catch (error) { told = error.message; }
        assert(told == "n1 did not log /never/ within 0.1 s", told);
        stop("n1");
        assert(logs("n1", #{ last: 1 }) == "err\n");
    "#;
    holds(&[User::Ours], cluster, script);
}

#[test]
fn files_and_variables_are_expanded_and_the_environment_is_private() {
    let cluster = "
network: { subnet: 10.77.0.0/24 }
nodes:
  a:
    command: [sh, -c, 'echo \"$0 $1\"; exec sleep infinity', '${node}', '${ip:b}']
    workdir: data/a
    ip: 10.77.0.50
    hostname: alpha
    environment: { PEER: '${ip:b}', ROUNDS: '${param:rounds:3}', SEED: '${seed}' }
    files:
      a.conf: \"me ${node} ${ip}\\npeer ${ip:b}\\n\"
      sub/deep.conf: \"${param:rounds:3}\"
    links: { b: backend }
  b: { command: sleep infinity, ip: 10.77.0.51 }
";
    let script = r#"
        let of = |line| exec("a", line).stdout;
        assert(of.call("cat a.conf") == "me a 10.77.0.50\npeer 10.77.0.51\n", of.call("cat a.conf"));
        assert(of.call("cat sub/deep.conf") == "3");
        assert(of.call("echo $PEER $ROUNDS $SEED") == "10.77.0.51 3 1\n");
        wait_log("a", "^a 10.77.0.51$", "20s");
        assert(of.call("hostname") == "alpha\n");
        assert(of.call("[ \"$HOME\" = \"$PWD\" ] && echo yes") == "yes\n");
        assert(of.call("echo x > $TMPDIR/file && cat $TMPDIR/file") == "x\n");
        assert(of.call("env | grep -c SECRET_OF_THE_CALLER") == "0\n");
        for name in ["a", "b", "backend", "alpha", "localhost"] {
            assert(of.call(`getent hosts ${name}`) != "", name);
        }
        assert(of.call("getent ahostsv4 backend | head -n 1").starts_with("10.77.0.51 "));
        assert(exec("b", "getent hosts backend").stdout == "", "an alias is the linking node's own");
        assert(ip("a") == "10.77.0.50");
    "#;
    for user in BOTH {
        if namespaces(user) {
            let place = Place::of(user, script, cluster);
            let run = ["run", "s.rhai", "--seed", "1", "--runtime", "netns"];
            let output = place.command(&run).env("SECRET_OF_THE_CALLER", "x").output().unwrap();
            common::ended(output).with(0);
        }
    }
}

#[test]
fn nodes_start_after_those_they_link_to_and_after_their_delay() {
    let cluster = "
nodes:
  web: { command: [sh, -c, 'date +%s%N; exec sleep infinity'], links: [db] }
  db: { command: [bash, -c, 'sleep 0.3; date +%s%N; echo up; exec sleep infinity'], ready: { log: up } }
  late: { command: sleep infinity, start_delay: 700ms }
  copies: { count: 3, command: sleep infinity }
";
    let script = r#"
        fn began(node) {
            wait_log(node, "^[0-9]+$", "20s");
            parse_int(logs(node).split("\n")[0])
        }
        assert(nodes("copies*") == ["copies_1", "copies_2", "copies_3"], `${nodes()}`);
        assert(began("web") > began("db"));
        for node in nodes() { assert(status(node) == "UP"); }
    "#;
    let journal = holds(&[User::Ours], cluster, script);
    if let Some(up) = events(&journal, "cluster.up").first() {
        assert!(up["took_us"].as_u64().unwrap() >= 700_000, "{up}");
    }
}

#[test]
fn a_node_is_ready_when_its_check_says_so() {
    let cluster = "
nodes:
  tcp: { command: [bash, -c, 'sleep 0.3; exec perl -MIO::Socket::INET -e \"IO::Socket::INET->new(LocalPort => 7000, Listen => 5) and sleep\"'], ready: { tcp: 7000 } }
  log: { command: [bash, -c, 'sleep 0.3; echo now ready: 17; exec sleep infinity'], ready: { log: 'ready: [0-9]+' } }
  exec: { command: [bash, -c, 'sleep 0.3; touch flag; exec sleep infinity'], ready: { exec: [test, -e, flag] } }
  idle:
";
    let script = r#"
        assert(tcp("tcp", 7000) && !tcp("tcp", 7001) && !tcp("idle", 7000));
        assert(logs("log") == "now ready: 17\n");
        assert(exec("exec", "test -e flag").ok);
        assert(status("idle") == "UP" && exec("idle", "true").ok);
    "#;
    holds(&BOTH, cluster, script);
}

#[test]
fn a_node_may_run_as_another_user() {
    if !rustix::process::geteuid().is_root() {
        // There is no other user to become.
        return;
    }
    let cluster = "
nodes:
  n1: { command: [sh, -c, 'id -u; touch mine; echo done; exec sleep infinity'], user: nobody, ready: { log: done }, files: { conf: x } }
";
    let script = r#"
        assert(logs("n1").starts_with("65534\n"), logs("n1"));
        assert(exec("n1", "id -u; stat -c %u conf mine $TMPDIR").stdout == "65534\n65534\n65534\n65534\n");
    "#;
    let place = Place::with(script, cluster);
    std::fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    if namespaces(User::Ours) {
        place.run(&["--runtime", "netns"]).with(0);
    }
}

/// The kernel of n1 counts every datagram that passes its firewall, whether or not anybody listens.
#[test]
fn no_packet_crosses_a_cut_while_the_nodes_behind_it_restart() {
    let cluster = "
network: { subnet: 10.78.0.0/24, subnet6: \"fd00:78::/64\" }
nodes:
  n1: { command: sleep infinity, ip: [10.78.0.11, \"fd00:78::11\"] }
  n2: { command: bash flood.sh, files: { flood.sh: &flood \"exec 2>/dev/null; while :; do echo x > /dev/udp/10.78.0.11/9; echo x > /dev/udp/fd00:78::11/9; done\" } }
";
    let script = r#"
        fn counted(file, name) {
            let line = `awk '/${name}/ { n = $2 } END { print n + 0 }' ${file}`;
            parse_int(exec("n1", line).stdout.split("\n")[0])
        }
        fn four() { parse_int(exec("n1", "awk '/^Udp:/ { n = $3 } END { print n }' /proc/net/snmp").stdout.split("\n")[0]) }
        fn six() { counted("/proc/net/snmp6", "Udp6NoPorts") }
        fn flows() {
            let before = [four(), six()];
            wait_until("20s", || four() > before[0] + 10 && six() > before[1] + 10);
        }
        flows();
        let cut = partition([["n1"], ["n2"]]);
        sleep("100ms");
        let before = [four(), six()];
        for turn in 0..20 {
            restart(if turn % 3 == 2 { ["n1", "n2"] } else { "n1" });
        }
        let after = [four(), six()];
        assert(after == before, `${before} ${after}`);
        // Extended, shrunk and doubled, it stays shut as well.
        for turn in 0..50 {
            let more = isolate("n1");
            if turn % 2 == 0 { cut.heal(); cut = block(between("n1", "n2")); }
            more.heal();
        }
        assert([four(), six()] == before, `${before} ${four()} ${six()}`);
        heal();
        flows();
    "#;
    holds(&BOTH, cluster, script);
}
