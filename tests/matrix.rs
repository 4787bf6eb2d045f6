//! One table of faults and of the links they leave: on the simulator and, with real packets, on the kernel.
//! Where the two differ, one of them is wrong.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, User, namespaces};
use std::sync::Mutex;

const FOUR: &str = "
nodes:
  n1: { command: sleep infinity }
  n2: { command: sleep infinity }
  n3: { command: sleep infinity }
  n4: { command: sleep infinity }
";

/// Faults, and whether a packet arrives: rows are sources, columns targets, in the order n1 n2 n3 n4 world.
struct Scenario {
    faults: &'static str,
    arrives: &'static str,
}

const fn row(faults: &'static str, arrives: &'static str) -> Scenario {
    Scenario { faults, arrives }
}

const WHOLE: &str = ".1111 1.111 11.11 111.1 1111.";

const SCENARIOS: &[Scenario] = &[
    row("", WHOLE),
    // Partitions: nodes not named form one more group, groups overlap, the world is no part of it.
    row(r#"partition([["n1", "n2"]]);"#, ".1001 1.001 00.11 001.1 1111."),
    row(r#"partition([["n1", "n2"], "n3"]);"#, ".1001 1.001 00.01 000.1 1111."),
    row(r#"partition([["n1", "n2"], ["n2", "n3"], "n4"]);"#, ".1001 1.101 01.01 000.1 1111."),
    row(r#"partition([["n1", "n2"], ["n2", "n3"], ["n3", "n4"], ["n4", "n1"]]);"#, ".1011 1.101 01.11 101.1 1111."),
    row(r#"partition(["n*"]);"#, WHOLE),
    row(r#"isolate("n1");"#, ".0000 0.111 01.11 011.1 0111."),
    row(r#"isolate(["n1", "n2"]);"#, ".0000 0.000 00.11 001.1 0011."),
    // Directions.
    row(r#"one_way("n1", "n2");"#, ".1111 0.111 11.11 111.1 1111."),
    row(r#"one_way(["n1", "n2"], ["n3", "world"]);"#, ".1111 1.111 00.11 111.1 0011."),
    row(r#"one_way("world", "n4");"#, ".1111 1.111 11.11 111.0 1111."),
    row(r#"block("n1", "n2");"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"block("n1");"#, ".0000 1.111 11.11 111.1 1111."),
    row(r#"block(from(["n1", "n2"]));"#, ".0000 0.000 11.11 111.1 1111."),
    row(r#"block(to("n1"));"#, ".1111 0.111 01.11 011.1 0111."),
    row(r#"block(between("n1", ["n2", "n3"]));"#, ".0011 0.111 01.11 111.1 1111."),
    row(r#"block(between("n1", "world"));"#, ".1110 1.111 11.11 111.1 0111."),
    row(r#"block("world");"#, ".1111 1.111 11.11 111.1 0000."),
    row(r#"reject("n1", "n2");"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"reject(between("n3", ["n4", "world"]));"#, ".1111 1.111 11.00 110.1 1101."),
    // Filters: the packets of probes are UDP on IPv4.
    row(r#"block(link("n1", "n2").on(#{ proto: "tcp" }));"#, WHOLE),
    row(r#"block(link("n1", "n2").on(#{ proto: "icmp" }));"#, WHOLE),
    row(r#"block(link("n1", "n2").on(#{ proto: "udp" }));"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"block(link("n1", "n2").on(#{ family: "ipv4" }));"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"block(link("n1", "n2").on(#{ family: "ipv6" }));"#, WHOLE),
    row(r#"reject(link("n1", "n2").on(#{ proto: "udp", family: "ipv4" }));"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"block(between("n4", "world").on(#{ proto: "udp" }));"#, ".1111 1.111 11.11 111.0 1110."),
    row(r#"block(between("n4", "world").on(#{ proto: "tcp", port: 80 }));"#, WHOLE),
    // Several at once: each cuts what it covers, and healing one leaves the rest.
    row(r#"isolate("n1"); block("n3", "n4");"#, ".0000 0.111 01.01 011.1 0111."),
    row(r#"one_way("n1", "n2"); one_way("n2", "n1");"#, ".0111 0.111 11.11 111.1 1111."),
    row(r#"let a = partition([["n1", "n2"]]); isolate("n1"); a.heal();"#, ".0000 0.111 01.11 011.1 0111."),
    row(r#"partition([["n1", "n2"]]); let b = isolate("n1"); b.heal();"#, ".1001 1.001 00.11 001.1 1111."),
    row(r#"let a = block("n1", "n2"); block("n1", "n2"); a.heal();"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"let a = block("n1", "n2"); reject("n1", "n2"); a.heal();"#, ".0111 1.111 11.11 111.1 1111."),
    row(r#"isolate("n1"); block("n3", "n4").keep(); heal();"#, ".1111 1.111 11.01 111.1 1111."),
    row(r#"isolate("n1"); block("n3", "n4"); join();"#, WHOLE),
    row(r#"partition([["n1", "n2"]]); partition([["n1", "n3"]]);"#, ".0001 0.001 00.01 000.1 1111."),
    // What happens to programs leaves links alone, and links stay cut over it.
    row(r#"stop("n1"); pause("n2"); kill("n3");"#, WHOLE),
    row(r#"isolate("n1"); restart("n*");"#, ".0000 0.111 01.11 011.1 0111."),
    row(r#"stop("n1"); isolate("n1"); start("n1");"#, ".0000 0.111 01.11 011.1 0111."),
];

/// Asks about every link, then in every other pair about the way there and back.
const LOOK: &str = r#"
let everyone = nodes() + ["world"];
let arrives = #{};
let rows = [];
for a in everyone {
    let row = "";
    for b in everyone {
        if a == b { row += "."; continue; }
        arrives[`${a} ${b}`] = reachable(a, b);
        row += if arrives[`${a} ${b}`] { "1" } else { "0" };
    }
    rows.push(row);
}
note(rows.reduce(|sum, row| if sum == () { row } else { sum + " " + row }));
for pair in [["n1", "n2"], ["n2", "n3"], ["n3", "n4"], ["n4", "n1"], ["n1", "world"], ["world", "n4"]] {
    let a = pair[0];
    let b = pair[1];
    let answered = probe(a, b).ok;
    assert(answered == (arrives[`${a} ${b}`] && arrives[`${b} ${a}`]), `${a} ${b} ${answered}`);
}
"#;

/// What arrives under these faults.
fn matrix(scenario: &Scenario, user: User, runtime: &str) -> String {
    let place = Place::of(user, &format!("{}{LOOK}", scenario.faults), FOUR);
    place.run(&["--runtime", runtime]).with(0);
    let journal = place.lines("out/journal.jsonl");
    let note = journal.iter().find(|event| event["kind"] == "note").unwrap();
    note["message"].as_str().unwrap().to_owned()
}

/// Runs scenarios side by side: they spend their time waiting for packets that never arrive.
fn compare(scenarios: &[Scenario], user: User, runtime: &str) {
    let left = Mutex::new(scenarios.iter());
    let next = || left.lock().unwrap().next();
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let found = matrix(scenario, user, runtime);
                    if found != scenario.arrives {
                        let told = format!("{}\n  expected {}\n  found    {found}", scenario.faults, scenario.arrives);
                        wrong.lock().unwrap().push(told);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "on {runtime}:\n{}", wrong.join("\n"));
}

#[test]
fn faults_leave_these_links_on_the_simulator() {
    compare(SCENARIOS, User::Ours, "sim");
}

#[test]
fn faults_leave_these_links_on_the_kernel() {
    if namespaces(User::Ours) {
        compare(SCENARIOS, User::Ours, "netns");
    }
}

#[test]
fn faults_leave_these_links_on_the_kernel_for_an_ordinary_user() {
    if namespaces(User::Ordinary) {
        let some: Vec<_> = SCENARIOS.iter().step_by(7).map(|scenario| row(scenario.faults, scenario.arrives)).collect();
        compare(&some, User::Ordinary, "netns");
    }
}

/// Real connections through filters: what a filter does not name passes, what it names does not, on both families.
#[test]
fn a_filter_cuts_the_connections_it_names_and_no_others() {
    let cluster = "
network: { subnet6: \"fd00:7e57::/64\" }
nodes:
  client: { command: sleep infinity }
  a: { command: \"blockade demo-store serve --id 1 --listen 0.0.0.0:7000\", ready: { tcp: 7000 } }
  b: { command: \"blockade demo-store serve --id 1 --listen 0.0.0.0:7001\", ready: { tcp: 7001 } }
";
    let script = r#"
        fn connects(node, port) {
            let line = `timeout 1 bash -c 'exec 3<>/dev/tcp/${ip(node)}/${port}'`;
            exec("client", line, #{ timeout: "5s" }).ok
        }
        fn told() { `${connects("a", 7000)} ${connects("b", 7001)} ${reachable("client", "a")}` }
        let expect = |fault, seen| { let t = told(); fault.heal(); assert(t == seen, `${fault}: ${t}`); };

        assert(told() == "true true true", told());
        expect.call(block(link("client", "a").on(#{ proto: "tcp" })), "false true true");
        expect.call(block(between("client", ["a", "b"]).on(#{ proto: "tcp", port: 7000 })), "false true true");
        expect.call(block(to("a").on(#{ port: 7001 })), "true true true");
        expect.call(block(link("a", "client").on(#{ port: 7000 })), "false true true");
        expect.call(reject(link("client", ["a", "b"]).on(#{ port: 7001 })), "true false true");
        expect.call(block(to("a").on(#{ family: "ipv6" })), "true true true");
        expect.call(block(to("a").on(#{ proto: "udp" })), "true true false");

        // A rejected connection fails at once, one that is dropped only in time.
        for links in [link("client", "a"), between("client", "a")] {
            let cut = reject(links.on(#{ proto: "tcp" }));
            let refused = exec("client", `timeout 10 bash -c 'exec 3<>/dev/tcp/${ip("a")}/7000'`);
            assert(refused.code == 1 && refused.stderr.contains("refused"), `${cut}: ${refused}`);
            cut.heal();
        }

        // To the world too: the sender's network answers.
        let net = ip("client").split(".");
        let world = `${net[0]}.${net[1]}.${net[2]}.1`;
        for links in [link("client", "world"), between("client", "world")] {
            let cut = reject(links);
            let refused = exec("client", `timeout 10 bash -c 'exec 3<>/dev/tcp/${world}/7000'`);
            assert(refused.code == 1 && refused.stderr.contains("refused"), `${cut}: ${refused}`);
            assert(!reachable("client", "world") && reachable("client", "a"), `${cut}`);
            cut.heal();
        }
    "#;
    if namespaces(User::Ours) {
        Place::with(script, cluster).run(&["--runtime", "netns"]).with(0);
    }
}

/// A partition cuts what is open already, silently, and a heal brings it back without a reconnect.
#[test]
fn an_open_connection_is_cut_in_silence_and_goes_on_after_the_heal() {
    // The server takes whatever comes, on every connection.
    let cluster = "
nodes:
  a: { command: \"bash -c 'exec 3<>/dev/tcp/${ip:b}/7000; echo open; while sleep 0.05; do echo x >&3 || echo broken; done'\", ready: { log: open }, links: [b] }
  b: { command: [perl, sink.pl], files: { sink.pl: \"use IO::Socket::INET; $SIG{CHLD} = 'IGNORE'; my $l = IO::Socket::INET->new(LocalPort => 7000, Listen => 5); while (my $c = $l->accept) { fork or do { 1 while <$c>; exit } }\" }, ready: { tcp: 7000 } }
";
    // The kernel's own counter of segments that reached b.
    let script = r#"
        fn received() { parse_int(exec("b", "awk '/^Tcp:/ { n = $11 } END { print n }' /proc/net/snmp").stdout.split("\n")[0]) }
        let before = received();
        wait_until("20s", || received() > before);
        let cut = partition([["a"], ["b"]]);
        sleep("50ms");
        let during_cut = received();
        assert(always("500ms", || received() == during_cut));
        cut.heal();
        wait_until("20s", || received() > during_cut + 2);
        assert(!logs("a").contains("broken"), logs("a"));
    "#;
    if namespaces(User::Ours) {
        let place = Place::with(script, cluster);
        place.run(&["--runtime", "netns"]).with(0);
    }
}

#[test]
fn the_table_has_no_scenario_twice() {
    let mut faults: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.faults).collect();
    faults.sort_unstable();
    faults.dedup();
    assert_eq!(faults.len(), SCENARIOS.len());
}
