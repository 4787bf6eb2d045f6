//! An agent that is killed leaves its rules in force; the next one takes over without a packet getting through.

use crate::support::*;
use rustix::process::Signal;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

/// Sends from one container to another, as fast as it can.
struct Flood {
    target: UdpSocket,
    shared: Arc<(AtomicU64, AtomicBool)>,
    sender: Option<JoinHandle<()>>,
}

impl Flood {
    fn new(source: UdpSocket, target: UdpSocket) -> Self {
        target.set_nonblocking(true).unwrap();
        let to = target.local_addr().unwrap();
        let shared = Arc::new((AtomicU64::new(0), AtomicBool::new(false)));
        let sender = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let (sent, over) = &*shared;
                while !over.load(Ordering::Relaxed) {
                    sent.fetch_add(u64::from(source.send_to(b"packet", to).is_ok()), Ordering::Relaxed);
                }
            }
        });
        Self { target, shared, sender: Some(sender) }
    }

    /// How many packets have arrived since the last time.
    fn arrived(&self) -> usize {
        let mut buffer = [0; 8];
        std::iter::from_fn(|| self.target.recv(&mut buffer).ok()).count()
    }

    /// Until many more packets are under way.
    async fn goes_on(&self) {
        let sent = || self.shared.0.load(Ordering::Relaxed);
        let from = sent();
        until(|| sent() > from + 1_000).await;
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.shared.1.store(true, Ordering::Relaxed);
        let _ = self.sender.take().unwrap().join();
    }
}

#[test]
fn no_packet_crosses_a_cut_while_one_agent_after_another_dies_and_the_next_takes_over() {
    on_a_host(async |mut host| {
        let (n1, n2) = (host.container(1).await, host.container(2).await);
        let flood = Flood::new(n1.udp(v4(1)), n2.udp(v4(2)));
        until(|| flood.arrived() > 0).await;
        let (mut agent, mut heard) = host.agent().await;
        agent.call(n2.attach()).await.unwrap();
        apply(&agent, &[(&n2, &refusing(&[1]))]).await;
        flood.goes_on().await;
        flood.arrived();
        // The same rules, more of them, and other ones that make way in one transaction.
        for wanted in [refusing(&[1]), refusing(&[1, 3]), no_world(&[2], &["eth0"]), refusing(&[1])] {
            rustix::process::kill_process(Host::agents_pid(), Signal::KILL).unwrap();
            told_of_the_end(&mut heard).await;
            flood.goes_on().await;
            assert_eq!(flood.arrived(), 0);
            (agent, heard) = host.agent().await;
            apply(&agent, &[(&n2, &wanted)]).await;
            agent.call(n2.attach()).await.unwrap();
            assert!(n2.holds(&wanted));
            flood.goes_on().await;
            assert_eq!(flood.arrived(), 0, "{wanted:?}");
        }
        agent.close().await;
        until(|| flood.arrived() > 0).await;
    });
}
