//! Functions that record operations, and check what was recorded.

use super::Reference;

const F: &str = "what is done, as the checkers name it: \"read\", \"write\", \"cas\", …";
const FUNCTION: &str = "does it: || …";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "op",
        text: "Records an operation of this task: its invocation, then `ok` with what the function returns, `fail` \
               where it throws definite_failure(), and `info` where it throws anything else: then nobody knows whether \
               it was done.",
        takes: &[
            ("f", F),
            ("key", "which of many objects"),
            ("value", "what is written; () for a read"),
            ("function", FUNCTION),
        ],
        returns: "what the function returned",
        example: r#"op("write", 1, || exec("n1", "true").ok);"#,
    },
    Reference {
        name: "definite_failure",
        text: "Throws: the operation was certainly not done.",
        takes: &[("message", "why")],
        returns: "never",
        example: r#"op("write", 1, || if !tcp("n1", 1) { definite_failure("refused") });"#,
    },
    Reference {
        name: "workload",
        text: "Runs a program that prints operations as JSON Lines, #{ process, type, f, key, value }, into the same \
               history.",
        takes: &[("command", "a line, or a list of words"), ("options", "a map")],
        returns: "a handle to it",
        example: r#"workload("true");"#,
    },
    Reference {
        name: "history",
        text: "The operations that were recorded, in the order of their events.",
        takes: &[],
        returns: "a list of maps",
        example: r"note(`${history().len()} events`);",
    },
    Reference {
        name: "ops",
        text: "The operations, each with its invocation and its end: all, or those that a filter keeps.",
        takes: &[("filter", "#{ … }: values that an operation must have")],
        returns: "a list of maps",
        example: r"note(`${ops().len()} operations`);",
    },
    Reference {
        name: "check_linearizable",
        text: "Claims that the history is linearizable. Without a single successful operation the verdict is unknown.",
        takes: &[("model", "\"register\", \"cas-register\", \"kv\", \"lock\", \"queue\", …")],
        returns: "the result",
        example: r#"op("write", 1, || ());
check_linearizable("register");"#,
    },
    Reference {
        name: "check_set",
        text: "Claims that every acknowledged addition is in a set at the end.",
        takes: &[("final_read", "the list that was read at the end")],
        returns: "the acknowledged, lost, unexpected and duplicated ones",
        example: r#"op("add", 1, || ());
check_set([1]);"#,
    },
];
