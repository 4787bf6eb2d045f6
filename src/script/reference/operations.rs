//! Functions that record operations, and check what was recorded.

use super::Reference;

const F: &str = "what is done, as the checkers name it: \"read\", \"write\", \"cas\", …";
const FUNCTION: &str = "does it: || …";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "op",
        text: "Records an operation of this task: its invocation, then `ok` with what the function returns, `fail` \
               where it throws definite_failure(), and `info` where it throws anything else: then nobody knows whether \
               it was done, and the task goes on as another process. Mistakes of the script go on up.",
        takes: &[
            ("f", F),
            ("key", "which of many objects"),
            ("value", "what is written; () for a read"),
            ("function", FUNCTION),
        ],
        returns: "#{ type, value, error }: type \"ok\", \"fail\" or \"info\"",
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
        text: "Runs a program on the host that prints operations as JSON Lines, #{ process, type, f, key, value }, into \
               the same history; each line is recorded when it comes. On sim it is not run.",
        takes: &[("command", "a line, or a list of words"), ("options", "a map: timeout, a duration")],
        returns: "#{ code, ok, ops }, once it has ended",
        example: r#"workload("true");"#,
    },
    Reference {
        name: "history",
        text: "What was recorded of operations, in the order of their events.",
        takes: &[],
        returns: "a list of #{ index, t, process, type, f, key, value, error }",
        example: r"note(`${history().len()} events`);",
    },
    Reference {
        name: "ops",
        text: "What history() gives, or of it what agrees with a filter.",
        takes: &[("filter", "a map: any of type, f, key, process")],
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
