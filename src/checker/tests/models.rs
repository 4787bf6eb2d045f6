//! What each model takes and refuses.

use super::{History, Model, Verdict, checked, history, verdict};

fn passes(model: Model, lines: &[&str]) {
    assert_eq!(verdict(lines, model), Verdict::Pass, "{lines:?}");
}

fn fails(model: Model, lines: &[&str]) {
    assert_eq!(verdict(lines, model), Verdict::Fail, "{lines:?}");
}

/// Lines of one process: `f value => result`.
fn alone(steps: &[&str]) -> Vec<String> {
    let both = |step: &&str| {
        let (asked, gave) = step.split_once(" => ").unwrap_or((step, "null"));
        let f = asked.split(' ').next().unwrap_or_default();
        [format!("0 invoke {asked}"), format!("0 ok {f} {gave}")]
    };
    steps.iter().flat_map(both).collect()
}

fn alone_passes(model: Model, steps: &[&str]) {
    passes(model, &alone(steps).iter().map(String::as_str).collect::<Vec<_>>());
}

fn alone_fails(model: Model, steps: &[&str]) {
    fails(model, &alone(steps).iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_register_holds_what_was_written_last() {
    alone_passes(Model::Register, &["read", "write 1 => \"done\"", "read => 1", "read => 1.0", "write null", "read"]);
    alone_fails(Model::Register, &["read => 0"]);
}

#[test]
fn a_cas_swaps_or_says_that_the_value_is_another() {
    alone_passes(Model::CasRegister, &["cas [null,1]", "cas [1,2] => true", "cas [1,3] => false", "read => 2"]);
    alone_fails(Model::CasRegister, &["write 1", "cas [2,3]"]);
    alone_fails(Model::CasRegister, &["write 1", "cas [1,3] => false"]);
}

#[test]
fn a_cas_that_failed_says_something_only_where_the_format_says_so() {
    let lines = ["0 invoke write 1", "0 ok write 1", "0 invoke cas [1,2]", "0 fail cas [1,2]"];
    passes(Model::CasRegister, &lines);
    let answering = History { fail_is_answer: true, ..history(&lines) };
    assert_eq!(checked(&answering, Model::CasRegister).unwrap().verdict, Verdict::Fail);
    // With a reason in place of the value it was not done, and that is all.
    let timed_out = History {
        fail_is_answer: true,
        ..history(&["0 invoke write 1", "0 ok write 1", "0 invoke cas [1,2]", "0 fail cas"])
    };
    assert_eq!(checked(&timed_out, Model::CasRegister).unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_kv_is_put_appended_to_and_got() {
    alone_passes(
        Model::Kv,
        &[
            "get => \"\"",
            "append \"a\"",
            "append \"b\"",
            "get => \"ab\"",
            "put \"c\"",
            "get => \"c\"",
            "put null",
            "get",
        ],
    );
    alone_fails(Model::Kv, &["append \"a\"", "append \"b\"", "get => \"ba\""]);
    alone_passes(Model::Kv, &["put 5", "get => 5"]);
    alone_fails(Model::Kv, &["put 5", "get => \"5\""]);
}

#[test]
fn a_lock_is_held_by_one() {
    alone_passes(Model::Lock, &["acquire", "acquire => false", "release", "acquire"]);
    alone_fails(Model::Lock, &["acquire", "acquire"]);
    alone_fails(Model::Lock, &["release"]);
    alone_passes(Model::Lock, &["acquire \"a\"", "release \"b\" => false", "release \"a\""]);
    alone_fails(Model::Lock, &["acquire \"a\"", "release \"b\""]);
    passes(
        Model::Lock,
        &["0 invoke acquire", "0 ok acquire", "0 invoke release", "0 info release", "1 invoke acquire", "1 ok acquire"],
    );
}

#[test]
fn a_queue_gives_the_oldest_first() {
    alone_passes(Model::Queue, &["dequeue", "enqueue 1", "enqueue 2", "dequeue => 1", "dequeue => 2", "dequeue"]);
    alone_fails(Model::Queue, &["enqueue 1", "enqueue 2", "dequeue => 2"]);
    alone_fails(Model::Queue, &["enqueue 1", "dequeue"]);
    passes(
        Model::Queue,
        &[
            "0 invoke enqueue 1",
            "0 ok enqueue",
            "0 invoke dequeue",
            "0 info dequeue",
            "1 invoke dequeue",
            "1 ok dequeue",
        ],
    );
}

#[test]
fn a_counter_sums_up() {
    alone_passes(Model::Counter, &["read", "increment", "add 5", "decrement 2", "add -1", "read => 3"]);
    alone_fails(Model::Counter, &["increment", "read => 2"]);
}

#[test]
fn a_set_has_members_once_in_any_order() {
    alone_passes(
        Model::Set,
        &["read => []", "add 2", "add 1", "add 1", "read => [2,1]", "remove 2", "remove 7", "read => [1]"],
    );
    alone_fails(Model::Set, &["add 1", "read => [1,1]"]);
    alone_fails(Model::Set, &["add 1", "read => []"]);
}
