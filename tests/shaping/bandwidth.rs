//! `verify()` of bandwidths: a link that is as narrow as asked is right, from those that nobody can wait for to those that
//! hardly anybody can fill.

use super::alone;
use super::common::{Place, THREE, User, namespaces};

/// A busy machine may measure wrong, once or twice.
const SCRIPT: &str = r#"
fn right() {
    for again in 0..2 {
        try { verify(); return; } catch { note("again"); }
    }
    verify();
}
for rate in ["60mbit", "100mbit", "1gbit"] {
    let narrow = throttle(link("n1", "n2"), rate);
    right();
    narrow.heal();
}
throttle(link("n1", "n2"), "1kbit");
throttle(link("n1", "n3"), "64kbit");
degrade(link("n2", "n1"), #{ rate: "8kbit", delay: "20ms" });
right();
"#;

fn bandwidths_are_as_asked(args: &[&str]) {
    if !namespaces(User::Ours) {
        return;
    }
    let _alone = alone();
    let place = Place::with(SCRIPT, THREE);
    place.run(&[&["--runtime", "netns"], args].concat()).with(0);
    let journal = place.lines("out/journal.jsonl");
    let verified = journal.iter().filter(|event| event["what"] == "verify");
    let measured: Vec<&str> = verified.filter_map(|event| event["result"]["measured"].as_str()).collect();
    println!("{measured:#?}");
    assert!(measured.iter().any(|said| said.starts_with("not measured: so narrow a link takes 138 s")), "{measured:?}");
    assert!(measured[0].ends_with(" kbit/s"), "{measured:?}");
}

#[test]
fn bandwidths_in_user_space_are_as_asked() {
    bandwidths_are_as_asked(&["--shaper", "userspace"]);
}

#[test]
fn bandwidths_by_whatever_the_kernel_offers_are_as_asked() {
    bandwidths_are_as_asked(&[]);
}
