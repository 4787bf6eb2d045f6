//! What cannot work on this machine or in this folder: one clear message, the documented exit code, nothing left.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::processes::marked;
use common::{Ended, Place, THREE, User, ended, namespaces, until};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// What a run on real nodes says that must not come up, with the last lines, which differ, left out.
fn refused(name: &str, node: &str) -> String {
    let mark = format!("bad-input-{name}-{}", std::process::id());
    let environment = format!("environment: {{ MARK: {mark} }}");
    let cluster = format!(
        "nodes:\n  good: {{ command: sleep infinity, {environment} }}\n  bad: {{ links: [good], {environment}, {node} }}\n"
    );
    let place = Place::with("note(\"never\");", &cluster);
    let ended = place.run(&["--runtime", "netns"]);
    assert!(!place.read("out/journal.jsonl").contains("never"), "the script must not run");
    nothing_left(&mark);
    let result: serde_json::Value = serde_json::from_str(&place.read("out/result.json")).unwrap();
    assert_eq!((&result["verdict"], &result["cleanup"]["ok"]), (&"error".into(), &true.into()), "{result}");
    told(&ended)
}

fn told(ended: &Ended) -> String {
    let lines = ended.stderr.lines().filter(|line| !line.starts_with("replay: ") && !line.starts_with("run folder: "));
    format!("exit {}\n{}", ended.code, lines.collect::<Vec<_>>().join("\n"))
}

fn nothing_left(mark: &str) {
    until("nothing is left", || marked(&format!("MARK={mark}")).is_empty());
}

