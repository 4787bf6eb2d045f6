//! A blockade of a test's own and everything beside it, gone with the test, also when it fails.

use super::common::docker::{HOST, daemon};
use super::common::{Ended, Place, User, ended};
use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A blockade with a name of its own. Whatever bears its name on the daemon goes with it, also when the test fails.
pub struct Stage {
    pub place: Place,
    pub name: String,
    environment: Vec<(&'static str, String)>,
}

impl Stage {
    /// Nothing is up yet. Without Docker, nothing at all.
    pub fn new(cluster: &str) -> Option<Self> {
        Self::of(User::Ours, cluster)
    }

    /// The same, where this user runs the binary.
    pub fn of(user: User, cluster: &str) -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        if !daemon() {
            return None;
        }
        let place = Place::of(user, "", "");
        // Without a file of its own a script has the folder's.
        std::fs::remove_file(place.path().join("s.yaml")).unwrap();
        place.write("blockade.yaml", cluster);
        // A last letter: no name of a stage is the beginning of another's.
        let name = format!("dt{}n{}z", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Some(Self { place, name, environment: Vec::new() })
    }

    /// The same cluster once more, under a name that begins with this one's.
    pub fn namesake(&self) -> Self {
        let place = Place::new();
        place.write("blockade.yaml", &self.place.read("blockade.yaml"));
        Self { place, name: format!("{}2", self.name), environment: self.environment.clone() }
    }

    /// A blockade that is up.
    pub fn up(cluster: &str) -> Option<Self> {
        let stage = Self::new(cluster)?;
        stage.run(&["up"]).with(0);
        Some(stage)
    }

    /// For every command from now on.
    pub fn set(mut self, variable: &'static str, value: &str) -> Self {
        self.environment.push((variable, value.to_owned()));
        self
    }

    /// A command on it, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = self.place.command(&[&["-n", &self.name], args].concat());
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        command
    }

