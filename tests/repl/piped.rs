//! What stays from entry to entry, without a terminal.

use super::common::{Place, THREE, ended};
use super::{place, start, told, values};
use std::io::Write;

#[test]
fn variables_constants_functions_and_closures_stay() {
    let text = "let x = 2\nconst K = 20\nfn f(a) {\n  a + global::K\n}\nlet twice = |v| v * x\n\
                f(x)\nx = 3\ntwice.call(f(x))\nfn f(a) { -a }\nf(x)\nlet x = \"another\"\nx\n[twice.call(1), K]\n";
    let ended = told(&place(), text).with(0);
    assert_eq!(values(&ended), ["22", "69", "-3", r#""another""#, "[3, 20]"], "{}", ended.stderr);
}

#[test]
fn an_entry_that_fails_leaves_none_of_its_variables_and_the_session_goes_on() {
    let ended = told(&place(), "let a = 1\nlet a = 2; fn g() { 1 } nosuch()\na\ng()\n\"on\"\n").with(2);
    assert_eq!(values(&ended), ["1", r#""on""#]);
    assert!(ended.stderr.contains("unknown function `g`"), "{}", ended.stderr);
}

#[test]
fn tasks_run_while_a_later_entry_waits_and_one_that_fails_is_told_with_its_name() {
    let text = "let done = 0\nlet t = task(|| { sleep(\"1s\"); done += 1; done })\ndone\nsleep(\"2s\")\ndone\nt.join()\n\
                task(|| { sleep(\"1s\"); nosuch() });\nlet u = task(|| { sleep(\"3s\"); 7 })\nsleep(\"2s\"); \"not ended\"\nu.join()\n";
    let ended = told(&place(), text).with(2);
    assert_eq!(values(&ended), ["0", "1", "1", "task 2", r#""not ended""#, "7"], "{}", ended.stderr);
    insta::assert_snapshot!(ended.stderr, @r#"
    error: task 2: unknown function `nosuch`
     --> repl:7:1:24
      |
    1 | task(|| { sleep("1s"); nosuch() });
      |                        ^^^^^^ not a function
      |
    help: `blockade doc` lists the functions
    "#);
}

#[test]
fn who_joins_a_task_that_has_failed_hears_so() {
    let ended = told(&place(), "let t = task(|| fail(\"no\"))\nt.join()\n1\n").with(1);
    assert_eq!(values(&ended), ["1"]);
    assert!(ended.stderr.contains("task 1: no") && ended.stderr.contains("task 1 has failed"), "{}", ended.stderr);
}

#[test]
fn an_error_points_into_the_entry_in_which_it_happened() {
    let ended = told(&place(), "// one\nfn f(x) {\n  x + nosuch()\n}\n1\nf(\n  2\n)\n").with(2);
    insta::assert_snapshot!(ended.stderr, @r#"
    error: unknown function `nosuch`
     --> repl:2:2:7
      |
    2 |   x + nosuch()
      |       ^^^^^^ not a function
      |
    help: `blockade doc` lists the functions
    "#);
}

#[test]
fn the_same_seed_draws_the_same_and_so_does_the_saved_session() {
    let place = place();
    let text = "note(random())\nlet t = task(|| note(random()))\nt.join()\n:save s.rhai\n";
    let notes = |text: &str| text.lines().filter_map(|line| Some(line.split_once("note    ")?.1.to_owned())).collect();
    let (first, second): (Vec<String>, Vec<String>) =
        (notes(&told(&place, text).with(0).stdout), notes(&told(&place, text).with(0).stdout));
    assert_eq!((first.len(), &first), (2, &second));
    let planned: Vec<String> = notes(&place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(0).stdout);
    assert_eq!(planned, first);
    let reseeded = told(&place, ":seed 9\nnote(random())\n:seed 1\nnote(random())\n:seed\n").with(0);
    let drawn: Vec<String> = notes(&reseeded.stdout);
    assert_ne!(drawn[0], first[0]);
    assert_eq!((&drawn[1], values(&reseeded)), (&first[0], vec!["seed 1"]));
}

#[test]
fn a_saved_session_holds_what_succeeded_and_runs() {
    let place = place();
    let text = "let cut = partition([[\"n1\"], [\"n2\", \"n3\"]])\nnosuch()\nfn f() { 1 }\nfn f() { 2 }\nf() // two\n\
                cut.heal()\nassert(f() == 2)\n:save s.rhai\n";
    told(&place, text).with(2);
    insta::assert_snapshot!(place.read("s.rhai"), @r#"
    // A session of blockade repl: blockade run s.rhai --seed 1 --runtime sim
    let cut = partition([["n1"], ["n2", "n3"]]);
    // f() is defined anew below: in a run whatever calls it calls that one
    fn f() { 2 }
    f() // two
    ;
    cut.heal();
    assert(f() == 2);
    "#);
    place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
    told(&place, ":save s.rhai\n").with(0);
    place.write("mine.rhai", "let mine = 1;");
    told(&place, ":save mine.rhai\n").with(2);
    assert_eq!(place.read("mine.rhai"), "let mine = 1;");
}

#[test]
fn a_saved_session_tells_the_whole_command_that_does_it_again() {
    let place = Place::new();
    place.write("k.yaml", THREE);
    let held = ["repl", "-c", "k.yaml", "--runtime", "sim", "--seed", "4", "--set", "a=b c"];
    let mut child = start(&place, &held);
    child.stdin.take().unwrap().write_all(b"nodes()\n:save o.rhai\n").unwrap();
    let ended = ended(child.wait_with_output().unwrap()).with(0);
    let again = "blockade run o.rhai --seed 4 --set 'a=b c' --config k.yaml --runtime sim";
    assert!(ended.stdout.contains(&format!("saved; `{again}` does it again\n")), "{}", ended.stdout);
    assert!(place.read("o.rhai").starts_with(&format!("// A session of blockade repl: {again}\n")));
    place
        .blockade(&["run", "o.rhai", "--seed", "4", "--set", "a=b c", "--config", "k.yaml", "--runtime", "sim"])
        .with(0);
}

#[test]
fn a_saved_session_says_what_runs_once_more_and_loses_nothing() {
    let place = place();
    let text = "fn chaos() { note(\"chaos\") }\nreturn 5\nnote(\"after\")\n:save s.rhai\n";
    let ended = told(&place, text).with(0);
    let line = "a run calls chaos() itself, after the entries: so parts of a script are named";
    assert!(ended.stdout.contains(line), "{ended:?}");
    assert!(place.read("s.rhai").lines().nth(1) == Some(&format!("// {line}")), "{}", place.read("s.rhai"));
    let planned = place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(0).stdout;
    assert!(planned.contains("after") && planned.contains("chaos"), "{planned}");
    let refused = told(&place, "if nodes().len == 3 { exit() }\n:save t.rhai\n").with(2);
    assert!(refused.stderr.contains("cannot save the session: its entry `if nodes()"), "{refused:?}");
}

#[test]
fn a_script_is_loaded_with_its_functions() {
    let place = place();
    place.write("lib.rhai", "const N = 2;\nfn f() { global::N }\nfn g() {\n  fail(\"here\")\n}\nnote(\"loaded\");\n");
    let ended = told(&place, ":load lib.rhai\nf() + N\ng()\n").with(1);
    assert_eq!(values(&ended), ["4"]);
    assert!(ended.stdout.contains("loaded") && ended.stderr.contains("--> lib.rhai:4:3"), "{ended:?}");
}

#[test]
fn commands_tell_of_the_cluster() {
    let ended =
        told(&place(), "let cut = isolate(\"n1\");\n:faults\n:status\n:journal 1\n:help isolate\nheal()\n:faults\n")
            .with(0);
    let values = values(&ended);
    assert_eq!(values[..2], ["ID  FAULT", "f1  isolate n1"]);
    assert!(values[2].starts_with("NODE") && values[3].starts_with("n1") && values[6].contains("fault.active"));
    assert!(values[7].starts_with("isolate(nodes)"), "{values:?}");
    assert_eq!(values.last(), Some(&"no faults"), "{values:?}");
}

#[test]
fn a_simulated_cluster_cannot_be_left_up() {
    let ended = told(&place(), ":detach\n1\n").with(2);
    assert_eq!(values(&ended), ["1"]);
}

/// What a failed entry drew is drawn again: a run of the saved session, which does not have that entry, draws the same.
#[test]
fn a_saved_session_draws_what_the_session_drew_whatever_failed_meanwhile() {
    let place = place();
    let text = "note(random(1, 1000000))\nlet a = random(); let b = shuffle([1, 2, 3]); nosuch()\nnote(random(1, 1000000))\n\
                task(|| sleep(1)); nosuch()\nnote(random(1, 1000000))\n:save s.rhai\n";
    let notes = |text: &str| -> Vec<String> {
        text.lines().filter_map(|line| Some(line.split_once("note    ")?.1.to_owned())).collect()
    };
    let session = notes(&told(&place, text).with(2).stdout);
    let run = notes(&place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(0).stdout);
    assert_eq!((session.len(), &session), (3, &run));
    assert!(
        place.read("s.rhai").contains("// here an entry failed that had started tasks"),
        "{}",
        place.read("s.rhai")
    );
}

#[test]
fn the_command_that_runs_a_saved_session_can_be_pasted() {
    let place = place();
    let ended = told(&place, "note(\"here\")\n:save my first cut.rhai\n").with(0);
    let command = ended.stdout.split('`').nth(1).unwrap();
    assert!(place.read("my first cut.rhai").starts_with(&format!("// A session of blockade repl: {command}\n")));
    let words = shlex::split(command).unwrap();
    assert_eq!(words, ["blockade", "run", "my first cut.rhai", "--seed", "1", "--runtime", "sim"], "{}", ended.stdout);
}
