//! Functions that choose links, and those that end faults.

use super::{DURATION, NODES, Reference};

const SIDE: &str = "nodes, or \"world\": everything that is no node";
const LINKS: &str = "Links, for the functions that take some; .on(#{ … }) narrows them";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "link",
        text: "The links from a to b: one direction.",
        takes: &[("a", SIDE), ("b", SIDE)],
        returns: LINKS,
        example: r#"slow(link("n1", "n2"), "20ms");"#,
    },
    Reference {
        name: "between",
        text: "The links between a and b, both directions.",
        takes: &[("a", SIDE), ("b", SIDE)],
        returns: LINKS,
        example: r#"flaky(between("n1", ["n2", "n3"]), "10%");"#,
    },
    Reference {
        name: "from",
        text: "All links that leave a. A node where links are wanted means the same.",
        takes: &[("a", SIDE)],
        returns: LINKS,
        example: r#"block(from("n1"));"#,
    },
    Reference {
        name: "to",
        text: "All links that reach a.",
        takes: &[("a", SIDE)],
        returns: LINKS,
        example: r#"block(to("n1"));"#,
    },
    Reference {
        name: "on",
        text: "Narrows links to some packets. What is given must all hold; a port is either end's.",
        takes: &[
            ("links", "what link(), between(), from() or to() returned"),
            ("filter", "#{ proto, port, family }: \"tcp\", \"udp\" or \"icmp\"; 1 to 65535; \"ipv4\" or \"ipv6\""),
        ],
        returns: LINKS,
        example: r#"block(link("n1", "n2").on(#{ proto: "tcp", port: 6379, family: "ipv6" }));"#,
    },
    Reference {
        name: "heal",
        text: "Ends every fault but those marked with keep(): cuts and impairments go, what is paused goes on, what is \
               down starts. fault.heal() ends that one, and leaves all others exactly as they were; a second time it \
               does nothing.",
        takes: &[("fault", "what a fault function returned")],
        returns: "nothing, when it is done",
        example: r#"let cut = isolate("n1");
cut.heal();
heal();"#,
    },
    Reference {
        name: "keep",
        text: "Exempts a fault from heal(), join() and fast(), and from the healing before check(). It ends with the run, or by its own \
               .heal().",
        takes: &[("fault", "what a fault function returned")],
        returns: "the same Fault",
        example: r#"let weather = slow(nodes(), "5ms").keep();
heal();
assert(weather.active);"#,
    },
    Reference {
        name: "join",
        text: "Heals the cuts only: partition, isolate, one_way, block, reject; not those marked with keep(). Of a task, task.join(): waits for its end.",
        takes: &[("task", "what task(), every() or after() returned")],
        returns: "nothing, when it is done; of a task its value, () where it was cancelled",
        example: r#"isolate("n1");
join();
assert(reachable("n1", "n2"));"#,
    },
    Reference {
        name: "fast",
        text: "Heals the impairments only: all, or those of what these nodes send. What the world sends to them goes with \
               it, and so does the way back of links that were impaired both ways for their sake. A fault that is \
               others' too goes on for those, and one marked with keep() altogether.",
        takes: &[("nodes", NODES)],
        returns: "nothing, when it is done",
        example: r#"slow("n1", "20ms");
fast("n1");
assert(faults().is_empty());"#,
    },
    Reference {
        name: "during",
        text: "Lets a fault last for a time, then heals it.",
        takes: &[("fault", "what a fault function returned"), ("duration", DURATION)],
        returns: "nothing, when the fault is healed",
        example: r#"during(isolate("n1"), "5s");"#,
    },
    Reference {
        name: "faults",
        text: "The active faults, oldest first.",
        takes: &[],
        returns: "a list of Faults",
        example: r#"block("n1", "n2");
for fault in faults() {
    note(`${fault.id} ${fault.kind}`);
    fault.heal();
}"#,
    },
];