    /// A command on it, at its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args).output().expect("the binary runs"))
    }

    /// What a command that succeeds prints.
    pub fn says(&self, args: &[&str]) -> String {
        self.run(args).with(0).stdout
    }

    /// What a command that succeeds prints as JSON.
    pub fn json(&self, args: &[&str]) -> serde_json::Value {
        let text = self.says(&[args, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
    }

    /// The `status` of one node.
    pub fn status(&self, node: &str) -> serde_json::Value {
        let lines = self.json(&["status"]);
        let line = lines.as_array().unwrap().iter().find(|line| line["name"] == node);
        line.unwrap_or_else(|| panic!("no node {node}: {lines}")).clone()
    }

    /// The address of a node, as `status` tells it.
    pub fn ip(&self, node: &str) -> String {
        self.status(node)["ip_address"].as_str().unwrap().to_owned()
    }

    /// The IPv6 address of a node that is not link-local.
    pub fn ip6(&self, node: &str) -> String {
        let line = self.status(node);
        let addresses = line["addresses"].as_array().unwrap().iter().filter_map(|address| address.as_str());
        let mut addresses = addresses.filter(|address| address.contains(':') && !address.starts_with("fe80"));
        addresses.next().unwrap_or_else(|| panic!("{node} has no IPv6 address: {line}")).to_owned()
    }

    /// The name of a node's container.
    pub fn container(&self, node: &str) -> String {
        format!("{}_{node}", self.name)
    }

    /// The name of the container that owns a node's network namespace.
    pub fn holder(&self, node: &str) -> String {
        format!("{}__{node}", self.name)
    }

    /// `docker` on this stage's daemon.
    pub fn try_docker(&self, args: &[&str]) -> Ended {
        let mut command = Command::new("docker");
        command
            .envs(self.environment.iter().filter(|(variable, _)| *variable == HOST).map(|(name, value)| (name, value)));
        ended(command.args(args).stdin(Stdio::null()).output().expect("docker runs"))
    }

    /// `docker` on this stage's daemon, with success.
    pub fn docker(&self, args: &[&str]) -> String {
        let ended = self.try_docker(args);
        assert_eq!(ended.code, 0, "docker {args:?}: {}{}", ended.stdout, ended.stderr);
        ended.stdout.trim_end().to_owned()
    }

    /// Runs a program in a node, by Docker's own hand.
    pub fn inside(&self, node: &str, argv: &[&str]) -> Ended {
        self.try_docker(&[&["exec", &self.container(node)], argv].concat())
    }

    /// Do packets of a node reach that address and come back? A connection to a port nobody listens on is refused at
    /// once where they do, and goes nowhere where they do not.
    pub fn reaches(&self, node: &str, address: &str) -> bool {
        let ended = self.inside(node, &["nc", "-w", "1", address, "9"]);
        let refused = ended.stderr.contains("Connection refused");
        assert!(refused || ended.stderr.contains("timed out") || ended.stderr.contains("unreachable"), "{ended:?}");
        refused
    }

    /// Do packets travel between these two, both ways? One that cannot be asked the same in both directions fails.
    pub fn linked(&self, a: &str, b: &str) -> bool {
        let (there, back) = (self.reaches(a, &self.ip(b)), self.reaches(b, &self.ip(a)));
        assert_eq!(there, back, "{a} → {b} and {b} → {a}");
        there
    }

    /// Fails unless a node's `talker` hears these addresses, for which it waits, and none of the others.
    #[track_caller]
    pub fn hears(&self, node: &str, these: &[&str], others: &[&str]) {
        self.container_hears(&self.container(node), these, others);
    }

    /// The same for a container that is no node of the cluster file.
    #[track_caller]
    pub fn container_hears(&self, container: &str, these: &[&str], others: &[&str]) {
        let asked = self.docker(&[&["exec", container, "talker", "ask", "7000"], these, &["--"], others].concat());
        let heard: BTreeSet<&str> = asked.lines().collect();
        assert_eq!(heard, these.iter().copied().collect(), "what {container} hears");
    }

    /// What a node's program has printed, over all its lives.
    pub fn log(&self, node: &str) -> String {
        self.docker(&["logs", &self.container(node)])
    }

    /// How many lives of the node at `address` the `talker` of a node has heard, over all its own.
    pub fn lives_heard(&self, node: &str, address: &str) -> usize {
        let (log, heard) = (self.log(node), format!("heard {address} "));
        // Life 0 is no life, but somebody who asked.
        log.lines().filter(|line| line.starts_with(&heard) && !line.ends_with(" 0")).count()
    }

    /// A field of a container, as `docker inspect -f` writes it.
    pub fn inspect(&self, container: &str, template: &str) -> String {
        self.docker(&["inspect", "-f", template, container])
    }

    /// Names of the containers and networks that bear this stage's name.
    pub fn left(&self) -> Vec<String> {
        let containers = self.docker(&["ps", "-a", "--format", "{{.Names}}"]);
        let networks = self.docker(&["network", "ls", "--format", "{{.Name}}"]);
        let ours = |name: &&str| name.starts_with(&self.name);
        containers.lines().chain(networks.lines()).filter(ours).map(str::to_owned).collect()
    }

    /// The supervisor's process id.
    pub fn supervisor(&self) -> rustix::process::Pid {
        let state = self.place.read(&format!(".blockade/clusters/{}/state.json", self.name));
        let state: serde_json::Value = serde_json::from_str(&state).unwrap();
        rustix::process::Pid::from_raw(state["pid"].as_i64().unwrap() as i32).unwrap()
    }

    /// A container beside the cluster; `args` are those of `docker run` after its name.
    pub fn container_beside(&self, suffix: &str, args: &[&str]) -> String {
        let name = format!("{}-{suffix}", self.name);
        self.docker(&[&["run", "-d", "--name", &name], args].concat());
        name
    }

    /// A subnet that can be given by hand: one that Docker has just found free.
    pub fn free_subnet(&self) -> String {
        let network = self.network_beside("probe", &[]);
        let subnet = self.inspect(&network, "{{(index .IPAM.Config 0).Subnet}}");
        self.docker(&["network", "rm", &network]);
        subnet
    }

    /// A network beside the cluster's.
    pub fn network_beside(&self, suffix: &str, args: &[&str]) -> String {
        let name = format!("{}-{suffix}", self.name);
        self.docker(&[&["network", "create"], args, &[&name]].concat());
        name
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.command(&["destroy"]).output();
        let ours = format!("name={}", self.name);
        let ids = |args: &[&str]| self.try_docker(args).stdout.lines().map(str::to_owned).collect::<Vec<_>>();
        for id in ids(&["ps", "-aq", "--filter", &ours]) {
            self.try_docker(&["rm", "-f", "-v", &id]);
        }
        for id in ids(&["network", "ls", "-q", "--filter", &ours]) {
            self.try_docker(&["network", "rm", &id]);
        }
    }
}
