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
    let ended = up.run(&["partition", "n1,n8", "n2", "m*"]).with(2);
    insta::assert_snapshot!(ended.stderr, @"
    error: there are no nodes `n8`, `m*`
    help: the nodes are n1, n2, n3
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
fn what_is_holy_is_in_no_partition_and_not_neutral() {
    let up = Up { place: place() };
    up.place.write("blockade.yaml", "nodes: { n1: {}, n2: { holy: true, neutral: true } }\n");
    let ended = up.run(&["up", "--runtime", "sim"]).with(2);
    assert!(ended.stderr.contains("holy") && ended.stderr.contains("neutral"), "{}", ended.stderr);
    up.place.write("blockade.yaml", "nodes: { n1: {}, n2: { holy: true }, n3: {} }\n");
    up.run(&["up", "--runtime", "sim"]).with(0);
    for groups in [&["n2"][..], &["n1", "n2,n3"], &["*"]] {
        let ended = up.run(&[&["partition"], groups].concat()).with(2);
        insta::allow_duplicates! { insta::assert_snapshot!(ended.stderr, @"error: n2 is holy: it may not be named in a partition"); }
    }
    up.place.write("s.rhai", "partition([[\"n1\", \"n2\"]]);");
    let ended = up.run(&["run", "s.rhai", "--attach"]).with(2);
    assert!(ended.stderr.contains("n2 is holy: it may not be named in a partition"), "{}", ended.stderr);
    assert_eq!(up.run(&["faults"]).with(0).stderr, "no faults\n");
    up.says(&["partition", "-z"]);
}

#[test]
fn only_docker_takes_in_containers() {
    let up = Up::on("sim");
    let ended = up.run(&["add", "web", "db"]).with(2);
    insta::assert_snapshot!(ended.stderr, @"
    error: only the docker runtime takes in containers, and this is sim
    help: bring the cluster up with --runtime docker
    ");
    assert_eq!(up.says(&["status", "--json"]).matches("\"name\"").count(), 3);
}

#[test]
fn what_is_asked_and_done_is_told_to_who_wants_to_know() {
    let up = Up::on("sim");
    assert_eq!(up.run(&["stop", "n1"]).with(0).stderr, "");
    let told = up.run(&["-v", "stop", "n2"]).with(0);
    assert_eq!(told.stdout, "f2: stop n2\n");
    assert!(told.stderr.contains("Stop { nodes: [\"n2\"] }") && told.stderr.contains("took="), "{}", told.stderr);
    assert!(!told.stderr.contains('\u{1b}') && !told.stderr.contains("answer="), "{}", told.stderr);
    assert!(up.run(&["status", "-D"]).with(0).stderr.contains("answer="));
    let log = up.place.read(".blockade/clusters/c1/supervisor.log");
    assert!(log.contains("f2: stop n2 event=\"stop\" status=Success"), "{log}");
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

#[test]
fn a_time_that_is_none() {
    for (time, reason) in
        [("0", "0 is no time at all: write more, like 30s"), ("-1s", "the duration \"-1s\" is negative")]
    {
        let ended = place().blockade(&["slow", "n1", "--for", time]).with(2);
        assert!(ended.stderr.starts_with("error: ") && ended.stderr.contains(reason), "{}", ended.stderr);
    }
}

#[test]
fn no_command_of_our_own_is_suggested() {
    for (typed, suggested) in [("shape", None), ("agnet", None), ("statsu", Some("status"))] {
        let told = place().blockade(&[typed]).with(2).stderr;
        assert!(told.contains(&format!("unrecognized subcommand '{typed}'")), "{told}");
        match suggested {
            Some(name) => assert!(told.contains(&format!("'{name}'")), "{told}"),
            None => assert!(!told.contains("similar"), "{told}"),
        }
    }
}
