//! A module's functions run among the module's own functions, imports and constants, and its callers' closures among
//! the callers'.
//!
//! Rhai alone mixes them: it adds a module's functions to those of its caller and remembers by name which one it found,
//! so that a helper in the script and one of the same name in a module take each other's place.

use rhai::{
    AST, Array, Dynamic, Engine, EvalAltResult, FnAccess, FnPtr, FuncRegistration, GlobalRuntimeState, Map, Module,
    NativeCallContext, RhaiFunc, Shared,
};
use std::any::TypeId;
use std::rc::Rc;

/// What closures are called outside the text that they come from: Rhai's own names for them are not allowed there.
pub(in crate::script) const CLOSURE: &str = "closure_of_another_script";

type Outcome = Result<Dynamic, Box<EvalAltResult>>;

/// The public face of a module whose body has run.
pub(super) fn enclose(engine: &Engine, module: Module, ast: &AST) -> Module {
    let module = Shared::from(module);
    let home = at_home(engine.new_global_runtime_state(), &module);
    let mut face = Module::new();
    face.set_id(module.id().unwrap_or_default());
    for (name, value) in module.iter_var() {
        face.set_var(name, carried(value.clone(), &home));
    }
    for function in ast.iter_functions() {
        if function.access == FnAccess::Public && !function.name.contains('$') {
            expose(&mut face, &module, function.name, function.params.len());
        }
    }
    face.build_index();
    face
}

fn expose(face: &mut Module, module: &Shared<Module>, name: &str, arguments: usize) {
    let (home, function) = (Shared::clone(module), name.to_owned());
    let call = move |context: Option<NativeCallContext>, arguments: &mut [&mut Dynamic]| -> Outcome {
        let context = context.ok_or("a function of a module is called without a context")?;
        call(&context, &home, &function, arguments)
    };
    let function = RhaiFunc::Pure { func: Rc::new(call), has_context: true, is_pure: true, is_volatile: true };
    FuncRegistration::new(name).set_into_module_raw(face, vec![TypeId::of::<Dynamic>(); arguments], function);
}

fn call(
    context: &NativeCallContext,
    module: &Shared<Module>,
    function: &str,
    arguments: &mut [&mut Dynamic],
) -> Outcome {
    let caller = context.global_runtime_state();
    for argument in &mut *arguments {
        **argument = carried(std::mem::take(*argument), caller);
    }
    let home = at_home(caller.clone(), module);
    let result = within(context, &home).call_fn_raw(function, false, false, arguments)?;
    Ok(carried(result, &home))
}

/// The state of a call (its depth, its operations), where only this module's functions are known.
fn at_home(mut state: GlobalRuntimeState, module: &Shared<Module>) -> GlobalRuntimeState {
    state.truncate_imports(0);
    state.lib = [Shared::clone(module)].into_iter().collect();
    state.constants = None;
    state.source = module.id().map(Into::into);
    state.always_search_scope = false;
    state
}

fn within<'a>(context: &'a NativeCallContext<'a>, state: &'a GlobalRuntimeState) -> NativeCallContext<'a> {
    let (engine, name, position) = (context.engine(), context.fn_name(), context.call_position());
    NativeCallContext::new_with_all_fields(engine, name, state.source(), state, position)
}

/// A value on its way into or out of a module: functions in it go on running where they come from.
fn carried(value: Dynamic, from: &GlobalRuntimeState) -> Dynamic {
    let mut value = value.flatten();
    if value.is_fnptr() {
        return value.clone().try_cast::<FnPtr>().and_then(|function| bound(function, from.clone())).unwrap_or(value);
    }
    if let Some(mut list) = value.write_lock::<Array>() {
        list.iter_mut().for_each(|item| carry(item, from));
    } else if let Some(mut map) = value.write_lock::<Map>() {
        map.values_mut().for_each(|item| carry(item, from));
    }
    value
}

fn carry(item: &mut Dynamic, from: &GlobalRuntimeState) {
    if item.is_fnptr() || item.is_array() || item.is_map() || item.is_shared() {
        *item = carried(std::mem::take(item), from);
    }
}

/// A function that runs where it comes from, whoever calls it.
#[allow(deprecated, reason = "Rhai itself says: not deprecated, but volatile")]
fn bound(function: FnPtr, home: GlobalRuntimeState) -> Option<Dynamic> {
    let name = if function.is_anonymous() { CLOSURE } else { function.fn_name() }.to_owned();
    let call = move |context: NativeCallContext, arguments: &mut [&mut Dynamic]| -> Outcome {
        let (mut state, caller) = (home.clone(), context.global_runtime_state());
        (state.level, state.num_operations) = (caller.level, caller.num_operations);
        let this = usize::from(takes_this(&function, &home, arguments.len()));
        let (this, arguments) = arguments.split_at_mut(this);
        // Who calls may try again with other arguments: these stay as they are.
        let arguments: Vec<Dynamic> = arguments.iter().map(|argument| (*argument).clone()).collect();
        let outcome = function.call_raw(&within(&context, &state), this.first_mut().map(|this| &mut **this), arguments);
        outcome.map_err(|error| renamed(error, function.fn_name()))
    };
    FnPtr::from_fn(name, call).ok().map(Dynamic::from)
}

/// Whether the first argument is what a script's function is called on. `map.function()` hands the map to one of ours
/// like any other argument.
fn takes_this(function: &FnPtr, home: &GlobalRuntimeState, arguments: usize) -> bool {
    let takes = |count| home.lib.iter().any(|lib| lib.get_script_fn(function.fn_name(), count).is_some());
    let given = function.curry().len() + arguments;
    arguments > 0 && !takes(given) && takes(given - 1)
}

/// Rhai tries other numbers of arguments (`map` and the like add an index) where it sees that none of this name took
/// those that it gave.
#[allow(clippy::unnecessary_box_returns, reason = "Rhai's functions return their errors boxed")]
fn renamed(mut error: Box<EvalAltResult>, name: &str) -> Box<EvalAltResult> {
    if let EvalAltResult::ErrorFunctionNotFound(call, _) = &mut *error
        && name.contains('$')
        && let Some(arguments) = call.strip_prefix(name)
    {
        *call = format!("{CLOSURE}{arguments}");
    }
    error
}
