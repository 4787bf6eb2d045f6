//! What cannot work: one clear message, the documented exit code, nothing left behind.

use super::clusters::THREE;
use super::common::docker::IMAGE;
use super::common::{Ended, Place, User, until};
use super::stage::Stage;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};

/// What an `up` that fails says, with the stage's own names left out.
fn refused(stage: &Stage, args: &[&str], code: i32) -> String {
    let ended = stage.run(args).with(code);
    assert_eq!(ended.stdout, "");
    let filter = format!("label=blockade.id={}", stage.name);
    assert_eq!(stage.docker(&["ps", "-aq", "--filter", &filter]), "");
    assert_eq!(stage.docker(&["network", "ls", "-q", "--filter", &filter]), "");
    assert!(!stage.place.path().join(".blockade/clusters").join(&stage.name).exists());
    told(stage, &ended)
}

fn told(stage: &Stage, ended: &Ended) -> String {
    ended.stderr.replace(&stage.name, "NAME")
}

#[test]
fn docker_that_is_not_running() {
    let place = Place::new();
    place.write("blockade.yaml", THREE);
    let socket = place.path().join("docker.sock");
    let up = || {
        let mut up = place.command(&["up"]);
        let ended =
            super::common::ended(up.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().unwrap());
        ended.with(3).stderr.replace(place.path().to_str().unwrap(), "…")
    };
    insta::assert_snapshot!(up(), @"");
    // Left over by a daemon that is gone.
    drop(UnixListener::bind(&socket).unwrap());
    insta::assert_snapshot!(up(), @"");
    assert!(!place.path().join(".blockade").exists());
}

#[test]
fn no_permission_on_its_socket() {
    if rustix::process::geteuid().is_root() {
        let Some(stage) = Stage::of(User::Ordinary, THREE) else { return };
        let text = refused(&stage, &["up"], 3);
        let socket = super::common::docker::socket();
        insta::assert_snapshot!(text.replace(&socket, "SOCKET"), @"");
    }
}

/// Answers everything as Docker 1.13 answers who asks for its version.
fn old_docker(mut connection: UnixStream) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
    while lines.by_ref().any(|line| line.is_empty()) {
        let body = r#"{"Version":"1.13.1","ApiVersion":"1.26","MinAPIVersion":"1.12","Os":"linux","Arch":"amd64"}"#;
        let head = "HTTP/1.1 200 OK\r\nApi-Version: 1.26\r\nContent-Type: application/json\r\n";
        // A client that has gone away has heard enough.
        let _ = write!(connection, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
    }
}

#[test]
fn an_api_that_is_too_old() {
    let place = Place::new();
    place.write("blockade.yaml", THREE);
    let socket = place.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || listener.incoming().flatten().for_each(old_docker));
    let mut up = place.command(&["up"]);
    let ended = super::common::ended(up.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().unwrap());
    insta::assert_snapshot!(ended.with(3).stderr, @"");
    assert!(!place.path().join(".blockade").exists());
}

#[test]
fn an_image_that_does_not_exist() {
    let cluster = format!("{THREE}  n4: {{ image: 'blockade-test/no-such-image:1' }}\n");
    let Some(stage) = Stage::new(&cluster) else { return };
    let text = refused(&stage, &["up"], 3);
    assert!(text.contains("blockade-test/no-such-image:1") && text.contains("n4"), "{text}");
    assert_eq!(text.matches("error:").count(), 1, "{text}");
}

#[test]
fn a_port_in_use() {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", &format!("n2: {{ ports: {{ {port}: 80 }}, "))) else {
        return;
    };
    insta::assert_snapshot!(refused(&stage, &["up"], 3).replace(&port.to_string(), "PORT"), @"");
}

#[test]
fn a_name_that_is_taken_is_refused_and_with_force_removed() {
    let Some(stage) = Stage::new(THREE) else { return };
    let taken = stage.container("n2");
    stage.docker(&["run", "-d", "--name", &taken, IMAGE]);
    let id = stage.inspect(&taken, "{{.Id}}");
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"");
    assert_eq!(stage.inspect(&taken, "{{.Id}} {{.State.Running}}"), format!("{id} true"));
    stage.says(&["up", "--force"]);
    assert_ne!(stage.inspect(&taken, "{{.Id}}"), id);
}

#[test]
fn a_network_without_free_addresses() {
    let Some(stage) = Stage::new("") else { return };
    let network = stage.network_beside("small", &["--subnet", "10.234.56.0/30"]);
    stage.place.write("blockade.yaml", &format!("{THREE}network: {{ external: {network} }}\n"));
    let text = refused(&stage, &["up"], 3);
    insta::assert_snapshot!(text, @"");
    let before = stage.left();
    assert_eq!(before, [network]);
    stage.place.write("blockade.yaml", &format!("{THREE}network: {{ external: {}-none }}\n", stage.name));
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"");
}

#[test]
fn a_node_that_dies_in_up_shows_its_last_words() {
    let dies = "command: [sh, -c, 'echo cannot open config >&2; exit 4'], ready: { tcp: 7000 }, ";
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", &format!("n2: {{ {dies}"))) else { return };
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"");
}

#[test]
fn a_program_that_the_image_does_not_have() {
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", "n2: { command: no-such-program, ")) else { return };
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"");
}

#[test]
fn a_node_that_is_never_ready() {
    let ready = "ready: { tcp: 7000, within: 500ms }, ";
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", &format!("n2: {{ {ready}"))) else { return };
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"");
}

#[test]
fn an_up_that_is_killed_in_the_middle_leaves_nothing_that_the_next_one_minds() {
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", "n2: { ready: { tcp: 7000, within: 1h }, ")) else { return };
    let mut up = stage.command(&["up"]).spawn().unwrap();
    let node = stage.container("n2");
    until("n2 is there", || stage.try_docker(&["inspect", &node]).code == 0);
    up.kill().unwrap();
    up.wait().unwrap();
    until("nothing is left", || stage.left().is_empty());
    stage.place.write("blockade.yaml", THREE);
    stage.says(&["up"]);
}

#[test]
fn names_that_are_no_nodes_and_a_second_up() {
    let Some(stage) = Stage::up(THREE) else { return };
    for args in [&["stop", "n1", "n9"][..], &["partition", "n1,n9"], &["restart", "n9", "n2"], &["kill", "n9"]] {
        let ended = stage.run(args).with(2);
        insta::allow_duplicates! { insta::assert_snapshot!(ended.stderr, @"
        error: there is no node `n9`
        help: did you mean `n1`? the nodes are n1, n2, n3
        "); }
    }
    assert!(stage.json(&["status"]).as_array().unwrap().iter().all(|line| line["status"] == "UP"));
    insta::assert_snapshot!(told(&stage, &stage.run(&["up"]).with(2)), @"");
    // From another folder, where no state file tells it.
    let elsewhere = Place::new();
    elsewhere.write("blockade.yaml", THREE);
    let ended = elsewhere.blockade(&["-n", &stage.name, "up"]).with(2);
    insta::assert_snapshot!(told(&stage, &ended), @"");
    assert!(stage.linked("n1", "n2"));
}

#[test]
fn neutral_with_holy() {
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", "n2: { neutral: true, holy: true, ")) else { return };
    let text = refused(&stage, &["up"], 2);
    assert!(text.contains("node `n2` is both neutral and holy"), "{text}");
}
