//! `blockade check` and `blockade doc`, as their users see them.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::{Ended, Place, THREE};

fn told(ended: &Ended) -> String {
    format!("exit {}\n{}\n{}", ended.code, ended.stderr, ended.stdout)
}

/// One of every kind of problem.
const WRONG: &str = r#"const OPTIONS = #{ clients: 2 };

fn setup() {
    partitoin([["n1"], ["n2"]]);
    sleep("1s", 2);
    [1].push(2, 3);
    nemesis::halves();
}

fn client(id) {
    loop { note(id); }
}

fn chaos() {
    let cut = partition([["n1", "n22"], "db*"]);
    isolate("world");
    let f = isolate("n1");
    f.heel();
    wait_until("1s", |x| x);
    try { restart("n7"); } catch { }
    let count = 0;
    task(|| { count = 1; });
    loop { sleep(1); }
}

fn check() {
    assert(true);
}
"#;

#[test]
fn every_kind_of_problem_is_told_at_once() {
    let place = Place::with(WRONG, THREE);
    let checked = place.blockade(&["check", "s.rhai"]).with(2);
    insta::assert_snapshot!(format!("{}{}", checked.stderr, checked.stdout));
}

#[test]
fn run_and_plan_check_first() {
    let place = Place::with("isolate(\"n1\");\nisolat(\"n2\");\nrestart(\"n9\");", THREE);
    let planned = place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(2);
    assert_eq!(planned.stderr.matches("error: ").count(), 2, "{}", planned.stderr);
    assert!(planned.stdout.is_empty(), "{}", planned.stdout);
    let run = place.run(&["--runtime", "sim"]).with(2);
    assert_eq!(run.stderr, planned.stderr);
    assert!(!place.path().join("out").exists(), "nothing was started");
}

#[test]
fn warnings_are_printed_once_and_not_when_quiet() {
    let place = Place::with("let cut = isolate(\"n1\");\nsleep(1);", THREE);
    let warnings = |args: &[&str]| place.blockade(args).with(0).stderr.matches("warning: ").count();
    assert_eq!(warnings(&["check", "s.rhai"]), 1);
    assert_eq!(warnings(&["plan", "s.rhai"]), 1);
    assert_eq!(warnings(&["plan", "s.rhai", "--seeds", "1..5"]), 1);
    assert_eq!(warnings(&["plan", "s.rhai", "--quiet"]), 0);
    assert_eq!(warnings(&["run", "s.rhai", "--runtime", "sim"]), 1);
    assert_eq!(warnings(&["run", "s.rhai", "--runtime", "sim", "-q"]), 0);
}

