//! What is found, and what must not be.

mod modules;

use super::super::Script;
use super::super::reference::GROUPS;
use crate::diagnostic::Severity;
use proptest::prelude::*;

fn found(script: &str) -> Vec<(Severity, String)> {
    let nodes = ["n1", "n2", "n3"].map(str::to_owned);
    let all = Script::compile("s.rhai", script).unwrap().check(Some(&nodes));
    all.into_iter().map(|one| (one.severity, format!("{}:{} {}", one.line, one.column, one.message))).collect()
}

fn of(severity: Severity, script: &str) -> Vec<String> {
    found(script).into_iter().filter(|(one, _)| *one == severity).map(|(_, told)| told).collect()
}

fn errors(script: &str) -> Vec<String> {
    of(Severity::Error, script)
}

fn warnings(script: &str) -> Vec<String> {
    of(Severity::Warning, script)
}

/// Nothing at all is found.
fn fine(script: &str) {
    assert_eq!(found(script), [], "{script}");
}

#[test]
fn functions_that_do_not_exist() {
    assert_eq!(errors("partitoin([]);"), ["1:1 unknown function `partitoin`"]);
    assert_eq!(errors("print(\"a\", \"b\"); print(1); print();"), ["1:1 `print` does not take 2 arguments"]);
    assert_eq!(errors("if true { note(`${abc()}`); }"), ["1:19 unknown function `abc`"]);
    assert_eq!(errors("let f = isolate(\"n1\");\nf.heel();"), ["2:3 unknown function `heel`"]);
    assert_eq!(errors("fn chaos() { wait_until(\"1s\", || elapsde() > 3); }"), ["1:34 unknown function `elapsde`"]);
    assert_eq!(errors("let x = 1; loop { break abc(x); }"), ["1:25 unknown function `abc`"]);
    assert_eq!(warnings("switch seed() { 1 => abc(), 2 if ab() => (), _ => () }").len(), 2);
    assert_eq!(errors("timestamp();"), ["1:1 unknown function `timestamp`"]);
}

#[test]
fn numbers_of_arguments() {
    assert_eq!(errors("partition([\"n1\"], 2);"), ["1:1 `partition` does not take 2 arguments"]);
    assert_eq!(errors("fn twice(a) { a * 2 }\ntwice(1, 2);"), ["2:1 `twice` does not take 2 arguments"]);
    assert_eq!(errors("let a = [];\na.push(1, 2);"), ["2:3 `push` does not take 2 arguments behind a dot"]);
    assert_eq!(errors("elapsed(1);"), ["1:1 `elapsed` does not take 1 argument"]);
    assert_eq!(errors("isolate(\"n1\").heal(1, 2);"), ["1:15 `heal` does not take 2 arguments behind a dot"]);
    fine("note(max(1, 2)); [1].push(2); \"a\".pad(3, \"b\"); isolate(\"n1\").heal(); \"n1\".restart();");
}

#[test]
fn nodes_that_do_not_exist() {
    assert_eq!(errors("isolate(\"n4\");"), ["1:9 there is no node `n4`"]);
    assert_eq!(errors("partition([[\"n1\", \"n22\"], \"n9\"]);").len(), 2);
    assert_eq!(errors("restart(\"db*\");"), ["1:9 no node matches `db*`"]);
    assert_eq!(errors("block(\"n1\", \"world\"); isolate([\"world\"]);").len(), 1);
    assert_eq!(errors("\"n5\".restart(); slow(between(\"n1\", \"n6\"), 1);").len(), 2);
    assert_eq!(errors("nodes(\"x*\").len();"), ["1:7 no node matches `x*`"]);
    fine("isolate(\"n*\"); block(\"world\", [\"n1\", \"n2\"]); exec(\"n1\", \"n9\"); note(\"n9\");");
}

