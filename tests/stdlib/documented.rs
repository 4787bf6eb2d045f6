//! Every public function says what it does, what it takes, and how it is called; and the tests call it.

use blockade::script::modules;
use rhai::{Engine, FnAccess, ScriptFnMetadata};

/// With the depths that scripts may have, which are smaller by default where this is not optimized.
fn compiler() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_max_expr_depths(64, 64);
    engine
}

/// The public functions of all modules, each with its module's name.
fn each(look: impl Fn(&str, &ScriptFnMetadata)) -> usize {
    let mut count = 0;
    for (module, text) in modules() {
        let ast = compiler().compile(text).unwrap();
        for function in ast.iter_functions().filter(|f| f.access == FnAccess::Public && !f.name.contains('$')) {
            look(module, &function);
            count += 1;
        }
    }
    count
}

#[test]
fn every_public_function_says_what_it_takes_and_shows_how_it_is_called() {
    let count = each(|module, function| {
        let text = function.comments.join("\n");
        let called = format!("{module}::{function}");
        let example = text.lines().find_map(|line| line.strip_prefix("/// Example: `"));
        let example = example.unwrap_or_else(|| panic!("{called} shows no example:\n{text}"));
        assert!(example.contains(&format!("{module}::{}(", function.name)), "{called}: {example}");
        for parameter in &function.params {
            let is_told = text.contains(&format!("`{parameter}`"));
            assert!(is_told, "{called} does not say what `{parameter}` is:\n{text}");
        }
        assert!(text.lines().next().is_some_and(|line| line.len() > 15), "{called} does not say what it does");
    });
    assert!(count > 50, "{count}");
}

#[test]
fn every_example_compiles() {
    let engine = compiler();
    each(|module, function| {
        let text = function.comments.join("\n");
        let example = text.lines().find_map(|line| line.strip_prefix("/// Example: `")).unwrap();
        let script = example.split("` is `").next().unwrap().trim_end_matches('`');
        if let Err(error) = engine.compile(format!("import \"{module}\" as {module}; {script}")) {
            panic!("{module}::{}: {error}: {script}", function.name);
        }
    });
}

#[test]
fn every_public_function_is_called_by_a_test() {
    let tests = [
        include_str!("nemesis.rs"),
        include_str!("servers.rs"),
        include_str!("swarm.rs"),
        include_str!("wait.rs"),
        include_str!("../../src/script/modules/tests.rs"),
    ];
    each(|module, function| {
        let call = format!("{module}::{}(", function.name);
        assert!(tests.iter().any(|text| text.contains(&call)), "no test calls {call}…)");
    });
}
