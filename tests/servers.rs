//! The scenarios on real servers: a soak finds what each is about, and where the servers are set up rightly, or are asked
//! rightly, nothing is found. More seeds of each: `benches/campaigns.py`.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Place, User, installed, namespaces, skip};
use serde_json::Value;
use std::path::Path;

const ETCD: &[&str] = &["etcd"];
const LOCK: &[&str] = &["etcd", "etcdctl", "redis-server", "redis-cli"];
const REDIS: &[&str] = &["redis-server", "redis-cli"];

/// A place for runs, if these programs are installed.
fn place(programs: &[&str]) -> Option<Place> {
    (installed(programs) && namespaces(User::Ours)).then(Place::new)
}

/// A place that PostgreSQL's own user may enter, if it is installed and we may become that user.
fn place_for_postgres() -> Option<Place> {
    use std::os::unix::fs::PermissionsExt;
    if !rustix::process::geteuid().is_root() {
        skip("PostgreSQL runs as the user postgres, whom only root can become");
        return None;
    }
    if !common::postgres() {
        return None;
    }
    let place = place(&[])?;
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(place)
}

fn script(name: &str) -> String {
    format!("{}/scripts/{name}.rhai", env!("CARGO_MANIFEST_DIR"))
}

/// What a run left behind.
struct Left {
    seed: u64,
    signature: String,
    /// How many operations were acknowledged: a client that was told nothing but `no` would prove nothing.
    acknowledged: u64,
    notes: Vec<String>,
}

impl Left {
    fn in_folder(place: &Place, folder: &Path) -> Self {
        let name = |file| folder.join(file).to_str().unwrap().to_owned();
        let result: Value = serde_json::from_str(&place.read(&name("result.json"))).unwrap();
        let journal = place.lines(&name("journal.jsonl"));
        Self {
            seed: result["seed"].as_u64().unwrap(),
            signature: result["failure"]["signature"].as_str().unwrap_or_default().to_owned(),
            acknowledged: result["operations"]["ok"].as_u64().unwrap(),
            notes: journal.iter().filter_map(|event| event["message"].as_str()).map(str::to_owned).collect(),
        }
    }

    /// The numbers of the note that begins so.
    fn numbers(&self, beginning: &str) -> Vec<u64> {
        let note = self.notes.iter().find_map(|note| note.strip_prefix(beginning));
        let note = note.unwrap_or_else(|| panic!("no note {beginning}: {:?}", self.notes));
        note.split([' ', ',']).filter_map(|word| word.parse().ok()).collect()
    }
}

/// The first failure that a soak finds, whose seeds begin with 1. Five are many: all but one or none of twenty fail.
fn found(place: &Place, name: &str, more: &[&str]) -> Left {
    let arguments = ["soak", &script(name), "--runs", "5", "--seed-start", "1", "--stop-on-failure", "--json"];
    let ended = place.blockade(&[&arguments[..], &["--out", "out"], more].concat()).with(1);
    let summary: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let failure = &summary["failures"][0];
    let left = Left::in_folder(place, Path::new(failure["run"].as_str().unwrap()));
    assert_eq!(failure["signature"], *left.signature);
    left
}

/// A run that finds nothing.
fn clean(place: &Place, name: &str, more: &[&str]) -> Left {
    place.blockade(&[&["run", &script(name), "--seed", "1", "--out", "out"], more].concat()).with(0);
    Left::in_folder(place, Path::new("out"))
}

#[test]
fn etcd_is_linearizable_whatever_happens_to_its_members() {
    let Some(place) = place(ETCD) else { return };
    let left = clean(&place, "etcd_kv", &[]);
    assert!(left.acknowledged >= 100, "{}", left.acknowledged);
}

#[test]
fn etcds_serializable_reads_are_old() {
    let Some(place) = place(ETCD) else { return };
    let left = found(&place, "etcd_kv", &["--set", "reads=serializable"]);
    let expected = ": check_linearizable: not linearizable: no order explains `";
    assert!(left.signature.contains(expected), "{}", left.signature);
}

#[test]
fn postgres_loses_no_commit_that_its_standby_must_have() {
    let Some(place) = place_for_postgres() else { return };
    let left = clean(&place, "postgres_failover", &["--set", "synchronous_commit=on"]);
    assert!(left.acknowledged >= 20, "{}", left.acknowledged);
}

#[test]
fn postgres_loses_commits_that_its_standby_has_not_heard_of() {
    let Some(place) = place_for_postgres() else { return };
    let left = found(&place, "postgres_failover", &[]);
    let expected = ": check_set: of # acknowledged additions and what was read: # lost: [";
    assert!(left.signature.contains(expected), "{}", left.signature);
}

#[test]
fn a_lock_with_a_fencing_token_loses_no_update() {
    let Some(place) = place(LOCK) else { return };
    let left = clean(&place, "etcd_lock", &["--set", "fencing=1"]);
    assert!(left.acknowledged >= 10, "{}", left.acknowledged);
}

#[test]
fn a_lock_whose_holder_stands_still_loses_updates() {
    let Some(place) = place(LOCK) else { return };
    let left = found(&place, "etcd_lock", &[]);
    let expected = ": check_set: of # acknowledged additions and what was read: # lost: [";
    assert!(left.signature.contains(expected), "{}", left.signature);
}

/// How many writes the client on the old primary's side was told are stored, how many are lost, and how many of them late.
fn beside_the_old_primary(left: &Left) -> [u64; 3] {
    left.numbers("c1, beside the old primary: ").try_into().unwrap()
}

#[test]
fn redis_loses_what_its_old_primary_acknowledged() {
    let Some(place) = place(REDIS) else { return };
    let left = found(&place, "redis_sentinel", &[]);
    assert!(left.signature.ends_with(": acknowledged writes are lost: #"), "{}", left.signature);
    assert_eq!(left.seed, 1);
    let [acknowledged, lost, late] = beside_the_old_primary(&left);
    assert!(acknowledged > lost && lost >= 50 && late > 0, "{acknowledged} {lost} {late}");
}

#[test]
fn redis_loses_nothing_late_where_a_replica_must_follow() {
    let Some(place) = place(REDIS) else { return };
    let left = clean(&place, "redis_sentinel", &["--set", "min_replicas=1"]);
    let [acknowledged, lost, late] = beside_the_old_primary(&left);
    assert!(acknowledged >= 50 && acknowledged > lost && late == 0, "{acknowledged} {lost} {late}");
}