#[test]
fn nodes_that_fields_and_constants_name() {
    assert_eq!(errors("http(\"n1\", #{ port: 1, from: \"n9\" });"), ["1:30 there is no node `n9`"]);
    assert_eq!(errors("workload(\"w\", #{ node: \"world\" });").len(), 1);
    assert_eq!(errors("const A = \"n9\";\nisolate(A);"), ["2:9 there is no node `n9`"]);
    assert_eq!(errors("const A = [\"n1\", \"n8\", \"n9\"];\nrestart(A);").len(), 2);
    assert_eq!(errors("const A = \"n9\";\nblock([\"n1\", A], A);").len(), 2);
    assert_eq!(errors("const A = \"n9\"; fn chaos() { isolate(global::A); }").len(), 1);
    assert_eq!(errors("const A = \"n9\"; wait_until(\"1s\", || tcp(A, 7000));").len(), 1);
    assert_eq!(
        errors("fn chaos() { const A = \"n9\"; if true { task(|| { eventually(1, || tcp(A, 1)) }); } }").len(),
        1
    );
    fine(
        "const A = \"n1\"; isolate(A); const B = [\"n1\", \"n*\"]; isolate(B); http(A, #{ port: 1, from: \"world\" });",
    );
    fine("const A = \"n9\"; note(A); fn f(A) { isolate(A); } f(\"n1\"); const C = seed(); isolate(C);");
    fine("const A = \"n9\"; for A in nodes() { isolate(A); } try { throw \"n1\" } catch(A) { isolate(A); }");
    fine("const A = \"n9\"; note(A); { let A = \"n1\"; isolate(A); }");
    fine("const A = \"n9\"; nodes().for_each(|A| isolate(A)); task(|| { let A = \"n1\"; isolate(A); });");
}

#[test]
fn without_a_cluster_nodes_are_not_looked_up() {
    let script = Script::compile("s.rhai", "isolate(\"n4\"); isolat(\"n4\");").unwrap();
    assert_eq!(script.check(None).len(), 1);
}

#[test]
fn faults_that_nobody_uses() {
    assert_eq!(warnings("let cut = isolate(\"n1\");\nsleep(1);"), ["1:5 the fault `cut` is never used"]);
    assert_eq!(
        warnings("fn chaos() { if chance(0.5) { let a = kill(\"n1\"); } }"),
        ["1:35 the fault `a` is never used"]
    );
    assert_eq!(warnings("let a = isolate(\"n1\"); a = isolate(\"n2\");").len(), 1);
    fine("isolate(\"n1\"); let _cut = isolate(\"n2\");");
    fine("let cut = isolate(\"n1\"); wait_until(\"1s\", || cut.active);");
    fine("let cut = isolate(\"n1\"); if true { note(`${cut}`); }");
    fine("const CUT = isolate(\"n1\"); fn check() { global::CUT.heal(); }");
    fine("fn isolate(x) { x } let a = isolate(\"n7\");");
}

#[test]
fn checks_that_are_never_reached() {
    let check = "\nfn check() { assert(true); }";
    let told = |script: &str| warnings(&format!("{script}{check}"));
    assert_eq!(told("fail(\"x\");"), ["1:1 check() is never reached: the body always fails here"]);
    assert_eq!(told("fn chaos() { loop { sleep(1); } }").len(), 1);
    assert_eq!(told("fn chaos() { while true { for i in 0..3 { break; } sleep(1); } }").len(), 1);
    assert_eq!(told("fn setup() { throw \"x\"; }").len(), 1);
    fine(&format!("fn chaos() {{ loop {{ if chance(0.5) {{ break; }} sleep(1); }} }}{check}"));
    fine(&format!("fn chaos() {{ loop {{ if chance(0.5) {{ return; }} sleep(1); }} }}{check}"));
    fine(&format!("if seed() == 1 {{ return; }} throw 1;{check}"));
    fine(&format!("if seed() == 1 {{ throw 1; }} try {{ throw 2; }} catch {{ }}{check}"));
    fine("loop { sleep(1); }");
}

