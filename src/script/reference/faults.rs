//! Functions that inject a fault.

use super::{LINKS, NODES, RATE, Reference};

const FAULT: &str = "a Fault: .heal() ends it, .keep() exempts it from heal(), join() and fast(); .id, .kind, .active";
const SLOW: &str = "the delay: a number of seconds (0.5, 100.ms), or text with a unit: us, ms, s, m, h; or \
                    #{ delay, jitter, correlation, distribution }: jitter a duration up to the delay, correlation from \
                    0 to below 1, distribution \"uniform\", \"normal\", \"pareto\" or \"paretonormal\"; or \
                    #{ usual: true }: what the cluster file says under `network`";
const FLAKY: &str = "the loss: 0 to 1, or text from \"0%\" to \"100%\"; or #{ loss, correlation }; in bursts \
                     #{ model: \"gemodel\", p, r, h, k } or #{ model: \"4state\", p13, p31, p32, p23, p14 }, all of \
                     them probabilities; or #{ usual: true }: what the cluster file says";
const DEGRADE: &str = "#{ delay, jitter, distribution, loss, duplicate, corrupt, reorder, gap, rate }: delay and jitter \
                       durations (\"50ms\"), loss, duplicate, corrupt and reorder probabilities (0.1, \"10%\"), gap a \
                       number of packets from 1, rate like \"10mbit\"";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "partition",
        text: "Cuts the cluster into groups: nodes reach each other only inside a common group. Groups may overlap; \
               nodes that are not named form one more. The world stays reachable. Every drop is silent, and holds for \
               connections that are already open.",
        takes: &[("groups", "a list of groups, each a node, a glob or a list of nodes")],
        returns: FAULT,
        example: r#"let cut = partition([["n1", "n2"], "n3"]);
sleep("2s");
cut.heal();"#,
    },
    Reference {
        name: "isolate",
        text: "The nodes reach nobody else, not each other and not the world.",
        takes: &[("nodes", NODES)],
        returns: FAULT,
        example: r#"during(isolate("n1"), "5s");"#,
    },
    Reference {
        name: "one_way",
        text: "Packets travel only from source to target; what target sends to source is dropped.",
        takes: &[
            ("source", "nodes, or \"world\": everything that is no node"),
            ("target", "the same; nothing may be both source and target"),
        ],
        returns: FAULT,
        example: r#"one_way("n1", ["n2", "n3"]);
assert(reachable("n1", "n2") && !reachable("n2", "n1"));"#,
    },
    Reference {
        name: "block",
        text: "The links drop everything, silently. With two arguments: everything from a to b, and nothing else.",
        takes: &[("links", LINKS), ("a", "nodes, or \"world\""), ("b", "nodes, or \"world\"")],
        returns: FAULT,
        example: r#"block("n1", "n2");
block(between("n2", "n3").on(#{ proto: "tcp", port: 6379 }));"#,
    },
    Reference {
        name: "reject",
        text: "The links answer at once, with ICMP unreachable or a TCP reset, where block() is silent. These answers get through links that are rejected the other way, not through such as drop. What goes to the world the sender's own network answers.",
        takes: &[("links", LINKS), ("a", "nodes, or \"world\""), ("b", "nodes, or \"world\"")],
        returns: FAULT,
        example: r#"reject("n1", "n2");"#,
    },
    Reference {
        name: "slow",
        text: "The links are slower. Delays of several faults on a link add up.",
        takes: &[("links", LINKS), ("delay", SLOW)],
        returns: FAULT,
        example: r#"slow(between("n1", "n2"), "50ms");
let how = #{ delay: "50ms", jitter: "10ms", distribution: "normal" };
slow(link("n1", "n3"), how);"#,
    },
    Reference {
        name: "flaky",
        text: "The links lose packets. Losses of several faults combine as if they were independent.",
        takes: &[("links", LINKS), ("loss", FLAKY)],
        returns: FAULT,
        example: r#"flaky(between("n1", "n2"), "5%");
flaky(to("n3"), #{ model: "gemodel", p: 0.01, r: 0.3 });"#,
    },
    Reference {
        name: "duplicate",
        text: "Packets arrive twice.",
        takes: &[
            ("links", LINKS),
            ("p", "0 to 1, or text from \"0%\" to \"100%\"; or #{ duplicate, correlation }, or #{ usual: true }"),
        ],
        returns: FAULT,
        example: r#"duplicate(from("n1"), 0.05);"#,
    },
    Reference {
        name: "corrupt",
        text: "Packets arrive with one bit flipped behind their IP header: TCP and UDP drop them, by their checksums.",
        takes: &[("links", LINKS), ("p", "0 to 1, or text from \"0%\" to \"100%\"; or #{ corrupt, correlation }")],
        returns: FAULT,
        example: r#"corrupt(from("n1"), "1%");"#,
    },
    Reference {
        name: "reorder",
        text: "Packets overtake each other: those that do not wait pass those that do. It needs a delay to overtake: at \
               least 10 ms, where none is asked for.",
        takes: &[
            ("links", LINKS),
            (
                "p",
                "0 to 1, or text from \"0%\" to \"100%\"; or #{ reorder, correlation, gap, delay }: gap a number of \
                 packets from 1, of which the last may overtake, delay a duration",
            ),
        ],
        returns: FAULT,
        example: r#"reorder(link("n1", "n2"), #{ reorder: 0.25, delay: "20ms" });"#,
    },
    Reference {
        name: "throttle",
        text: "The links carry no more than a rate, each of them. The lowest of several faults counts.",
        takes: &[("links", LINKS), ("rate", RATE)],
        returns: FAULT,
        example: r#"throttle("n1", "10mbit");"#,
    },
    Reference {
        name: "degrade",
        text: "Several impairments at once, as one fault.",
        takes: &[("links", LINKS), ("how", DEGRADE)],
        returns: FAULT,
        example: r#"degrade(from("n3"), #{ delay: "5ms", loss: "1%", rate: "10mbit" });"#,
    },
    Reference {
        name: "pause",
        text: "Freezes all processes of the nodes. heal() and resume() let them go on; SIGCONT does not.",
        takes: &[("nodes", NODES)],
        returns: FAULT,
        example: r#"during(pause("n1"), "5s");"#,
    },
    Reference {
        name: "stop",
        text: "Stops the nodes' programs with the signal and within the time that their `stop:` says, SIGTERM and some \
               seconds where it says nothing. heal() and start() start them again, under the same faults.",
        takes: &[("nodes", NODES)],
        returns: FAULT,
        example: r#"let down = stop(["n1", "n2"]);
sleep("2s");
down.heal();"#,
    },
    Reference {
        name: "kill",
        text: "Ends the nodes' programs at once with SIGKILL, or sends them another signal. heal() and start() start \
               again what died. What a signal like SIGSTOP stopped goes on when the last such fault on it is healed, or \
               with SIGCONT, which ends these faults for the node. A node that is paused gets these signals when it \
               is let go on.",
        takes: &[("nodes", NODES), ("signal", "its name, with or without SIG, or its number from 1 to 64")],
        returns: FAULT,
        example: r#"kill("n1");
kill("n2", "SIGTERM");"#,
    },
];
