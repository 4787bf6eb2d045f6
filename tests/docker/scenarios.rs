//! The scripts that come with blockade, on Docker.

use super::common::Place;
use super::stage::Stage;

/// Runs one of `scripts/` on Docker; its folder is `out`.
fn run(stage: &Stage, script: &str, args: &[&str]) -> super::common::Ended {
    let path = format!("{}/scripts/{script}", env!("CARGO_MANIFEST_DIR"));
    stage.run(&[&["run", &path, "--runtime", "docker", "--seed", "1", "--out", "out"], args].concat())
}

fn result(place: &Place) -> serde_json::Value {
    serde_json::from_str(&place.read("out/result.json")).unwrap()
}

#[test]
fn the_quickstart_runs_with_the_hosts_own_programs_in_containers() {
    let Some(stage) = Stage::new("") else { return };
    run(&stage, "quickstart.rhai", &[]).with(0);
    let result = result(&stage.place);
    assert_eq!(
        (&result["verdict"], &result["runtime"], &result["simulated"]),
        (&"pass".into(), &"docker".into(), &false.into())
    );
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn redis_sentinel_loses_what_its_old_primary_had_acknowledged() {
    let Some(stage) = Stage::new("") else { return };
    if std::process::Command::new("redis-server").arg("--version").output().is_err() {
        return super::common::skip("redis-server is not installed (tests/run does that)");
    }
    let ended = run(&stage, "redis_sentinel.rhai", &[]).with(1);
    assert!(ended.stderr.starts_with("error: acknowledged writes are lost: "), "{}", ended.stderr);
    assert_eq!(result(&stage.place)["cleanup"]["ok"], true);
    assert_eq!(stage.left(), [""; 0]);
}
