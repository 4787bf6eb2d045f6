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
fn call(function) { function.call() + function.call() }
fn call_natively(function) {
    let seen = [];
    wait_until("1s", || { seen.push(function.call()); seen.len == 2 });
    seen
}
fn call_in_a_map(options) { options.function.call() + options.list[0].call() }
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
        for _ in 0..3 { assert(helper() == "main "); }
        for _ in 0..3 { assert(helpers::twice() == "module module "); }
        assert(helper() == "main ");
        let captured = "captured";
        assert(helpers::call(|| helper()) == "main main ");
        assert(helpers::call(|| helpers::twice()) == "module module module module ");
        assert(helpers::call_natively(|| helper() + captured) == ["main captured", "main captured"]);
        assert(helpers::call_in_a_map(#{ function: || helper(), list: [|| captured] }) == "main captured");
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
    insta::assert_snapshot!(told("import \"nemisis\" as nemesis;\n", &[]), @r"");
    insta::assert_snapshot!(told("nemesis::halves();\n", &[]), @r"");
    insta::assert_snapshot!(told("import \"nemesis\" as nemesis;\nnemisis::halves();\n", &[]), @r"");
    insta::assert_snapshot!(told("import \"helpers\" as helpers;\n", &[("helpers.rhai", "import \"gone\" as gone;")]), @r"");
}

#[test]
fn a_function_that_a_module_does_not_have_is_told_with_the_nearest() {
    insta::assert_snapshot!(told("import \"nemesis\" as nemesis;\nnemesis::halvs();\n", &[]), @r"");
    insta::assert_snapshot!(told("import \"nemesis\" as nemesis;\nnemesis::halves(1, 2);\n", &[]), @r"");
    insta::assert_snapshot!(told("import \"h\" as h;\nh::c();\n", &[("h.rhai", "fn a() { } private fn b() { }")]), @r"");
}

#[test]
fn an_error_inside_a_module_shows_the_modules_own_line() {
    let files = [("helpers.rhai", HELPERS), ("more.rhai", MORE)];
    let run = |call: &str| told(&format!("import \"helpers\" as helpers;\n\nhelpers::{call};\n"), &files);
    insta::assert_snapshot!(run("isolates(\"n9\")"), @r"");
    insta::assert_snapshot!(run("throws()"), @r"");
    insta::assert_snapshot!(run("misspells()"), @r"");
    insta::assert_snapshot!(run("asks()"), @r"");
    insta::assert_snapshot!(run("call(|| isolate(\"n9\"))"), @r"");
    insta::assert_snapshot!(run("call(|x| 1)"), @r"");
    insta::assert_snapshot!(told("import \"bad\" as bad;\n", &[("bad.rhai", "fn f() {\n    1 +\n}\n")]), @r"");
}

#[test]
fn a_circle_of_imports_is_named() {
    let circle = [("a.rhai", "import \"b\" as b;\n"), ("b.rhai", "import \"a\" as a;\n")];
    insta::assert_snapshot!(told("import \"a\" as a;\n", &circle), @r"");
    insta::assert_snapshot!(told("import \"s\" as s;\n", &[]), @r"");
    insta::assert_snapshot!(told("import \"a\" as a;\n", &[("a.rhai", "import \"./s\" as s;\n")]), @r"");
    insta::assert_snapshot!(told("import \"a\" as a;\na::f();\n", &[("a.rhai", "fn f() { import \"s\" as s; }\n")]), @r"");
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
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::flapping(|| isolate(\"n9\"));\n"), @r"");
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::bridge([\"n1\", \"n2\"]);\n"), @r"");
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::halves(\"n9\");\n"), @r"");
    insta::assert_snapshot!(crate::told("import \"nemesis\" as n;\nn::crash_storm(#{ druation: 5 });\n"), @r"");
    insta::assert_snapshot!(crate::told("import \"swarm\" as swarm;\nswarm::run(#{ interval: 5 });\n"), @r"");
    insta::assert_snapshot!(crate::told("import \"swarm\" as swarm;\nswarm::run(\"1h\");\n"), @r"");
}
