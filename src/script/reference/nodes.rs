//! Functions about nodes.

use super::{NODE, NODES, Reference};

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "nodes",
        text: "The names of the nodes in the cluster's order, copies in the order of their numbers: all, or those that \
               a glob matches.",
        takes: &[("glob", "`*` stands for any characters, `?` for one; a glob that matches nothing is an error")],
        returns: "a list of texts",
        example: r#"for node in nodes("n*") {
    restart(node);
}"#,
    },
    Reference {
        name: "start",
        text: "Starts nodes that are down, and ends the faults that brought them down. All other faults hold for them \
               from their first packet.",
        takes: &[("nodes", NODES)],
        returns: "nothing, when they run",
        example: r#"kill("n1");
start("n1");"#,
    },
    Reference {
        name: "restart",
        text: "Stops and starts nodes. They keep their addresses, and stay under the faults that hold for them without \
               a gap.",
        takes: &[("nodes", NODES)],
        returns: "nothing, when they run again",
        example: r"restart(choose(nodes()));",
    },
    Reference {
        name: "resume",
        text: "Lets paused nodes go on.",
        takes: &[("nodes", NODES)],
        returns: "nothing, when it is done",
        example: r#"pause("n1");
resume("n1");"#,
    },
    Reference {
        name: "status",
        text: "Whether a node's program runs.",
        takes: &[("node", NODE)],
        returns: "\"UP\", \"DOWN\" or \"PAUSED\"",
        example: r#"assert(status("n1") == "UP");"#,
    },
    Reference {
        name: "ip",
        text: "A node's first address. It stays the same over restarts.",
        takes: &[("node", NODE)],
        returns: "text like \"10.9.0.11\"",
        example: r#"note(`n1 is at ${ip("n1")}`);"#,
    },
];
