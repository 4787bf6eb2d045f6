//! Rhai, configured: what is on, what is off, and the limits.

use super::bind;
use super::diagnose::{Raised, Uncatchable};
use super::host::Host;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage, BasicMathPackage,
    BasicStringPackage, BitFieldPackage, LanguageCorePackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine};
use std::rc::Rc;
use std::sync::Once;

/// How deep functions may call each other.
pub(super) const DEPTH_MAX: usize = 100;
const EXPRESSION_DEPTH_MAX: usize = 64;
const STRING_BYTES_MAX: usize = 16 << 20;
const ITEMS_MAX: usize = 1_000_000;

/// An engine without bindings: it compiles scripts.
pub(super) fn bare() -> Engine {
    static HASHING: Once = Once::new();
    // Printed names of closures contain hashes; they must not differ from process to process.
    HASHING.call_once(|| {
        let _ = rhai::config::hashing::set_hashing_seed(Some([1, 2, 3, 4])); // refused only if it was set before
    });
    let mut engine = Engine::new_raw();
    // The standard package without the time package, whose `timestamp()` is a clock.
    LanguageCorePackage::new().register_into_engine(&mut engine);
    ArithmeticPackage::new().register_into_engine(&mut engine);
    BasicStringPackage::new().register_into_engine(&mut engine);
    BasicIteratorPackage::new().register_into_engine(&mut engine);
    BasicFnPackage::new().register_into_engine(&mut engine);
    BitFieldPackage::new().register_into_engine(&mut engine);
    LogicPackage::new().register_into_engine(&mut engine);
    BasicMathPackage::new().register_into_engine(&mut engine);
    BasicArrayPackage::new().register_into_engine(&mut engine);
    BasicMapPackage::new().register_into_engine(&mut engine);
    MoreStringPackage::new().register_into_engine(&mut engine);
    engine.disable_symbol("eval");
    engine.set_max_call_levels(DEPTH_MAX);
    engine.set_max_expr_depths(EXPRESSION_DEPTH_MAX, EXPRESSION_DEPTH_MAX);
    engine.set_max_string_size(STRING_BYTES_MAX);
    engine.set_max_array_size(ITEMS_MAX);
    engine.set_max_map_size(ITEMS_MAX);
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
    bind::register(&mut engine, host);
    engine
}
