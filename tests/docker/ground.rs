//! What the other tests stand on does what they think.

use super::common::docker::{IMAGE, docker};
use super::common::{User, ended, in_docker_group, until};
use super::daemon::Daemon;
use super::stage::Stage;

/// Two containers on a network of the stage's own.
fn two(stage: &Stage) -> [String; 2] {
    let network = stage.network_beside("net", &[]);
    ["a", "b"].map(|name| stage.container_beside(name, &["--network", &network, IMAGE, "talker", "7000"]))
}

fn address(container: &str) -> String {
    docker(&["inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container])
}

#[test]
fn the_talker_answers_and_tells_whom_it_hears() {
    let Some(stage) = Stage::new("") else { return };
    let [a, b] = two(&stage);
    let [ip_a, ip_b] = [&a, &b].map(|name| address(name));
    assert_eq!(docker(&["exec", &a, "talker", "ask", "7000", &ip_b, "--", "192.0.2.1"]), ip_b);
    until("b tells it", || docker(&["logs", &b]).contains(&format!("heard {ip_a} 0")));
    assert_eq!(docker(&["exec", &a, "talker", "ask", "7000", "--", "192.0.2.1", &ip_b]), ip_b);
}

#[test]
fn a_stage_that_fails_leaves_nothing() {
    let Some(stage) = Stage::new("") else { return };
    let name = stage.name.clone();
    let failed = std::panic::catch_unwind(move || {
        two(&stage);
        assert_eq!(stage.left().len(), 3, "{:?}", stage.left());
        panic!("as a test does that fails");
    });
    assert!(failed.is_err());
    let left = docker(&["ps", "-a", "--format", "{{.Names}}"]) + &docker(&["network", "ls", "--format", "{{.Name}}"]);
    assert!(!left.contains(&name), "{left}");
}

#[test]
fn a_daemon_of_a_tests_own_can_be_restarted() {
    let Some(mut daemon) = Daemon::start() else { return };
    let Some(stage) = Stage::new("") else { return };
    let stage = stage.set("DOCKER_HOST", &daemon.host());
    let [a, _] = two(&stage);
    daemon.stop();
    daemon.start_again();
    stage.docker(&["start", &a]);
    assert_eq!(stage.docker(&["inspect", "-f", "{{.State.Running}}", &a]), "true");
}

#[test]
fn a_user_in_dockers_group_has_dockers_socket_and_no_other_right() {
    let Some(stage) = Stage::of(User::DockerGroup, "") else { return };
    let id = in_docker_group("sh".as_ref())
        .args(["-c", "docker version >/dev/null && id -u && grep CapEff /proc/self/status"])
        .output()
        .unwrap();
    if rustix::process::geteuid().is_root() {
        assert_eq!(ended(id).stdout, "65534\nCapEff:\t0000000000000000\n");
    }
    drop(stage);
}
