//! What the kernel holds of ours, read back: did a fault that was asked for really happen, and is it still there?

use super::encode::{
    CHAIN_NAME, CHAIN_TABLE, DATA_VALUE, ELEMENT_DATA, ELEMENT_KEY, ELEMENTS, ELEMENTS_SET, ELEMENTS_TABLE, TABLE_NAME,
    header, kind,
};
use super::expression::ITEM;
use super::{Nft, family_number};
use crate::error::Result;
use crate::kernel::message::{Messages, Writer, address, attribute, attributes, text, u32_at};
use crate::plan::Ruleset;
use crate::plan::table::{ClassMap, Set, TABLE, Table, TableFamily, handle};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The size of `struct nfgenmsg`.
const NFGENMSG: usize = 4;

impl Nft {
    /// Whether the namespace holds this ruleset: its tables, chains and elements, no more and no less. (Rules are not
    /// compared: a treatment's never change, and jumps are to the chains that there are.)
    pub fn holds(&mut self, ruleset: &Ruleset) -> Result<bool> {
        let wanted = ruleset.tables();
        if self.tables()? != wanted.keys().copied().collect::<Vec<_>>() {
            return Ok(false);
        }
        for (family, table) in &wanted {
            if !self.holds_table(*family, table)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In which families there is a table of ours.
    pub(super) fn tables(&mut self) -> Result<Vec<TableFamily>> {
        let mut found = Vec::new();
        for family in [TableFamily::Inet, TableFamily::Netdev] {
            let is_ours = |attributes: &[u8]| attribute(attributes, TABLE_NAME).map(text).as_deref() == Some(TABLE);
            let says = format!("list tables {family}");
            self.list(
                libc::NFT_MSG_GETTABLE,
                family,
                &says,
                |_| (),
                |attributes| {
                    found.extend(is_ours(attributes).then_some(family));
                },
            )?;
        }
        Ok(found)
    }

    fn holds_table(&mut self, family: TableFamily, table: &Table) -> Result<bool> {
        if self.chains(family)? != table.chains.keys().cloned().collect() {
            return Ok(false);
        }
        for (name, set) in &table.sets {
            if !self.holds_set(family, name, set)? {
                return Ok(false);
            }
        }
        for (name, map) in &table.maps {
            if !self.holds_map(family, name, map)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn holds_set(&mut self, family: TableFamily, name: &str, set: &Set) -> Result<bool> {
        let mut found = BTreeSet::new();
        self.elements(family, name, |attributes| {
            found.extend(decode_elements(attributes).map(|(address, _)| address));
        })?;
        Ok(found == set.elements)
    }

    fn holds_map(&mut self, family: TableFamily, name: &str, map: &ClassMap) -> Result<bool> {
        let mut found = BTreeMap::new();
        self.elements(family, name, |attributes| found.extend(decode_elements(attributes)))?;
        let wanted = map.elements.iter().map(|(address, class)| (*address, Some(handle(*class)))).collect();
        Ok(found == wanted)
    }

    fn elements(&mut self, family: TableFamily, name: &str, each: impl FnMut(&[u8])) -> Result<()> {
        let ask = |m: &mut Writer<'_>| {
            m.text(ELEMENTS_TABLE, TABLE);
            m.text(ELEMENTS_SET, name);
        };
        let says = format!("list set {family} {TABLE} {name}");
        self.list(libc::NFT_MSG_GETSETELEM, family, &says, ask, each)
    }

    fn chains(&mut self, family: TableFamily) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        let says = format!("list chains {family}");
        self.list(
            libc::NFT_MSG_GETCHAIN,
            family,
            &says,
            |_| (),
            |attributes| {
                if attribute(attributes, CHAIN_TABLE).map(text).as_deref() == Some(TABLE) {
                    found.extend(attribute(attributes, CHAIN_NAME).map(text));
                }
            },
        )?;
        Ok(found)
    }

    /// `each` gets the attributes of one thing of this family after the other.
    fn list(
        &mut self,
        message: i32,
        family: TableFamily,
        says: &str,
        ask: impl FnOnce(&mut Writer<'_>),
        mut each: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut request = Messages::new();
        request.push(kind(message), libc::NLM_F_DUMP, |m| {
            header(m, family);
            ask(m);
        });
        self.socket.dump(&mut request, says, |_, payload| {
            if payload.first() == Some(&family_number(family)) {
                each(payload.get(NFGENMSG..).unwrap_or_default());
            }
        })
    }
}

/// Addresses, and in a map the handles of their classes.
fn decode_elements(message: &[u8]) -> impl Iterator<Item = (IpAddr, Option<u32>)> {
    let items = attributes(attribute(message, ELEMENTS).unwrap_or_default());
    items.filter(|(kind, _)| *kind == ITEM).filter_map(|(_, item)| {
        let key = attribute(item, ELEMENT_KEY)?;
        let data = attribute(item, ELEMENT_DATA).and_then(|data| u32_at(attribute(data, DATA_VALUE)?, 0));
        Some((address(attribute(key, DATA_VALUE)?)?, data))
    })
}
