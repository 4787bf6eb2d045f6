//! Does a packet get through? Asked with real packets, from inside the namespaces, with nothing in the nodes.
//!
//! Both ends are sockets of our own, opened while the caller is inside a node's namespace ([`Endpoint::open`]) and used
//! from anywhere. They are UDP sockets: these sit above netfilter, so they see exactly what a program would see, while
//! a packet socket would see what prerouting is about to drop. Connected to each other they hear nobody else, and they
//! hear of a refusal at once; a nonce tells one probe from another. The world is an endpoint on the bridge's address.

mod stream;

use crate::error::{Error, Result};
use ipnet::IpNet;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream as StdTcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
pub use stream::measure;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// How long a probe waits for its packet unless told otherwise.
pub const WAIT: Duration = Duration::from_secs(1);

/// What became of one packet, or of one round trip. There is no second try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It arrived (and, in a round trip, so did its answer).
    Arrived {
        /// From sending to arrival, through our own event loop, in µs.
        took_us: u64,
    },
    /// The network answered that it refuses it, or has no way there.
    Refused,
    /// Nothing came within the time.
    Lost,
}

impl Outcome {
    /// Whether it arrived.
    #[must_use]
    pub fn arrived(self) -> bool {
        matches!(self, Self::Arrived { .. })
    }

    /// How long it took, in µs, if it arrived.
    #[must_use]
    pub fn took_us(self) -> Option<u64> {
        match self {
            Self::Arrived { took_us } => Some(took_us),
            Self::Refused | Self::Lost => None,
        }
    }
}

/// One end of a probe: a UDP socket at one address of a party, on a port of the kernel's choice.
#[derive(Debug)]
pub struct Endpoint(UdpSocket);

impl Endpoint {
    /// Opens a socket in the calling thread's network namespace, where it stays. Needs a tokio runtime around it.
    pub fn open(address: IpAddr) -> Result<Self> {
        let open = || {
            let socket = std::net::UdpSocket::bind((address, 0))?;
            socket.set_nonblocking(true)?;
            UdpSocket::from_std(socket)
        };
        open().map(Self).map_err(|error| failed(&format!("open a socket at {address}"), &error))
    }

    /// Makes two endpoints hear nobody but each other.
    async fn pair(&self, other: &Self) -> io::Result<()> {
        self.0.connect(other.0.local_addr()?).await?;
        other.0.connect(self.0.local_addr()?).await
    }

    async fn receive(&self, nonce: Nonce) -> io::Result<()> {
        let mut buffer = [0; 2 * size_of::<Nonce>()];
        loop {
            let length = self.0.recv(&mut buffer).await?;
            if buffer[..length] == nonce {
                return Ok(());
            }
        }
    }

    /// Fails as soon as the network refuses what was sent; never succeeds.
    async fn refusal(&self) -> io::Result<()> {
        loop {
            self.0.recv(&mut [0; 1]).await?;
        }
    }
}

/// Which addresses a probe between two parties uses: of those in a common subnet, else of all, IPv4 where both have it,
/// else IPv6 beyond the link-local scope.
#[must_use]
pub fn choose(from: &[IpNet], to: &[IpNet]) -> Option<(IpAddr, IpAddr)> {
    let pair = |v4: bool, common: bool| {
        let usable = |net: &&IpNet| net.addr().is_ipv4() == v4 && !is_link_local(net.addr());
        from.iter().filter(usable).find_map(|source| {
            let target = to.iter().filter(usable).find(|target| !common || source.contains(&target.addr()))?;
            Some((source.addr(), target.addr()))
        })
    };
    [(true, true), (false, true), (true, false), (false, false)].into_iter().find_map(|(v4, common)| pair(v4, common))
}

/// Whether an address means something only on its own link.
#[must_use]
pub fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Which address of the calling thread's namespace packets to `target` come from; none where there is no way.
pub fn source_towards(target: IpAddr) -> Result<Option<IpAddr>> {
    let any = if target.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    let ask = || {
        let socket = std::net::UdpSocket::bind((any, 0))?;
        socket.connect((target, 9))?; // sends nothing: it only looks for the way
        Ok(socket.local_addr()?.ip())
    };
    match ask() {
        Ok(address) => Ok(Some(address)),
        Err(error) if is_networks(&error) || is_of_a_family_that_is_missing(&error) => Ok(None),
        Err(error) => Err(failed(&format!("look for the way to {target}"), &error)),
    }
}

fn is_of_a_family_that_is_missing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL))
}

/// Whether one packet that `from` sends arrives at `to`. The way back does not matter.
///
/// # Errors
/// Only for what is wrong with this machine; a refused or lost packet is an [`Outcome`].
pub async fn reachable(from: &Endpoint, to: &Endpoint, wait: Duration) -> Result<Outcome> {
    let nonce = nonce();
    let one_way = async {
        from.pair(to).await?;
        let start = Instant::now();
        from.0.send(&nonce).await?;
        tokio::select! {
            biased;
            arrived = to.receive(nonce) => arrived?,
            refused = from.refusal() => refused?,
        }
        Ok(start.elapsed())
    };
    settle(within(wait, one_way).await)
}

