//! nftables over netlink: brings the namespace of a kept socket through a plan's transactions.
//!
//! Touches our own tables and nothing else (`plan::table::TABLE`). One transaction is one batch: one system call to send
//! it, one to read the answer, and the kernel makes all of its changes at once or none.

mod encode;
mod expression;
#[cfg(test)]
mod packets;
mod queue;
mod state;
#[cfg(test)]
mod tests;

use super::message::Messages;
use super::netlink::{Protocol, Socket};
use crate::error::Result;
use crate::plan::{Act, Change, Ruleset, Transaction, diff, table::TableFamily};
pub use queue::QueueBy;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

/// A socket that changes and reads our tables in the namespace it was opened in.
///
/// Keep it: closing it right after a transaction waits for some 13 ms.
#[derive(Debug)]
pub struct Nft {
    socket: Socket,
    messages: Messages,
}

impl Nft {
    /// Opens a socket in the calling thread's network namespace, where it stays.
    pub fn open() -> Result<Self> {
        Ok(Self { socket: Socket::open(Protocol::Netfilter)?, messages: Messages::new() })
    }

    /// Makes the transactions one after the other.
    ///
    /// # Errors
    /// The first change that the kernel refuses; its transaction and the later ones are not made.
    pub fn apply(&mut self, transactions: &[Transaction]) -> Result<()> {
        transactions.iter().try_for_each(|transaction| {
            if transaction.after_grace {
                wait_for_packets_under_way();
            }
            self.commit(transaction)
        })
    }

    /// The transaction that removes our tables, whatever they hold, and puts a ruleset's in their place.
    pub fn anew(&mut self, wanted: &Ruleset) -> Result<Transaction> {
        let found = self.tables()?.into_iter();
        let mut changes: Vec<_> = found.map(|table| Change { table, act: Act::DeleteTable }).collect();
        changes.extend(diff(&Ruleset::default(), wanted).into_iter().flat_map(|transaction| transaction.changes));
        Ok(Transaction { after_grace: false, changes })
    }

    fn commit(&mut self, transaction: &Transaction) -> Result<()> {
        let origins = self.encode(transaction);
        self.send(transaction, &origins)
    }

    /// Writes the transaction's batch into our own buffer; returns which change each message is of.
    fn encode(&mut self, transaction: &Transaction) -> Vec<Option<usize>> {
        self.messages.clear();
        if transaction.changes.is_empty() {
            return Vec::new();
        }
        encode::batch(&mut self.messages, &transaction.changes)
    }

    /// Sends the batch that was encoded last.
    fn send(&mut self, transaction: &Transaction, origins: &[Option<usize>]) -> Result<()> {
        if transaction.changes.is_empty() {
            return Ok(());
        }
        // The batch's end is never answered by older kernels: the change before it is asked to.
        let last = self.messages.len() - 2;
        self.socket.transact(&mut self.messages, last, |position| match origins.get(position).copied().flatten() {
            Some(origin) => transaction.changes[origin].to_string(),
            None => transaction.changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
        })
    }
}

/// From so many namespaces on it pays to send from two threads: each namespace has its own lock in the kernel.
const WORTH_A_THREAD: usize = 16;

/// A namespace on its way through its transactions.
struct Journey<'a> {
    nft: &'a mut Nft,
    transactions: &'a [Transaction],
    origins: Vec<Option<usize>>,
    outcome: Result<()>,
}

impl Journey<'_> {
    fn transaction(&self, step: usize) -> Option<&Transaction> {
        self.transactions.get(step).filter(|_| self.outcome.is_ok())
    }

    fn encode(&mut self, step: usize) {
        if let Some(transaction) = self.transactions.get(step) {
            self.origins = self.nft.encode(transaction);
        }
    }

    fn send(&mut self, step: usize) {
        if let (Ok(()), Some(transaction)) = (&self.outcome, self.transactions.get(step)) {
            self.outcome = self.nft.send(transaction, &self.origins);
        }
    }
}

/// Brings many namespaces through their transactions: all of them a step further, then the next step, so that all wait
/// together for the packets that are under way. One that fails stays where it is and does not hold up the others.
///
/// Everything is encoded before the first is sent, so that they change as close together as can be. The threads that
/// send end before this returns.
pub fn apply_all(namespaces: Vec<(&mut Nft, &[Transaction])>) -> Vec<Result<()>> {
    let steps = namespaces.iter().map(|(_, transactions)| transactions.len()).max().unwrap_or(0);
    let begin = |(nft, transactions)| Journey { nft, transactions, origins: Vec::new(), outcome: Ok(()) };
    let mut journeys: Vec<Journey<'_>> = namespaces.into_iter().map(begin).collect();
    for step in 0..steps {
        for journey in &mut journeys {
            journey.encode(step);
        }
        if journeys.iter().filter_map(|journey| journey.transaction(step)).any(|transaction| transaction.after_grace) {
            wait_for_packets_under_way();
        }
        send_all(&mut journeys, step);
    }
    journeys.into_iter().map(|journey| journey.outcome).collect()
}

fn send_all(journeys: &mut [Journey<'_>], step: usize) {
    let send = |journeys: &mut [Journey<'_>]| {
        for journey in journeys {
            journey.send(step);
        }
    };
    let alone =
        journeys.len() < WORTH_A_THREAD || std::thread::available_parallelism().is_ok_and(|cores| cores.get() < 2);
    let (here, there) = journeys.split_at_mut(if alone { journeys.len() } else { journeys.len() / 2 });
    if there.is_empty() {
        return send(here);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| send(there));
        send(here);
    });
}

/// Returns when every packet has left the chains that it was in: after one of the kernel's RCU grace periods, some tens
/// of milliseconds.
fn wait_for_packets_under_way() {
    // SAFETY: the call takes no pointers; it only waits.
    let waited = unsafe { libc::syscall(libc::SYS_membarrier, libc::MEMBARRIER_CMD_GLOBAL, 0, 0) };
    if waited != 0 {
        // A kernel with `nohz_full`, or a filter of system calls, refuses it. No packet stays that long in a chain.
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl AsFd for Nft {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// nfnetlink's number of the family.
fn family_number(family: TableFamily) -> u8 {
    match family {
        TableFamily::Inet => libc::NFPROTO_INET as u8,
        TableFamily::Netdev => libc::NFPROTO_NETDEV as u8,
    }
}
