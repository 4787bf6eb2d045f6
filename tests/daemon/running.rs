//! A daemon that runs, and is gone with the test.

use super::common::{Place, until};
use super::http::{Address, Answer, raw, request};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

/// Three nodes with addresses that no machine's routes change.
pub const CLUSTER: &str = "
network: { subnet: 10.9.0.0/24 }
nodes:
  n1: { command: sh -c 'echo one; echo two; exec sleep infinity' }
  n2: { command: sleep infinity }
  n3: { command: sleep infinity }
";

pub struct Running {
    pub place: Place,
    pub address: Address,
    pub token: Option<String>,
    args: Vec<String>,
    child: Child,
}

impl Running {
    /// On its socket, in a folder with a cluster file and nothing up.
    pub fn new() -> Self {
        Self::among(place(), &[])
    }

    /// On loopback, with a token.
    pub fn on_tcp() -> Self {
        Self::among(place(), &["--listen", "127.0.0.1:0"])
    }

    /// On loopback, with a token and a certificate of its own.
    pub fn on_tls() -> Self {
        Self::among(place(), &["--listen", "127.0.0.1:0", "--tls"])
    }

    /// On its socket, where the cluster `c1` is up.
    pub fn with_cluster(runtime: &str) -> Self {
        Self::with_cluster_on(&[], runtime)
    }

    /// The same, where its arguments say that it listens.
    pub fn with_cluster_on(args: &[&str], runtime: &str) -> Self {
        let running = Self::among(place(), args);
        running.place.blockade(&["-n", "c1", "up", "--runtime", runtime]).with(0);
        running
    }

    pub fn among(place: Place, args: &[&str]) -> Self {
        let (child, address) = start(&place, args);
        let token = match &address {
            Address::Tcp(_) | Address::Tls(..) if !args.contains(&"--token-file") => {
                Some(place.read(".blockade/daemon.token").trim_end().to_owned())
            }
            _ => None,
        };
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self { place, address, token, args, child }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// The process that looks after the cluster `c1`.
    pub fn supervisor(&self) -> Pid {
        let state: Value = serde_json::from_str(&self.place.read(".blockade/clusters/c1/state.json")).unwrap();
        Pid::from_raw(i32::try_from(state["pid"].as_i64().unwrap()).unwrap()).unwrap()
    }

    /// What it holds of the machine's memory.
    pub fn memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid().as_raw_nonzero())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Ends it by a signal, and gives its exit code.
    pub fn end(&mut self, signal: Signal) -> Option<i32> {
        kill_process(self.pid(), signal).unwrap();
        self.child.wait().unwrap().code()
    }

    /// Another one in the same folder.
    pub fn again(&mut self) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        (self.child, self.address) = start(&self.place, &args);
    }

    /// Another one in the same folder, with these arguments.
    pub fn again_with(&mut self, args: &[&str]) {
        self.args = args.iter().map(|arg| (*arg).to_owned()).collect();
        self.again();
    }

    /// Another one in the same folder, at the same port.
    pub fn again_there(&mut self) {
        let Address::Tcp(address) = self.address.clone() else { panic!("a port") };
        self.again_with(&["--listen", &address]);
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(method, path, &[], body)
    }

    pub fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let bearer = self.token.as_ref().map(|token| format!("Bearer {token}"));
        let mut all = headers.to_vec();
        all.extend(bearer.as_deref().map(|bearer| ("Authorization", bearer)));
        raw(&self.address, &request(method, path, &all, body)).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "").with(200).json()
    }

    pub fn post(&self, path: &str, body: Value) -> Answer {
        self.ask("POST", path, &body.to_string())
    }

    /// What a one-shot command on `c1` prints.
    pub fn says(&self, args: &[&str]) -> String {
        self.place.blockade(&[&["-n", "c1"], args].concat()).with(0).stdout
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
        let clusters = std::fs::read_dir(self.place.path().join(".blockade/clusters"));
        for cluster in clusters.into_iter().flatten().flatten() {
            self.place.blockade(&["-n", &cluster.file_name().to_string_lossy(), "destroy"]);
        }
    }
}

pub fn place() -> Place {
    let place = Place::new();
    place.write("blockade.yaml", CLUSTER);
    place
}

/// Starts one and waits until it listens.
fn start(place: &Place, args: &[&str]) -> (Child, Address) {
    let mut command = place.command(&[&["daemon"], args].concat());
    let log = std::fs::File::options().create(true).append(true).open(place.path().join("daemon.log")).unwrap();
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = lines.map_while(Result::ok).filter_map(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
    let address = said.next().expect("it listens");
    let address = match address.split_once(':').unwrap() {
        ("unix", path) => Address::Unix(place.path().join(path)),
        ("http", address) => Address::Tcp(address[2..].to_owned()),
        ("https", address) => Address::Tls(address[2..].to_owned(), place.path().join(".blockade/daemon.crt")),
        _ => panic!("{address}"),
    };
    (child, address)
}

/// Whether a packet from `n1` reaches `n2`, as a probe through the daemon sees it.
pub fn reaches(running: &Running, source: &str, target: &str) -> bool {
    let probe = serde_json::json!({ "kind": "reachable", "source": source, "target": target });
    running.post("/v1/clusters/c1/probes", probe).with(200).json()["ok"].as_bool().unwrap()
}

/// Waits until one does: of packets that a busy machine lets wait, one is taken for lost.
pub fn until_reaches(running: &Running, source: &str, target: &str) {
    until(&format!("{source} reaches {target}"), || reaches(running, source, target));
}

/// Waits until a question about the daemon's JSON is answered with yes.
pub fn until_json(running: &Running, path: &str, holds: impl Fn(&Value) -> bool) {
    until(path, || holds(&running.get(path)));
}
