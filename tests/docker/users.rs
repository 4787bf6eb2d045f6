//! A user whose only right is Docker's socket gets everything.

use super::clusters::TALKERS;
use super::common::{User, until};
use super::stage::Stage;

/// The helper container of a blockade that is up.
fn helper(stage: &Stage) -> String {
    let id = format!("label=blockade.id={}", stage.name);
    stage.docker(&["ps", "-q", "--filter", &id, "--filter", "label=blockade.role=agent"])
}

#[test]
fn somebody_in_dockers_group_needs_no_other_right() {
    let Some(stage) = Stage::of(User::DockerGroup, TALKERS) else { return };
    stage.says(&["up"]);
    let (ip1, ip2) = (stage.ip("n1"), stage.ip("n2"));
    let helper = helper(&stage);
    assert_eq!(
        stage.inspect(&helper, "{{.HostConfig.Privileged}} {{.HostConfig.PidMode}} {{.HostConfig.NetworkMode}}"),
        "false host host"
    );
    let added = stage.inspect(&helper, "{{.HostConfig.CapAdd}}");
    let mut added: Vec<_> =
        added.trim_matches(['[', ']']).split(' ').map(|cap| cap.trim_start_matches("CAP_")).collect();
    added.sort_unstable();
    // KILL: what an exec started may be another user's.
    assert_eq!(added, ["KILL", "NET_ADMIN", "NET_RAW", "SYS_ADMIN", "SYS_PTRACE"]);
    until("n2 hears n1", || stage.lives_heard("n2", &ip1) == 1);
    stage.says(&["partition", "n1"]);
    stage.hears("n1", &[], &[&ip2]);
    stage.says(&["restart", "n1"]);
    stage.hears("n1", &[], &[&ip2]);
    assert_eq!(stage.lives_heard("n2", &ip1), 1);
    stage.run(&["exec", "n1", "--timeout", "300ms", "--", "sleep", "4713"]).with(1);
    until("it is gone", || !stage.inside("n1", &["ps"]).stdout.contains("sleep 4713"));
    stage.says(&["join"]);
    stage.hears("n1", &[&ip2], &[]);
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn the_helper_heals_and_goes_when_its_user_is_killed() {
    let Some(stage) = Stage::of(User::DockerGroup, TALKERS) else { return };
    stage.says(&["up"]);
    let ip2 = stage.ip("n2");
    stage.says(&["partition", "n1"]);
    rustix::process::kill_process(stage.supervisor(), rustix::process::Signal::KILL).unwrap();
    stage.hears("n1", &[&ip2], &[]);
    until("the helper is gone", || helper(&stage).is_empty());
    stage.run(&["destroy"]).with(0);
    assert_eq!(stage.left(), [""; 0]);
}

#[test]
fn a_script_sees_with_a_helpers_eyes_what_it_sees_with_roots() {
    let script = r#"
        assert(reachable("n1", "n2") && reachable("n3", "n1"));
        let cut = isolate("n1");
        assert(!reachable("n1", "n2") && !reachable("n2", "n1") && reachable("n2", "n3"));
        assert(!probe("n2", "n1").ok);
        cut.heal();
        assert(probe("n1", "n2").ok && tcp("n2", 7000) && !tcp("n2", 7001));
        let answer = exec("n1", "echo hello");
        assert(answer.ok && answer.stdout == "hello\n");
    "#;
    for user in [User::Ours, User::DockerGroup] {
        let Some(stage) = Stage::of(user, TALKERS) else { return };
        stage.place.write("s.rhai", script);
        stage.run(&["run", "s.rhai", "--seed", "1"]).with(0);
        assert_eq!(stage.left(), [""; 0]);
    }
}
