//! The scenarios that ship in `scripts/` parse: a typo in one must not wait for its first user.

use std::fs;
use std::path::PathBuf;

fn scripts() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = fs::read_dir(folder).expect("the folder scripts/ is there").flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "rhai")).collect()
}

#[test]
fn every_scenario_compiles_and_has_its_cluster_file() {
    let scripts = scripts();
    assert!(scripts.len() >= 2, "{scripts:?}");
    let mut engine = rhai::Engine::new();
    engine.set_max_expr_depths(64, 64);
    for path in scripts {
        let text = fs::read_to_string(&path).unwrap();
        if let Err(error) = engine.compile(text) {
            panic!("{}: {error}", path.display());
        }
        assert!(path.with_extension("yaml").exists(), "{} has no cluster file", path.display());
    }
}
