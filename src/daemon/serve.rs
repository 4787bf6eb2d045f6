//! Connections: how many, how long for their headers, and how they end when the daemon does.

use super::is_over;
use super::listen::{Listener, Socket};
use super::strangers::{Stranger, Strangers, TurnedOut};
use super::tls;
use crate::{Error, Result};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::rustls::ServerConfig;

/// So many connections at once. For one more, the oldest goes on which nobody has been let in yet; where there is none,
/// it waits. Each may need a second file, and a process has 1,024.
const CONNECTIONS_MAX: usize = 400;
/// How long headers may take to arrive, and a connection may be idle.
const HEADERS_TIME_MAX: Duration = Duration::from_secs(10);
/// From here on no more is read of a request line and headers that have no end yet, bytes; the last read may bring as
/// much again.
const HEADERS_MAX: usize = 32 << 10;
/// How long a client may leave an answer unread on the network.
const UNREAD_MAX_MS: u32 = 30_000;
/// How long requests under way may take once the daemon is to end: somebody may listen to a run that heals.
const GRACE: Duration = Duration::from_secs(60);

/// Serves until `stop` turns true, and then what is under way.
pub(super) async fn serve(listener: Listener, routes: Router, mut stop: watch::Receiver<bool>) -> Result<()> {
    let (accepting, socket) =
        Accepting::new(listener).map_err(|error| Error::machine(format!("cannot listen: {error}")))?;
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let strangers = Arc::new(Strangers::default());
    loop {
        let next = async {
            let accepted = accepting.accept().await;
            if slots.available_permits() == 0 {
                strangers.turn_out_the_oldest();
            }
            (Arc::clone(&slots).acquire_owned().await, accepted)
        };
        let (slot, accepted) = tokio::select! {
            biased;
            () = is_over(&mut stop) => break,
            next = next => next,
        };
        let (stranger, turned_out) = strangers.arrive();
        let visit = Visit { routes: routes.clone(), stop: stop.clone(), stranger: Arc::new(stranger), _slot: slot };
        match accepted {
            Ok(Stream::Unix(stream)) => visit.begin(turned_out, |visit| visit.attend(stream)),
            Ok(Stream::Tcp(stream, None)) => visit.begin(turned_out, |visit| visit.attend(stream)),
            Ok(Stream::Tcp(stream, Some(tls))) => {
                visit.begin(turned_out, |visit| visit.attend_in_private(stream, tls));
            }
            // Out of files, for a moment: those who are connected may go.
            Err(error) => {
                tracing::warn!("cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    // Nobody new is to wait for one who is about to end.
    drop((accepting, socket));
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    let _those_who_stay_are_cut_off = tokio::time::timeout(GRACE, slots.acquire_many(all)).await;
    Ok(())
}

/// Held for as long as a connection is.
type Slot = std::result::Result<OwnedSemaphorePermit, AcquireError>;

enum Accepting {
    Unix(UnixListener),
    Tcp(TcpListener, Option<Arc<ServerConfig>>),
}

enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream, Option<Arc<ServerConfig>>),
}

impl Accepting {
    fn new(listener: Listener) -> std::io::Result<(Self, Option<Socket>)> {
        match listener {
            Listener::Unix(socket) => {
                socket.listener.set_nonblocking(true)?;
                let listener = UnixListener::from_std(socket.listener.try_clone()?)?;
                Ok((Self::Unix(listener), Some(socket)))
            }
            Listener::Tcp(listener, tls) => {
                listener.set_nonblocking(true)?;
                Ok((Self::Tcp(TcpListener::from_std(listener)?, tls), None))
            }
        }
    }

    async fn accept(&self) -> std::io::Result<Stream> {
        match self {
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| Stream::Unix(stream)),
            Self::Tcp(listener, tls) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_MAX_MS)?;
                Ok(Stream::Tcp(stream, tls.clone()))
            }
        }
    }
}

/// One client, until it goes, is too slow, is turned out, or the daemon ends.
struct Visit {
    routes: Router,
    stop: watch::Receiver<bool>,
    stranger: Arc<Stranger>,
    _slot: Slot,
}

impl Visit {
    fn begin<F>(self, turned_out: TurnedOut, attend: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let attended = attend(self);
        tokio::spawn(async {
            tokio::select! {
                () = attended => {}
                () = turned_out.wait() => tracing::debug!("a client that had not asked yet made room for another one"),
            }
        });
    }

    /// The same as [`attend`](Self::attend), once client and daemon have agreed on keys.
    async fn attend_in_private(mut self, stream: TcpStream, tls: Arc<ServerConfig>) {
        let greeted = tokio::select! {
            greeted = tls::greet(stream, tls) => greeted,
            () = is_over(&mut self.stop) => return,
        };
        match greeted {
            Ok(stream) => self.attend(stream).await,
            Err(error) => tracing::debug!("a client came no further than its greeting: {error}"),
        }
    }

    async fn attend<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEADERS_TIME_MAX).max_buf_size(HEADERS_MAX);
        let routes = TowerToHyperService::new(self.routes);
        // The gate knows by it on which connection it has let somebody in.
        let routes = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Arc::clone(&self.stranger));
            routes.call(request)
        });
        let mut connection = pin!(http.serve_connection(TokioIo::new(stream), routes));
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = is_over(&mut self.stop) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            tracing::debug!("a connection ended: {error}");
        }
    }
}
