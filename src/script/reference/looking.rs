//! Functions that look at nodes and links.

use super::{DURATION, NODE, Reference};

const END: &str = "one node, or \"world\"";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "exec",
        text: "Runs a program inside a node and waits for its end, at most 30 seconds where nothing is said; then it is \
               killed. On sim every program succeeds and prints nothing.",
        takes: &[
            ("node", NODE),
            ("command", "a list like [\"redis-cli\", \"ping\"], or a line for the node's shell"),
            ("options", "#{ timeout, stdin }: a duration (\"5s\"), and text for its standard input"),
        ],
        returns: "#{ code, stdout, stderr, ok, timed_out, dropped, took }: took in seconds, ok where the code is 0, dropped \
                  where it wrote more than 4 MiB, of which the rest is lost",
        example: r#"let answer = exec("n1", ["redis-cli", "ping"], #{ timeout: "2s" });
assert(answer.ok, answer.stderr);"#,
    },
    Reference {
        name: "logs",
        text: "What a node's program has printed since the cluster came up.",
        takes: &[("node", NODE), ("options", "#{ last: 100 }: only so many of the last lines, 0 or more")],
        returns: "text",
        example: r#"note(logs("n1", #{ last: 3 }));"#,
    },
    Reference {
        name: "wait_log",
        text: "Waits until a line of a node's log matches, lines that are there already included. Where none does in \
               time it throws, which a script may catch; not caught it fails the run.",
        takes: &[("node", NODE), ("regex", "a regular expression"), ("timeout", DURATION)],
        returns: "true",
        example: r#"wait_log("n1", "ready to accept", "10s");"#,
    },
    Reference {
        name: "tcp",
        text: "Whether a node accepts a TCP connection, asked from inside the node.",
        takes: &[("node", NODE), ("port", "1 to 65535")],
        returns: "true or false",
        example: r#"wait_until("10s", || tcp("n1", 7000));"#,
    },
    Reference {
        name: "probe",
        text: "Sends one packet from a to b and back, from inside their namespaces; the nodes need nothing for it. It is \
               not sent again, and waits one second beyond the delays that were asked for.",
        takes: &[("a", END), ("b", END)],
        returns: "#{ ok, lost, rtt }: rtt in seconds, () where the packet was lost",
        example: r#"slow(link("n1", "n2"), "50ms");
let there_and_back = probe("n1", "n2");
assert(there_and_back.lost || there_and_back.rtt >= 0.05);"#,
    },
    Reference {
        name: "reachable",
        text: "Whether one packet that a sends arrives at b: one direction.",
        takes: &[("a", END), ("b", END)],
        returns: "true or false",
        example: r#"block("n1", "n2");
assert(!reachable("n1", "n2") && reachable("n2", "n1"));"#,
    },
    Reference {
        name: "http",
        text: "An HTTP request to a node: from another node, or from outside all nodes. What is refused, lost or late \
               is an answer with an error, too. Redirects are not followed; bodies end at 16 MiB.",
        takes: &[
            ("node", NODE),
            (
                "request",
                "#{ port, path, method, headers, body, timeout, from }: port 1 to 65535, timeout a duration (\"2s\"; 5 s \
                 where not said), from the node that asks",
            ),
        ],
        returns: "#{ status, body, ok, error, took }: ok where the status is 2xx, status () where no answer came",
        example: r#"let answer = http("n1", #{ port: 8080, path: "/health" });
note(`${answer.status}`);"#,
    },
    Reference {
        name: "verify",
        text: "Measures every impaired link with probes and says what each does. One that does not do what was asked of \
               it ends the run with exit code 3.",
        takes: &[],
        returns: "a list of #{ link, asked, measured }",
        example: r#"slow(between("n1", "n2"), "20ms");
for link in verify() {
    note(`${link.link}: ${link.asked}, measured ${link.measured}`);
}"#,
    },
];
