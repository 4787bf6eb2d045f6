//! `check_set`.

use super::super::{Additions, check_set};
use super::{Verdict, history};
use serde_json::{Value, json};

fn found(lines: &[&str], read: Value) -> Additions {
    check_set(&history(lines), read.as_array().unwrap()).unwrap()
}

const LINES: [&str; 12] = [
    "0 invoke add 1",
    "0 ok add",
    "0 invoke add 2",
    "0 ok add",
    "0 invoke add 3",
    "0 fail add 3",
    "0 invoke add 4",
    "0 info add",
    "1 invoke read",
    "1 ok read [1]",
    "2 invoke add 5",
    "3 invoke write 9",
];

#[test]
fn what_was_acknowledged_is_there_and_what_is_unclear_may_be() {
    let whole = found(&LINES, json!([2, 5, 1]));
    assert_eq!((whole.verdict, whole.message.as_str()), (Verdict::Pass, "all 2 acknowledged additions are there"));
    assert_eq!((whole.acknowledged, whole.recovered), (vec![json!(1), json!(2)], vec![json!(5)]));
}

#[test]
fn what_is_lost_unexpected_or_duplicated_is_told() {
    let wrong = found(&LINES, json!([1, 1, 3, 9]));
    assert_eq!(wrong.verdict, Verdict::Fail);
    assert_eq!(
        (wrong.lost, wrong.unexpected, wrong.duplicated),
        (vec![json!(2)], vec![json!(3), json!(9)], vec![json!(1)])
    );
    assert_eq!(
        wrong.message,
        "of 2 acknowledged additions and what was read: 1 lost: [2]; 2 unexpected: [3, 9]; 1 duplicated: [1]"
    );
}

#[test]
fn a_value_that_was_added_again_after_a_failure_is_expected() {
    let lines = ["0 invoke add 1", "0 fail add", "0 invoke add 1", "0 ok add"];
    assert_eq!(found(&lines, json!([1])).verdict, Verdict::Pass);
}

#[test]
fn without_an_acknowledged_addition_nothing_can_be_said_unless_something_is_there_that_cannot_be() {
    assert_eq!(found(&["0 invoke add 1", "0 info add"], json!([1])).verdict, Verdict::Unknown);
    assert_eq!(found(&[], json!([])).message, "not a single `add` succeeded");
    assert_eq!(found(&[], json!([7])).verdict, Verdict::Fail);
}
