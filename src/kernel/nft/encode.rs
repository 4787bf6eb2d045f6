//! A transaction's changes as a batch of nfnetlink messages. Pure.

use super::expression::{ITEM, rule_expressions};
use super::{QueueBy, family_number};
use crate::fault::Family;
use crate::kernel::message::{ATTRIBUTE_ROOM, Messages, Writer};
use crate::plan::table::{Base, Hook, Rule, TABLE, TableFamily, handle};
use crate::plan::{Act, Change, ClassId};
use std::net::IpAddr;

// <linux/netfilter/nf_tables.h>: attributes, which libc leaves out.
pub(super) const TABLE_NAME: u16 = 1;
pub(super) const CHAIN_TABLE: u16 = 1;
pub(super) const CHAIN_NAME: u16 = 3;
pub(super) const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
pub(super) const CHAIN_TYPE: u16 = 7;
pub(super) const HOOK_NUMBER: u16 = 1;
pub(super) const HOOK_PRIORITY: u16 = 2;
const HOOK_DEVICE: u16 = 3;
pub(super) const RULE_TABLE: u16 = 1;
pub(super) const RULE_CHAIN: u16 = 2;
pub(super) const RULE_EXPRESSIONS: u16 = 4;
const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_FLAGS: u16 = 3;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LENGTH: u16 = 5;
const SET_DATA_TYPE: u16 = 6;
const SET_DATA_LENGTH: u16 = 7;
const SET_DESCRIPTION: u16 = 9;
const DESCRIPTION_SIZE: u16 = 1;
const SET_ID: u16 = 10;
pub(super) const ELEMENTS_TABLE: u16 = 1;
pub(super) const ELEMENTS_SET: u16 = 2;
pub(super) const ELEMENTS: u16 = 3;
pub(super) const ELEMENT_KEY: u16 = 1;
pub(super) const ELEMENT_DATA: u16 = 2;
pub(super) const DATA_VALUE: u16 = 1;

/// What nft calls the types of keys.
const TYPE_IPV4_ADDR: u32 = 7;
const TYPE_IPV6_ADDR: u32 = 8;
const TYPE_CLASSID: u32 = 23;

/// After source NAT.
const LAST: i32 = 300;

/// An IPv6 element with the three attributes around it.
const ELEMENT_SIZE: usize = 3 * 4 + 16;
/// The same of a map, whose data has two more attributes.
const MAPPED_SIZE: usize = ELEMENT_SIZE + 2 * 4 + 4;
/// So many elements fit into one attribute.
const ELEMENTS_IN_ONE: usize = ATTRIBUTE_ROOM / ELEMENT_SIZE;

/// Appends a batch: its begin, a message or more for each change, its end. Returns for each message the change it
/// belongs to.
pub(super) fn batch(messages: &mut Messages, changes: &[Change], by: QueueBy) -> Vec<Option<usize>> {
    bound(messages, libc::NFNL_MSG_BATCH_BEGIN);
    let mut origins = vec![None];
    for (position, change) in changes.iter().enumerate() {
        encode(messages, change, position as u32 + 1, by);
        origins.resize(messages.len(), Some(position));
    }
    bound(messages, libc::NFNL_MSG_BATCH_END);
    origins
}

pub(super) fn bound(messages: &mut Messages, kind: i32) {
    messages.push(kind as u16, 0, |m| m.raw(&[libc::AF_UNSPEC as u8, 0, 0, libc::NFNL_SUBSYS_NFTABLES as u8]));
}

