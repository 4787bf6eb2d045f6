//! All of it once more as an ordinary user.

use crate::skip::skip;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// An id that owns nothing on any machine.
const NOBODY: u32 = 65534;

#[test]
fn everything_holds_for_an_ordinary_user() {
    if !rustix::process::geteuid().is_root() {
        // Then all the other tests have just shown it.
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let (tests, binary) = (folder.path().join("tests"), folder.path().join("blockade"));
    fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_blockade"), &binary).unwrap();
    let output = Command::new(tests)
        .arg("--test-threads=4")
        .env("BLOCKADE_BINARY", binary)
        .env("TMPDIR", folder.path())
        .env("BLOCKADE_SKIPPED_FILE", folder.path().join("skipped"))
        .current_dir(folder.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("running 0 tests"), "{text}");
    // What only root can do has been tried by root.
    let skipped = fs::read_to_string(folder.path().join("skipped")).unwrap_or_default();
    for line in skipped.lines().filter(|line| !line.contains("only root")) {
        skip(&format!("as an ordinary user: {line}"));
    }
}