#[test]
fn a_program_that_does_not_exist() {
    if namespaces(User::Ours) {
        insta::assert_snapshot!(refused("missing", "command: no-such-program --flag"), @r"
        exit 3
        error: node bad: cannot run `no-such-program`: No such file or directory (os error 2)
        ");
        insta::assert_snapshot!(refused("denied", "command: /etc/passwd"), @r"
        exit 3
        error: node bad: cannot run `/etc/passwd`: Permission denied (os error 13)
        ");
    }
}

#[test]
fn a_folder_that_a_nodes_user_may_not_enter() {
    if namespaces(User::Ours) && rustix::process::geteuid().is_root() {
        let place = Place::with("", "nodes:\n  n1: { command: sleep infinity, user: nobody, workdir: w }\n");
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let told = told(&place.run(&["--runtime", "netns"]));
        insta::assert_snapshot!(told.replace(place.path().canonicalize().unwrap().to_str().unwrap(), "…"), @r"
        exit 3
        error: node n1: cannot run `sleep` in the folder …/out/work/n1/w: Permission denied (os error 13)
        help: the user `nobody` must be able to enter every folder above it: give the run another with `--out`
        ");
    }
}

#[test]
fn a_program_that_dies_at_once_shows_its_last_words() {
    if namespaces(User::Ours) {
        insta::assert_snapshot!(refused("dies", "command: [bash, -c, 'echo cannot open config >&2; exit 4'], ready: { tcp: 7000 }"), @r"
        exit 3
        error: node bad ended as soon as it was started: exit code 4
        the end of its log:
        cannot open config
        help: see its `command:` and `ready:` in the cluster file
        ");
        insta::assert_snapshot!(refused("crashes", "command: [bash, -c, 'kill -SEGV $$'], ready: { tcp: 7000 }"), @r"
        exit 3
        error: node bad ended as soon as it was started: SIGSEGV
        help: see its `command:` and `ready:` in the cluster file
        ");
    }
}

#[test]
fn a_node_that_is_never_ready() {
    if namespaces(User::Ours) {
        insta::assert_snapshot!(refused("port", "command: [bash, -c, 'echo waiting; exec sleep infinity'], ready: { tcp: 7000, within: 1s }"), @r"
        exit 3
        error: node bad was not ready within 1 s: port 7000 did not open
        the end of its log:
        waiting
        help: see its `command:` and `ready:` in the cluster file
        ");
        insta::assert_snapshot!(refused("log", "command: sleep infinity, ready: { log: 'up+', within: 200ms }"), @r"
        exit 3
        error: node bad was not ready within 0.2 s: no line of its log matched /up+/
        help: see its `command:` and `ready:` in the cluster file
        ");
        insta::assert_snapshot!(refused("exec", "command: sleep infinity, ready: { exec: [test, -e, flag], within: 200ms }"), @r"
        exit 3
        error: node bad was not ready within 0.2 s: `test -e flag` did not succeed
        help: see its `command:` and `ready:` in the cluster file
        ");
    }
}

#[test]
fn a_user_that_does_not_exist() {
    if rustix::process::geteuid().is_root() && namespaces(User::Ours) {
        insta::assert_snapshot!(refused("user", "command: sleep infinity, user: nosuchuser"), @r"
        exit 3
        error: node bad: there is no user `nosuchuser`
        help: see its `user:`
        ");
    }
}

#[test]
fn a_folder_that_holds_a_run() {
    let place = Place::with("note(\"x\");", THREE);
    place.run(&["--runtime", "sim"]).with(0);
    let before = place.read("out/journal.jsonl");
    let again = place.run(&["--runtime", "sim"]).with(2);
    let folder = place.path().canonicalize().unwrap();
    insta::assert_snapshot!(again.stderr.replace(folder.to_str().unwrap(), "…"), @r"
    error: …/out holds a run already
    help: name another folder with --out, or remove this one
    ");
    assert_eq!(place.read("out/journal.jsonl"), before);
}

#[test]
fn a_folder_that_cannot_be_made() {
    let place = Place::with("", THREE);
    place.write("file", "");
    let ended = place.blockade(&["run", "s.rhai", "--runtime", "sim", "--out", "file/run"]).with(3);
    insta::assert_snapshot!(ended.stderr, @r"
    error: cannot create file/run: Not a directory (os error 20)
    help: the run's folder must be writable; choose another with --out
    ");
}

/// Runs the binary where `small` is a disk of this size: a mount that nobody else sees, and that goes with it.
fn on_a_small_disk(place: &Place, size: &str, args: &str) -> Ended {
    let own = if rustix::process::geteuid().is_root() { "-m" } else { "-Urm" };
    std::fs::create_dir(place.path().join("small")).unwrap();
    let line = format!(
        "mount -t tmpfs -o size={size} tmpfs small && {} {args}; code=$?; cat small/run/journal.jsonl > journal; exit $code",
        common::BLOCKADE
    );
    let mut command = Command::new("unshare");
    command.args([own, "sh", "-c", &line]).current_dir(place.path()).stdin(Stdio::null()).env("NO_COLOR", "1");
    ended(command.output().unwrap())
}

#[test]
fn a_disk_that_gets_full_ends_the_run_and_nothing_is_done_off_the_record() {
    if !namespaces(User::Ours) {
        return;
    }
    let mark = format!("bad-input-disk-{}", std::process::id());
    let cluster = format!("nodes:\n  n1: {{ command: sleep infinity, environment: {{ MARK: {mark} }} }}\n  n2:\n");
    let script = "let long = \"x\";\nlong.pad(500, \"x\");\nloop {\n    let cut = isolate(\"n1\");\n    note(long);\n    cut.heal();\n}\n";
    let place = Place::with(script, &cluster);
    let ended = on_a_small_disk(&place, "64k", "run s.rhai --seed 1 --out small/run --runtime netns --quiet").with(3);
    nothing_left(&mark);
    let folder = place.path().canonicalize().unwrap();
    let text = ended.stderr.replace(folder.to_str().unwrap(), "…");
    assert!(
        text.starts_with("error: cannot write the journal …/small/run/journal.jsonl: No space left on device (os error 28)\n --> s.rhai:"),
        "{text}"
    );
    assert!(text.contains("\nhelp: nothing is done that is not on record; free some space"), "{text}");
    assert_eq!(text.matches("error:").count(), 1, "{text}");
    // What is there is whole, and no fault was ever injected that it does not tell of.
    let journal = place.lines("journal");
    assert!(journal.len() > 50, "{}", journal.len());
}

#[test]
fn a_disk_that_is_full_from_the_beginning() {
    if namespaces(User::Ours) {
        let place = Place::with(&"// a long script\n".repeat(1000), THREE);
        let ended = on_a_small_disk(&place, "4k", "run s.rhai --seed 1 --out small/run --runtime sim --quiet").with(3);
        let folder = place.path().canonicalize().unwrap();
        insta::assert_snapshot!(ended.stderr.lines().take(2).collect::<Vec<_>>().join("\n").replace(folder.to_str().unwrap(), "…"), @r"
        error: cannot write …/small/run/script.rhai: No space left on device (os error 28)
        help: the run's folder must be writable; choose another with --out
        ");
    }
}

#[test]
fn an_image_alone_does_not_idle_in_a_namespace() {
    let place = Place::with("", "containers:\n  db: { image: nobody.invalid/db }\n");
    let ended = place.blockade(&["run", "s.rhai", "--seed", "1", "--runtime", "netns"]).with(2);
    assert!(
        ended.stderr.contains("node db has an image and no command: it needs the docker runtime"),
        "{}",
        ended.stderr
    );
    let ended = place.blockade(&["run", "s.rhai", "--seed", "1"]).with(3);
    let no_docker = ended.stderr.contains("Docker is not running");
    assert!(
        no_docker || ended.stderr.contains("cannot pull the image nobody.invalid/db of node db"),
        "{}",
        ended.stderr
    );
}
