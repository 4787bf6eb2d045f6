//! Rhai's own functions: how they are called, in the words of our messages.

use super::engine;
use super::values::kind;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// How Rhai's functions of this name are called, each with its types: `split(text, character)`. None if there is none.
pub(super) fn signatures(name: &str) -> Vec<String> {
    native().get(name).into_iter().flatten().cloned().collect()
}

fn native() -> &'static BTreeMap<String, BTreeSet<String>> {
    static NATIVE: OnceLock<BTreeMap<String, BTreeSet<String>>> = OnceLock::new();
    NATIVE.get_or_init(|| {
        let functions = engine::bare().collect_fn_metadata(
            None,
            |function| {
                let types: Vec<&str> =
                    function.metadata.params_info.iter().map(|parameter| type_of(parameter)).collect();
                let name = function.metadata.name.to_string();
                Some((format!("{name}({})", types.join(", ")), name))
            },
            true,
        );
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (signature, name) in functions {
            all.entry(name).or_default().insert(signature);
        }
        all
    })
}

/// The type of a parameter in Rhai's source, `text: &mut ImmutableString`, as messages call it.
fn type_of(parameter: &str) -> &str {
    let rust = parameter.rsplit(": ").next().unwrap_or_default().trim_start_matches('&').trim_start_matches("mut ");
    match rust {
        "INT" | "i8" | "i16" | "i32" | "i64" | "i128" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => "integer",
        "FLOAT" | "f32" | "f64" => "number",
        "Dynamic" => "value",
        "ImmutableString" | "str" | "String" => "text",
        "Array" => "list",
        "Map" => "map",
        "Blob" => "blob",
        "FnPtr" => "function",
        _ if rust.contains("Range") => "range",
        other => kind(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_told_by_what_they_take() {
        assert_eq!(signatures("parse_int"), ["parse_int(text)", "parse_int(text, integer)"]);
        assert!(signatures("split").contains(&"split(text, character)".to_owned()));
        assert!(signatures("reduce").contains(&"reduce(list, function, value)".to_owned()));
        assert_eq!(signatures("nonsense"), [""; 0]);
    }
}
