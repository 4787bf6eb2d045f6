//! `doctor` on this machine, whatever it can do.

use super::common::Place;
use serde_json::Value;

#[test]
fn doctor_says_of_everything_whether_it_works_and_how_to_mend_what_does_not() {
    let place = Place::new();
    let ended = place.blockade(&["doctor", "--json"]);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let able = report["ok"].as_bool().unwrap();
    assert_eq!(ended.code, if able { 0 } else { 3 });
    let findings = report["findings"].as_array().unwrap();
    let lacking =
        |finding: &&Value| finding["ok"] == false && finding["detail"] != "not tried: it needs what is missing above";
    assert!(findings.iter().filter(lacking).all(|finding| finding["mend"].is_string() && finding["lost"].is_string()));
    let text = place.blockade(&["doctor"]).stdout;
    assert!(findings.iter().all(|finding| text.contains(finding["name"].as_str().unwrap())), "{text}");
    assert_eq!(text.lines().last().unwrap().starts_with("ready"), able);
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}
