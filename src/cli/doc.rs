//! `blockade doc`: the functions of the script API, from the table that diagnostics read too.

use super::report;
use crate::diagnostic::nearest;
use crate::script::BUILTINS;
use crate::{Error, Result};

/// Prints all functions, or one.
pub(super) fn main(function: Option<&str>) -> Result<()> {
    let wanted = |name: &str| function.is_none_or(|function| function == name);
    let mut found = BUILTINS.iter().filter(|builtin| wanted(builtin.name)).peekable();
    if found.peek().is_none() {
        let name = function.unwrap_or_default();
        let near = nearest(name, BUILTINS.iter().map(|builtin| builtin.name));
        let help =
            near.map_or_else(|| "`blockade doc` lists them all".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Error::usage(format!("there is no function `{name}`")).help(help));
    }
    for builtin in found {
        report::line(&format!("{:<38} {}", builtin.signature, builtin.summary));
    }
    Ok(())
}
