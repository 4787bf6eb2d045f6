//! The kernel's features, each tried in the namespace this process is in.
//!
//! Only for namespaces made to be thrown away: what was tried is left lying.

use crate::Result;
use crate::fault::Filter;
use crate::kernel::link::{Change, Device, End, LOOPBACK, Links};
use crate::kernel::message::{Messages, Writer};
use crate::kernel::netlink::{Protocol, Socket};
use crate::kernel::nft::Nft;
use crate::plan::{Addresses, Billionths, Leaving, Means, Ruleset, Treatment, diff};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;

const BRIDGE: Device<'static> = Device { index: 2, name: "br0" };
const PORT: Device<'static> = Device { index: 3, name: "v0" };
/// The device that the rules of a node name.
const ETH0: Device<'static> = Device { index: 4, name: "eth0" };

// <linux/pkt_sched.h>
const TCA_HTB_INIT: u16 = 2;
const TC_H_ROOT: u32 = 0xffff_ffff;
// <linux/netfilter/nfnetlink_queue.h>
const NFQNL_MSG_CONFIG: u16 = 2;
const NFQA_CFG_CMD: u16 = 1;
const NFQNL_CFG_CMD_BIND: u8 = 1;

/// A bridge with one node on it; the later trials need it.
pub fn links() -> Result<()> {
    let namespace = std::fs::File::open("/proc/self/ns/net")
        .map_err(|error| crate::Error::machine(format!("cannot open /proc/self/ns/net: {error}")))?;
    let end = |device, number| End { device, mac: [2, 0, 0, 0, 0, number] };
    Links::open()?.apply(&[
        Change::Up(LOOPBACK),
        Change::AddBridge(end(BRIDGE, 1)),
        Change::AddVeth { end: end(PORT, 2), master: BRIDGE, peer: end(ETH0, 3), peer_namespace: namespace.as_fd() },
        Change::Up(ETH0),
    ])
}

/// Drops by source address: what every partition is made of.
pub fn drops() -> Result<()> {
    enforce(&refusing(Treatment::Drop))
}

/// Refusals with an answer, of what arrives and of what leaves for the world.
pub fn rejects() -> Result<()> {
    let mut ruleset = Ruleset { nodes: peers(), ..refusing(Treatment::Reject) };
    ruleset.world.to_world.insert((Filter::ANY, Leaving::Reject));
    enforce(&ruleset)
}

/// Drops of what leaves for the world.
pub fn egress() -> Result<()> {
    let devices = [ETH0.name.to_owned()].into();
    let mut ruleset = Ruleset { nodes: peers(), devices, ..Ruleset::default() };
    ruleset.world.to_world.insert((Filter::ANY, Leaving::Drop));
    enforce(&ruleset)
}

fn refusing(refusal: Treatment) -> Ruleset {
    let mut ruleset = Ruleset::default();
    ruleset.treated.insert((Filter::ANY, refusal), peers());
    ruleset
}

fn peers() -> Addresses {
    let mut addresses = Addresses::default();
    addresses.extend([IpAddr::from(Ipv4Addr::new(10, 9, 0, 2)), IpAddr::from(Ipv6Addr::LOCALHOST)]);
    addresses
}

fn enforce(ruleset: &Ruleset) -> Result<()> {
    let mut nft = Nft::open()?;
    let outcome =
        nft.apply(&diff(&Ruleset::default(), ruleset)).and_then(|()| nft.apply(&diff(ruleset, &Ruleset::default())));
    // Closing it after a commit waits for the kernel; the process ends soon anyway.
    std::mem::forget(nft);
    outcome
}

/// `tc qdisc add dev eth0 root netem`
pub fn netem() -> Result<()> {
    // struct tc_netem_qopt: latency, limit, loss, gap, duplicate, jitter
    qdisc(ETH0, "netem", |writer| writer.bytes(libc::TCA_OPTIONS, &words(&[0, 1000, 0, 0, 0, 0])))
}

/// `tc qdisc add dev v0 root htb`
pub fn htb() -> Result<()> {
    // struct tc_htb_glob: version, rate2quantum, defcls, debug, direct_pkts
    let options = words(&[3, 10, 0, 0, 0]);
    qdisc(PORT, "htb", |writer| writer.nest(libc::TCA_OPTIONS, |writer| writer.bytes(TCA_HTB_INIT, &options)))
}

/// Each kind on a device of its own, so that no trial hangs on another.
fn qdisc(device: Device<'_>, kind: &str, options: impl FnOnce(&mut Writer<'_>)) -> Result<()> {
    let mut messages = Messages::new();
    messages.push(libc::RTM_NEWQDISC, libc::NLM_F_CREATE | libc::NLM_F_EXCL, |writer| {
        // struct tcmsg: family, ifindex, handle, parent, info
        writer.raw(&words(&[0, device.index, 0, TC_H_ROOT, 0]));
        writer.text(libc::TCA_KIND, kind);
        options(writer);
    });
    let says = format!("tc qdisc add dev {} root {kind}", device.name);
    Socket::open(Protocol::Route)?.transact(&mut messages, 0, |_| says.clone())
}

/// What can impair links here. Leaves things lying, as all trials do.
pub fn means() -> Means {
    let reason = |trial: Result<()>| trial.err().map(|error| error.message);
    let on_links = |trial: fn() -> Result<()>, links: &Result<()>| match links {
        Ok(()) => reason(trial()),
        Err(error) => Some(error.message.clone()),
    };
    let links = links();
    Means {
        no_netem: on_links(netem, &links),
        no_htb: on_links(htb, &links),
        no_chance: reason(chance()),
        no_queue: reason(queue()),
        only: None,
    }
}

/// Drops by chance: loss without netem.
pub fn chance() -> Result<()> {
    enforce(&refusing(Treatment::Lose(Billionths(1))))
}

/// Packets handed to a program of user space: a queue, and a rule that leads there.
pub fn queue() -> Result<()> {
    bind_queue()?;
    let mut nft = Nft::open()?;
    let outcome = nft.queue_by().map(drop);
    std::mem::forget(nft);
    outcome
}

fn bind_queue() -> Result<()> {
    let mut messages = Messages::new();
    let kind = (libc::NFNL_SUBSYS_QUEUE as u16) << 8 | NFQNL_MSG_CONFIG;
    messages.push(kind, 0, |writer| {
        writer.raw(&[libc::AF_UNSPEC as u8, libc::NFNETLINK_V0 as u8, 0, 0]);
        // struct nfqnl_msg_config_cmd: command, pad, pf
        writer.bytes(NFQA_CFG_CMD, &[NFQNL_CFG_CMD_BIND, 0, 0, 0]);
    });
    Socket::open(Protocol::Netfilter)?.transact(&mut messages, 0, |_| "bind queue 0".to_owned())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}
