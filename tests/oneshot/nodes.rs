//! What is done to nodes, and looking into them.

use super::up::Up;
use serde_json::Value;

#[test]
fn nodes_stop_start_freeze_and_go_on() {
    for runtime in ["sim", "netns"] {
        let up = Up::on(runtime);
        up.says(&["stop", "n1"]);
        up.says(&["kill", "n2"]);
        up.says(&["pause", "n3"]);
        insta::allow_duplicates! { insta::assert_snapshot!(up.says(&["status"]), @"
        NODE  CONTAINER ID  STATUS  IP        NETWORK  PARTITION
        n1    c1_n1         DOWN    10.9.0.2  NORMAL
        n2    c1_n2         DOWN    10.9.0.3  NORMAL
        n3    c1_n3         PAUSED  10.9.0.4  NORMAL
        "); }
        insta::allow_duplicates! { insta::assert_snapshot!(up.says(&["start", "n1", "n2"]), @"
        NODE  CONTAINER ID  STATUS  IP        NETWORK  PARTITION
        n1    c1_n1         UP      10.9.0.2  NORMAL
        n2    c1_n2         UP      10.9.0.3  NORMAL
        "); }
        let resumed: Value = serde_json::from_str(&up.says(&["resume", "n3", "--json"])).unwrap();
        assert_eq!(resumed[0]["status"], "UP");
        up.says(&["pause", "n1"]);
        up.says(&["restart", "--all"]);
        assert_eq!(up.run(&["faults"]).with(0).stderr, "no faults\n");
    }
}

#[test]
fn status_as_json_has_the_old_keys() {
    let up = Up::on("sim");
    up.says(&["partition", "n1"]);
    let status: Value = serde_json::from_str(&up.says(&["status", "--json"])).unwrap();
    let n1 = status[0].as_object().unwrap();
    for key in ["container_id", "ip_address", "name", "network_state", "partition", "status"] {
        assert!(n1.contains_key(key), "{key}");
    }
    assert_eq!((n1["partition"].as_u64(), n1["status"].as_str()), (Some(1), Some("UP")));
}

#[test]
fn exec_hands_through_what_a_program_reads_and_writes_and_tells_its_exit_code_in_words() {
    let up = Up::on("netns");
    let ended = up.run(&["exec", "n2", "--", "sh", "-c", "hostname; echo oops >&2"]).with(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("n2\n", "oops\n"));
    let ended = up.run(&["exec", "n2", "--", "sh", "-c", "exit 7"]).with(1);
    assert_eq!(ended.stderr, "error: `sh` on n2 ended with exit code 7\n");
    let ended = up.run(&["exec", "n2", "--json", "--", "sh", "-c", "echo x; exit 7"]).with(1);
    let output: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((output["code"].as_i64(), output["stdout"].as_str()), (Some(7), Some("x\n")));
    let ended = up.run(&["exec", "n2", "--timeout", "50ms", "--", "sleep", "1h"]).with(1);
    assert_eq!(ended.stderr, "error: `sleep` on n2 did not end in time and was killed\n");
    let ended = up.run(&["exec", "n2", "--", "sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x"]).with(1);
    assert_eq!(ended.stdout.len(), 4 << 20);
    assert!(ended.stderr.starts_with("error: `sh` on n2 wrote more than 4 MiB\n"), "{}", ended.stderr);
    let mut cat = up.place.command(&["-n", "c1", "exec", "n2", "-i", "--", "cat"]);
    let words = up.place.write("words", "from outside\n");
    let output = cat.stdin(std::fs::File::open(words).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "from outside\n");
}

#[test]
fn logs_print_what_a_node_wrote() {
    let up = Up::on("netns");
    super::up::until(|| up.says(&["logs", "n1"]) == "one\ntwo\n");
    assert_eq!(up.says(&["logs", "n1", "--last", "1"]), "two\n");
    assert_eq!(up.says(&["logs", "n2"]), "");
    let value: Value = serde_json::from_str(&up.says(&["logs", "n1", "--json"])).unwrap();
    assert_eq!(value["log"], "one\ntwo\n");
}

#[test]
fn a_log_is_followed_until_its_node_ends() {
    use std::io::{BufRead, BufReader};
    let up = Up { place: super::up::place() };
    up.place.write("blockade.yaml", "nodes:\n  n1: { command: sh -c 'while echo tick; do sleep 0.02; done' }\n");
    up.run(&["up", "--runtime", "netns"]).with(0);
    let mut follower = up.place.start(&["-n", "c1", "logs", "n1", "--follow"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    assert!(lines.by_ref().take(5).all(|line| line.unwrap() == "tick"));
    up.says(&["stop", "n1"]);
    assert!(lines.all(|line| line.unwrap() == "tick"));
    assert_eq!(follower.wait().unwrap().code(), Some(0));
    let all = up.says(&["logs", "n1"]);
    assert_eq!(up.says(&["logs", "n1", "-f"]), all);
    assert_eq!(up.says(&["logs", "n1", "-f", "--last", "2"]), "tick\ntick\n");
    up.run(&["logs", "n1", "-f", "--json"]).with(2);
}
