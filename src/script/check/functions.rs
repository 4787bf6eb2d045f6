//! The functions that a script can call: its own, ours, Rhai's and those of the modules that it imports.

use super::Unit;
use super::keys::Keys;
use super::walk::{Call, Piece};
use crate::script::engine;
use crate::script::modules::{self, path_of};
use crate::script::reference::doc_comments::{self, Documented};
use crate::script::table::BUILTINS;
use rhai::{Expr, Stmt};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::OnceLock;

/// With how many arguments a function may be called, a bit for each number.
type Counts = u64;

/// What Rhai itself understands, with any number of arguments.
const KEYWORDS: [&str; 7] = ["Fn", "call", "curry", "type_of", "is_shared", "is_def_fn", "is_def_var"];

/// Ours and Rhai's.
fn native() -> &'static BTreeMap<String, Counts> {
    static NATIVE: OnceLock<BTreeMap<String, Counts>> = OnceLock::new();
    NATIVE.get_or_init(|| {
        let mut all: BTreeMap<String, Counts> = KEYWORDS.iter().map(|name| ((*name).to_owned(), Counts::MAX)).collect();
        let rhais = engine::bare().collect_fn_metadata(
            None,
            |function| Some((function.metadata.name.to_string(), function.metadata.num_params)),
            true,
        );
        let ours = BUILTINS.iter().map(|builtin| (builtin.name.to_owned(), builtin.parameters().count()));
        for (name, count) in rhais.into_iter().chain(ours) {
            *all.entry(name).or_default() |= 1 << count;
        }
        all
    })
}

/// How a call fits what there is.
pub(super) enum Fit {
    /// It does, or only a run can know.
    Fits,
    /// There is no such function.
    Unknown,
    /// There is one, but it takes other numbers of arguments.
    Count,
}

/// All functions that a script can call.
pub(super) struct Functions<'a> {
    own: BTreeMap<&'a str, Counts>,
    /// The path of the module that `import "…" as alias` means, by alias; `None` where only a run can know.
    imports: BTreeMap<&'a str, Option<String>>,
    /// What the modules offer, by path: those that are there and compile.
    modules: BTreeMap<String, Vec<Documented>>,
    keys: Rc<Keys<'a>>,
}

impl<'a> Functions<'a> {
    /// Those of the text at this path. `keys` are those of its whole program.
    pub(super) fn new(units: &[Unit<'a>], path: &str, keys: Rc<Keys<'a>>) -> Self {
        let mut all = Self { own: BTreeMap::new(), imports: BTreeMap::new(), modules: BTreeMap::new(), keys };
        for unit in units {
            if let Some(name) = unit.name {
                *all.own.entry(name).or_default() |= 1 << unit.params.len();
            }
            unit.pieces().for_each(|piece| piece.each(&mut |piece| all.learn(piece, path)));
        }
        all
    }

    fn learn(&mut self, piece: Piece<'a>, path: &str) {
        if let Piece::Stmt(Stmt::Import(of, _)) = piece {
            self.import(&of.0, of.1.name.as_str(), path);
        }
    }

    fn import(&mut self, path: &'a Expr, alias: &'a str, script: &str) {
        let path = match path {
            Expr::StringConstant(name, _) => Some(path_of(name, Some(script))),
            _ => None,
        };
        // What two imports call the same is known only where it is used.
        let known = self.imports.entry(alias).or_insert_with(|| path.clone());
        if *known != path {
            *known = None;
        }
        let Some(path) = path.filter(|path| !self.modules.contains_key(path)) else { return };
        let offered = modules::source(&path).and_then(|module| doc_comments::functions(&path, &module.text).ok());
        self.modules.extend(offered.map(|offered| (path, offered)));
    }

    /// Whether the script has a function of this name.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.own.contains_key(name)
    }

    /// Whether a call is one of ours: the script has no function of the name, it is in no module, and in no map.
    pub(super) fn is_builtin(&self, call: Call<'_>) -> bool {
        let may_be_maps = call.method && (self.may_be_key(call.name()) || self.may_be_unseen());
        call.module().is_none() && !self.is_own(call.name()) && !may_be_maps
    }

    /// Whether it is a function of Rhai's or ours.
    pub(super) fn is_native(name: &str) -> bool {
        native().contains_key(name)
    }

    /// Whether a value stored under a key could be what is called like a method.
    pub(super) fn may_be_key(&self, name: &str) -> bool {
        self.keys.has(name)
    }

    /// Whether a method that nobody knows may be in a map all the same.
    pub(super) fn may_be_unseen(&self) -> bool {
        self.keys.may_be_unseen()
    }

    /// Whether an alias was imported.
    pub(super) fn is_imported(&self, alias: &str) -> bool {
        self.imports.contains_key(alias)
    }

    /// What is imported: the alias, and the module's path.
    pub(super) fn imports(&self) -> impl Iterator<Item = (&'a str, &str)> {
        self.imports.iter().filter_map(|(alias, path)| Some((*alias, path.as_deref()?)))
    }

    /// The path of the module that an alias stands for, and its functions, where they are known.
    pub(super) fn of_module(&self, alias: &str) -> Option<(&str, &[Documented])> {
        let (path, functions) = self.modules.get_key_value(self.imports.get(alias)?.as_ref()?)?;
        Some((path, functions))
    }

    /// How a call without a module fits.
    pub(super) fn fit(&self, call: Call<'_>) -> Fit {
        let (name, count) = (call.name(), call.expr.args.len());
        let own = self.own.get(name).copied().unwrap_or_default();
        let native = native().get(name).copied().unwrap_or_default();
        // What stands before the dot is `this` of a script's function, and the first argument of all others.
        let fits = has(own, count) || has(native, count + usize::from(call.method));
        match own | native {
            _ if fits || call.method && self.may_be_key(name) => Fit::Fits,
            0 => Fit::Unknown,
            _ => Fit::Count,
        }
    }

    /// The numbers of arguments that Rhai's function of this name takes.
    pub(super) fn native_counts(name: &str) -> Vec<usize> {
        let counts = native().get(name).copied().unwrap_or_default();
        (0..Counts::BITS as usize).filter(|count| has(counts, *count)).collect()
    }
}

/// Whether this number of arguments is one of these.
fn has(counts: Counts, count: usize) -> bool {
    u32::try_from(count).ok().and_then(|count| counts.checked_shr(count)).is_some_and(|rest| rest & 1 == 1)
}
