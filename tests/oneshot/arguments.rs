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

#[test]
fn no_name_leads_out_of_the_folder_of_clusters() {
    let place = place();
    let other = place.path().join(".blockade/clusters/other");
    std::fs::create_dir_all(&other).unwrap();
    for name in [".", ".."] {
        for command in ["up", "status", "destroy"] {
            place.blockade(&["--name", name, command]).with(2);
        }
    }
    assert!(other.exists());
}

#[test]
fn completions_for_a_reader_that_goes_away_are_no_crash() {
    let line = format!("{} completions bash | head -1 >/dev/null; exit ${{PIPESTATUS[0]}}", super::common::BLOCKADE);
    let ended = std::process::Command::new("bash").args(["-c", &line]).output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}
