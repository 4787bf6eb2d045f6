//! The files that a script needs beside itself: what it imports, what that imports, and so on.

use super::names::Names;
use crate::diagnostic::Diagnostic;
use crate::script::diagnose::Source;
use crate::script::{Script, modules};
use crate::{Result, text};
use rhai::Position;
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// So many files are taken where a name does not tell which one, the nearest first.
const GUESSED_MAX: usize = 200;
/// In so many folders they are looked for.
const FOLDERS_MAX: usize = 200;

/// The modules that a text needs, by their paths as they are looked for: `path` is what errors call it, `importer` the
/// script beside which they are. Where an import's name is none that is written, all scripts beside whoever imports, and
/// below, may be meant. What does not compile or cannot be read imports nothing: whoever runs the script says so.
///
/// # Errors
/// An import by an absolute path, which means nothing on another machine.
pub fn imported(path: &str, importer: &str, text: &str) -> Result<Vec<PathBuf>> {
    let mut found = Found { files: Vec::new(), seen: BTreeSet::from([modules::identity(importer)]) };
    let source = Source { path: path.to_owned(), text: text.to_owned() };
    let mut open = vec![Open { importer: importer.to_owned(), source, is_certain: true }];
    while let Some(Open { importer, source, is_certain }) = open.pop() {
        let names = names(&source);
        for (name, position) in &names.written {
            if is_certain && Path::new(name).has_root() {
                return Err(rooted(&source, name, *position).into());
            }
            if let Ok(Some(module)) = modules::find(name, &importer) {
                open.extend(found.take(module, is_certain));
            }
        }
        if names.is_any_computed {
            open.extend(scripts_near(&importer).into_iter().filter_map(|module| found.take(module, false)));
        }
    }
    Ok(found.files)
}

/// A text whose imports are to be looked at.
struct Open {
    importer: String,
    source: Source,
    /// Whether it is imported for certain.
    is_certain: bool,
}

/// What has been found so far.
struct Found {
    files: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
}

impl Found {
    /// One more; none where it is known, or the standard library's.
    fn take(&mut self, module: Source, is_certain: bool) -> Option<Open> {
        let is_new = !modules::is_stdlib(&module.path) && self.seen.insert(modules::identity(&module.path));
        is_new.then(|| {
            self.files.push(PathBuf::from(&module.path));
            Open { importer: module.path.clone(), source: module, is_certain }
        })
    }
}

/// The scripts in the folder of this one and below, the nearest first. Folders whose names begin with a dot are passed
/// over: blockade's own copies lie in such a one.
fn scripts_near(importer: &str) -> Vec<Source> {
    let folder = Path::new(importer).parent().unwrap_or(Path::new("")).to_path_buf();
    let (mut folders, mut looked, mut found) = (VecDeque::from([folder]), 0, Vec::new());
    while let Some(folder) = folders.pop_front().filter(|_| looked < FOLDERS_MAX && found.len() < GUESSED_MAX) {
        looked += 1;
        let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
        let entries = std::fs::read_dir(here).into_iter().flatten().flatten();
        let mut entries: Vec<_> =
            entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')).collect();
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = folder.join(entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push_back(path);
            } else if path.extension().is_some_and(|ending| ending == "rhai")
                && let Ok(text) = text::read("the module", &path)
            {
                found.push(Source { path: path.display().to_string(), text });
            }
        }
    }
    found.truncate(GUESSED_MAX);
    found
}

fn rooted(source: &Source, name: &str, position: Position) -> Diagnostic {
    source
        .diagnostic(position, format!("the module {name:?} is imported by an absolute path, which is not sent"))
        .label("a path of this machine")
        .help("name it from the script's folder, as in `import \"lib/a\" as a`: such modules are sent along")
}

fn names(source: &Source) -> Names {
    let ast = Script::compile(&source.path, &source.text).and_then(|script| script.as_written());
    ast.map(|ast| Names::of(&ast)).unwrap_or_default()
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
        let text = "import \"lib/a\" as a; import \"nothing\" as n; \n\
                    fn chaos() { task(|| { import \"late\" as late; }); }";
        write("late.rhai", "");
        let script = write("s.rhai", text);
        let found = imported(&script, &script, text).unwrap();
        let mut names: Vec<String> =
            found.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect();
        names.sort();
        assert_eq!(names, ["late.rhai", "lib/a.rhai", "lib/b.rhai", "lib/c.rhai"]);
        assert!(imported("x.rhai", "x.rhai", "import \"lib/a\" (").unwrap().is_empty());
    }

    #[test]
    fn a_name_that_only_a_run_knows_may_mean_any_script_nearby() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["h.rhai", "lib/deep/i.rhai", ".blockade/runs/1/script.rhai", "notes.txt", "s.rhai"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "import \"/not/certain\" as n;").unwrap();
        }
        let script = folder.path().join("s.rhai").display().to_string();
        for text in ["const M = \"h\"; import M as h;", "fn f(x) { import `lib/${x}` as y; }"] {
            let found = imported(&script, &script, text).unwrap();
            let mut names: Vec<_> = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
            names.sort();
            assert_eq!(names, ["h.rhai", "lib/deep/i.rhai"].map(Path::new), "{text}");
        }
    }

    #[test]
    fn an_absolute_path_is_refused_where_it_stands() {
        let text = "fn chaos() {\n  import \"/abs/lib/h\" as h;\n}";
        let error = imported("c/c.rhai", "s.rhai", text).unwrap_err();
        insta::assert_snapshot!(error.rendered(false), @r##"
        error: the module "/abs/lib/h" is imported by an absolute path, which is not sent
         --> c/c.rhai:2:10
          |
        2 |   import "/abs/lib/h" as h;
          |          ^ a path of this machine
          |
        help: name it from the script's folder, as in `import "lib/a" as a`: such modules are sent along
        "##);
    }
}
