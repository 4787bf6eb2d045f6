//! `slow`, `flaky`, `throttle` and the rest by one-shot commands.

use super::up::{Up, place, until};
use serde_json::{Value, json};

/// What commands that succeed print, one after the other.
fn say(up: &Up, commands: &[&[&str]]) -> String {
    commands.iter().map(|args| up.says(args)).collect()
}

/// What commands that fail say.
fn refuse(up: &Up, commands: &[&[&str]]) -> String {
    let told = |args: &&[&str]| {
        let ended = up.run(args);
        format!("{}\nexit {}\n{}{}", args.join(" "), ended.code, ended.stdout, ended.stderr)
    };
    commands.iter().map(told).collect()
}

#[test]
fn every_impairment_has_a_line_and_says_by_what_means_it_acts() {
    let up = Up::on("sim");
    let lines = say(
        &up,
        &[
            &["slow", "n1", "--delay", "10ms", "--to", "n2", "--for", "1h"],
            &["flaky", "n1", "--loss", "1%", "--to", "n3", "--correlation", "25%"],
            &["throttle", "n2", "--rate", "10mbit"],
            &["duplicate", "n3", "--duplicate", "0.05", "--to", "n1,n2"],
            &["corrupt", "n3", "--corrupt", "1%", "--both", "--to", "world"],
            &["reorder", "n2", "--reorder", "25%", "--gap", "5", "--to", "n3"],
            &["degrade", "n1", "--delay", "5ms", "--jitter", "1ms", "--distribution", "pareto", "--rate", "1gbit"],
            &["flaky", "n3", "--loss", "2%", "--proto", "tcp", "--port", "80", "--family", "ipv6"],
        ],
    );
    insta::assert_snapshot!(lines, @r"
    f1: slow n1 → n2: delay 10 ms
    f2: flaky n1 → n3: loss 1 % (correlation 25 %)
    f3: throttle n2 → n1, n2 → n3, n2 → world: rate 10000 kbit
    f4: duplicate n3 → n1, n3 → n2: duplicate 5 %
    f5: corrupt n3 → world, world → n3: corrupt 1 %
    f6: reorder n2 → n3: reorder 25 %, gap 5
    f7: degrade n1 → n2, n1 → n3, n1 → world: delay 5 ms, jitter 1 ms pareto, rate 1000000 kbit
    f8: flaky n3 → n1, n3 → n2, n3 → world (tcp port 80 ipv6): loss 2 %
    ");
    insta::assert_snapshot!(up.says(&["faults"]), @r"
    ID  FAULT                                                                                    BY
    f1  slow n1 → n2: delay 10 ms                                                                netem, htb
    f2  flaky n1 → n3: loss 1 % (correlation 25 %)                                               netem, htb
    f3  throttle n2 → n1, n2 → n3, n2 → world: rate 10000 kbit                                   netem, htb
    f4  duplicate n3 → n1, n3 → n2: duplicate 5 %                                                userspace
    f5  corrupt n3 → world, world → n3: corrupt 1 %                                              userspace
    f6  reorder n2 → n3: reorder 25 %, gap 5                                                     netem, htb
    f7  degrade n1 → n2, n1 → n3, n1 → world: delay 5 ms, jitter 1 ms pareto, rate 1000000 kbit  netem, htb
    f8  flaky n3 → n1, n3 → n2, n3 → world (tcp port 80 ipv6): loss 2 %                          userspace
    ");
    let all: Value = serde_json::from_str(&up.says(&["faults", "--json"])).unwrap();
    assert_eq!(
        all[2],
        json!({
            "id": "f3",
            "fault": {
                "kind": "degrade",
                "verb": "throttle",
                "links": { "pairs": [["n2", "n1"], ["n2", "n3"], ["n2", "world"]], "filter": {} },
                "impairment": { "rate_bits": 10_000_000 },
            },
            "keep": false,
            "by": ["netem", "htb"],
        })
    );
    // `fast` heals those of what a node sends, and cuts stay.
    up.says(&["block", "n3", "n1"]);
    up.says(&["heal", "f1", "f2", "f3", "f6", "f7", "f8"]);
    assert_eq!(up.run(&["fast", "n1"]).with(0).stderr, "nothing to heal\n");
    insta::assert_snapshot!(up.says(&["fast", "n3"]), @r"
    healed f4: duplicate n3 → n1, n3 → n2: duplicate 5 %
    healed f5: corrupt n3 → world, world → n3: corrupt 1 %
    ");
    insta::assert_snapshot!(up.says(&["faults"]), @r"
    ID  FAULT
    f9  block n3 → n1
    ");
    assert_eq!(up.says(&["heal"]), "healed f9: block n3 → n1\n");
}

#[test]
fn a_node_is_what_it_sends_and_fast_leaves_what_others_send() {
    let up = Up::on("sim");
    let states = || {
        let lines: Value = serde_json::from_str(&up.says(&["status", "--json"])).unwrap();
        let states = lines.as_array().unwrap().iter().map(|line| line["network_state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>().join(" ")
    };
    let after = |commands: &[&[&str]]| {
        for command in commands {
            up.run(command).with(0);
        }
        states()
    };
    assert_eq!(after(&[&["slow", "n1"]]), "SLOW NORMAL NORMAL");
    assert_eq!(after(&[&["fast", "n3"]]), "SLOW NORMAL NORMAL");
    assert_eq!(after(&[&["flaky", "n2"]]), "SLOW FLAKY NORMAL");
    assert_eq!(after(&[&["fast", "n2"]]), "SLOW NORMAL NORMAL");
    assert_eq!(after(&[&["fast", "n1"]]), "NORMAL NORMAL NORMAL");
    // One fault of two senders goes on for the other, also where its time is over later.
    assert_eq!(after(&[&["slow", "n1", "n2", "--delay", "9ms", "--for", "10m"]]), "SLOW SLOW NORMAL");
    assert_eq!(up.says(&["fast", "n2"]), "healed f3: slow n2 → n1, n2 → n3, n2 → world: delay 9 ms\n");
    assert_eq!(states(), "SLOW NORMAL NORMAL");
    assert!(up.says(&["faults"]).contains("\nf3  slow n1 → n2, n1 → n3, n1 → world: delay 9 ms "));
    assert_eq!(after(&[&["heal", "f3"]]), "NORMAL NORMAL NORMAL");
    assert_eq!(after(&[&["slow", "n1", "--both"]]), "SLOW SLOW SLOW");
    assert_eq!(after(&[&["fast", "n2"]]), "SLOW NORMAL SLOW");
    assert_eq!(after(&[&["fast", "n1"]]), "NORMAL NORMAL NORMAL");
    assert_eq!(up.run(&["faults"]).stderr, "no faults\n");
}

#[test]
fn a_partition_has_the_number_of_the_first_group_that_holds_the_node() {
    let up = Up::on("sim");
    let numbers = |groups: &[&str]| {
        up.says(&[&["partition"], groups].concat());
        let lines: Value = serde_json::from_str(&up.says(&["status", "--json"])).unwrap();
        lines.as_array().unwrap().iter().map(|line| line["partition"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(numbers(&["n1,n2", "n2,n3"]), [1, 1, 2]);
    assert_eq!(numbers(&["n3", "n2"]), [3, 2, 1]);
    assert_eq!(numbers(&["n2"]), [2, 1, 2]);
    // With another cut beside them, groups do not tell who reaches whom.
    up.says(&["block", "n1", "n3"]);
    assert!(up.says(&["status"]).lines().skip(1).map(|line| &line[line.len() - 1..]).eq(["1", "2", "3"]));
}

#[test]
fn the_world_is_an_end_of_links_like_any_node() {
    let up = Up::on("sim");
    let lines = say(
        &up,
        &[
            &["slow", "world", "--delay", "1ms"],
            &["slow", "n1", "world", "--delay", "1ms", "--to", "n2"],
            &["slow", "n1", "--delay", "1ms", "--to", "world,n2"],
            &["block", "n1", "n2,world"],
        ],
    );
    insta::assert_snapshot!(lines, @"
    f1: slow world → n1, world → n2, world → n3: delay 1 ms
    f2: slow n1 → n2, world → n2: delay 1 ms
    f3: slow n1 → n2, n1 → world: delay 1 ms
    f4: block n1 → n2, n1 → world
    ");
}

#[test]
fn what_is_holy_is_no_part_of_what_is_done_to_all() {
    let up = Up { place: place() };
    up.place.write("blockade.yaml", "nodes: { n1: , n2: , n3: { holy: true } }\n");
    up.run(&["up", "--runtime", "sim"]).with(0);
    let script = "slow(\"n1\", \"5ms\").keep(); for fault in faults() { note(`${fault}`); }";
    up.place.write("s.rhai", script);
    let run = up.run(&["run", "s.rhai", "--attach"]).with(0).stdout;
    assert!(run.contains("slow n1 → n2, n1 → world: delay 5 ms"), "{run}");
    insta::assert_snapshot!(say(&up, &[&["slow", "--all", "--delay", "1ms"], &["faults"]]), @"
    f2: slow n1 → n2, n1 → world, n2 → n1, n2 → world: delay 1 ms
    ID  FAULT                                                      BY
    f2  slow n1 → n2, n1 → world, n2 → n1, n2 → world: delay 1 ms  netem
    ");
    insta::assert_snapshot!(refuse(&up, &[&["slow", "n3"], &["slow", "n1", "--to", "n3"]]), @"
    slow n3
    exit 2
    error: n3 is holy: no fault of the network touches its links
    slow n1 --to n3
    exit 2
    error: n3 is holy: no fault of the network touches its links
    ");
    assert_eq!(up.run(&["fast", "n3"]).with(0).stderr, "nothing to heal\n");
    for seed in ["1", "2", "3", "4"] {
        assert!(!up.says(&["slow", "--random", "--seed", seed, "--delay", "1ms"]).contains("n3"));
    }
}

#[test]
fn a_shaper_that_this_machine_does_not_have_is_refused_before_there_are_nodes() {
    let place = place();
    place.write("s.rhai", "note(\"never\");");
    // On `sim` there is everything.
    place.blockade(&["run", "s.rhai", "--runtime", "sim", "--shaper", "netem", "--data-dir", "other"]).with(0);
    let doctor: Value = serde_json::from_str(&place.blockade(&["doctor", "--json"]).stdout).unwrap();
    let lacks =
        |name: &str| doctor["findings"].as_array().unwrap().iter().any(|f| f["name"] == name && f["ok"] == false);
    if !lacks("sch_netem") && !lacks("sch_htb") {
        return super::common::skip("this kernel has netem");
    }
    for args in [&["up", "--runtime", "netns"][..], &["run", "s.rhai", "--runtime", "netns", "--out", "out"]] {
        let ended = place.blockade(&[args, &["--shaper", "netem"]].concat()).with(3);
        assert!(
            ended
                .stderr
                .starts_with("error: --shaper netem: no link could be impaired so\nhelp: this machine has no sch_"),
            "{}",
            ended.stderr
        );
        assert!(!ended.stdout.contains("never"), "{}", ended.stdout);
    }
    assert!(!place.path().join("out").exists() && !place.path().join(".blockade").exists());
}

#[test]
fn what_is_slow_for_a_time_is_fast_again_by_itself() {
    let up = Up::on("sim");
    up.says(&["throttle", "n1", "--rate", "1mbit"]);
    up.says(&["slow", "n1", "--delay", "10ms", "--to", "n2", "--for", "1ms"]);
    until(|| !up.says(&["faults"]).contains("slow"));
    assert!(up.says(&["faults"]).contains("throttle"));
}

#[test]
fn without_a_number_the_old_blockades_are_taken() {
    let up = Up::on("sim");
    let usual: &[&[&str]] = &[
        &["slow", "n1"],
        &["flaky", "n1"],
        &["duplicate", "n1"],
        &["corrupt", "n1"],
        &["reorder", "n1"],
        &["throttle", "n1"],
    ];
    insta::assert_snapshot!(say(&up, usual), @r"
    f1: slow n1 → n2, n1 → n3, n1 → world: delay 75 ms, jitter 100 ms normal
    f2: flaky n1 → n2, n1 → n3, n1 → world: loss 30 %
    f3: duplicate n1 → n2, n1 → n3, n1 → world: duplicate 5 %
    f4: corrupt n1 → n2, n1 → n3, n1 → world: corrupt 5 %
    f5: reorder n1 → n2, n1 → n3, n1 → world: reorder 25 %
    f6: throttle n1 → n2, n1 → n3, n1 → world: rate 1000 kbit
    ");
}

#[test]
fn without_a_number_the_cluster_files_are_taken() {
    let up = Up { place: place() };
    let cluster = "network: { subnet: 10.9.0.0/24, slow: 20ms 5ms 25% distribution pareto, flaky: random 10% 30%, duplicate: 1% }\nnodes: { n1: , n2: }\n";
    up.place.write("blockade.yaml", cluster);
    up.run(&["up", "--runtime", "sim"]).with(0);
    insta::assert_snapshot!(say(&up, &[&["slow", "n1"], &["flaky", "n1"], &["duplicate", "n1"]]), @r"
    f1: slow n1 → n2, n1 → world: delay 20 ms, jitter 5 ms pareto (correlation 25 %)
    f2: flaky n1 → n2, n1 → world: loss 10 % (correlation 30 %)
    f3: duplicate n1 → n2, n1 → world: duplicate 1 %
    ");
    // What is said counts alone.
    insta::assert_snapshot!(say(&up, &[&["slow", "n2", "--delay", "1ms"], &["flaky", "n2", "--loss", "2%"]]), @r"
    f4: slow n2 → n1, n2 → world: delay 1 ms
    f5: flaky n2 → n1, n2 → world: loss 2 %
    ");
}

#[test]
#[allow(clippy::too_many_lines, reason = "one whole output after the other")]
fn what_makes_no_sense_is_told_and_nothing_is_impaired() {
    let up = Up::on("sim");
    let told = refuse(
        &up,
        &[
            &["slow", "n1", "--delay", "fast"],
            &["slow", "n1", "--delay=-5ms"],
            &["slow", "n1", "--delay", "-5ms"],
            &["slow", "n1", "--jitter", "5ms"],
            &["slow", "n1", "--delay", "5ms", "--distribution", "normal"],
            &["degrade", "n1", "--distribution", "normal", "--loss", "1%"],
            &["degrade", "n1", "--correlation", "5%"],
            &["flaky", "n1", "--loss", "1e-12"],
            &["reorder", "n1", "--reorder", "1"],
            &["slow", "n1", "--delay", "1ms", "--proto", "6"],
            &["slow", "n1", "--delay", "1ms", "--port", "-1"],
            &["slow", "world", "--delay", "1ms", "--to", "world"],
            &["slow", "n1", "--delay", "1ms", "--jitter", "2ms"],
            &["slow", "n1", "--loss", "10%"],
            &["slow", "n1", "--delay", "0ms"],
            &["flaky", "n1", "--loss", "110%"],
            &["flaky", "n1", "--loss", "30"],
            &["flaky", "n1", "--loss", "NaN"],
            &["flaky", "n1", "--loss", "10%", "--correlation", "100%"],
            &["throttle", "n1", "--rate", "10mbps"],
            &["throttle", "n1", "--rate", "0mbit"],
            &["reorder", "n1", "--reorder", "10%", "--gap", "0"],
            &["degrade", "n1"],
            &["degrade", "n1", "--loss", "1%", "--gap", "2"],
            &["slow", "n1", "--delay", "1ms", "--proto", "icmp", "--port", "80"],
            &["slow", "n1", "--delay", "1ms", "--family", "ipx"],
            &["slow", "n1", "--delay", "1ms", "--to", "n9"],
            &["slow", "n1", "--delay", "1ms", "--to", "n1"],
            &["slow", "n9", "--delay", "1ms"],
        ],
    );
    insta::assert_snapshot!(told, @r#"
    slow n1 --delay fast
    exit 2
    error: "fast" is no duration
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    slow n1 --delay=-5ms
    exit 2
    error: the duration "-5ms" is negative
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    slow n1 --delay -5ms
    exit 2
    error: the duration "-5ms" is negative
    help: write a number of seconds, or text with a unit like "500us", "100ms", "1.5s", "2m" or "1h"
    slow n1 --jitter 5ms
    exit 2
    error: slow was not told its --delay
    help: add --delay
    slow n1 --delay 5ms --distribution normal
    exit 2
    error: a distribution without a jitter has no effect
    help: add a jitter, or leave --distribution out
    degrade n1 --distribution normal --loss 1%
    exit 2
    error: a distribution without a jitter has no effect
    help: add a jitter, or leave --distribution out
    degrade n1 --correlation 5%
    exit 2
    error: degrade takes no --correlation
    help: degrade takes --delay, --jitter, --distribution, --loss, --duplicate, --corrupt, --reorder, --gap, --rate; --correlation is for slow, flaky, duplicate, corrupt, reorder
    flaky n1 --loss 1e-12
    exit 2
    error: the share 1e-12 cannot be told from none: packets are drawn one in 1,000,000,000 at best
    help: write 0.000000001 ("0.0000001%") or more, or 0
    reorder n1 --reorder 1
    exit 2
    error: where every packet overtakes, there is none left to overtake
    help: write a share below 1, like 0.25, or add --gap 5, so that every fifth packet overtakes
    slow n1 --delay 1ms --proto 6
    exit 2
    error: unknown proto `6`
    help: one of "tcp", "udp", "icmp"
    slow n1 --delay 1ms --port -1
    exit 2
    error: -1 is no port
    help: ports go from 1 to 65535
    slow world --delay 1ms --to world
    exit 2
    error: a node has no link to itself
    help: name another one with --to
    slow n1 --delay 1ms --jitter 2ms
    exit 2
    error: the jitter is larger than the delay
    help: a packet cannot arrive before it was sent: raise the delay or lower the jitter
    slow n1 --loss 10%
    exit 2
    error: slow takes no --loss
    help: slow takes --delay, --jitter, --correlation, --distribution; --loss is for flaky, degrade
    slow n1 --delay 0ms
    exit 2
    error: slow was told to change nothing: all it was given is 0
    help: give it something above 0
    flaky n1 --loss 110%
    exit 2
    error: the probability "110%" is not between 0 and 1
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    flaky n1 --loss 30
    exit 2
    error: the probability 30 is not between 0 and 1
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    flaky n1 --loss NaN
    exit 2
    error: the probability NaN is not between 0 and 1
    help: write a number from 0 to 1 like 0.3, or text like "30%"
    flaky n1 --loss 10% --correlation 100%
    exit 2
    error: a correlation of 1 would repeat the first packet's fate for ever
    help: write a correlation below 1, like 0.25 or "25%"
    throttle n1 --rate 10mbps
    exit 2
    error: the rate "10mbps" is ambiguous: bits or bytes
    help: write "10mbit" or "10mbyte"
    throttle n1 --rate 0mbit
    exit 2
    error: the rate "0mbit" is zero
    help: block the links instead
    reorder n1 --reorder 10% --gap 0
    exit 2
    error: a gap of 0 packets
    help: write 1 to 4294967295: every so-manieth packet may overtake
    degrade n1
    exit 2
    error: degrade was told nothing to do
    help: give it at least one of --delay, --loss, --rate, …
    degrade n1 --loss 1% --gap 2
    exit 2
    error: a gap without reorder has no effect
    help: add --reorder 0.25, or leave --gap out
    slow n1 --delay 1ms --proto icmp --port 80
    exit 2
    error: ICMP has no ports
    help: leave the port out, or filter on tcp or udp
    slow n1 --delay 1ms --family ipx
    exit 2
    error: unknown family `ipx`
    help: one of "ipv4", "ipv6"
    slow n1 --delay 1ms --to n9
    exit 2
    error: there is no node `n9`
    help: did you mean `n1`? the nodes are n1, n2, n3
    slow n1 --delay 1ms --to n1
    exit 2
    error: a node has no link to itself
    help: name another one with --to
    slow n9 --delay 1ms
    exit 2
    error: there is no node `n9`
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    assert_eq!(up.run(&["faults"]).with(0).stderr, "no faults\n");
}

#[test]
fn the_help_of_slow() {
    let ended = place().blockade(&["slow", "--help"]).with(0);
    insta::assert_snapshot!(ended.stdout, @r"
    Delay what nodes send

    Usage: blockade slow [OPTIONS] [NODE]...

    Arguments:
      [NODE]...  Nodes, by name or as a glob like 'db*'; in their place --all or --random

    Options:
          --all          All nodes
          --random       One of them, at random
          --seed <SEED>  The seed of the random choice [default: a fresh one]
          --to <NODE,…>  Only what they send to these: `n1`, `n1,n2` or `world`
          --both         Also what is sent to them
          --for <D>      Heal it by itself after this time, as in 30s
          --json         Print the result as JSON
      -h, --help         Print help

    How much:
          --delay <D>            slow, degrade: added latency, as in 100ms
          --jitter <D>           slow, degrade: its spread
          --distribution <NAME>  slow, degrade: uniform, normal, pareto or paretonormal
          --loss <P>             flaky, degrade: the share of packets lost, as in 30% or 0.3
          --duplicate <P>        duplicate, degrade: the share of packets that arrive twice
          --corrupt <P>          corrupt, degrade: the share of packets with a flipped bit
          --reorder <P>          reorder, degrade: the share of packets that overtake others
          --gap <N>              reorder, degrade: only every so-manieth packet may overtake
          --rate <RATE>          throttle, degrade: no more than this, as in 10mbit
          --correlation <P>      How much a packet's fate has to do with the next one's, as in 25%

    Which packets:
          --proto <NAME>   Only of this protocol: tcp, udp or icmp
          --port <N>       Only with this port at either end
          --family <NAME>  Only of this family: ipv4 or ipv6

    Options of every command:
      -c, --config <FILE>   The cluster file [default: ./blockade.yaml, then ./blockade.yml; for a
                            script, first SCRIPT with .yaml]
      -d, --data-dir <DIR>  Where blockade keeps its files [default: .blockade]
      -n, --name <NAME>     The cluster's name [default: from the current folder's]
      -v, --verbose         Tell on stderr what is asked and done, with times
      -D, --debug           Tell everything, and let a supervisor write it into its log

    On another machine:
          --host <URL>            Let the daemon there do it: https://box:5000, http://127.0.0.1:5000 or
                                  unix:///path/daemon.sock [default: what BLOCKADE_HOST says]. plan,
                                  check, history, doc, report, completions and version touch no cluster:
                                  they run here all the same
          --token-file <FILE>     The file that holds the daemon's token [default: what
                                  BLOCKADE_TOKEN_FILE names, or BLOCKADE_TOKEN itself; for `daemon`:
                                  daemon.token in the data folder, made with a fresh one]
          --fingerprint <SHA256>  Trust the one certificate with this fingerprint, which the daemon
                                  prints when it starts [default: what BLOCKADE_FINGERPRINT says]
          --ca <FILE>             Trust certificates of the authorities in this file [default: what
                                  BLOCKADE_CA names, else those that this machine trusts]
          --insecure              Speak plain text beyond this machine: whoever sees the traffic has the
                                  token
    ");
}

#[test]
fn a_real_link_is_slow_and_fast_again() {
    let up = Up::on("netns");
    // From the start of a connection to its refusal, in n1.
    let took = || {
        let line = "s=$EPOCHREALTIME; exec 3<>/dev/tcp/n2/9; e=$EPOCHREALTIME; echo took $((${e/./} - ${s/./}))";
        let ended = up.run(&["exec", "n1", "--", "bash", "-c", &format!("{{ {line}; }} 2>&1")]);
        let line = ended.stdout.lines().find_map(|line| line.strip_prefix("took ")).map(str::to_owned);
        line.unwrap_or_else(|| panic!("{ended:?}")).parse::<u64>().unwrap()
    };
    let fastest = || (0..5).map(|_| took()).min().unwrap();
    assert!(fastest() < 50_000);
    up.says(&["slow", "n1", "--delay", "60ms", "--to", "n2"]);
    up.says(&["slow", "n3", "--delay", "500ms"]);
    let slow = fastest();
    assert!((60_000..400_000).contains(&slow), "{slow}");
    up.says(&["fast", "n1"]);
    assert!(fastest() < 50_000);
}