#[test]
fn without_a_cluster_file_nodes_are_not_checked() {
    let place = Place::new();
    place.write("a.rhai", "isolate(\"n1\");");
    place.write("b.rhai", "isolate(\"n2\");");
    insta::assert_snapshot!(told(&place.blockade(&["check", "a.rhai", "b.rhai"])), @r"
    exit 0
    no cluster file: nodes are not checked in a.rhai, b.rhai

    2 scripts checked: 0 errors, 0 warnings
    ");
}

#[test]
fn all_scripts_are_checked_and_a_shared_cluster_file_is_told_of_once() {
    let place = Place::new();
    place.write("blockade.yaml", "nodes: { n1: { comand: x } }");
    place.write("a.rhai", "abc();");
    place.write("b.rhai", "let x = ;");
    let checked = place.blockade(&["check", "a.rhai", "b.rhai", "none.rhai"]).with(2);
    for part in ["comand", "unknown function `abc`", "b.rhai:1:9", "cannot read the script none.rhai"] {
        assert_eq!(checked.stderr.matches(part).count().min(1), 1, "{part}: {}", checked.stderr);
    }
    assert_eq!(checked.stderr.matches("has no key").count(), 1, "{}", checked.stderr);
}

#[test]
fn bad_input() {
    let place = Place::with("", THREE);
    place.blockade(&["check", "s.rhai"]).with(0);
    std::fs::create_dir(place.path().join("folder")).unwrap();
    std::fs::write(place.path().join("bytes.rhai"), [0xff, 0xfe, 0x00]).unwrap();
    insta::assert_snapshot!(told(&place.blockade(&["check", "none.rhai", "folder", "bytes.rhai", "-c", "s.yaml"])), @r"
    exit 2
    error: cannot read the script none.rhai: No such file or directory (os error 2)
    error: cannot read the script folder: Is a directory (os error 21)
    error: cannot read the script bytes.rhai: stream did not contain valid UTF-8

    3 scripts checked: 3 errors, 0 warnings
    ");
    let named = place.blockade(&["check", "s.rhai", "--config", "none.yaml"]).with(2);
    assert!(named.stderr.contains("there is no file none.yaml"), "{}", named.stderr);
    place.blockade(&["check"]).with(2);
}

#[test]
fn nothing_of_ours_is_found_wrong() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let scripts = ["scripts/quickstart.rhai", "scripts/redis_sentinel.rhai"].map(|name| format!("{root}{name}"));
    for script in &scripts {
        let checked = Place::new().blockade(&["check", script]).with(0);
        assert_eq!(
            (checked.stderr.as_str(), checked.stdout.as_str()),
            ("", "1 script checked: 0 errors, 0 warnings\n")
        );
    }
    let stdlib = Place::new().blockade(&["check", &format!("{root}stdlib/chaos.rhai")]).with(0);
    assert!(!stdlib.stderr.contains("warning"), "{}", stdlib.stderr);
}

#[test]
fn a_function_is_told_with_all_its_forms() {
    insta::assert_snapshot!(Place::new().blockade(&["doc", "kill"]).with(0).stdout, @r#"
    kill(nodes)
    kill(nodes, signal)

      Ends the nodes' programs at once with SIGKILL, or sends them another signal.
      heal() and start() start again what died. What a signal like SIGSTOP stopped
      goes on when the last such fault on it is healed, or with SIGCONT, which ends
      these faults for the node. A node that is paused gets these signals when it is
      let go on.

      nodes: a name, a glob like "n*", or a list of them
      signal: its name, with or without SIG, or its number from 1 to 64
      returns a Fault: .heal() ends it, .keep() exempts it from heal(), join() and
          fast(); .id, .kind, .active

        kill("n1");
        kill("n2", "SIGTERM");
    "#);
}

#[test]
fn all_of_it_fits_80_columns() {
    let all = Place::new().blockade(&["doc"]).with(0).stdout;
    let wide: Vec<&str> = all.lines().filter(|line| line.chars().count() > 80).collect();
    let odd: Vec<&str> = all.lines().filter(|line| line.contains('(') && !line.ends_with(')')).collect();
    assert!(odd.is_empty(), "a bracket that is not of a signature: {odd:?}");
    assert!(wide.is_empty() && all.contains("  partition(groups)\n"), "{wide:?}");
}

#[test]
fn a_name_that_nobody_knows() {
    let place = Place::new();
    insta::assert_snapshot!(told(&place.blockade(&["doc", "partitoin"])), @r"
    exit 2
    error: there is no function or module `partitoin`
    help: did you mean `partition`?
    ");
    insta::assert_snapshot!(told(&place.blockade(&["doc", "xyzzy::a"])), @r"
    exit 2
    error: there is no function or module `xyzzy`
    help: `blockade doc` lists them all
    ");
}

#[test]
fn definitions_are_written_for_editors() {
    let place = Place::new();
    let written = place.blockade(&["doc", "--definitions", "d/e"]).with(0).stdout;
    for line in written.lines() {
        assert!(place.read(line).starts_with("module "), "{line}");
    }
    assert!(place.read("d/e/blockade.d.rhai").contains("fn partition(groups: ?)"));
    place.write("file", "");
    place.blockade(&["doc", "--definitions", "file/x"]).with(2);
}

/// A folder with a script, and more files.
fn with_files(script: &str, files: &[(&str, &str)]) -> Place {
    let place = Place::with(script, THREE);
    for (name, text) in files {
        place.write(name, text);
    }
    place
}

#[test]
fn imports_are_resolved_as_a_run_would() {
    let script = r#"import "nemisis" as nemesis;
import "gone" as gone;
import "bad" as bad;
import "circle" as circle;
import "helpers" as helpers;
import "folder" as folder;
helpers::twice(1, 2);
helpers::hidden();
helpers::twcie(1);
gone::whatever(1);
import `dy${"n"}amic` as dynamic;
dynamic::whatever();
if chance(0.5) { import "rarely" as rarely; }
"#;
    let place = with_files(
        script,
        &[
            ("bad.rhai", "fn f() {\n    let x = ;\n}\n"),
            ("circle.rhai", "import \"back\" as back;\n"),
            ("back.rhai", "\n  import \"circle\" as circle;\n"),
            (
                "helpers.rhai",
                "import \"lost\" as lost;\nfn twice(a) { a * 2 }\nprivate fn hidden() { }\nfn later() { import \"never\" as never; }\n",
            ),
        ],
    );
    std::fs::create_dir(place.path().join("folder.rhai")).unwrap();
    insta::assert_snapshot!(told(&place.blockade(&["check", "s.rhai"])));
    let checked = place.blockade(&["check", "s.rhai"]).stderr;
    let run = place.run(&["--runtime", "sim"]).with(2);
    assert_eq!(run.stderr, checked, "a run checks first, and so reports all of it");
    assert!(!place.path().join("out").exists(), "nothing was started");
}

#[test]
fn modules_that_can_be_imported_are_fine() {
    let script = "import \"helpers\" as h;\nimport \"nemesis\" as n;\nh::a(); h::a(1); h::b(); n::halves().heal(); h::K;\n\
                  h::api().block(\"user1\");\n\
                  fn again() { import \"./helpers\" as same; same::b() }\nagain();\n";
    let place = with_files(
        script,
        &[
            (
                "helpers.rhai",
                "\u{feff}import \"more\" as more;\nfn a() { }\nfn a(x) { x }\nfn b() { more::c() }\nfn api() { #{ block: |who| who } }\nexport const K = 1;",
            ),
            // Each imports the other, but only when both bodies have run.
            ("more.rhai", "fn c() { import \"helpers\" as h; h::a() }"),
        ],
    );
    insta::assert_snapshot!(told(&place.blockade(&["check", "s.rhai"])), @r"
    exit 0

    1 script checked: 0 errors, 0 warnings
    ");
    place.run(&["--runtime", "sim"]).with(0);
}

#[test]
fn what_never_ends_is_not_read_to_its_end() {
    let place = Place::with("import \"zero\" as zero;", THREE);
    std::os::unix::fs::symlink("/dev/zero", place.path().join("zero.rhai")).unwrap();
    insta::assert_snapshot!(told(&place.blockade(&["check", "s.rhai", "/dev/zero", "-c", "s.yaml"])), @r#"
    exit 2
    error: cannot read the module zero.rhai: it has more than 16 MiB
     --> s.rhai:1:8
      |
    1 | import "zero" as zero;
      |        ^
      |
    help: the module is a text of 16 MiB at most: was another file meant?
    error: cannot read the script /dev/zero: it has more than 16 MiB
    help: the script is a text of 16 MiB at most: was another file meant?

    2 scripts checked: 2 errors, 0 warnings
    "#);
}

#[test]
fn what_is_wrong_in_a_module_is_told_once_at_its_own_place() {
    let call = "import \"helpers\" as helpers; helpers::f();";
    let helpers = "fn f() { isolat(\"n1\"); note(1, 2); isolate(\"n7\"); }";
    let place = with_files(call, &[("helpers.rhai", helpers), ("t.rhai", call)]);
    let checked = told(&place.blockade(&["check", "helpers.rhai", "s.rhai", "t.rhai", "-c", "s.yaml"]));
    insta::assert_snapshot!(checked);
    let planned = place.blockade(&["plan", "s.rhai"]).with(2);
    assert_eq!(planned.stderr.matches("--> helpers.rhai:1:").count(), 3, "{}", planned.stderr);
    assert!(planned.stdout.is_empty(), "nothing was planned: {}", planned.stdout);
}

#[test]
fn problems_are_told_as_json() {
    let place = Place::with("isolate(\"n9\");\nlet cut = isolate(\"n1\");", THREE);
    let checked = place.blockade(&["check", "--json", "s.rhai", "none.rhai"]).with(2);
    let found: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&found).unwrap());
    assert_eq!(
        checked.stderr,
        "no cluster file: nodes are not checked in none.rhai\n"
            .replace("no cluster file: nodes are not checked in none.rhai\n", "")
    );
    place.write("s.rhai", "isolate(\"n1\");");
    assert_eq!(place.blockade(&["check", "--json", "s.rhai"]).with(0).stdout, "[]\n");
}

#[test]
fn the_version_and_the_functions_are_told_as_json() {
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&Place::new().blockade(arguments).with(0).stdout).unwrap()
    };
    assert_eq!(json(&["version", "--json"]), serde_json::json!({ "version": env!("CARGO_PKG_VERSION") }));
    let kill = json(&["doc", "kill", "--json"]);
    assert_eq!(kill["signatures"], serde_json::json!(["kill(nodes)", "kill(nodes, signal)"]));
    assert!(kill["text"].as_str().unwrap().starts_with("Ends the nodes' programs at once"), "{kill}");
    assert!(kill["example"].as_str().unwrap().starts_with("kill(\"n1\");"), "{kill}");
    let all = json(&["doc", "--json"]);
    let all = all.as_array().unwrap();
    assert!(all.contains(&kill) && all.contains(&json(&["doc", "nemesis::halves", "--json"])));
    let whole = |one: &serde_json::Value| !one["text"].as_str().unwrap().is_empty() && !one["signatures"][0].is_null();
    assert_eq!(all.iter().find(|one| !whole(one)), None);
    assert!(all.iter().all(|one| one["example"].is_string()), "{all:?}");
    let module = json(&["doc", "wait", "--json"]);
    assert!(module["functions"].as_array().unwrap().iter().all(|function| all.contains(function)), "{module}");
    Place::new().blockade(&["doc", "wait::nothing", "--json"]).with(2);
}
