//! Scripts with modules: what is found in those, and of what weight it is.

use super::super::super::Script;
use crate::diagnostic::{Diagnostic, Severity};
use std::path::Path;

/// A script and its modules in a folder; the first is checked.
fn found_among(files: &[(&str, &str)]) -> Vec<(Severity, String)> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let nodes = ["n1", "n2", "n3"].map(str::to_owned);
    let all = Script::load(&folder.path().join(files[0].0)).unwrap().check(Some(&nodes));
    let within = |file: &str| Path::new(file).strip_prefix(folder.path()).unwrap().display().to_string();
    let told = |one: &Diagnostic| format!("{}:{}:{} {}", within(&one.file), one.line, one.column, one.message);
    all.iter().map(|one| (one.severity, told(one))).collect()
}

const HELPERS: &str = "fn f() { isolat(\"n1\"); note(1, 2); isolate(\"n7\"); }";

#[test]
fn a_function_of_a_module_that_is_called_is_as_the_scripts_own() {
    for script in [
        "import \"helpers\" as h; h::f();",
        "import \"helpers\" as h; fn chaos() { deep(); } fn deep() { task(|| h::f()); }",
        "import \"between\" as b; b::g();",
        "fn check() { import \"helpers\" as h; h::f(); }",
    ] {
        let between = "import \"helpers\" as helpers; fn g() { helpers::f() }";
        let found = found_among(&[("s.rhai", script), ("helpers.rhai", HELPERS), ("between.rhai", between)]);
        let error = |told: &str| (Severity::Error, format!("helpers.rhai:1:{told}"));
        let expected =
            ["10 unknown function `isolat`", "24 `note` does not take 2 arguments", "44 there is no node `n7`"];
        assert_eq!(found, expected.map(error), "{script}");
    }
}

#[test]
fn a_function_of_a_module_that_may_never_run_is_a_warning() {
    for script in [
        "import \"helpers\" as h;",
        "import \"helpers\" as h; if chance(0.5) { h::f(); }",
        "import \"helpers\" as h; fn never() { h::f(); }",
        "import \"helpers\" as h; try { h::f(); } catch { }",
        "import \"helpers\" as h; h::leave(); h::f();",
        "import \"helpers\" as h; fn walk() { h::leave(); } walk(); h::f();",
        "import \"helpers\" as h; h::hand(|| h::f());",
    ] {
        let helpers = format!("{HELPERS} fn leave() {{ if chance(0.5) {{ exit(); }} }} fn hand(g) {{ g.call() }}");
        let found = found_among(&[("s.rhai", script), ("helpers.rhai", &helpers)]);
        let severities: Vec<Severity> = found.iter().map(|(severity, _)| *severity).collect();
        assert_eq!(severities, [Severity::Warning; 3], "{script}: {found:?}");
    }
}

#[test]
fn the_body_of_a_module_runs_where_it_is_imported() {
    let module = ("m.rhai", "abc();\nlet cut = isolate(\"n1\");\n");
    let told = |script: &str| found_among(&[("s.rhai", script), module]);
    let unused = (Severity::Warning, "m.rhai:2:5 the fault `cut` is never used".to_owned());
    let unknown = "m.rhai:1:1 unknown function `abc`".to_owned();
    assert_eq!(told("import \"m\" as m;"), [(Severity::Error, unknown.clone()), unused.clone()]);
    assert_eq!(told("if chance(0.5) { import \"m\" as m; }"), [(Severity::Warning, unknown), unused]);
}

#[test]
fn a_module_is_checked_once_and_circles_end() {
    let found = found_among(&[
        ("s.rhai", "import \"a\" as a; import \"./b\" as b; a::f(); b::f();"),
        ("a.rhai", "import \"b\" as b; fn f() { b::f(); }"),
        ("b.rhai", "fn f() { import \"a\" as a; a::f(); import \"s\" as s; abc(); }"),
    ]);
    let told: Vec<&str> = found.iter().map(|(_, told)| told.as_str()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("b.rhai:1:42 circular import"), "{told:?}");
    assert_eq!(told[1], "b.rhai:1:52 unknown function `abc`");
}

#[test]
fn a_circle_is_found_also_where_a_function_comes_by_first() {
    let found = found_among(&[
        ("s.rhai", "import \"a\" as a;"),
        ("a.rhai", "import \"c\" as c; import \"d\" as d;"),
        ("c.rhai", "fn f() { import \"d\" as d; }"),
        ("d.rhai", "import \"a\" as a;"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].1.starts_with("d.rhai:1:8 circular import"), "{found:?}");
}

#[test]
fn what_a_module_is_given_may_have_functions_of_the_scripts() {
    let found = found_among(&[
        ("s.rhai", "import \"m\" as m; m::use_it(#{ partitoin: || 1 }); m::make().shoot(); m::make().shot();"),
        ("m.rhai", "fn use_it(api) { api.partitoin(); }\nfn make() { #{ shoot: || 1 } }"),
    ]);
    assert_eq!(found, [(Severity::Error, "s.rhai:1:80 unknown function `shot`".to_owned())]);
}
