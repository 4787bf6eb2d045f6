//! Trees as rtnetlink messages. Pure. Each function returns what it wrote in the syntax of `tc`.

use super::netem;
use crate::kernel::link::Device;
use crate::kernel::message::{Messages, Writer};
use crate::plan::table::{MAJOR, handle};
use crate::plan::tree::MTU;
use crate::plan::{Class, ClassId};

// <linux/pkt_sched.h>
pub(super) const ROOT: u32 = 0xffff_ffff;
const TCA_HTB_PARMS: u16 = 1;
const TCA_HTB_INIT: u16 = 2;
const TCA_HTB_DIRECT_QLEN: u16 = 5;
const TCA_HTB_RATE64: u16 = 6;
const TCA_HTB_CEIL64: u16 = 7;
const LINK_LAYER_ETHERNET: u8 = 1;
/// The kernel's unit of time in buffers: 2⁶ ns.
const TICK_SHIFT: u32 = 6;

/// Packets that no class has may queue up, whatever length the device's own queue has: a veth of Docker's has none.
const DIRECT_PACKETS: u32 = 10_000;
/// A class may send so much at once as it is allowed to in this time, ns, but a packet at least.
const BURST_NS: u64 = 1_000_000;

/// `struct tcmsg`: family, ifindex, handle, parent, info
pub(super) fn header(m: &mut Writer<'_>, device: Device<'_>, handle: u32, parent: u32) {
    words(m, &[0, device.index, handle, parent, 0]);
}

/// `tc qdisc add dev eth0 root handle b10c: htb default 0 direct_qlen 10000`
pub(super) fn add_root(messages: &mut Messages, device: Device<'_>) -> String {
    messages.push(libc::RTM_NEWQDISC, libc::NLM_F_CREATE | libc::NLM_F_EXCL, |m| {
        header(m, device, handle(0), ROOT);
        m.text(libc::TCA_KIND, "htb");
        m.nest(libc::TCA_OPTIONS, |m| {
            // struct tc_htb_glob: version, rate2quantum, defcls, debug, direct_pkts
            let glob = [3_u32, 10, 0, 0, 0];
            m.bytes(TCA_HTB_INIT, &bytes(&glob));
            m.u32(TCA_HTB_DIRECT_QLEN, DIRECT_PACKETS);
        });
    });
    format!("tc qdisc add dev {} root handle {MAJOR:x}: htb default 0", device.name)
}

