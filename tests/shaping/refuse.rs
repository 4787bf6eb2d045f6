//! What `--shaper netem` cannot do is exit 3, before anything changes.

use super::common::{Ended, Place, THREE, User, namespaces, netem};

fn by_netem(script: &str) -> (Place, Ended) {
    let place = Place::with(script, THREE);
    let ended = place.run(&["--runtime", "netns", "--shaper", "netem"]).with(3);
    let journal = place.lines("out/journal.jsonl");
    assert!(!journal.iter().any(|event| event["kind"] == "fault.active"), "{journal:?}");
    assert_eq!(journal.last().unwrap()["verdict"], "error");
    (place, ended)
}

#[test]
fn netem_is_refused_on_a_kernel_without_it_before_anything_changes() {
    if !namespaces(User::Ours) {
        return;
    }
    let has_netem = !Place::new().blockade(&["doctor"]).with(0).stdout.contains("NO   sch_netem");
    if has_netem {
        return;
    }
    // Before there are nodes: such a run has no folder.
    let place = Place::with(r#"slow("n1", "5ms");"#, THREE);
    let ended = place.run(&["--runtime", "netns", "--shaper", "netem"]).with(3);
    assert!(!place.path().join("out").exists());
    assert!(ended.stderr.contains("error: --shaper netem: no link could be impaired so\nhelp: "), "{}", ended.stderr);
}

#[test]
fn what_netem_cannot_do_is_refused_before_anything_changes() {
    if netem() && namespaces(User::Ours) {
        let (_, ended) = by_netem(r#"slow(to("n1"), "5ms");"#);
        let told: Vec<&str> = ended.stderr.lines().collect();
        insta::assert_snapshot!(told[..told.len() - 1].join("\n"), @r#"
        error: netem cannot do that: netem acts at the sender, and the world is none of ours
         --> s.rhai:1:1
          |
        1 | slow(to("n1"), "5ms");
          | ^^^^
          |
        help: without `--shaper netem` the user-space shaper takes what netem cannot do
        "#);
    }
}
