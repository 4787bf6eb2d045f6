//! A host with containers in a line.

use crate::skip::skip;
use blockade::agent::protocol::*;
use blockade::agent::{Agent, Notifications};
use blockade::fault::Filter;
use blockade::kernel::link::{Change, Device, End, LOOPBACK, Links};
use blockade::kernel::nft::Nft;
use blockade::plan::{Leaving, Plan, Ruleset, Treatment, WorldCut};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::fs::File;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here may take; only a failing test waits for it.
pub(crate) const LONG: Duration = Duration::from_secs(20);

const BRIDGE: Device<'static> = Device { index: 100, name: "docker0" };

/// Runs a test on a thread that is in a network namespace of its own: its host.
pub(crate) fn on_a_host(test: impl AsyncFnOnce(Host) + Send) {
    if !rustix::process::geteuid().is_root() {
        return skip("only root attaches to namespaces of others");
    }
    let work = || {
        if let Err(errno) = new_namespace() {
            return skip(&format!("no network namespaces here: {errno}"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test(Host::new()));
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(std::thread::current().name().unwrap_or("a test").to_owned());
        let thread = thread.spawn_scoped(scope, work).unwrap();
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn new_namespace() -> rustix::io::Result<()> {
    // SAFETY: the thread is our own and shares no file descriptor table of its own.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
}

/// The namespace that the test's thread is in, with a bridge.
pub(crate) struct Host {
    next_index: u32,
}

pub(crate) fn v4(node: u8) -> IpAddr {
    IpAddr::from([10, 9, 0, node + 1])
}

pub(crate) fn v6(node: u8) -> IpAddr {
    IpAddr::from([0xfd00, 9, 0, 0, 0, 0, 0, u16::from(node) + 1])
}

impl Host {
    fn new() -> Self {
        let bridge = End { device: BRIDGE, mac: [2, 0, 0, 0, 1, 0] };
        let address = |text: &str| Change::AddAddress(BRIDGE, text.parse().unwrap());
        let changes =
            [Change::Up(LOOPBACK), Change::AddBridge(bridge), address("10.9.0.1/24"), address("fd00:9::1/64")];
        Links::open().unwrap().apply(&changes).unwrap();
        Self { next_index: 200 }
    }

    /// An agent that lives on this host.
    pub(crate) async fn agent(&self) -> (Agent, Notifications) {
        Agent::launch_host_from(Path::new(env!("CARGO_BIN_EXE_blockade"))).await.unwrap()
    }

    /// The process of the one agent that lives on this host.
    pub(crate) fn agents_pid() -> rustix::process::Pid {
        let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let is_here = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|network| network == own);
        let children = crate::processes::descendants(std::process::id()).into_iter();
        let mut agents = children.filter(|child| child.command.contains("--here") && is_here(child.pid));
        let agent = agents.next().unwrap();
        rustix::process::Pid::from_raw(agent.pid as i32).unwrap()
    }

    /// Node `n1`, `n2`, … in a namespace of its own, with an `eth0`.
    pub(crate) async fn container(&mut self, number: u8) -> Container {
        let container = Container::new(number);
        let nets = [format!("{}/24", v4(number)), format!("{}/64", v6(number))];
        self.plug(&container, "eth0", 2, &nets).await;
        container
    }

    /// Gives a container another device on the bridge.
    pub(crate) async fn plug(&mut self, container: &Container, name: &str, index: u32, nets: &[String]) {
        self.next_index += 1;
        let port = format!("v{}", self.next_index);
        let port = Device { index: self.next_index, name: &port };
        let device = Device { index, name };
        let low = self.next_index as u8;
        let veth = Change::AddVeth {
            end: End { device: port, mac: [2, 0, 0, 0, 2, low] },
            master: BRIDGE,
            peer: End { device, mac: [2, 0, 0, 0, 3, low] },
            peer_namespace: container.namespace.as_fd(),
        };
        let mut outside = Links::open().unwrap();
        outside.apply(&[veth]).unwrap();
        let mut inside = container.inside(|| Links::open().unwrap());
        let nets = nets.iter().map(|net| Change::AddAddress(device, net.parse().unwrap()));
        let up = [Change::Up(LOOPBACK), Change::NoLinkLocal(device), Change::Up(device)];
        inside.apply(&up.into_iter().chain(nets).collect::<Vec<_>>()).unwrap();
        until(|| outside.carries(port).unwrap() && inside.carries(device).unwrap()).await;
    }
}

/// A process in a network namespace of its own.
pub(crate) struct Container {
    pub(crate) number: u8,
    pub(crate) process: Child,
    namespace: File,
}

impl Container {
    fn new(number: u8) -> Self {
        let started = std::thread::spawn(|| {
            new_namespace().unwrap();
            let process = Command::new("sleep").arg("infinity").stdin(Stdio::null()).spawn().unwrap();
            (process, File::open("/proc/thread-self/ns/net").unwrap())
        });
        let (process, namespace) = started.join().unwrap();
        Self { number, process, namespace }
    }

    pub(crate) fn name(&self) -> String {
        format!("n{}", self.number)
    }

    pub(crate) fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    pub(crate) fn attach(&self) -> Attach {
        Attach { node: self.name(), pid: self.pid(), expected: vec![v4(self.number), v6(self.number)] }
    }

    /// Runs on a thread that has entered the namespace.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                work()
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Whether its namespace holds this, and nothing else of ours.
    pub(crate) fn holds(&self, ruleset: &Ruleset) -> bool {
        self.inside(|| Nft::open().unwrap().holds(ruleset).unwrap())
    }

    /// Puts rules there behind the agent's back.
    pub(crate) fn put(&self, ruleset: &Ruleset) {
        self.inside(|| {
            let mut nft = Nft::open().unwrap();
            let transaction = nft.anew(ruleset).unwrap();
            nft.apply(&[transaction]).unwrap();
        });
    }

    pub(crate) fn udp(&self, address: IpAddr) -> UdpSocket {
        self.inside(|| UdpSocket::bind((address, 0)).unwrap())
    }

    /// Runs `ip` in it; `false` where there is no such program.
    pub(crate) fn ip(&self, line: &str) -> bool {
        match self.inside(|| Command::new("ip").args(line.split(' ')).status()) {
            Ok(status) => {
                assert!(status.success(), "ip {line}");
                true
            }
            Err(error) => {
                skip(&format!("iproute2 is not installed: {error}"));
                false
            }
        }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What a node has to hold to hear nothing of these.
pub(crate) fn refusing(sources: &[u8]) -> Ruleset {
    let mut ruleset = Ruleset::default();
    for source in sources {
        ruleset.treated.entry((Filter::ANY, Treatment::Drop)).or_default().extend([v4(*source), v6(*source)]);
    }
    ruleset
}

/// What a node with these devices has to hold to be cut off from all that are not `nodes`.
pub(crate) fn no_world(nodes: &[u8], devices: &[&str]) -> Ruleset {
    let world = WorldCut {
        from_world: [(Filter::ANY, Treatment::Drop)].into(),
        to_world: [(Filter::ANY, Leaving::Drop)].into(),
    };
    let devices = devices.iter().map(|device| (*device).to_owned()).collect();
    let mut ruleset = Ruleset { world, devices, ..Ruleset::default() };
    ruleset.nodes.extend(nodes.iter().flat_map(|node| [v4(*node), v6(*node)]));
    ruleset
}

pub(crate) async fn apply(agent: &Agent, plans: &[(&Container, &Ruleset)]) -> Applied {
    let plans =
        plans.iter().map(|(container, ruleset)| (container.name(), Plan::from(Ruleset::clone(ruleset)))).collect();
    agent.call(ApplyPlans { plans }).await.unwrap()
}

/// Waits until it holds; fails if it never does.
pub(crate) async fn until(mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "never happened");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Until the agent is gone.
pub(crate) async fn told_of_the_end(heard: &mut Notifications) {
    let listen = async { while !matches!(heard.recv().await, Some(Notification::Gone(_))) {} };
    tokio::time::timeout(LONG, listen).await.unwrap();
}

/// The next notification about a node's interfaces that says this.
pub(crate) async fn told(heard: &mut Notifications, says: impl Fn(&blockade::plan::Interfaces) -> bool) {
    let listen = async {
        loop {
            match heard.recv().await {
                Some(Notification::Interfaces { interfaces, .. }) if says(&interfaces) => return,
                Some(Notification::Gone(error)) => panic!("{error}"),
                Some(_) => {}
                None => panic!("no notifications any more"),
            }
        }
    };
    tokio::time::timeout(LONG, listen).await.unwrap();
}
