//! What cannot work: one clear message, the documented exit code, nothing left behind.

use super::clusters::THREE;
use super::common::docker::IMAGE;
use super::common::{Ended, Place, User, until};
use super::stage::Stage;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;

/// What an `up` that fails says, with the stage's own names, and carets that are as long, left out.
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
    let lines = ended.stderr.lines().filter(|line| !line.ends_with('^'));
    lines.map(|line| line.replace(&stage.name, "NAME") + "\n").collect()
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
    insta::assert_snapshot!(up(), @"
    error: Docker is not running: there is no …/docker.sock
    help: start it with `sudo systemctl start docker`; where it listens elsewhere, set DOCKER_HOST
    ");
    // Left over by a daemon that is gone.
    drop(UnixListener::bind(&socket).unwrap());
    insta::assert_snapshot!(up(), @"
    error: Docker is not running: nobody answers at …/docker.sock
    help: start it with `sudo systemctl start docker`; where it listens elsewhere, set DOCKER_HOST
    ");
    assert!(!place.path().join(".blockade/clusters").exists());
}

#[test]
fn no_permission_on_its_socket() {
    if rustix::process::geteuid().is_root() {
        let Some(stage) = Stage::of(User::Ordinary, THREE) else { return };
        let text = refused(&stage, &["up"], 3);
        let socket = super::common::docker::socket();
        insta::assert_snapshot!(text.replace(&socket, "SOCKET"), @"
        error: no permission to use Docker's socket SOCKET
        help: join its group with `sudo usermod -aG docker $USER` and log in anew, or run blockade as root
        ");
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
    insta::assert_snapshot!(ended.with(3).stderr, @"
    error: this Docker speaks version 1.26 of its API, and blockade needs 1.41
    help: install Docker 20.10 or newer
    ");
    assert!(!place.path().join(".blockade/clusters").exists());
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
fn an_image_without_a_program() {
    let Some(stage) = Stage::new("") else { return };
    let image = format!("blockade-test/{}:1", stage.name);
    let archive = stage.place.path().join("empty.tar");
    // The end of an archive, and nothing before it.
    std::fs::write(&archive, [0; 1024]).unwrap();
    stage.docker(&["import", archive.to_str().unwrap(), &image]);
    let nodes = format!("  n4: {{ image: '{image}', count: 2 }}\n  n5: {{ image: '{image}', command: hold }}\n");
    stage.place.write("blockade.yaml", &format!("{THREE}{nodes}"));
    let text = refused(&stage, &["up"], 2);
    stage.docker(&["rmi", &image]);
    insta::assert_snapshot!(text, @"
    error: blockade.yaml: there is no program to run: node n4_1 (image blockade-test/NAME:1), node n4_2 (image blockade-test/NAME:1)
    help: such an image has neither ENTRYPOINT nor CMD: say with `command` what its nodes run
    ");
}

#[test]
fn a_port_in_use() {
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", &format!("n2: {{ ports: {{ {port}: 80 }}, "))) else {
        return;
    };
    insta::assert_snapshot!(refused(&stage, &["up"], 3).replace(&port.to_string(), "PORT"), @"
    error: cannot start the network of node n2: port PORT of this host is in use already
    help: `docker ps` and `ss -ltnup` show by whom; give another one under `ports`
    ");
}

#[test]
fn a_name_that_is_taken_is_refused_and_with_force_removed() {
    let Some(stage) = Stage::new(THREE) else { return };
    let taken = stage.container("n2");
    stage.docker(&["run", "-d", "--network", "none", "--name", &taken, IMAGE]);
    let id = stage.inspect(&taken, "{{.Id}}");
    insta::assert_snapshot!(refused(&stage, &["up"], 3).replace(&id[..12], "ID"), @"
    error: node n2: cannot create the container NAME_n2: the container ID is called NAME_n2 already
    help: `blockade up --force` replaces it; another --name or `container_name` leaves it
    ");
    assert_eq!(stage.inspect(&taken, "{{.Id}} {{.State.Running}}"), format!("{id} true"));
    stage.says(&["up", "--force"]);
    assert_ne!(stage.inspect(&taken, "{{.Id}}"), id);
}

#[test]
fn a_network_without_free_addresses() {
    let Some(stage) = Stage::new("") else { return };
    let network = stage.network_beside("small", &["--subnet", "10.234.56.0/30"]);
    stage.place.write("blockade.yaml", &format!("{THREE}network: {{ external: {network} }}\n"));
    insta::assert_snapshot!(refused(&stage, &["up"], 2), @"
    error: the network `NAME-small` has free addresses for 1 of the cluster's 3 nodes
     --> blockade.yaml:6:22
      |
    6 | network: { external: NAME-small }
      |
    help: its subnet is 10.234.56.0/30: remove containers from it, or name a larger network
    ");
    let before = stage.left();
    assert_eq!(before, [network]);
    stage.place.write("blockade.yaml", &format!("{THREE}network: {{ external: {}-none }}\n", stage.name));
    insta::assert_snapshot!(refused(&stage, &["up"], 2), @"
    error: there is no network `NAME-none`
     --> blockade.yaml:6:22
      |
    6 | network: { external: NAME-none }
      |
    help: `docker network create --subnet 10.9.0.0/24 NAME-none` makes it
    ");
}

#[test]
fn a_node_that_dies_in_up_shows_its_last_words() {
    let dies = "command: [sh, -c, 'echo cannot open config >&2; exit 4'], ready: { tcp: 7000 }, ";
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", &format!("n2: {{ {dies}"))) else { return };
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"
    error: node n2 ended as soon as it was started: exit code 4
    the end of its log:
    cannot open config
    help: see its `command:` and `ready:` in the cluster file
    ");
}

#[test]
fn a_node_that_dies_in_up_is_noticed_also_where_nobody_asks_whether_it_is_ready() {
    // n3 keeps `up` until Docker itself knows of the end: on a busy machine that is late.
    let cluster = THREE
        .replace("n2: { ", "n2: { command: [sh, -c, 'exit 4'], ")
        .replace("n3: { ", "n3: { ready: { exec: [test, -e, /tmp/known] }, ");
    let Some(stage) = Stage::new(&cluster) else { return };
    let text = std::thread::scope(|scope| {
        let up = scope.spawn(|| refused(&stage, &["up"], 3));
        let status = ["inspect", "-f", "{{.State.Status}}", &stage.container("n2")];
        until("Docker knows", || stage.try_docker(&status).stdout == "exited\n");
        until("n3 is ready", || stage.inside("n3", &["touch", "/tmp/known"]).code == 0);
        up.join().unwrap()
    });
    assert!(text.starts_with("error: node n2 ended as soon as it was started: exit code 4\n"), "{text}");
}

#[test]
fn a_program_that_the_image_does_not_have() {
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", "n2: { command: no-such-program, ")) else { return };
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"
    error: cannot start node n2: there is no program `no-such-program` in the container
    help: see `command`, and whether it is an image's own entry point that is wrong
    ");
}

#[test]
fn a_node_that_is_never_ready() {
    let ready = "ready: { tcp: 7000, within: 500ms }, ";
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", &format!("n2: {{ {ready}"))) else { return };
    insta::assert_snapshot!(refused(&stage, &["up"], 3), @"
    error: node n2 was not ready within 0.5 s: port 7000 did not open
    help: see its `command:` and `ready:` in the cluster file
    ");
}

#[test]
fn an_up_that_is_killed_in_the_middle_leaves_nothing_that_the_next_one_minds() {
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", "n2: { ready: { tcp: 7000, within: 1h }, ")) else { return };
    let mut up = stage.command(&["up"]).spawn().unwrap();
    let node = stage.container("n2");
    until("n2 is there", || stage.try_docker(&["inspect", &node]).code == 0);
    up.kill().unwrap();
    up.wait().unwrap();
    let folder = stage.place.path().join(".blockade/clusters").join(&stage.name);
    until("nothing is left", || stage.left().is_empty() && !folder.exists());
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
    insta::assert_snapshot!(told(&stage, &stage.run(&["up"]).with(2)), @"
    error: the cluster `NAME` is already up
    help: `blockade status` shows it, `blockade destroy` removes it; another one needs another --name
    ");
    // From another folder, where no state file tells it.
    let elsewhere = Place::new();
    elsewhere.write("blockade.yaml", THREE);
    let ended = elsewhere.blockade(&["-n", &stage.name, "up"]).with(2);
    let supervisor = stage.supervisor().as_raw_nonzero().to_string();
    insta::assert_snapshot!(told(&stage, &ended).replace(&supervisor, "PID"), @"
    error: a cluster `NAME` is up already: process PID looks after it
    help: `blockade run --attach` joins it, `blockade destroy` removes it; another one needs another --name
    ");
    assert!(stage.linked("n1", "n2"));
}

#[test]
fn neutral_with_holy() {
    let Some(stage) = Stage::new(&THREE.replace("n2: { ", "n2: { neutral: true, holy: true, ")) else { return };
    let text = refused(&stage, &["up"], 2);
    assert!(text.contains("node `n2` is both neutral and holy"), "{text}");
}

#[test]
fn two_clusters_that_come_up_at_once_get_subnets_of_their_own() {
    let stages: Vec<_> = (0..4).map_while(|_| Stage::new(THREE)).collect();
    let ups: Vec<_> =
        stages.iter().map(|stage| stage.command(&["up"]).stdout(Stdio::null()).spawn().unwrap()).collect();
    for mut up in ups {
        assert!(up.wait().unwrap().success());
    }
    let mut addresses: Vec<_> = stages.iter().map(|stage| stage.ip("n1")).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), stages.len());
}
