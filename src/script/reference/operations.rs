//! Functions that record operations, and check what was recorded.

use super::Reference;

const F: &str = "what is done, as the checkers name it: \"read\", \"write\", \"cas\", …";
const FUNCTION: &str = "does it: || …";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "op",
        text: "Records an operation of this task: its invocation, then `ok` with what the function returns, `fail` \
               where it throws definite_failure(), and `info` where it throws anything else: then nobody knows whether \
               it was done, and the task goes on as another process. What is asked of (), a module's word for no answer, is unclear too. Other mistakes of the script go on up.",
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
        text: "Runs a program on the host, or in a node as exec() does, that prints operations as JSON Lines, #{ process, type, f, key, value }, into \
               the same history; each line is recorded when it comes. On sim it is not run.",
        takes: &[
            ("command", "a line, or a list of words"),
            ("options", "a map: timeout, a duration; node, where it runs"),
        ],
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
        text: "Claims that the run's history so far is linearizable: that all answers are as if each operation had taken \
               effect at one moment between its invocation and its completion. Each key is an object of its own. What is \
               `info`, or not over, may take effect at any later time or never; what failed never happened. A claim that \
               does not hold fails the run (exit code 1), with the shortest beginning of the history that no order \
               explains. Without a single successful operation, or when the time runs out, the run's verdict is unknown \
               (exit code 5), and the script goes on. A cas that gives false found another value; so does an acquire that \
               gives false, and a dequeue that gives () found nothing.",
        takes: &[
            (
                "model",
                "\"register\" (read, write), \"cas-register\" (also cas, of [from, to]), \"kv\" (get, put, append), \
                 \"lock\" (acquire, release), \"queue\" (enqueue, dequeue), \"counter\" (add, increment, decrement, read) \
                 or \"set\" (add, remove, read)",
            ),
            ("options", "a map: timeout, a duration, of real time"),
        ],
        returns: "#{ verdict, message, model, operations, objects, witness }",
        example: r#"op("write", 1, || ());
op("read", (), || 1);
check_linearizable("register");"#,
    },
    Reference {
        name: "check_set",
        text: "Claims that every acknowledged `add` of the history is in a list that was read at the end, once, and nothing \
               that was never added, or whose addition failed. What is `info` may be there or not. A claim that does not \
               hold fails the run (exit code 1); without a single acknowledged one the run's verdict is unknown (exit code \
               5).",
        takes: &[("final_read", "the list that was read at the end")],
        returns: "#{ verdict, message, operations, acknowledged, lost, unexpected, duplicated, recovered }, all but the first three lists of values",
        example: r#"op("add", 1, || ());
check_set([1]);"#,
    },
];
