//! A cluster that is up, and gone with the test.

use super::common::{Ended, Place};
use std::time::{Duration, Instant};

/// Longer than anything here may take; only a failing test waits for it.
const LONG: Duration = Duration::from_secs(20);

/// Three nodes with addresses that no machine's routes change.
const CLUSTER: &str = "
network: { subnet: 10.9.0.0/24 }
nodes:
  n1: { command: sh -c 'echo one; echo two; exec sleep infinity' }
  n2: { command: sleep infinity }
  n3: { command: sleep infinity }
";

/// A place where the cluster `c1` is up, on whatever runtime.
pub struct Up {
    pub place: Place,
}

impl Up {
    pub fn on(runtime: &str) -> Self {
        let place = place();
        place.blockade(&["-n", "c1", "up", "--runtime", runtime]).with(0);
        Self { place }
    }

    /// A one-shot command on it.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.place.blockade(&[&["-n", "c1"], args].concat())
    }

    /// What a command that succeeds prints.
    pub fn says(&self, args: &[&str]) -> String {
        self.run(args).with(0).stdout
    }

    /// The supervisor's process id.
    pub fn supervisor(&self) -> rustix::process::Pid {
        let state: serde_json::Value =
            serde_json::from_str(&self.place.read(".blockade/clusters/c1/state.json")).unwrap();
        rustix::process::Pid::from_raw(i32::try_from(state["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }

    /// Ends the supervisor as nothing can refuse, and waits until it is gone.
    pub fn kill_supervisor(&self) {
        let pid = self.supervisor();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        until(|| is_gone(pid));
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        if self.place.path().join(".blockade/clusters/c1").exists() {
            self.place.blockade(&["-n", "c1", "destroy"]);
        }
    }
}

/// A place with a cluster file and nothing up.
pub fn place() -> Place {
    let place = Place::new();
    place.write("blockade.yaml", CLUSTER);
    place
}

/// Of a cluster that is gone, nothing but the audit trail stays.
pub fn only_the_trail_is_left(place: &Place) {
    let names = |folder: &str| -> Vec<_> {
        let entries = std::fs::read_dir(place.path().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    assert_eq!((names(".blockade"), names(".blockade/audit")), (vec!["audit".into()], vec!["c1.jsonl".into()]));
}

/// Whether a process has ended; whose parent is gone leaves a zombie to an init that may be slow.
pub fn is_gone(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

/// Waits until it holds; fails if it never does.
pub fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "never happened");
        std::thread::sleep(Duration::from_millis(5));
    }
}
