//! A real Docker for tests: whether there is one, and an image made here, without a registry.
//!
//! Through the `docker` program alone: what the tests see must not come from the code that they test.

#![allow(clippy::unwrap_used, reason = "a machine that cannot even this fails the test")]

use super::{Ended, ended, skip};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Where `docker` and `blockade` find the daemon, if they are told.
pub const HOST: &str = "DOCKER_HOST";

/// An image with busybox and `talker` (see `tests/docker/talker.rs`); without a command it waits and obeys SIGTERM.
pub const IMAGE: &str = "blockade-test:1";

const TALKER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/docker/talker.rs");

/// What the image runs when nobody says what. As PID 1 it must ask for its end.
const HOLD: &str = "#!/bin/sh\ntrap 'exit 0' TERM INT\nwhile :; do sleep 3600 & wait; done\n";

/// Runs `docker`, however it ends.
pub fn try_docker(args: &[&str]) -> Ended {
    ended(Command::new("docker").args(args).stdin(Stdio::null()).output().expect("docker runs"))
}

/// What a `docker` command that succeeds prints, without the last line's end.
pub fn docker(args: &[&str]) -> String {
    let ended = try_docker(args);
    assert_eq!(ended.code, 0, "docker {args:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout.trim_end().to_owned()
}

/// Whether Docker can be had, and the test image with it. Where not, the running test says so and is counted as
/// skipped.
pub fn daemon() -> bool {
    static LACKS: OnceLock<Option<String>> = OnceLock::new();
    let lacks = LACKS.get_or_init(|| {
        let asked = Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output();
        match asked {
            Err(error) => Some(format!("docker: {error}")),
            Ok(output) if !output.status.success() => Some(ended(output).stderr.trim_end().to_owned()),
            Ok(_) => {
                import_image(None);
                None
            }
        }
    });
    if let Some(reason) = lacks {
        skip(reason);
    }
    lacks.is_none()
}

/// Makes the test image, without a registry; with the `talker` that `BLOCKADE_TALKER` names, where there is one.
pub fn import_image(host: Option<&str>) {
    let folder = TempDir::new().unwrap();
    let root = folder.path().join("root");
    for inside in ["bin", "etc", "tmp", "proc", "sys", "dev"] {
        std::fs::create_dir_all(root.join(inside)).unwrap();
    }
    sh(&format!("cp \"$(command -v busybox)\" {0}/bin && chmod 1777 {0}/tmp", root.display()));
    let listed = ended(Command::new("busybox").arg("--list").output().expect("busybox runs")).stdout;
    for name in listed.lines().filter(|name| *name != "busybox") {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).unwrap();
    }
    std::fs::write(root.join("bin/hold"), HOLD).unwrap();
    std::fs::write(root.join("etc/passwd"), "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n").unwrap();
    sh(&format!("chmod 755 {}/bin/hold", root.display()));
    let talker = root.join("bin/talker");
    if let Some(built) = std::env::var_os("BLOCKADE_TALKER") {
        std::fs::copy(built, talker).unwrap();
    } else {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        sh(&format!("{rustc} --edition 2021 -O -C target-feature=+crt-static -o {} {TALKER}", talker.display()));
    }
    let host = host.map(|host| format!("{HOST}={host}")).unwrap_or_default();
    let tar = format!("tar --numeric-owner --owner 0 --group 0 -C {} -c .", root.display());
    sh(&format!("{tar} | {host} docker import -c 'CMD [\"/bin/hold\"]' - {IMAGE}"));
}

fn sh(line: &str) {
    let ended = ended(Command::new("sh").args(["-c", line]).output().expect("sh runs"));
    assert_eq!(ended.code, 0, "{line}: {}", ended.stderr);
}

/// The daemon's socket.
pub fn socket() -> String {
    let host = std::env::var(HOST).unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
    host.trim_start_matches("unix://").to_owned()
}

/// The group of the daemon's socket.
pub fn group() -> u32 {
    std::fs::metadata(socket()).map_or(0, |socket| socket.gid())
}
