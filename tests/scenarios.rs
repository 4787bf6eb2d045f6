//! The scenarios that ship in `scripts/` run on the simulator: a typo in one must not wait for its first user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = fs::read_dir(folder).expect("the scripts").map(|entry| entry.expect("a script").path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "rhai")).collect()
}

#[test]
fn every_scenario_passes_on_the_simulator_whatever_the_seed() {
    let scripts = scripts();
    assert!(scripts.len() >= 5, "{scripts:?}");
    for path in scripts {
        for seed in ["1", "2", "3"] {
            let mut plan = Command::new(env!("CARGO_BIN_EXE_blockade"));
            let output = plan.arg("plan").arg(&path).args(["--seed", seed]).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{} with seed {seed}: {}\n{errors}", path.display(), output.status);
            assert!(!errors.contains("warning"), "{}: {errors}", path.display());
        }
    }
}
