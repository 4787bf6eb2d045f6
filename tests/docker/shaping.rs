//! Impaired links between containers.

use super::clusters::THREE;
use super::common::{User, netem, until};
use super::stage::Stage;

/// `slow` and `flaky`, measured; again after restarts; and gone with their heal.
const SCRIPT: &str = r#"
    // Chance, or a busy machine, makes a good link look wrong once in a while, but not again and again.
    fn measured(links) {
        let found = ();
        for tries in 0..4 {
            try { found = verify(); break; } catch { sleep("1s"); }
        }
        if found == () { found = verify(); }
        assert(found.map(|one| `${one.link}: ${one.asked}`) == links, `${found}`);
    }
    slow(link("n1", "n2"), "60ms");
    let flaky = flaky(between("n2", "n3"), "40%");
    let all = ["n1 → n2: delay 60 ms", "n2 → n3: loss 40 %", "n3 → n2: loss 40 %"];
    measured(all);
    restart("n2");
    measured(all);
    restart("n1");
    assert(probe("n1", "n2").rtt >= 0.06);
    wait_until("30s", || probe("n1", "n3").rtt < 0.06);
    // Containers talk by TCP, too.
    let begun = elapsed();
    exec("n1", ["nc", "-w", "5", ip("n2"), "9"]);
    assert(elapsed() - begun >= 0.06);
    flaky.heal();
    measured(["n1 → n2: delay 60 ms"]);
    throttle(link("n3", "n1"), "2mbit");
    duplicate(link("n2", "world"), 0.3);
    measured(["n1 → n2: delay 60 ms", "n2 → world: duplicate 30 %", "n3 → n1: rate 2000 kbit"]);
    heal();
    assert(verify().is_empty());
    wait_until("30s", || probe("n1", "n2").rtt < 0.06);
"#;

#[test]
fn impaired_links_between_containers_do_what_was_asked_also_after_a_restart() {
    for user in [User::Ours, User::DockerGroup] {
        let Some(stage) = Stage::of(user, THREE) else { return };
        stage.place.write("s.rhai", SCRIPT);
        stage.run(&["run", "s.rhai", "--seed", "1"]).with(0);
        assert_eq!(stage.left(), [""; 0]);
    }
}

#[test]
fn impairments_by_command_hold_over_a_restart_by_dockers_own_hand_and_go_with_the_cluster() {
    let Some(stage) = Stage::up(THREE) else { return };
    let address = stage.ip("n2");
    // A refused connection takes a way there and back.
    let took = || {
        let began = std::time::Instant::now();
        let ended = stage.inside("n1", &["nc", "-w", "20", &address, "9"]);
        assert!(ended.stderr.contains("Connection refused"), "{ended:?}");
        began.elapsed().as_millis()
    };
    until("quick", || took() < 600);
    stage.says(&["slow", "n1", "--to", "n2", "--delay", "600ms"]);
    assert!(took() >= 600);
    stage.docker(&["restart", "-t", "0", &stage.container("n1")]);
    assert!(took() >= 600);
    stage.says(&["fast", "n1"]);
    until("quick again", || took() < 600);
    stage.says(&["flaky", "n1", "--loss", "100%"]);
    assert!(!stage.reaches("n1", &address));
    stage.says(&["destroy"]);
    assert_eq!(stage.left(), [""; 0]);
}

/// One pair, and nothing that hurries: Docker takes its time where this runs.
#[test]
fn netem_delays_what_a_container_sends() {
    if !netem() {
        return;
    }
    let pair = "containers:\n  n: { image: 'blockade-test:1', command: talker 7000, count: 2 }\n";
    let Some(stage) = Stage::new(pair) else { return };
    let script = r#"
        wait_until("30s", || probe("n_1", "n_2").rtt < 0.3);
        slow(link("n_1", "n_2"), "300ms");
        assert(probe("n_1", "n_2").rtt >= 0.3 && probe("n_2", "n_1").rtt >= 0.3);
        heal();
        wait_until("30s", || probe("n_1", "n_2").rtt < 0.3);
    "#;
    stage.place.write("s.rhai", script);
    stage.run(&["run", "s.rhai", "--seed", "1", "--shaper", "netem"]).with(0);
    assert_eq!(stage.left(), [""; 0]);
}
