//! All of it once more as an ordinary user.

use crate::skip::skip;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
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
    copy(&std::env::current_exe().unwrap(), &tests);
    copy(env!("CARGO_BIN_EXE_blockade").as_ref(), &binary);
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

#[test]
fn a_machine_without_user_namespaces_says_so_and_how_to_mend_it() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("skipped");
    // A machine in small: in a namespace of its own the limit can be set, and rights can be thrown away.
    let line =
        "echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" \"$@\"";
    let output = Command::new("unshare")
        .args(["-Ur", "sh", "-c", line])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "network::there_is_no_way_out"])
        .env("BLOCKADE_SKIPPED_FILE", &list)
        .output();
    let Ok(skipped) = fs::read_to_string(list) else {
        return skip(&format!("cannot be tried here: {output:?}"));
    };
    insta::assert_snapshot!(skipped.trim(), @"network::there_is_no_way_out: cannot create a user namespace: user namespaces are switched off (user.max_user_namespaces is 0) (`sudo sysctl user.max_user_namespaces=10000`, or run blockade as root)");
}

/// By another process: a child of a test beside this one would hold the copy open for writing, and nobody can run a
/// file that somebody writes.
fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg(from).arg(to).status().unwrap().success());
}