fn encode(messages: &mut Messages, change: &Change, id: u32, by: QueueBy) {
    let table = change.table;
    match &change.act {
        Act::AddTable => add_table(messages, table),
        Act::DeleteTable => delete(messages, table, libc::NFT_MSG_DELTABLE, |m| m.text(TABLE_NAME, TABLE)),
        Act::AddSet(set, family, size) => add_set(messages, table, set, *family, *size, id),
        Act::AddMap(map, family) => add_map(messages, table, map, *family, id),
        Act::AddMapped(map, classes) => add_mapped(messages, table, map, classes),
        Act::DeleteSet(set) => delete(messages, table, libc::NFT_MSG_DELSET, |m| {
            m.text(SET_TABLE, TABLE);
            m.text(SET_NAME, set);
        }),
        Act::AddChain(chain, base) => add_chain(messages, table, chain, base.as_ref()),
        // Without a number, a chain's rules are all meant.
        Act::FlushChain(chain) => delete(messages, table, libc::NFT_MSG_DELRULE, |m| {
            m.text(RULE_TABLE, TABLE);
            m.text(RULE_CHAIN, chain);
        }),
        Act::DeleteChain(chain) => delete(messages, table, libc::NFT_MSG_DELCHAIN, |m| {
            m.text(CHAIN_TABLE, TABLE);
            m.text(CHAIN_NAME, chain);
        }),
        Act::AddRule(chain, rule) => add_rule(messages, table, chain, rule, by),
        Act::AddElements(set, all) => elements(messages, table, libc::NFT_MSG_NEWSETELEM, set, all),
        Act::DeleteElements(set, all) => elements(messages, table, libc::NFT_MSG_DELSETELEM, set, all),
    }
}

/// The number of a message of nftables.
pub(super) fn kind(message: i32) -> u16 {
    ((libc::NFNL_SUBSYS_NFTABLES << 8) | message) as u16
}

/// `struct nfgenmsg`: family, version, resource.
pub(super) fn header(m: &mut Writer<'_>, table: TableFamily) {
    m.raw(&[family_number(table), libc::NFNETLINK_V0 as u8, 0, 0]);
}

