//! Functions that claim something, and those that say something.

use super::Reference;

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "assert",
        text: "Claims that a condition holds. A claim that does not hold fails the run (exit code 1), also where its \
               error is caught.",
        takes: &[("condition", "true or false"), ("message", "what is claimed")],
        returns: "nothing, where it holds",
        example: r#"assert(status("n1") == "UP", "n1 is up");"#,
    },
    Reference {
        name: "fail",
        text: "Fails the run (exit code 1), also where its error is caught.",
        takes: &[("message", "why")],
        returns: "never",
        example: r#"if !reachable("n1", "n2") { fail("n1 does not reach n2"); }"#,
    },
    Reference {
        name: "note",
        text: "Writes into the timeline and the journal. print() does the same.",
        takes: &[("message", "any value, shown as text")],
        returns: "nothing",
        example: r"note(`the faults are ${faults()}`);",
    },
    Reference {
        name: "metric",
        text: "Records a number.",
        takes: &[("name", "its name"), ("value", "an integer or a number, in the unit that its name says")],
        returns: "nothing",
        example: r#"metric("writes", 17);"#,
    },
];
