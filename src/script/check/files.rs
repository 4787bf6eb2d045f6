//! The files that a script needs beside itself: what it imports, what that imports, and so on.

use super::names;
use crate::script::diagnose::Source;
use crate::script::{Script, modules};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Those of a script, by their paths as they are looked for; `text` is the script's at `path`. What does not compile or
/// cannot be read imports nothing: whoever runs the script says so.
#[must_use]
pub fn imported(path: &str, text: &str) -> Vec<PathBuf> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::from([modules::identity(path)]));
    let mut open = vec![Source { path: path.to_owned(), text: text.to_owned() }];
    while let Some(source) = open.pop() {
        for name in of(&source) {
            let Ok(Some(module)) = modules::find(&name, &source.path) else { continue };
            if !modules::is_stdlib(&module.path) && seen.insert(modules::identity(&module.path)) {
                found.push(PathBuf::from(&module.path));
                open.push(module);
            }
        }
    }
    found
}

/// The modules that a text imports by a name that is written in it.
fn of(source: &Source) -> Vec<String> {
    let ast = Script::compile(&source.path, &source.text).and_then(|script| script.as_written());
    ast.map(|ast| names(&ast)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_imported_is_found_wherever_it_is_imported_from() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        write(
            "lib/a.rhai",
            "import \"b\" as b; import \"../s\" as circle; fn f() { if 1 > 2 { import \"c.rhai\" as c; } }",
        );
        write("lib/b.rhai", "import \"wait\" as wait; fn g() {}");
        write("lib/c.rhai", "this is no script (");
        let text = "import \"lib/a\" as a; import \"nothing\" as n; let x = \"b\"; import x as y;\n\
                    fn chaos() { task(|| { import \"late\" as late; }); }";
        write("late.rhai", "");
        let script = write("s.rhai", text);
        let found = imported(&script, text);
        let mut names: Vec<String> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        names.sort();
        assert_eq!(names, ["late.rhai", "lib/a.rhai", "lib/b.rhai", "lib/c.rhai"]);
        assert!(imported("x.rhai", "import \"lib/a\" (").is_empty());
    }
}
