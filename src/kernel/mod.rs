//! Brings one network namespace to what a plan says, and looks at it from inside.
//!
//! Everything goes over netlink from this process: no `nft`, `ip` or `tc` is ever executed, so that nothing needs to be
//! installed, an error names the rule that failed, and fifty namespaces change in milliseconds. A netlink socket belongs
//! to the namespace it was opened in; opened once and kept, it needs no `setns` afterwards (and closing one right after
//! a commit waits for the kernel's grace period, some 13 ms).
//!
//! What this module may touch: our own nftables tables (`inet blockade`, `netdev blockade`) and trees of classes (roots
//! with the handle `b10c:`), and the links and addresses
//! of namespaces that we made. It enters no namespace itself: callers open sockets while they are inside.

pub mod address;
pub mod carrier;
pub mod features;
pub mod http;
pub mod link;
pub mod message;
pub mod netlink;
pub mod nft;
pub mod probe;
pub mod queue;
pub mod raw;
pub mod tc;

#[cfg(test)]
pub(crate) mod testing;
