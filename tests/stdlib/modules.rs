//! `import`: what it finds, how far names reach, and what is said where it fails.

use crate::common::{Place, THREE};

fn place(script: &str, files: &[(&str, &str)]) -> Place {
    let place = Place::with(script, THREE);
    for (name, text) in files {
        place.write(name, text);
    }
    place
}

fn told(script: &str, files: &[(&str, &str)]) -> String {
    let ended = place(script, files).blockade(&["plan", "s.rhai", "--seed", "1"]);
    format!("exit {}\n{}", ended.code, ended.stderr)
}

fn passes(script: &str, files: &[(&str, &str)]) {
    place(script, files).blockade(&["plan", "s.rhai", "--seed", "1"]).with(0);
}

const HELPERS: &str = r#"
import "more" as more;
const NUMBER = 7;
export const EXPORTED = 8;
let bodies = state("bodies") ?? 0;
state("bodies", bodies + 1);
fn twice() { helper() + helper() }
private fn helper() { "module " }
fn number() { global::NUMBER }
fn other() { more::name() }
fn invoke(function) { function.call() + function.call() }
fn invoke_natively(function) {
    let seen = [];
    wait_until("1s", || { seen.push(function.call()); seen.len == 2 });
    seen
}
fn invoke_in_a_map(options) { options.function.call() + options.list[0].call() }
fn mapped(list, function) { list.map(function) }
fn own_closure() { || helper() + more::name() }
fn nodes() { "mine" }
fn whose() { nodes() }
fn isolates(node) {
    isolate(node)
}
fn throws() { throw 42; }
fn asks() { let x = 1; x.nothing() }
fn misspells() { helpre() }
"#;
const MORE: &str = "fn name() { \"more\" }\nfn helper() { \"another \" }\n";

