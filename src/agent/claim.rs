//! The right to put rules into a network namespace: one agent's at a time, however many blockades this host has. All of
//! them call their table the same, and two would undo each other's cuts.
//!
//! A Unix socket with an abstract name belongs to the network namespace it was bound in, and is gone with its last
//! descriptor: no file and no daemon says who has a namespace, and the dead have none. Touches the namespace it is
//! called in.

use crate::error::{Error, Result};
use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The name that is bound in every namespace that an agent has.
const NAME: &[u8] = b"blockade-agent";

/// One agent's right to a namespace, for as long as it lives. Nobody reads from the socket.
pub(super) struct Claim(#[expect(dead_code, reason = "it is there to be open")] UnixDatagram);

impl Claim {
    /// Claims the network namespace that we are in; nothing where it is another agent's.
    pub(super) fn take() -> Result<Option<Self>> {
        match SocketAddr::from_abstract_name(NAME).and_then(|name| UnixDatagram::bind_addr(&name)) {
            Ok(socket) => Ok(Some(Self(socket))),
            Err(error) if error.kind() == ErrorKind::AddrInUse => Ok(None),
            Err(error) => Err(Error::machine(format!("the agent cannot claim a network namespace: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::testing::Namespace;

    #[test]
    fn a_namespace_has_one_owner_until_that_one_lets_go() {
        let Some((one, other)) = Namespace::two() else { return };
        let take = |namespace: &Namespace| namespace.inside(|| Claim::take().unwrap());
        let first = take(&one);
        assert!(first.is_some() && take(&one).is_none() && take(&other).is_some());
        drop(first);
        assert!(take(&one).is_some());
    }
}
