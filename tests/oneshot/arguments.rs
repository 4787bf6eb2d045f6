//! Wrong arguments: exit 2, one message, nothing done.

use super::up::{Up, place};

#[test]
fn an_unknown_name_among_valid_ones_is_an_error_and_nothing_is_done() {
    let up = Up::on("sim");
    let ended = up.run(&["stop", "n1", "n9"]).with(2);
    insta::assert_snapshot!(ended.stderr, @"
    error: there is no node `n9`
    help: did you mean `n1`? the nodes are n1, n2, n3
    ");
    for args in [
        &["partition", "n1,nx"][..],
        &["partition", "n1,", "n2"],
        &["block", "n1", "n1"],
        &["one-way", "n1", "mars"],
        &["partition", "world"],
        &["start", "x*"],
        &["logs", "n*"],
        &["exec", "n9", "--", "true"],
    ] {
        up.run(args).with(2);
    }
    assert_eq!(up.run(&["faults"]).with(0).stderr, "no faults\n");
    assert!(!up.says(&["status"]).contains("DOWN"));
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_looked_for() {
    for args in [
        &["stop"][..],
        &["stop", "n1", "--all"],
        &["stop", "--all", "--random"],
        &["partition"],
        &["partition", "n1", "--random"],
        &["partition", "n1", "--for", "5 apples"],
        &["kill", "n1", "-s", "SIGNOTHING"],
        &["heal", "seven"],
        &["exec", "n1"],
        &["up", "--runtime", "moon"],
        &["-n", "..", "status"],
        &["-n", "a/b", "destroy"],
    ] {
        let ended = place().blockade(args).with(2);
        assert!(ended.stdout.is_empty() && ended.stderr.starts_with("error: "), "{args:?}: {}", ended.stderr);
    }
}
