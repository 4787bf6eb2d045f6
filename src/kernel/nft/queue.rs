//! How a rule hands packets to a program's queue: the kernel has two ways, and not every kernel has both.

use super::Nft;
use super::encode::{CHAIN_NAME, CHAIN_TABLE, RULE_CHAIN, RULE_EXPRESSIONS, RULE_TABLE, TABLE_NAME};
use super::encode::{bound, header, kind};
use super::expression::queue;
use crate::error::Result;
use crate::kernel::message::{Messages, Writer};
use crate::plan::table::TableFamily;
use std::sync::OnceLock;

/// A way to write `queue flags bypass to NUMBER` for the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueBy {
    /// The target of iptables, through `nft_compat`: `xt target "NFQUEUE"`. Needs `xt_NFQUEUE`.
    Target,
    /// nft's own statement. Needs `nft_queue`.
    Statement,
}

/// A table that is never made.
const TRIAL: &str = "blockade-trial";

impl Nft {
    /// Which way this kernel takes: tries a rule in a batch without an end, which the kernel checks and then forgets.
    ///
    /// # Errors
    /// What the kernel says to the last one, where it takes none.
    pub fn queue_by(&mut self) -> Result<QueueBy> {
        self.try_queue(QueueBy::Target).or_else(|_| self.try_queue(QueueBy::Statement))
    }

    /// The same, asked once for this kernel.
    pub(super) fn known_queue_by(&mut self) -> Result<QueueBy> {
        static KNOWN: OnceLock<QueueBy> = OnceLock::new();
        match KNOWN.get() {
            Some(by) => Ok(*by),
            None => self.queue_by().inspect(|by| _ = KNOWN.set(*by)),
        }
    }

    fn try_queue(&mut self, by: QueueBy) -> Result<QueueBy> {
        let m = &mut self.messages;
        m.clear();
        bound(m, libc::NFNL_MSG_BATCH_BEGIN);
        add_table(m);
        add_chain(m, "trial", |_| ());
        add_rule(m, "trial", |m| queue(m, by, 0));
        let last = m.len() - 1;
        self.socket.transact(m, last, |_| format!("add rule inet {TRIAL} trial queue flags bypass to 0"))?;
        Ok(by)
    }
}

/// `add table inet blockade-trial`
fn add_table(messages: &mut Messages) {
    messages.push(kind(libc::NFT_MSG_NEWTABLE), libc::NLM_F_CREATE, |m| {
        header(m, TableFamily::Inet);
        m.text(TABLE_NAME, TRIAL);
    });
}

/// `add chain inet blockade-trial trial`
fn add_chain(messages: &mut Messages, chain: &str, hook: impl FnOnce(&mut Writer<'_>)) {
    messages.push(kind(libc::NFT_MSG_NEWCHAIN), libc::NLM_F_CREATE, |m| {
        header(m, TableFamily::Inet);
        m.text(CHAIN_TABLE, TRIAL);
        m.text(CHAIN_NAME, chain);
        hook(m);
    });
}

/// `add rule inet blockade-trial trial …`
fn add_rule(messages: &mut Messages, chain: &str, expressions: impl FnOnce(&mut Writer<'_>)) {
    messages.push(kind(libc::NFT_MSG_NEWRULE), libc::NLM_F_CREATE | libc::NLM_F_APPEND, |m| {
        header(m, TableFamily::Inet);
        m.text(RULE_TABLE, TRIAL);
        m.text(RULE_CHAIN, chain);
        m.nest(RULE_EXPRESSIONS, expressions);
    });
}

/// Queues without a plan, for the tests of what reads them.
#[cfg(test)]
mod chains {
    use super::super::encode::{CHAIN_HOOK, CHAIN_TYPE, HOOK_NUMBER, HOOK_PRIORITY};
    use super::super::expression::{immediate, loopback, meta_is, neighbour_discovery};
    use super::*;
    use crate::kernel::queue::Kind;
    use crate::plan::table::LEFT;

    impl Nft {
        /// All that comes by another device than loopback goes to this queue.
        pub(crate) fn queue_arriving(&mut self, kind: Kind) {
            self.make_chain("arriving", libc::NF_INET_PRE_ROUTING, kind, |m| loopback(m, libc::NFT_META_IIF));
        }

        /// All that leaves and is not marked as the shaper's own goes to the queue of what leaves.
        pub(crate) fn queue_leaving(&mut self) {
            let marked = |m: &mut Writer<'_>| meta_is(m, libc::NFT_META_MARK, &LEFT.to_ne_bytes());
            self.make_chain("leaving", libc::NF_INET_POST_ROUTING, Kind::Leaving, marked);
        }

        fn make_chain(&mut self, name: &str, hook: i32, kind: Kind, passes: impl Fn(&mut Writer<'_>)) {
            let by = self.queue_by().unwrap();
            let m = &mut self.messages;
            m.clear();
            bound(m, libc::NFNL_MSG_BATCH_BEGIN);
            add_table(m);
            add_chain(m, name, |m| {
                m.nest(CHAIN_HOOK, |m| {
                    m.be32(HOOK_NUMBER, hook as u32);
                    m.be32(HOOK_PRIORITY, libc::NF_IP_PRI_RAW as u32);
                });
                m.text(CHAIN_TYPE, "filter");
            });
            let accepted = |m: &mut Writer<'_>, matches: &dyn Fn(&mut Writer<'_>)| {
                matches(m);
                immediate(m, libc::NF_ACCEPT);
            };
            add_rule(m, name, |m| accepted(m, &passes));
            add_rule(m, name, |m| accepted(m, &|m| neighbour_discovery(m)));
            add_rule(m, name, |m| queue(m, by, kind.number()));
            bound(m, libc::NFNL_MSG_BATCH_END);
            let last = m.len() - 2;
            self.socket.transact(m, last, |_| format!("make chain {name}")).unwrap();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::Namespace;

    #[test]
    fn one_of_the_ways_is_taken_and_nothing_is_left_of_the_trial() {
        let Some(namespace) = Namespace::new() else { return };
        let mut nft = namespace.inside(Nft::open).unwrap();
        let by = nft.queue_by().unwrap();
        assert_eq!(nft.try_queue(by).unwrap(), by);
        println!("{by:?}");
        // A second table of that name would be refused if the trial's were still there.
        let m = &mut nft.messages;
        m.clear();
        bound(m, libc::NFNL_MSG_BATCH_BEGIN);
        m.push(kind(libc::NFT_MSG_NEWTABLE), libc::NLM_F_CREATE | libc::NLM_F_EXCL, |m| {
            header(m, TableFamily::Inet);
            m.text(TABLE_NAME, TRIAL);
        });
        bound(m, libc::NFNL_MSG_BATCH_END);
        nft.socket.transact(m, 1, |_| "add table".to_owned()).unwrap();
    }
}