#[test]
fn clients_that_never_wait() {
    let client = |body: &str| {
        format!(
            "fn client(id) {{ {body} }}\nfn pause_a_bit() {{ sleep(1); }}\nfn calm() {{ random() }}\nconst OPTIONS = #{{ clients: 1 }};"
        )
    };
    assert_eq!(warnings(&client("loop { note(id); }")), ["1:17 this loop never waits and never ends"]);
    assert_eq!(warnings(&client("loop { calm(); }")), ["1:17 this loop never waits"]);
    assert_eq!(warnings(&client("loop { if chance(0.1) { break; } }")), ["1:17 this loop never waits"]);
    assert_eq!(warnings(&client("while elapsed() < 5 { note(id); }")).len(), 1);
    fine(&client("loop { pause_a_bit(); }"));
    fine(&client("loop { op(\"read\", (), || exec(\"n1\", \"true\")); }"));
    fine(&client("let i = 0; while i < 10 { i += 1; }"));
    fine(&client("let f = || sleep(1); loop { f.call(); }"));
    fine(&client("for i in 0..10 { note(i); }"));
    assert_eq!(warnings(&client("loop { op(\"count\", (), || 1); [1].map(|x| x); }")).len(), 1);
}

#[test]
fn clients_that_wait_in_what_they_hand_over() {
    for body in [
        "let read = || exec(\"n1\", \"true\"); loop { op(\"read\", (), read); }",
        "loop { op(\"w\", 1, Fn(\"work\")); }",
        "let step = |x| sleep(x); loop { [1, 2].map(step); }",
        "loop { [1, 2].for_each(rest); }",
        "let f = isolate(\"n1\"); loop { if f.active { let x = 1; } }",
        "let read = |x| sleep(x); loop { op(\"read\", (), read.curry(1)); }",
    ] {
        fine(&format!(
            "fn work() {{ sleep(1); 1 }} fn rest(x) {{ sleep(x); }} fn client(id) {{ {body} }} const OPTIONS = #{{ clients: 1 }};"
        ));
    }
}

#[test]
fn closures_that_cannot_be_called() {
    assert_eq!(errors("wait_until(\"1s\", |x| x);").len(), 1);
    assert_eq!(errors("let y = 1; wait_until(\"1s\", |x| x == y);").len(), 1);
    fine("let y = 1; wait_until(\"1s\", || y == 1);");
    fine("let n = 0; task(|| { n = 1; });");
    fine("let n = 0; task(|| { let m = n; m = 1; });");
}

#[test]
fn all_is_found_at_once_and_in_order() {
    let told = errors("isolate(\"n9\");\nabc();\nfn chaos() { elapsed(2); }\nfn check() { restart(\"x\"); }");
    let lines: Vec<&str> = told.iter().map(|one| &one[..1]).collect();
    assert_eq!(lines, ["1", "2", "3", "4"]);
}

// What only a run can know must not be refused.

#[test]
fn functions_that_are_named_by_text() {
    fine("let f = Fn(\"anything\"); let g = Fn(\"isolate\"); g.call(\"n1\"); call(g, \"n2\"); f.curry(1);");
    fine("fn walk(a, b) { a } call(Fn(\"walk\"), 1, 2); Fn(\"walk\").call(1, 2); [1].map(Fn(\"walk\"));");
}

#[test]
fn variables_that_are_called_like_functions() {
    fine(
        "let partition = [\"n9\"]; note(partition[0]); let nodes = \"n9\"; note(nodes); let sleep = |x| x; sleep.call(1);",
    );
}

#[test]
fn functions_of_the_script_that_are_called_like_ours() {
    fine("fn partition(a, b, c) { a } partition(1, 2, 3); fn kill(n) { n } kill(\"n9\");");
    fine("fn len2() { this.len() } [1].len2();");
    fine("fn \"array\".second(x) { this[x] } [1, 2].second(1);");
    fine("later(); fn later() { elapsed() }");
}