/// Whether one packet gets from `from` to `to` and its answer back.
///
/// # Errors
/// Only for what is wrong with this machine; a refused or lost packet is an [`Outcome`].
pub async fn probe(from: &Endpoint, to: &Endpoint, wait: Duration) -> Result<Outcome> {
    let nonce = nonce();
    let round_trip = async {
        from.pair(to).await?;
        let start = Instant::now();
        from.0.send(&nonce).await?;
        let echo = async {
            to.receive(nonce).await?;
            to.0.send(&nonce).await?;
            to.refusal().await
        };
        tokio::select! {
            biased;
            answered = from.receive(nonce) => answered?,
            refused = echo => refused?,
        }
        Ok(start.elapsed())
    };
    settle(within(wait, round_trip).await)
}

/// A TCP connection that is being made from inside a namespace.
#[derive(Debug)]
pub struct Connecting(io::Result<TcpStream>);

impl Connecting {
    /// Starts connecting in the calling thread's network namespace. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// Only for what is wrong with this machine; what the network refuses shows when the connection is waited for.
    pub fn start(to: SocketAddr) -> Result<Self> {
        let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let start = || {
            let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
            match rustix::net::connect(&socket, &to) {
                Ok(()) | Err(rustix::io::Errno::INPROGRESS) => TcpStream::from_std(StdTcpStream::from(socket)),
                Err(errno) => Err(errno.into()),
            }
        };
        match start() {
            Err(error) if !is_networks(&error) => Err(failed(&format!("connect to {to}"), &error)),
            started => Ok(Self(started)),
        }
    }

    /// Whether somebody accepts it within the time. The connection is closed again.
    pub async fn accepted(self, wait: Duration) -> bool {
        timeout(wait, self.connected()).await.is_ok_and(|connected| connected.is_ok())
    }

    /// The connection, once somebody accepts it, or why there is none.
    pub async fn connected(self) -> io::Result<TcpStream> {
        let stream = self.0?;
        stream.writable().await?;
        match stream.take_error()? {
            None => Ok(stream),
            Some(error) => Err(error),
        }
    }
}

/// What a probe comes to in that time; none of one that is still under way. Where this process was kept from running, the
/// time is over before it has looked at what has come: so it looks once more at both ends.
async fn within(wait: Duration, probe: impl Future<Output = io::Result<Duration>>) -> Option<io::Result<Duration>> {
    const LOOKS: usize = 4;
    let mut probe = std::pin::pin!(probe);
    if let Ok(outcome) = timeout(wait, &mut probe).await {
        return Some(outcome);
    }
    for _ in 0..LOOKS {
        tokio::task::yield_now().await;
        if let Ok(outcome) = timeout(Duration::ZERO, &mut probe).await {
            return Some(outcome);
        }
    }
    None
}

fn settle(outcome: Option<io::Result<Duration>>) -> Result<Outcome> {
    match outcome {
        Some(Ok(took)) => Ok(Outcome::Arrived { took_us: took.as_micros() as u64 }),
        Some(Err(error)) if is_networks(&error) => Ok(Outcome::Refused),
        Some(Err(error)) => Err(failed("send a probe", &error)),
        None => Ok(Outcome::Lost),
    }
}

/// Whether the network's state is the cause: an answer of somebody on the way, or no way at all.
fn is_networks(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::PermissionDenied
            | ErrorKind::TimedOut
    ) || error.raw_os_error() == Some(libc::EHOSTDOWN)
}

fn failed(what: &str, error: &io::Error) -> Error {
    Error::machine(format!("cannot {what} inside its namespace: {error}"))
}

type Nonce = [u8; 16];

