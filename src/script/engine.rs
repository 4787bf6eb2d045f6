//! Rhai, configured: what is on, what is off, and the limits.

use super::bind;
use super::diagnose::{Definite, Raised, Uncatchable};
use super::host::Host;
use super::modules::Modules;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, BitFieldPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, Position, def_package};
use std::rc::Rc;
use std::sync::Once;

/// How deep functions may call each other.
pub(super) const DEPTH_MAX: usize = 100;
const EXPRESSION_DEPTH_MAX: usize = 64;
/// Of one value, all the texts in it together.
pub(super) const STRING_BYTES_MAX: usize = 32 << 20;
const ITEMS_MAX: usize = 1_000_000;

def_package! {
    /// Rhai's standard package without the time package, whose `timestamp()` is a clock. One package: Rhai looks for a
    /// function in each that it has, and again for each argument that may be of any type.
    Standard(module):
        LanguageCorePackage,
        ArithmeticPackage,
        BasicStringPackage,
        BasicIteratorPackage,
        BasicFnPackage,
        BitFieldPackage,
        LogicPackage,
        BasicMathPackage,
        BasicArrayPackage,
        BasicMapPackage,
        MoreStringPackage
    {}
}

thread_local! {
    /// To make it takes a hundred times as long as to share it.
    static STANDARD: Standard = Standard::new();
}

/// An engine without bindings: it compiles scripts.
pub(super) fn bare() -> Engine {
    static HASHING: Once = Once::new();
    // Printed names of closures contain hashes; they must not differ from process to process.
    HASHING.call_once(|| {
        let _ = rhai::config::hashing::set_hashing_seed(Some([1, 2, 3, 4])); // refused only if it was set before
    });
    let mut engine = Engine::new_raw();
    STANDARD.with(|standard| {
        standard.register_into_engine(&mut engine);
    });
    engine.disable_symbol("eval");
    engine.set_max_call_levels(DEPTH_MAX);
    engine.set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX);
    engine.set_max_string_size(STRING_BYTES_MAX);
    engine.set_max_array_size(ITEMS_MAX);
    engine.set_max_map_size(ITEMS_MAX);
    engine.set_module_resolver(Modules::default());
    engine
}

/// An engine that runs scripts on this host.
pub(super) fn bound(host: &Rc<Host>) -> Engine {
    let mut engine = bare();
    let watcher = Rc::clone(host);
    engine.on_progress(move |operations| watcher.progress(operations).map(|error| Dynamic::from(Uncatchable(error))));
    let printer = Rc::clone(host);
    engine.on_print(move |text| {
        // A journal that cannot take it shows at the next call that can return an error.
        drop(printer.record(crate::engine::EventBody::Note { message: text.to_owned() }));
    });
    engine.on_debug(|_, _, _| {});
    engine.register_type_with_name::<Raised>("Error");
    engine.register_fn("to_string", |raised: &mut Raised| raised.0.to_string());
    engine.register_get("message", |raised: &mut Raised| raised.0.message.clone());
    engine.register_type_with_name::<Definite>("Error");
    engine.register_fn("to_string", |definite: &mut Definite| definite.0.to_string());
    engine.register_get("message", |definite: &mut Definite| definite.0.message.clone());
    bind::register(&mut engine, host);
    engine
}

/// A variable that a call holds is an error where it is looked at: of Rhai's own nobody learns the place. To look before
/// every use costs time, so that it is for texts in which a call may hold a variable.
pub(super) fn look_before_use(engine: &mut Engine) {
    #[allow(deprecated, reason = "it is not deprecated but volatile, as its own documentation says")]
    engine.on_var(|name, index, context| {
        let scope = context.scope();
        let value = match index {
            0 => scope.get(name),
            index => scope.iter_raw().nth(index - 1).map(|(_, _, value)| value), // the latest comes first
        };
        if value.is_some_and(|value| value.is_shared() && value.is_locked()) {
            Err(EvalAltResult::ErrorDataRace(name.to_owned(), Position::NONE).into())
        } else {
            Ok(None)
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::host::{HostSettings, Interrupt};
    use super::super::table::BUILTINS;
    use super::*;
    use crate::cluster::{Cluster, Nowhere, Variables};
    use crate::engine::{Clock, Command, Job, Port, Recorder, Reply, ready};
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;
    use std::sync::Arc;

    /// Rhai prefers a function for exactly the types given to one of ours for any type. Of its `sleep` every type has
    /// one of ours against it; its `start` takes only ranges.
    const SHADOWED: [&str; 2] = ["sleep", "start"];

    struct Nobody;

    impl Port for Nobody {
        fn call(&self, _: &str, _: Command) -> Job<Reply> {
            ready(Ok(Reply::Done))
        }
    }

    fn cluster() -> Cluster {
        let params = BTreeMap::new();
        let variables =
            Variables { name: "test", seed: 1, params: &params, env: &|_| None, kind: None, surroundings: &Nowhere };
        crate::cluster::load(Path::new("c.yaml"), "nodes: { n1: }", &variables).unwrap()
    }

    fn host() -> Rc<Host> {
        let clock = Arc::new(Clock::simulated());
        let recorder = Arc::new(Recorder::new(Arc::clone(&clock), Vec::new()));
        Rc::new(Host::new(HostSettings {
            cluster: Arc::new(cluster()),
            port: Arc::new(Nobody),
            clock,
            recorder,
            interrupt: Arc::new(Interrupt::default()),
            seed: 1,
            params: BTreeMap::new(),
            verify: false,
        }))
    }

    /// Every function that scripts of this engine can call: its name and its number of arguments.
    fn functions(engine: &Engine) -> BTreeSet<(String, usize)> {
        let json = engine.gen_fn_metadata_to_json(true).unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let functions = json["functions"].as_array().unwrap().iter();
        functions
            .map(|f| (f["name"].as_str().unwrap().to_owned(), f["numParams"].as_u64().unwrap() as usize))
            .filter(|(name, _)| name.starts_with(|c: char| c.is_alphabetic()) && !name.contains('$'))
            .collect()
    }

    fn table() -> BTreeSet<(String, usize)> {
        let arguments = |signature: &str| signature.split_once("()").map_or(signature.matches(", ").count() + 1, |_| 0);
        BUILTINS.iter().map(|builtin| (builtin.name.to_owned(), arguments(builtin.signature))).collect()
    }

    #[test]
    fn the_table_lists_exactly_the_functions_that_are_registered() {
        let rhais = functions(&bare());
        let ours: BTreeSet<_> = functions(&bound(&host()))
            .into_iter()
            .filter(|(name, _)| !rhais.iter().any(|(rhai, _)| rhai == name) || SHADOWED.contains(&name.as_str()))
            .filter(|(name, _)| name != "to_string" && name != "to_debug")
            .collect();
        let missing: Vec<_> = ours.difference(&table()).cloned().collect();
        let dead: Vec<_> = table().difference(&ours).cloned().collect();
        assert!(missing.is_empty() && dead.is_empty(), "not in the table: {missing:?}; not registered: {dead:?}");
    }

    #[test]
    fn no_function_of_rhai_stands_before_one_of_ours() {
        let ours: BTreeSet<String> = table().into_iter().map(|(name, _)| name).collect();
        let shadows: Vec<_> =
            functions(&bare()).into_iter().map(|(name, _)| name).filter(|name| ours.contains(name)).collect();
        assert_eq!(shadows, SHADOWED);
    }
}