/// `delete table inet blockade`, `delete set inet blockade dropped4`,
/// `delete chain inet blockade dropped` (which takes its rules with it)
fn delete(messages: &mut Messages, table: TableFamily, message: i32, name: impl FnOnce(&mut Writer<'_>)) {
    messages.push(kind(message), 0, |m| {
        header(m, table);
        name(m);
    });
}

/// `create table inet blockade`: fails where somebody has left one.
fn add_table(messages: &mut Messages, table: TableFamily) {
    messages.push(kind(libc::NFT_MSG_NEWTABLE), libc::NLM_F_CREATE | libc::NLM_F_EXCL, |m| {
        header(m, table);
        m.text(TABLE_NAME, TABLE);
    });
}

/// `add set inet blockade dropped4 { type ipv4_addr; size 512; }`
fn add_set(messages: &mut Messages, table: TableFamily, set: &str, family: Family, size: Option<u32>, id: u32) {
    new_set(messages, table, set, family, id, |m| {
        m.be32(SET_FLAGS, 0);
        if let Some(size) = size {
            m.nest(SET_DESCRIPTION, |m| m.be32(DESCRIPTION_SIZE, size));
        }
    });
}

fn new_set(
    messages: &mut Messages,
    table: TableFamily,
    set: &str,
    family: Family,
    id: u32,
    more: impl FnOnce(&mut Writer<'_>),
) {
    let (key_type, length) = match family {
        Family::Ipv4 => (TYPE_IPV4_ADDR, 4),
        Family::Ipv6 => (TYPE_IPV6_ADDR, 16),
    };
    messages.push(kind(libc::NFT_MSG_NEWSET), libc::NLM_F_CREATE | libc::NLM_F_EXCL, |m| {
        header(m, table);
        m.text(SET_TABLE, TABLE);
        m.text(SET_NAME, set);
        m.be32(SET_KEY_TYPE, key_type);
        m.be32(SET_KEY_LENGTH, length);
        more(m);
        // Unique within the batch. Rules name the set, but the kernel insists.
        m.be32(SET_ID, id);
    });
}

/// `add map inet blockade classed4 { type ipv4_addr : classid; }`
fn add_map(messages: &mut Messages, table: TableFamily, map: &str, family: Family, id: u32) {
    new_set(messages, table, map, family, id, |m| {
        m.be32(SET_FLAGS, libc::NFT_SET_MAP as u32);
        m.be32(SET_DATA_TYPE, TYPE_CLASSID);
        m.be32(SET_DATA_LENGTH, 4);
    });
}

/// `add element inet blockade classed4 { 10.0.0.2 : b10c:1, 10.0.0.3 : b10c:2 }`
fn add_mapped(messages: &mut Messages, table: TableFamily, map: &str, classes: &[(IpAddr, ClassId)]) {
    for some in classes.chunks(ATTRIBUTE_ROOM / MAPPED_SIZE) {
        messages.push(kind(libc::NFT_MSG_NEWSETELEM), libc::NLM_F_CREATE, |m| {
            header(m, table);
            m.text(ELEMENTS_TABLE, TABLE);
            m.text(ELEMENTS_SET, map);
            m.nest(ELEMENTS, |m| {
                for (address, class) in some {
                    m.nest(ITEM, |m| {
                        m.nest(ELEMENT_KEY, |m| m.address(DATA_VALUE, *address));
                        m.nest(ELEMENT_DATA, |m| m.bytes(DATA_VALUE, &handle(*class).to_ne_bytes()));
                    });
                }
            });
        });
    }
}

/// `add chain inet blockade dropped`,
/// `add chain inet blockade arriving { type filter hook prerouting priority raw; policy accept; }`
fn add_chain(messages: &mut Messages, table: TableFamily, chain: &str, base: Option<&Base>) {
    messages.push(kind(libc::NFT_MSG_NEWCHAIN), libc::NLM_F_CREATE | libc::NLM_F_EXCL, |m| {
        header(m, table);
        m.text(CHAIN_TABLE, TABLE);
        m.text(CHAIN_NAME, chain);
        if let Some(base) = base {
            add_hook(m, base);
        }
    });
}

fn add_hook(m: &mut Writer<'_>, base: &Base) {
    let (number, priority) = match base.hook {
        Hook::ArrivalShaped => (libc::NF_INET_PRE_ROUTING, libc::NF_IP_PRI_RAW - 1),
        Hook::Arrival => (libc::NF_INET_PRE_ROUTING, libc::NF_IP_PRI_RAW),
        Hook::Sending => (libc::NF_INET_LOCAL_OUT, libc::NF_IP_PRI_FILTER),
        Hook::Sorting => (libc::NF_INET_POST_ROUTING, libc::NF_IP_PRI_FILTER),
        Hook::LeavingShaped => (libc::NF_INET_POST_ROUTING, LAST),
        Hook::Departure => (libc::NF_NETDEV_EGRESS, libc::NF_IP_PRI_FILTER),
    };
    m.nest(CHAIN_HOOK, |m| {
        m.be32(HOOK_NUMBER, number as u32);
        m.be32(HOOK_PRIORITY, priority as u32);
        if let Some(device) = &base.device {
            m.text(HOOK_DEVICE, device);
        }
    });
    m.be32(CHAIN_POLICY, libc::NF_ACCEPT as u32);
    m.text(CHAIN_TYPE, "filter");
}

/// `add rule inet blockade dropped ip saddr @dropped4 drop`
fn add_rule(messages: &mut Messages, table: TableFamily, chain: &str, rule: &Rule, by: QueueBy) {
    messages.push(kind(libc::NFT_MSG_NEWRULE), libc::NLM_F_CREATE | libc::NLM_F_APPEND, |m| {
        header(m, table);
        m.text(RULE_TABLE, TABLE);
        m.text(RULE_CHAIN, chain);
        m.nest(RULE_EXPRESSIONS, |m| rule_expressions(m, table, rule, by));
    });
}

/// `add element inet blockade dropped4 { 10.0.0.2, 10.0.0.3 }`, `delete element …`
fn elements(messages: &mut Messages, table: TableFamily, message: i32, set: &str, all: &[IpAddr]) {
    for some in all.chunks(ELEMENTS_IN_ONE) {
        messages.push(kind(message), libc::NLM_F_CREATE, |m| {
            header(m, table);
            m.text(ELEMENTS_TABLE, TABLE);
            m.text(ELEMENTS_SET, set);
            m.nest(ELEMENTS, |m| some.iter().for_each(|address| element(m, *address)));
        });
    }
}

fn element(m: &mut Writer<'_>, address: IpAddr) {
    m.nest(ITEM, |m| m.nest(ELEMENT_KEY, |m| m.address(DATA_VALUE, address)));
}