#[test]
fn functions_of_a_module_run_among_their_own_and_closures_among_theirs() {
    let script = r#"
        import "helpers" as helpers;
        fn helper() { "main " }
        fn inside() { import "helpers" as again; again::twice() }
        for turn in 0..3 { assert(helper() == "main "); }
        for turn in 0..3 { assert(helpers::twice() == "module module "); }
        assert(helper() == "main ");
        let captured = "captured";
        assert(helpers::invoke(|| helper()) == "main main ");
        assert(helpers::invoke(|| helpers::twice()) == "module module module module ");
        assert(helpers::invoke_natively(|| helper() + captured) == ["main captured", "main captured"]);
        assert(helpers::invoke_in_a_map(#{ function: || helper(), list: [|| captured] }) == "main captured");
        assert(helpers::mapped([1, 2], |item| helper() + item) == ["main 1", "main 2"]);
        assert(helpers::mapped([1, 2], |item, index| item + index) == [1, 3]);
        assert(helpers::mapped([1, 2], Fn("to_text")) == ["text of 1", "text of 2"]);
        fn to_text(item) { "text of " + item }
        let theirs = helpers::own_closure();
        assert(theirs.call() == "module more");
        assert(helpers::number() == 7 && helpers::EXPORTED == 8 && helpers::other() == "more");
        assert(nodes().len == 3 && helpers::whose() == "mine");
        assert(inside() == "module module ");
        assert(state("bodies") == 1, "the body ran once");
        let caught = ();
        try { helpers::throws(); } catch (error) { caught = error; }
        assert(caught == 42);
    "#;
    passes(script, &[("helpers.rhai", HELPERS), ("more.rhai", MORE)]);
}

const MAPS: &str = r"
fn counter() { let n = 0; #{ by: 2, inc: || { n += 1; n }, add: |x| { n += x; n }, twice: || this.by * 2, grow: || this.by += 1 } }
fn drive(api) { api.step() + api.say(4) }
fn keep(f) { f }
";

#[test]
fn functions_in_maps_are_called_on_their_map_across_modules() {
    let script = r#"
        import "maps" as maps;
        let counter = maps::counter();
        assert(counter.inc() == 1 && counter.inc() == 2 && counter.add(5) == 7);
        assert(counter.twice() == 4);
        counter.grow();
        assert(counter.by == 3 && counter.twice() == 6);
        assert(maps::counter().inc() == 1);
        assert(maps::drive(#{ name: "x", step: || this.name + "step", say: |n| `${this.name}${n}` }) == "xstepx4");
        let wrong = ();
        try { counter.add(1, 2); } catch (error) { wrong = error; }
        assert(wrong != ());
    "#;
    passes(script, &[("maps.rhai", MAPS)]);
}

#[test]
fn a_closure_that_comes_back_from_a_module_counts_on_where_its_caller_is() {
    let script = r#"
        import "maps" as maps;
        let f = maps::keep(|| 1);
        for round in 0..95 {
            let n = 0;
            while n < 100000 { n += 1; }
            sleep(1);
            if round % 10 == 0 {
                f.call();
                let n = 0;
                while n < 1000 { n += 1; }
            }
        }
    "#;
    passes(script, &[("maps.rhai", MAPS)]);
}

#[test]
fn a_module_is_looked_for_beside_the_script_that_imports_it() {
    let place = place("", &[]);
    std::fs::create_dir_all(place.path().join("deep/er")).unwrap();
    place.write("deep/s.rhai", "import \"er/a\" as a; import \"./er/a.rhai\" as same; assert(a::b() == same::b());");
    place.write("deep/s.yaml", THREE);
    place.write("deep/er/a.rhai", "import \"../b\" as b; fn b() { b::b() }");
    place.write("deep/b.rhai", "fn b() { 17 }");
    place.blockade(&["plan", "deep/s.rhai", "--seed", "1"]).with(0);
}

#[test]
fn a_module_of_the_standard_library_comes_before_a_file() {
    let own = [("nemesis.rhai", "fn halves() { \"a file\" }")];
    passes("import \"nemesis\" as n; assert(n::halves() != \"a file\");", &own);
    passes("import \"./nemesis\" as n; assert(n::halves() == \"a file\");", &own);
}

#[test]
fn a_module_that_does_not_exist_is_told_with_the_nearest_and_all() {
    insta::assert_snapshot!(told("import \"nemisis\" as nemesis;\n", &[]), @r#"
    exit 2
    error: there is no module `nemisis`
     --> s.rhai:1:8
      |
    1 | import "nemisis" as nemesis;
      |        ^ not a module
      |
    help: did you mean `nemesis`? the standard library has agenda, etcd, nemesis, postgres, redis, swarm, wait; there is no file nemisis.rhai either
    "#);
    insta::assert_snapshot!(told("nemesis::halves();\n", &[]), @r#"
    exit 2
    error: nothing is imported as `nemesis`
     --> s.rhai:1:1
      |
    1 | nemesis::halves();
      | ^^^^^^^ not a module
      |
    help: at the top of the script: import "nemesis" as nemesis;
    "#);
    insta::assert_snapshot!(told("import \"nemesis\" as nemesis;\nnemisis::halves();\n", &[]), @r"
    exit 2
    error: nothing is imported as `nemisis`
     --> s.rhai:2:1
      |
    2 | nemisis::halves();
      | ^^^^^^^ not a module
      |
    help: did you mean `nemesis`?
    ");
    insta::assert_snapshot!(told("import \"helpers\" as helpers;\n", &[("helpers.rhai", "import \"gone\" as gone;")]), @r#"
    exit 2
    error: there is no module `gone`
     --> helpers.rhai:1:8
      |
    1 | import "gone" as gone;
      |        ^ not a module
      |
    help: the standard library has agenda, etcd, nemesis, postgres, redis, swarm, wait; there is no file gone.rhai either
    "#);
}

#[test]
fn a_function_that_a_module_does_not_have_is_told_with_the_nearest() {
    insta::assert_snapshot!(told("import \"nemesis\" as nemesis;\nnemesis::halvs();\n", &[]), @r"
    exit 2
    error: the module `nemesis` has no function `halvs`
     --> s.rhai:2:10
      |
    2 | nemesis::halvs();
      |          ^^^^^ not a function
      |
    help: did you mean `halves`?
    ");
    insta::assert_snapshot!(told("import \"nemesis\" as nemesis;\nnemesis::halves(1, 2);\n", &[]), @r"
    exit 2
    error: `nemesis::halves` does not take 2 arguments
     --> s.rhai:2:10
      |
    2 | nemesis::halves(1, 2);
      |          ^^^^^^
      |
    help: `blockade doc nemesis::halves` shows how it is called
    ");
    let renamed = told("import \"nemesis\" as n;\nn::halves(1, 2);\n", &[]);
    assert!(renamed.contains("help: `blockade doc nemesis::halves` shows how it is called"), "{renamed}");
    insta::assert_snapshot!(told("import \"h\" as h;\nh::c();\n", &[("h.rhai", "fn a() { } private fn b() { }")]), @r"
    exit 2
    error: the module `h` has no function `c`
     --> s.rhai:2:4
      |
    2 | h::c();
      |    ^ not a function
      |
    help: did you mean `a`?
    ");
}

#[test]
fn an_error_inside_a_module_shows_the_modules_own_line() {
    let files = [("helpers.rhai", HELPERS), ("more.rhai", MORE)];
    let run = |call: &str| told(&format!("import \"helpers\" as helpers;\n\nhelpers::{call};\n"), &files);
    insta::assert_snapshot!(run("isolates(\"n9\")"), @r"
    exit 2
    warning: unknown function `nothing`
      --> helpers.rhai:26:26
       |
    26 | fn asks() { let x = 1; x.nothing() }
       |                          ^^^^^^^ not a function
       |
    help: `blockade doc` lists the functions
    warning: unknown function `helpre`
      --> helpers.rhai:27:18
       |
    27 | fn misspells() { helpre() }
       |                  ^^^^^^ not a function
       |
    help: did you mean `helper`?
    error: there is no node `n9`
      --> helpers.rhai:23:5
       |
    23 |     isolate(node)
       |     ^^^^^^^
       |
    help: did you mean `n1`? the nodes are n1, n2, n3
    ");
    insta::assert_snapshot!(run("throws()"), @r"
    exit 2
    warning: unknown function `nothing`
      --> helpers.rhai:26:26
       |
    26 | fn asks() { let x = 1; x.nothing() }
       |                          ^^^^^^^ not a function
       |
    help: `blockade doc` lists the functions
    warning: unknown function `helpre`
      --> helpers.rhai:27:18
       |
    27 | fn misspells() { helpre() }
       |                  ^^^^^^ not a function
       |
    help: did you mean `helper`?
    error: the script threw: 42
      --> helpers.rhai:25:15
       |
    25 | fn throws() { throw 42; }
       |               ^^^^^ not caught
    ");
    insta::assert_snapshot!(run("misspells()"), @r"
    exit 2
    warning: unknown function `nothing`
      --> helpers.rhai:26:26
       |
    26 | fn asks() { let x = 1; x.nothing() }
       |                          ^^^^^^^ not a function
       |
    help: `blockade doc` lists the functions
    error: unknown function `helpre`
      --> helpers.rhai:27:18
       |
    27 | fn misspells() { helpre() }
       |                  ^^^^^^ not a function
       |
    help: did you mean `helper`?
    ");
    insta::assert_snapshot!(run("asks()"), @r"
    exit 2
    error: unknown function `nothing`
      --> helpers.rhai:26:26
       |
    26 | fn asks() { let x = 1; x.nothing() }
       |                          ^^^^^^^ not a function
       |
    help: `blockade doc` lists the functions
    warning: unknown function `helpre`
      --> helpers.rhai:27:18
       |
    27 | fn misspells() { helpre() }
       |                  ^^^^^^ not a function
       |
    help: did you mean `helper`?
    ");
    insta::assert_snapshot!(told("import \"bad\" as bad;\n", &[("bad.rhai", "fn f() {\n    1 +\n}\n")]), @r"
    exit 2
    error: syntax error: unexpected '}'
     --> bad.rhai:3:1
      |
    3 | }
      | ^ here
    ");
}

#[test]
fn an_error_in_a_closure_that_a_module_calls_shows_who_is_wrong() {
    let files = [("helpers.rhai", HELPERS), ("more.rhai", MORE)];
    let run = |call: &str| told(&format!("import \"helpers\" as helpers;\n\nhelpers::{call};\n"), &files);
    insta::assert_snapshot!(run("invoke(|| isolate(\"n9\"))"), @r#"
    exit 2
    warning: there is no node `n9`
     --> s.rhai:3:28
      |
    3 | helpers::invoke(|| isolate("n9"));
      |                            ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    warning: unknown function `nothing`
      --> helpers.rhai:26:26
       |
    26 | fn asks() { let x = 1; x.nothing() }
       |                          ^^^^^^^ not a function
       |
    help: `blockade doc` lists the functions
    warning: unknown function `helpre`
      --> helpers.rhai:27:18
       |
    27 | fn misspells() { helpre() }
       |                  ^^^^^^ not a function
       |
    help: did you mean `helper`?
    error: there is no node `n9`
     --> s.rhai:3:20
      |
    3 | helpers::invoke(|| isolate("n9"));
      |                    ^^^^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(run("invoke(|x| 1)"), @r"
    exit 2
    warning: unknown function `nothing`
      --> helpers.rhai:26:26
       |
    26 | fn asks() { let x = 1; x.nothing() }
       |                          ^^^^^^^ not a function
       |
    help: `blockade doc` lists the functions
    warning: unknown function `helpre`
      --> helpers.rhai:27:18
       |
    27 | fn misspells() { helpre() }
       |                  ^^^^^^ not a function
       |
    help: did you mean `helper`?
    error: the closure takes other arguments than the () it is called with
      --> helpers.rhai:11:32
       |
    11 | fn invoke(function) { function.call() + function.call() }
       |                                ^^^^
       |
    help: write `||` for a closure without arguments
    ");
}

#[test]
fn a_circle_of_imports_is_named() {
    let circle = [("a.rhai", "import \"b\" as b;\n"), ("b.rhai", "import \"a\" as a;\n")];
    insta::assert_snapshot!(told("import \"a\" as a;\n", &circle), @r#"
    exit 2
    error: circular import: a.rhai → b.rhai → a.rhai
     --> b.rhai:1:8
      |
    1 | import "a" as a;
      |        ^
      |
    help: move what both need into a module that imports neither
    "#);
    insta::assert_snapshot!(told("import \"s\" as s;\n", &[]), @r#"
    exit 2
    error: circular import: s.rhai → s.rhai
     --> s.rhai:1:8
      |
    1 | import "s" as s;
      |        ^
      |
    help: move what both need into a module that imports neither
    "#);
    insta::assert_snapshot!(told("import \"a\" as a;\n", &[("a.rhai", "import \"./s\" as s;\n")]), @r#"
    exit 2
    error: circular import: s.rhai → a.rhai → ./s.rhai
     --> a.rhai:1:8
      |
    1 | import "./s" as s;
      |        ^
      |
    help: move what both need into a module that imports neither
    "#);
    insta::assert_snapshot!(told("import \"a\" as a;\na::f();\n", &[("a.rhai", "fn f() { import \"s\" as s; }\n")]), @r#"
    exit 2
    error: circular import: s.rhai → s.rhai
     --> a.rhai:1:17
      |
    1 | fn f() { import "s" as s; }
      |                 ^
      |
    help: move what both need into a module that imports neither
    "#);
}

#[test]
fn what_is_no_module_file_is_refused() {
    let place = place("import \"folder\" as f;\n", &[]);
    std::fs::create_dir(place.path().join("folder.rhai")).unwrap();
    let ended = place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(2);
    assert!(ended.stderr.starts_with("error: cannot read the module folder.rhai: "), "{}", ended.stderr);
    std::fs::remove_dir(place.path().join("folder.rhai")).unwrap();
    std::fs::write(place.path().join("folder.rhai"), [0xff, 0xfe, b'x']).unwrap();
    let ended = place.blockade(&["plan", "s.rhai", "--seed", "1"]).with(2);
    assert!(ended.stderr.starts_with("error: cannot read the module folder.rhai: "), "{}", ended.stderr);
}

#[test]
fn who_calls_the_standard_library_wrongly_is_shown_the_call() {
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::flapping(|| isolate(\"n9\"));\n"), @r#"
    exit 2
    warning: there is no node `n9`
     --> s.rhai:2:24
      |
    2 | n::flapping(|| isolate("n9"));
      |                        ^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    error: there is no node `n9`
     --> s.rhai:2:16
      |
    2 | n::flapping(|| isolate("n9"));
      |                ^^^^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::bridge([\"n1\", \"n2\"]);\n"), @r#"
    exit 2
    error: at least 3 nodes are needed for a bridge, got 2
     --> s.rhai:2:4
      |
    2 | n::bridge(["n1", "n2"]);
      |    ^^^^^^
    "#);
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::halves(\"n9\");\n"), @r#"
    exit 2
    error: there is no node `n9`
     --> s.rhai:2:4
      |
    2 | n::halves("n9");
      |    ^^^^^^
      |
    help: did you mean `n1`? the nodes are n1, n2, n3
    "#);
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::crash_storm(#{ druation: 5 });\n"), @r"
    exit 2
    error: unknown key `druation`
     --> s.rhai:2:4
      |
    2 | n::crash_storm(#{ druation: 5 });
      |    ^^^^^^^^^^^
      |
    help: did you mean `duration`? known are duration, interval, lasting, max_at_once, nodes
    ");
    insta::assert_snapshot!(crate::told("import \"swarm\" as swarm;\nswarm::run(#{ interval: 5 });\n"), @r#"
    exit 2
    error: no duration was given
     --> s.rhai:2:8
      |
    2 | swarm::run(#{ interval: 5 });
      |        ^^^
      |
    help: say for how long: swarm::run(#{ duration: "10m" })
    "#);
    insta::assert_snapshot!(crate::told("import \"swarm\" as swarm;\nswarm::run(\"1h\");\n"), @r#"
    exit 2
    error: expected options like #{ duration: "10s" }, got text
     --> s.rhai:2:8
      |
    2 | swarm::run("1h");
      |        ^^^
    "#);
}