#[test]
fn closures_in_maps() {
    fine("let store = #{ get: |x| x, partitoin: || 1 }; store.get(1); store.partitoin();");
    fine("let store = #{}; store.put = |x| x; store.put(1); store[\"del\"] = || 2; store.del();");
    fine("fn make() { #{ walk: |a, b, c| a } } make().walk(1, 2, 3); let m = #{ sub: #{ deep: || 1 } }; m.sub.deep();");
    fine("let api = #{ block: |who| print(who) }; api.block(\"user1\");");
    fine("let pool = #{ task: |f| print(f.call(1)) }; pool.task(|x| x + 1);");
    fine("import \"lib/\" + \"own\" as own; own::api().block(\"user1\"); own::pool().after(|x| x + 1);");
    // Under a name that is not written anywhere: a warning, in case.
    let made = "let m = #{}; let k = \"a\" + \"bc\"; m[k] = || 1; m.abc();";
    assert_eq!((errors(made).len(), warnings(made).len()), (0, 1));
}

#[test]
fn what_is_imported_under_a_name_that_only_a_run_knows() {
    fine("import \"lib/\" + \"own\" as own; own::whatever(1, 2, 3); own::deep::more();");
    fine("import \"lib/\" + \"own\" as own; fn chaos() { own::run(); }");
    assert_eq!(errors("own::whatever();"), ["1:1 nothing is imported as `own`"]);
    let made = "import \"lib/\" + \"own\" as own; own::make().shoot();";
    assert_eq!((errors(made).len(), warnings(made).len()), (0, 1));
}

#[test]
fn what_may_never_run_is_a_warning() {
    for script in [
        "fn size() { nodes().len } fn big() { size() > 3 } if big() { isolate(\"n9\"); }",
        "let big = false; if nodes().len > 3 { big = true; } if big { isolate(\"n9\"); }",
        "fn cut(big) { if big { isolate(\"n9\"); } } cut(nodes().len > 4);",
        "let has = true; try { ip(\"n1\"); } catch { has = false; } if has { isolate(\"n9\"); }",
        "import \"h\" + \"\" as h; if h::has(\"n9\") { isolate(\"n9\"); }",
        "if nodes().len < 4 { exit(); } isolate(\"n9\");",
        "switch nodes().len { 3 => return, _ => () } isolate(\"n9\");",
        "fn need(n) { if nodes().len < n { exit(); } } need(4); isolate(\"n9\");",
        "if nodes().len < 4 { throw \"too few\"; } isolate(\"n9\");",
        "for i in 0..3 { if nodes().len == i { continue; } isolate(\"n9\"); }",
        "while nodes().len > 3 { isolate(\"n9\"); }",
        "for node in nodes() { abc(node); }",
        "fn never() { abc(); }",
        "let f = || abc(); if chance(0.5) { f.call(); }",
        "nodes().for_each(|node| abc(node));",
        "switch seed() { 1 => abc(), _ => () }",
        "fn f() { } fn f(a) { isolate(\"n9\"); } f();",
        "try { isolate(\"n9\"); } catch { }",
        "try { walk(); } catch { } fn walk() { isolate(\"n9\"); }",
        "try { wait_until(\"1s\", || tcp(\"n9\", 1)); } catch { }",
        "if nodes().contains(\"n9\") { isolate(\"n9\"); }",
        "if nodes().contains(\"n9\") && tcp(\"n9\", 1) { }",
        "let big = nodes().len() > 8; if big { isolate(\"n9\"); }",
        "if !nodes().contains(\"n9\") { return; } isolate(\"n9\");",
        "for node in nodes() { if node == \"n9\" { restart(\"n9\"); } }",
        "if param(\"big\", false) { isolate(\"n9\"); }",
        "if is_def_fn(\"abc\", 1) { abc(1); }",
        "fn has(n) { nodes().contains(n) } if has(\"n9\") { isolate(\"n9\"); }",
    ] {
        assert_eq!((errors(script), warnings(script).len()), (vec![], 1), "{script}");
    }
}

