//! A Docker daemon of a test's own, which it may stop.

use super::common::docker::{HOST, import_image};
use super::common::{skip, until};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A daemon of a test's own, in a network namespace of its own, with nothing on it but the test image.
pub struct Daemon {
    folder: TempDir,
    child: Child,
}

impl Daemon {
    /// Starts it. Where that cannot be (only root can), the running test is counted as skipped.
    pub fn start() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("only root can start a Docker daemon");
            return None;
        }
        if Command::new("dockerd").arg("--version").output().is_err() {
            skip("there is no dockerd on this machine");
            return None;
        }
        let folder = TempDir::new_in("/tmp").unwrap();
        let child = Self::spawn(folder.path());
        let mut daemon = Self { folder, child };
        daemon.answers();
        import_image(Some(&daemon.host()));
        Some(daemon)
    }

    fn spawn(folder: &Path) -> Child {
        let at = |name: &str| folder.join(name).into_os_string();
        let log = std::fs::File::options().append(true).create(true).open(folder.join("log")).unwrap();
        let mut command = Command::new("unshare");
        command.args(["--net", "dockerd", "--host"]).arg(format!("unix://{}", Self::socket(folder).display()));
        command.arg("--data-root").arg(at("data")).arg("--exec-root").arg(at("exec")).arg("--pidfile").arg(at("pid"));
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
    }

    fn socket(folder: &Path) -> PathBuf {
        folder.join("docker.sock")
    }

    /// What `DOCKER_HOST` must be.
    pub fn host(&self) -> String {
        format!("unix://{}", Self::socket(self.folder.path()).display())
    }

    fn answers(&mut self) {
        let host = self.host();
        let asked =
            || Command::new("docker").arg("version").env(HOST, &host).output().is_ok_and(|o| o.status.success());
        until("the daemon answers", || {
            let ended = self.child.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "dockerd: {ended:?}\n{}", log());
            asked()
        });
    }

    /// Ends it as its user would, and waits for that.
    pub fn stop(&mut self) {
        let _already_gone =
            rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::TERM);
        self.child.wait().unwrap();
    }

    /// Starts it again where it is.
    pub fn start_again(&mut self) {
        self.child = Self::spawn(self.folder.path());
        self.answers();
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
        // What its containers had mounted may outlive it.
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let folder = self.folder.path().to_str().unwrap();
        let points = mounts.lines().filter_map(|line| line.split(' ').nth(1)).filter(|point| point.starts_with(folder));
        for point in points.collect::<Vec<_>>().into_iter().rev() {
            let _ = Command::new("umount").args(["-l", point]).status();
        }
    }
}
