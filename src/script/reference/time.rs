//! Functions that wait, and those that do something beside the script.

use super::{DURATION, Reference};

const CONDITION: &str = "a function without arguments that returns true or false: || …";
const FUNCTION: &str = "a function without arguments: || …";

pub(super) const FUNCTIONS: &[Reference] = &[
    Reference {
        name: "sleep",
        text: "Waits.",
        takes: &[("duration", DURATION)],
        returns: "nothing, afterwards",
        example: r#"sleep("1.5s");
sleep(0.5);
sleep(100.ms);"#,
    },
    Reference {
        name: "sleep_until",
        text: "Waits until a time of the run; not at all where it is over.",
        takes: &[("time", "since the start of the run: a number of seconds, or text with a unit: us, ms, s, m, h")],
        returns: "nothing, afterwards",
        example: r#"let end = elapsed() + 5.s;
isolate("n1");
sleep_until(end);"#,
    },
    Reference {
        name: "elapsed",
        text: "The time since the start of the run.",
        takes: &[],
        returns: "a number of seconds",
        example: r#"let before = elapsed();
restart("n1");
metric("restart", elapsed() - before);"#,
    },
    Reference {
        name: "wait_until",
        text: "Waits until a condition holds; it is looked at every 20 ms. Where it does not come true in time it \
               throws, which a script may catch; not caught it fails the run.",
        takes: &[("timeout", DURATION), ("condition", CONDITION)],
        returns: "true",
        example: r#"wait_until("10s", || tcp("n1", 7000));"#,
    },
    Reference {
        name: "eventually",
        text: "Claims that a condition comes true in time. A claim that does not hold fails the run, also where its \
               error is caught.",
        takes: &[("timeout", DURATION), ("condition", CONDITION)],
        returns: "true",
        example: r#"eventually("10s", || exec("n1", "true").ok);"#,
    },
    Reference {
        name: "always",
        text: "Claims that a condition stays true for a time; it is looked at every 20 ms.",
        takes: &[("duration", DURATION), ("condition", CONDITION)],
        returns: "true",
        example: r#"always("2s", || status("n1") == "UP");"#,
    },
    Reference {
        name: "task",
        text: "Runs a function beside the script. One task runs at a time and hands over only where it waits: no script \
               needs a lock. Captured variables are shared, but the variable of a `for` loop is that of the task's own \
               round. An error in a task fails the run. Tasks that chaos() has started end with it, all others before \
               check(), and in a script without parts with the script.",
        takes: &[("function", FUNCTION)],
        returns: "a Task: .join() waits for its end, .cancel() ends it, .done, .name",
        example: r#"let writes = task(|| { for i in 0..3 { exec("n1", "true"); sleep(0.1); } });
restart("n2");
writes.join();"#,
    },
    Reference {
        name: "every",
        text: "Runs a function at every multiple of a duration, beside the script. A round that takes longer leaves out \
               those that fall into it.",
        takes: &[("duration", DURATION), ("function", FUNCTION)],
        returns: "a Task",
        example: r#"let pulse = every("1s", || note(status("n1")));
sleep("3s");
pulse.cancel();"#,
    },
    Reference {
        name: "after",
        text: "Runs a function once, beside the script, when a time has passed.",
        takes: &[("duration", DURATION), ("function", FUNCTION)],
        returns: "a Task",
        example: r#"let later = after("1s", || restart("n2"));
later.join();"#,
    },
    Reference {
        name: "cancel",
        text: "Ends a task where it waits: task.cancel(). Nothing of it runs any more afterwards; a during() that it was \
               in heals its fault, a program of the standard library all that it made, other faults of it stay.",
        takes: &[("task", "what task(), every() or after() returned")],
        returns: "nothing, once it has ended",
        example: r#"let pulse = every("1s", || note(status("n1")));
sleep("3s");
cancel(pulse);"#,
    },
];