/// Different for every probe of every process: what else arrives by chance is not taken for it.
fn nonce() -> Nonce {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut nonce = *b"blockade\0\0\0\0\0\0\0\0";
    nonce[8..].copy_from_slice(&(number ^ u64::from(std::process::id()).rotate_left(32)).to_ne_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Filter;
    use crate::kernel::nft::Nft;
    use crate::kernel::testing::{Cluster, Namespace, WORLD, v4, v6};
    use crate::plan::{Ruleset, Treatment, diff};

    /// Long enough for any machine that is only slow.
    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(100);

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    /// Opens an endpoint as the agent does: enters the namespace, opens, comes back.
    fn endpoint(namespace: &Namespace, address: IpAddr) -> Endpoint {
        let runtime = tokio::runtime::Handle::current();
        namespace.inside(|| {
            let _context = runtime.enter();
            Endpoint::open(address).unwrap()
        })
    }

    fn refuse(node: &Namespace, refusal: Treatment, addresses: &[IpAddr]) -> Nft {
        let mut ruleset = Ruleset::default();
        ruleset.treated.entry((Filter::ANY, refusal)).or_default().extend(addresses.iter().copied());
        let mut nft = node.inside(Nft::open).unwrap();
        nft.apply(&diff(&Ruleset::default(), &ruleset)).unwrap();
        nft
    }

    #[test]
    fn a_whole_link_answers_on_either_family_and_towards_the_world() {
        let Some(cluster) = Cluster::new(2) else { return };
        run(async {
            for address in [v4, v6] {
                let ends = [0, 1].map(|n| endpoint(&cluster.nodes[n], address(n)));
                assert!(probe(&ends[0], &ends[1], LONG).await.unwrap().arrived());
                assert!(reachable(&ends[1], &ends[0], LONG).await.unwrap().arrived());
            }
            let ends = [endpoint(&cluster.nodes[0], v4(0)), endpoint(&cluster.fabric, WORLD.parse().unwrap())];
            assert!(probe(&ends[0], &ends[1], LONG).await.unwrap().took_us().is_some());
        });
    }

    #[test]
    fn a_one_way_cut_is_seen_by_the_one_way_probe_in_its_direction_and_by_every_round_trip() {
        let Some(cluster) = Cluster::new(2) else { return };
        run(async {
            let _nft = refuse(&cluster.nodes[1], Treatment::Drop, &[v4(0)]);
            let ends = [0, 1].map(|n| endpoint(&cluster.nodes[n], v4(n)));
            assert_eq!(reachable(&ends[0], &ends[1], SHORT).await.unwrap(), Outcome::Lost);
            assert!(reachable(&ends[1], &ends[0], LONG).await.unwrap().arrived());
            assert_eq!(probe(&ends[0], &ends[1], SHORT).await.unwrap(), Outcome::Lost);
            assert_eq!(probe(&ends[1], &ends[0], SHORT).await.unwrap(), Outcome::Lost);
        });
    }

    #[test]
    fn a_reject_is_seen_at_once_in_both_directions() {
        let Some(cluster) = Cluster::new(2) else { return };
        run(async {
            let _nft = refuse(&cluster.nodes[1], Treatment::Reject, &[v4(0)]);
            let ends = [0, 1].map(|n| endpoint(&cluster.nodes[n], v4(n)));
            // Were it not seen at once, the outcome would be `Lost`.
            assert_eq!(reachable(&ends[0], &ends[1], LONG).await.unwrap(), Outcome::Refused);
            assert_eq!(probe(&ends[0], &ends[1], LONG).await.unwrap(), Outcome::Refused);
            // The answer is refused, and the answering end hears of it.
            assert_eq!(probe(&ends[1], &ends[0], LONG).await.unwrap(), Outcome::Refused);
        });
    }

    #[test]
    fn other_packets_are_not_taken_for_the_probe() {
        let Some(cluster) = Cluster::new(2) else { return };
        run(async {
            let _nft = refuse(&cluster.nodes[1], Treatment::Drop, &[v4(0)]);
            let ends = [0, 1].map(|n| endpoint(&cluster.nodes[n], v4(n)));
            let to = ends[1].0.local_addr().unwrap();
            let noise = cluster.fabric.inside(|| std::net::UdpSocket::bind((WORLD, 0)).unwrap());
            (0..20).for_each(|_| _ = noise.send_to(&nonce(), to).unwrap());
            assert_eq!(reachable(&ends[0], &ends[1], SHORT).await.unwrap(), Outcome::Lost);
        });
    }

    #[test]
    fn a_connection_is_accepted_where_somebody_listens() {
        let Some(cluster) = Cluster::new(1) else { return };
        run(async {
            let listener = cluster.nodes[0].inside(|| std::net::TcpListener::bind((v4(0), 0)).unwrap());
            let at = listener.local_addr().unwrap();
            let connect = || {
                let runtime = tokio::runtime::Handle::current();
                cluster.nodes[0].inside(|| {
                    let _context = runtime.enter();
                    Connecting::start(at).unwrap()
                })
            };
            assert!(connect().accepted(LONG).await);
            drop(listener);
            let refused = timeout(LONG, connect().connected()).await.unwrap().unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        });
    }

    #[test]
    fn a_common_subnet_is_preferred_and_then_ipv4_and_ipv6_used_where_there_is_no_other() {
        let parse = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>();
        let both = parse(&["fe80::1/64", "fd00::1/64", "10.0.0.1/24"]);
        let only_v6 = parse(&["fe80::2/64", "fd00::2/64"]);
        let other = parse(&["10.7.0.1/24", "10.0.0.3/24"]);
        let pair = |a: &str, b: &str| Some((a.parse().unwrap(), b.parse().unwrap()));
        assert_eq!(choose(&both, &both), pair("10.0.0.1", "10.0.0.1"));
        assert_eq!(choose(&both, &only_v6), pair("fd00::1", "fd00::2"));
        assert_eq!(choose(&parse(&["10.0.0.1/24"]), &only_v6), None);
        assert_eq!(choose(&other, &both), pair("10.0.0.3", "10.0.0.1"));
        assert_eq!(choose(&parse(&["10.8.0.1/24"]), &other), pair("10.8.0.1", "10.7.0.1"));
    }
}