/// `tc class add dev eth0 parent b10c: classid b10c:7 htb rate 10mbit burst 1600 quantum 1514`
pub(super) fn add_class(messages: &mut Messages, device: Device<'_>, id: ClassId, class: &Class) -> String {
    put_class(messages, device, id, class, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
    format!("tc class add dev {} {}", device.name, class_text(id, class))
}

/// `tc class change dev eth0 parent b10c: classid b10c:7 htb …`: what waits in it stays.
pub(super) fn change_class(messages: &mut Messages, device: Device<'_>, id: ClassId, class: &Class) -> String {
    put_class(messages, device, id, class, libc::NLM_F_REPLACE);
    format!("tc class change dev {} {}", device.name, class_text(id, class))
}

fn put_class(messages: &mut Messages, device: Device<'_>, id: ClassId, class: &Class, flags: i32) {
    let rate = class.rate_bytes();
    messages.push(libc::RTM_NEWTCLASS, flags, |m| {
        header(m, device, handle(id), handle(0));
        m.text(libc::TCA_KIND, "htb");
        m.nest(libc::TCA_OPTIONS, |m| {
            m.bytes(TCA_HTB_PARMS, &htb_options(rate));
            m.bytes(TCA_HTB_RATE64, &rate.to_ne_bytes());
            m.bytes(TCA_HTB_CEIL64, &rate.to_ne_bytes());
        });
    });
}

fn class_text(id: ClassId, class: &Class) -> String {
    format!("parent {MAJOR:x}: classid {MAJOR:x}:{id:x} htb rate {}bit", class.rate_bytes() * 8)
}

/// `struct tc_htb_opt`: rate and ceil, buffer, cbuffer, quantum, level, prio
fn htb_options(rate: u64) -> Vec<u8> {
    let least = 2 * MTU * 1_000_000_000 / rate;
    let buffer = (least.max(BURST_NS) >> TICK_SHIFT).min(u64::from(u32::MAX)) as u32;
    // What it may send at its turn among the classes; the kernel complains of one that it finds too large or small.
    let quantum = (rate / 100).clamp(MTU, 60_000) as u32;
    let mut options = rate_spec(rate);
    options.extend(rate_spec(rate));
    options.extend(bytes(&[buffer, buffer, quantum, 0, 0]));
    options
}

/// `struct tc_ratespec`: cell_log, linklayer, overhead, cell_align, mpu, rate (of which there are 64 bits elsewhere)
fn rate_spec(rate: u64) -> Vec<u8> {
    let mut spec = vec![0, LINK_LAYER_ETHERNET, 0, 0, 0, 0, 0, 0];
    spec.extend(u32::try_from(rate).unwrap_or(u32::MAX).to_ne_bytes());
    spec
}

/// `tc qdisc add dev eth0 parent b10c:7 netem …`, or `bfifo limit 131072` where there is only a bandwidth
pub(super) fn add_leaf(messages: &mut Messages, device: Device<'_>, id: ClassId, class: &Class) -> String {
    put_leaf(messages, device, id, class, libc::NLM_F_CREATE | libc::NLM_F_EXCL);
    format!("tc qdisc add dev {} {}", device.name, leaf_text(id, class))
}

/// `tc qdisc change dev eth0 parent b10c:7 …`, to the room that another bandwidth needs
pub(super) fn change_leaf(messages: &mut Messages, device: Device<'_>, id: ClassId, class: &Class) -> String {
    put_leaf(messages, device, id, class, libc::NLM_F_REPLACE);
    format!("tc qdisc change dev {} {}", device.name, leaf_text(id, class))
}

fn put_leaf(messages: &mut Messages, device: Device<'_>, id: ClassId, class: &Class, flags: i32) {
    messages.push(libc::RTM_NEWQDISC, flags, |m| {
        header(m, device, 0, handle(id));
        if class.has_netem() {
            m.text(libc::TCA_KIND, "netem");
            netem::options(m, class);
        } else {
            m.text(libc::TCA_KIND, "bfifo");
            // struct tc_fifo_qopt: limit
            m.u32(libc::TCA_OPTIONS, class.limit_bytes());
        }
    });
}

fn leaf_text(id: ClassId, class: &Class) -> String {
    let leaf = if class.has_netem() {
        format!("netem limit {} {}", class.limit_packets(), class.impairment.without_rate())
    } else {
        format!("bfifo limit {}", class.limit_bytes())
    };
    format!("parent {MAJOR:x}:{id:x} {leaf}")
}

/// `tc class del dev eth0 classid b10c:7`, which takes its leaf along
pub(super) fn delete_class(messages: &mut Messages, device: Device<'_>, id: ClassId) -> String {
    messages.push(libc::RTM_DELTCLASS, 0, |m| header(m, device, handle(id), 0));
    format!("tc class del dev {} classid {MAJOR:x}:{id:x}", device.name)
}

/// `tc qdisc del dev eth0 root handle b10c:`
pub(super) fn delete_root(messages: &mut Messages, device: Device<'_>) -> String {
    messages.push(libc::RTM_DELQDISC, 0, |m| header(m, device, handle(0), ROOT));
    format!("tc qdisc del dev {} root handle {MAJOR:x}:", device.name)
}

pub(super) fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn words(m: &mut Writer<'_>, words: &[u32]) {
    m.raw(&bytes(words));
}
