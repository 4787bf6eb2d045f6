//! Functions that draw from the run's seed, and what a run is told from outside.

use super::{DURATION, PROBABILITY, Reference};

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "random",
        text: "A number, evenly distributed: from 0 up to, not including, 1; or between two.",
        takes: &[
            ("low", "an integer or a number, not above high"),
            ("high", "the same; of two integers, both ends are drawn"),
        ],
        returns: "a number; an integer where both ends are integers",
        example: r"let port = random(7000, 7009);
let share = random();",
    },
    Reference {
        name: "random_duration",
        text: "A duration, evenly distributed, in whole microseconds.",
        takes: &[("low", DURATION), ("high", "the same, not below low")],
        returns: "a number of seconds",
        example: r#"sleep(random_duration("1s", "3s"));"#,
    },
    Reference {
        name: "exponential",
        text: "A duration, exponentially distributed: the time to the next of many events that do not know of each other.",
        takes: &[("mean", DURATION)],
        returns: "a number of seconds",
        example: r#"sleep(exponential("2s"));"#,
    },
    Reference {
        name: "chance",
        text: "True with a probability.",
        takes: &[("p", PROBABILITY)],
        returns: "true or false",
        example: r#"if chance("30%") { restart("n1"); }"#,
    },
    Reference {
        name: "choose",
        text: "One item of a list, each as likely as the others.",
        takes: &[("list", "a list that is not empty")],
        returns: "the item",
        example: r"isolate(choose(nodes()));",
    },
    Reference {
        name: "sample",
        text: "Some different items of a list, in a random order.",
        takes: &[("list", "a list"), ("count", "0 up to the length of the list")],
        returns: "a list",
        example: r"pause(sample(nodes(), 2));",
    },
    Reference {
        name: "shuffle",
        text: "All items of a list in a random order.",
        takes: &[("list", "a list")],
        returns: "a new list",
        example: r"for node in shuffle(nodes()) { restart(node); }",
    },
    Reference {
        name: "random_partition",
        text: "Random groups of all nodes that are neither neutral nor holy, at least two, for partition(). Needs two \
               such nodes.",
        takes: &[],
        returns: "a list of groups, each a list of nodes",
        example: r#"during(partition(random_partition()), "2s");"#,
    },
    Reference {
        name: "seed",
        text: "The run's seed.",
        takes: &[],
        returns: "an integer",
        example: r"note(`this is seed ${seed()}`);",
    },
    Reference {
        name: "param",
        text: "What --set NAME=VALUE gave, in the type of the default; else the default. It is recorded in the journal. \
               Lists and maps are given as JSON.",
        takes: &[("name", "its name"), ("default", "text, a character, a number, an integer, a bool, a list or a map")],
        returns: "a value of the default's type",
        example: r#"let rounds = param("rounds", 3);"#,
    },
    Reference {
        name: "state",
        text: "A value that all functions and tasks of a run share; with two arguments, sets it. Functions share no \
               variables.",
        takes: &[("key", "text"), ("value", "any value")],
        returns: "the value, () where none was set; nothing where it sets one",
        example: r#"state("writes", 0);
state("writes", state("writes") + 1);"#,
    },
];
