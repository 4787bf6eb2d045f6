//! `blockade demo-store`: a small replicated store, the patient of the quickstart.
//!
//! It exists so that the first run of blockade needs nothing but blockade: a cluster whose nodes are this very binary,
//! and a bug (`--acks one`) for it to find. It uses nothing of the rest of the crate, and the rest nothing of it.
//! `protocol` holds the rules and is pure; `server`, `client` and `disk` are its sockets and its file.

mod client;
mod disk;
mod message;
mod protocol;
mod server;
#[cfg(test)]
mod simulation;
mod wire;

use crate::error::Result;
use clap::{Args as ClapArgs, Subcommand};
use message::{Acks, Id};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A small replicated store to try faults on: heartbeats, the highest node leads, writes are acknowledged after a
/// majority has them
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run one node until it is killed
    Serve(Serve),
    /// Write values and print for each: `ok VALUE`, `fail VALUE REASON` (certainly not stored) or `unknown VALUE
    /// REASON` (perhaps stored). Exit code 0 if all are ok, else 1
    Write(Write),
    /// Print all stored values, sorted, one a line. Exit code 1 where no leader answers
    List(List),
}

/// `serve`
#[derive(Debug, ClapArgs)]
struct Serve {
    /// This node's number
    #[arg(long)]
    id: Id,
    /// Where peers and clients reach this node
    #[arg(long, value_name = "IP:PORT")]
    listen: SocketAddr,
    /// Another node; once for each
    #[arg(long = "peer", value_name = "ID=IP:PORT", value_parser = parse_peer)]
    peers: Vec<(Id, SocketAddr)>,
    /// When a write is acknowledged: after a majority has it, or, wrongly, after the leader alone has it
    #[arg(long, value_enum, default_value_t = Acks::Majority)]
    acks: Acks,
    /// Where the node keeps its log
    #[arg(long, default_value = ".")]
    dir: PathBuf,
}

/// `write`
#[derive(Debug, ClapArgs)]
struct Write {
    /// The node to ask; it names the leader where it is not the leader itself
    #[arg(long, value_name = "IP:PORT")]
    to: SocketAddr,
    /// What to write
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
    /// How long to wait for each value
    #[arg(long, default_value = "500ms", value_parser = parse_duration)]
    timeout: Duration,
}

/// `list`
#[derive(Debug, ClapArgs)]
struct List {
    /// The node to ask; it names the leader where it is not the leader itself
    #[arg(long, value_name = "IP:PORT")]
    to: SocketAddr,
    /// How long to wait
    #[arg(long, default_value = "500ms", value_parser = parse_duration)]
    timeout: Duration,
}

/// Runs the subcommand and returns its exit code. Results go to stdout, what a node has to say to stderr.
pub fn run(args: &Args) -> Result<u8> {
    match &args.command {
        Command::Serve(serve) => server::run(serve),
        Command::Write(write) => Ok(client::write(write)),
        Command::List(list) => Ok(client::list(list)),
    }
}

fn parse_peer(text: &str) -> Result<(Id, SocketAddr), String> {
    let (id, address) = text.split_once('=').ok_or("write a peer as ID=IP:PORT, such as 2=10.0.0.2:7000")?;
    let id = id.parse().map_err(|_| format!("`{id}` is no node number"))?;
    let address = address.parse().map_err(|_| format!("`{address}` is not IP:PORT"))?;
    Ok((id, address))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit_ms) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or_default(), 1000),
    };
    match number.parse::<u64>() {
        Ok(count) if (1..=1_000_000).contains(&count) => Ok(Duration::from_millis(count * unit_ms)),
        _ => Err("write a duration as a whole number with a unit, such as 500ms or 2s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_peer};
    use std::time::Duration;

    #[test]
    fn a_peer_is_a_number_and_an_address() {
        assert_eq!(parse_peer("2=10.0.0.2:7000"), Ok((2, "10.0.0.2:7000".parse().unwrap())));
        insta::assert_snapshot!(parse_peer("10.0.0.2:7000").unwrap_err(), @"write a peer as ID=IP:PORT, such as 2=10.0.0.2:7000");
        insta::assert_snapshot!(parse_peer("two=10.0.0.2:7000").unwrap_err(), @"`two` is no node number");
        insta::assert_snapshot!(parse_peer("2=10.0.0.2").unwrap_err(), @"`10.0.0.2` is not IP:PORT");
    }

    #[test]
    fn a_duration_needs_a_unit_and_ends_some_day() {
        assert_eq!(parse_duration("150ms"), Ok(Duration::from_millis(150)));
        assert_eq!(parse_duration("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["", "2", "0s", "-1s", "1.5s", "99999999999999999999s", "s", "ms"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
