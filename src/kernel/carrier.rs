//! Whether a link that is up can carry packets yet.
//!
//! The kernel brings a veth pair to life in the background ("linkwatch"): for a while after both ends are up, one of
//! them has no queue and its bridge port does not forward, and what is sent is lost without a word. Asking for a link
//! makes kernels from 6.8 on finish that first; on older ones the answer is to be asked for again.

use super::link::{Device, Links};
use super::message::{Messages, attribute, u32_at};
use crate::error::Result;

// <linux/if_link.h>, <linux/if.h>, <linux/if_bridge.h>: what libc leaves out.
const IFLA_OPERSTATE: u16 = 16;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_BRPORT_STATE: u16 = 1;
const IF_OPER_UP: u8 = 6;
const BR_STATE_FORWARDING: u8 = 3;

/// The size of `struct ifinfomsg`.
const IFINFOMSG: usize = 16;

impl Links {
    /// Whether the interface is operational, and forwards if it is a bridge's port.
    pub fn carries(&mut self, device: Device<'_>) -> Result<bool> {
        let mut request = Messages::new();
        request.push(libc::RTM_GETLINK, 0, |m| {
            m.raw(&[0; 4]);
            m.raw(&device.index.to_ne_bytes());
            m.raw(&[0; 8]);
        });
        let mut carries = false;
        self.socket().dump(&mut request, &format!("ip link show {}", device.name), |_, payload| {
            carries =
                u32_at(payload, 4) == Some(device.index) && can_carry(payload.get(IFINFOMSG..).unwrap_or_default());
        })?;
        Ok(carries)
    }
}

fn can_carry(attributes: &[u8]) -> bool {
    let operational = attribute(attributes, IFLA_OPERSTATE).and_then(<[u8]>::first) == Some(&IF_OPER_UP);
    let port = attribute(attributes, libc::IFLA_LINKINFO)
        .and_then(|info| attribute(info, IFLA_INFO_SLAVE_DATA))
        .and_then(|data| attribute(data, IFLA_BRPORT_STATE));
    operational && port.is_none_or(|state| state.first() == Some(&BR_STATE_FORWARDING))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::link::{Change, End};
    use crate::kernel::testing::Namespace;
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    #[test]
    fn a_veth_carries_once_both_ends_are_up_and_not_before() {
        let Some((fabric, node)) = Namespace::two() else { return };
        let bridge = Device { index: 2, name: "br0" };
        let port = Device { index: 3, name: "v1" };
        let eth0 = Device { index: 2, name: "eth0" };
        let veth = Change::AddVeth {
            end: End { device: port, mac: [2, 0, 0, 0, 0, 3] },
            master: bridge,
            peer: End { device: eth0, mac: [2, 0, 0, 0, 0, 2] },
            peer_namespace: node.as_fd(),
        };
        let bridge = Change::AddBridge(End { device: bridge, mac: [2, 0, 0, 0, 0, 1] });
        let mut outside = fabric.inside(|| Links::open().unwrap());
        let mut inside = node.inside(|| Links::open().unwrap());
        outside.apply(&[bridge, veth]).unwrap();
        assert!(!outside.carries(port).unwrap());
        assert!(!inside.carries(eth0).unwrap());
        inside.apply(&[Change::Up(eth0)]).unwrap();
        let began = Instant::now();
        while !(outside.carries(port).unwrap() && inside.carries(eth0).unwrap()) {
            assert!(began.elapsed() < Duration::from_secs(20), "never");
        }
        assert!(inside.carries(Device { index: 99, name: "nothing" }).is_err());
    }
}