#[test]
fn what_certainly_runs_is_an_error() {
    for script in [
        "isolate(\"n9\");",
        "fn setup() { abc(); }",
        "fn chaos() { cut(); } fn cut() { deep(); } fn deep() { isolate(\"n9\"); }",
        "const OPTIONS = #{ clients: 1 }; fn client(id) { loop { sleep(1); abc(); } }",
        "fn check() { if true { abc(); } }",
        "task(|| abc()); wait_until(\"1s\", || true);",
        "let n = 1; wait_until(\"1s\", || abc(n));",
        "for i in 0..3 { abc(i); }",
        "for node in [\"n1\", \"n2\"] { abc(node); }",
        "loop { if chance(0.5) { break; } } abc();",
        "do { abc(); } while chance(0.5);",
        "if chance(0.5) { note(\"x\"); } abc();",
        "if abc() { }",
        "op(\"x\", (), || { if chance(0.5) { return 1; } 2 }); abc();",
    ] {
        assert_eq!((errors(script).len(), warnings(script)), (1, vec![]), "{script}");
    }
}

#[test]
fn an_empty_script_is_fine() {
    fine("");
    fine("// nothing\n");
}

/// Scripts that are known to work.
fn valid() -> Vec<String> {
    GROUPS.iter().flat_map(|group| group.functions).map(|function| function.example.to_owned()).collect()
}

/// The same script where it stands in something else.
fn inside(script: &str, place: usize, number: usize) -> String {
    match place {
        0 => format!("{{ {script} }}\n"),
        1 => format!("fn part_{number}() {{ {script} }}\npart_{number}();\n"),
        2 => format!("for turn in 0..2 {{ if turn == 1 {{ {script} }} else {{ {script} }} }}\n"),
        3 => format!("let run_{number} = || {{ {script} }};\nrun_{number}.call();\n"),
        _ => format!("switch seed() {{ 1 => {{ {script} }}, _ => {{ {script} }} }}\n"),
    }
}

#[test]
fn the_scenarios_are_right() {
    for text in [
        include_str!("../../../scripts/quickstart.rhai"),
        include_str!("../../../scripts/redis_sentinel.rhai"),
        include_str!("../../../stdlib/chaos.rhai"),
    ] {
        let script = Script::compile("s.rhai", text).unwrap();
        assert_eq!(script.check(None), []);
    }
}

proptest! {
    #[test]
    fn no_part_of_a_script_that_works_is_an_error(parts in prop::collection::vec((0_usize..1000, 0_usize..5), 0..12)) {
        let valid = valid();
        let text: String = parts
            .iter()
            .enumerate()
            .map(|(number, (which, place))| inside(&valid[which % valid.len()], *place, number))
            .collect();
        prop_assert_eq!(errors(&text), Vec::<String>::new(), "{}", text);
    }
}

#[test]
fn parts_that_nobody_calls() {
    assert_eq!(errors("fn check(history) { fail(\"x\"); }").len(), 1);
    assert_eq!(errors("fn chaos(x) { }").len(), 1);
    assert_eq!(errors("const OPTIONS = #{ clients: 2 };\nfn client() { sleep(1); }").len(), 1);
    fine("fn check(x) { assert(x); }\ncheck(true);");
    fine("fn setup() { }\nfn chaos() { }\nfn check() { }");
    fine("const OPTIONS = #{ clients: 2 };\nfn client(id) { sleep(1); }");
    assert_eq!(warnings("fn client(id) { sleep(1); }"), ["1:4 no client is ever started"]);
    assert_eq!(warnings("fn chekc() { }"), ["1:4 `chekc` is called by nobody"]);
    assert_eq!(warnings("fn chekc() { }\nchekc();").len(), 0);
}

#[test]
fn options_that_make_no_sense() {
    for options in
        ["#{ clients: -1 }", "#{ clients: \"x\" }", "#{ client: 2 }", "#{ recovery: \"x\" }", "#{ timeout: [] }", "5"]
    {
        let script = format!("const OPTIONS = {options};");
        assert_eq!(errors(&script).len(), 1, "{options}");
    }
    fine("const OPTIONS = #{ recovery: \"5s\", timeout: \"5m\" };");
    fine("const OPTIONS = #{ timeout: `${1 + 1}m` };");
}
