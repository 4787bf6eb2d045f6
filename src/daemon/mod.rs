//! `blockade daemon`: the clusters that are up here, for people and programs elsewhere.
//!
//! A client of the supervisors, as the one-shot commands are: it owns no node and no fault, so that its own end, however
//! it comes, changes nothing of them, and the next one finds all again. Requests become the same
//! [`Command`](crate::engine::Command)s as the command line's. What it owns are `chaos` programs, whose sessions heal
//! their faults when they end, and [`errands`]: command lines of others, runs and soaks among them, each a process of its
//! own, which heals, too.
//!
//! A request passes the [`gate`] (token, origin, size, time), then a route: of the [`old`] Blockade's REST, of
//! [`v1`] or of the [`page`]. What it brings is [`received`] in one way; every refusal is a [`problem`].

mod certificate;
mod chaos;
mod clusters;
mod counts;
mod described;
mod errands;
mod files;
mod follow;
mod gate;
mod histogram;
mod listen;
mod metrics;
mod old;
mod page;
mod private;
mod problem;
mod received;
mod routes;
mod runs;
mod serve;
mod strangers;
mod tail;
mod tls;
mod token;
mod trail;
mod v1;

use crate::cli::place::Place;
use crate::{Error, Result, journal, runtime};
use clusters::Daemon;
pub use errands::Limits;
use gate::Gate;
use listen::Listener;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use token::Token;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Where and for whom.
#[derive(Debug)]
pub struct Settings {
    /// Whose clusters.
    pub place: Place,
    /// The address, or none for the data folder's socket.
    pub listen: Option<SocketAddr>,
    /// The group that may use the socket beside its user.
    pub group: Option<String>,
    /// The file of the token for an address; else one is made in the data folder.
    pub token_file: Option<PathBuf>,
    /// Who on the way to an address may read along.
    pub privacy: Privacy,
    /// How much is done for others at once.
    pub limits: Limits,
}

/// Whether TLS is spoken at an address, and with which certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// It is not.
    Plain,
    /// With one that is made in the data folder and kept there.
    Own,
    /// With this one.
    Given {
        /// Its file and those of its issuers, PEM.
        certificate: PathBuf,
        /// The file of its key, PEM, for nobody but its owner.
        key: PathBuf,
    },
}

/// How long requests may still take that nobody waits for any more.
const LEAVING: Duration = Duration::from_secs(5);
/// The token's file in the data folder.
const TOKEN: &str = "daemon.token";

/// Listens until SIGTERM, SIGHUP or Ctrl-C, and ends what is under way. `say` hears where it can be reached.
pub fn run(settings: Settings, say: fn(&str)) -> Result<()> {
    journal::for_its_owner();
    let (listener, token) = open(&settings, say)?;
    let tokio = runtime::io_threads()?;
    let outcome = tokio.block_on(async {
        let (stop, stopped) = watch::channel(false);
        stop_on_signals(stop)?;
        let address = listener.address();
        let daemon = Arc::new(Daemon::new(settings.place, settings.limits, stopped.clone()));
        let routes = routes::all(Arc::clone(&daemon), Gate::new(token));
        say(&format!("listening on {address}"));
        let ending = Arc::clone(&daemon.errands);
        let (close, closed) = watch::channel(false);
        let mut over = stopped;
        // Before the doors are closed: who listens to a command hears its end, and fetches what it has left.
        let ended = async {
            is_over(&mut over).await;
            if ending.end_all().await {
                ending.all_are_fetched().await;
            }
            close.send_replace(true);
        };
        let (served, ()) = tokio::join!(serve::serve(listener, routes, closed), ended);
        served?;
        daemon.end_chaos().await
    });
    // A supervisor removes what was not up yet, whether or not that is waited for; Docker may not answer at all.
    tokio.shutdown_timeout(LEAVING);
    outcome
}

/// The listener, and the token that it asks for.
fn open(settings: &Settings, say: fn(&str)) -> Result<(Listener, Option<Token>)> {
    let data_dir = &settings.place.data_dir;
    let Some(address) = settings.listen else {
        return Ok((listen::on_socket(data_dir, settings.group.as_deref())?, None));
    };
    let listener = listen::on_address(address)?;
    std::fs::create_dir_all(data_dir)
        .map_err(|error| Error::machine(format!("cannot create {}: {error}", data_dir.display())))?;
    let token = if let Some(path) = &settings.token_file {
        Token::read(path)?
    } else {
        let path = data_dir.join(TOKEN);
        say(&format!("the token is in {}", path.display()));
        Token::kept_in(&path)?
    };
    let identity = match &settings.privacy {
        Privacy::Plain => return Ok((Listener::Tcp(listener, None), Some(token))),
        Privacy::Own => certificate::kept_in(data_dir, address.ip())?,
        Privacy::Given { certificate, key } => certificate::given(certificate, key)?,
    };
    say(&format!("the certificate is in {}; a client trusts it with", identity.path.display()));
    say(&format!("  --fingerprint {}", identity.fingerprint));
    Ok((Listener::Tcp(listener, Some(identity.config)), Some(token)))
}

/// Waits for the end of the daemon.
async fn is_over(stop: &mut watch::Receiver<bool>) {
    // Where nobody can say it any more, it has come.
    let _said = stop.wait_for(|stop| *stop).await;
}

fn stop_on_signals(stop: watch::Sender<bool>) -> Result<()> {
    let cannot = |error| Error::machine(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(cannot)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        stop.send_replace(true);
    });
    Ok(())
}
