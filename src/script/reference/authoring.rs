//! Functions that modules are written with.

use super::Reference;

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "usage_error",
        text: "For modules: ends the script, for it was called wrongly (exit code 2); shown at the call.",
        takes: &[("message", "what is wrong"), ("help", "what to write instead")],
        returns: "never",
        example: r#"if nodes().len() < 2 { usage_error("one node has no halves"); }"#,
    },
    Reference {
        name: "timed_out",
        text: "For modules: throws like a wait_until that ran out: it fails the run unless it is caught.",
        takes: &[("message", "what did not come about")],
        returns: "never",
        example: r#"try { timed_out("no leader"); } catch (late) { note(late.message); }"#,
    },
    Reference {
        name: "options",
        text: "For modules: defaults, with what was given in their place. An unknown key is an error that names the \
               nearest.",
        takes: &[("given", "a map"), ("defaults", "a map of all there are")],
        returns: "a map",
        example: r#"let how = options(#{ every: "2s" }, #{ every: "1s", times: 3 });
note(`${how.every} ${how.times}`);"#,
    },
    Reference {
        name: "without_holy",
        text: "For modules: these nodes but those that the cluster file calls `holy`: no fault of the network touches their \
               links, and one that names them is refused.",
        takes: &[("nodes", super::NODES)],
        returns: "a list of names",
        example: r"isolate(choose(without_holy(nodes())));",
    },
    Reference {
        name: "without_neutral",
        text: "For modules: these nodes but those that the cluster file calls `neutral`: no partition cuts them.",
        takes: &[("nodes", super::NODES)],
        returns: "a list of names",
        example: r"isolate(choose(without_neutral(nodes())));",
    },
    Reference {
        name: "healing",
        text: "For modules: runs a function, and heals what faults it made: when it has ended, where it throws, and where \
               the task that it runs in is cancelled or ends with its part. Faults of tasks that it starts are theirs.",
        takes: &[("function", "without arguments: || …")],
        returns: "what the function returns",
        example: r#"healing(|| { isolate("n1"); sleep("2s"); });
assert(faults().is_empty());"#,
    },
    Reference {
        name: "seconds",
        text: "A duration as a number.",
        takes: &[("duration", super::DURATION)],
        returns: "a number of seconds",
        example: r#"assert(seconds("100ms") == 0.1);"#,
    },
    Reference {
        name: "to_base64",
        text: "Text in base64, as etcd's gateway wants its keys.",
        takes: &[("text", "any text")],
        returns: "text",
        example: r#"assert(to_base64("key") == "a2V5");"#,
    },
    Reference {
        name: "from_base64",
        text: "The text that base64 stands for.",
        takes: &[("text", "base64, of UTF-8")],
        returns: "text",
        example: r#"assert(from_base64("a2V5") == "key");"#,
    },
];
