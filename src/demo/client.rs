//! `demo-store write` and `list`: ask a node, follow it to the leader, and tell "no" from "perhaps".
//!
//! A request that was never sent has certainly failed. Once it is on its way, silence proves nothing.

use super::wire::{self, LINE_BYTES_MAX, Reply, Request};
use super::{List, Write};
use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// From the node asked to the leader it names, and once more where leadership has just moved.
const REDIRECTS_MAX: u32 = 2;

/// Writes one value after the other.
pub(super) fn write(args: &Write) -> u8 {
    let mut all_ok = true;
    for value in &args.values {
        let line = match ask(args.to, &Request::Write { value: value.clone() }, args.timeout) {
            Reply::Ok => format!("ok {value}"),
            Reply::Fail(reason) => format!("fail {value} {reason}"),
            Reply::Unknown(reason) => format!("unknown {value} {reason}"),
            Reply::Values(_) | Reply::Redirect(_) => format!("unknown {value} the node answered something else"),
        };
        all_ok &= line.starts_with("ok ");
        println!("{line}");
    }
    u8::from(!all_ok)
}

/// Prints the values as a sorted set.
pub(super) fn list(args: &List) -> u8 {
    match ask(args.to, &Request::List, args.timeout) {
        Reply::Values(values) => {
            for value in values.into_iter().collect::<BTreeSet<_>>() {
                println!("{value}");
            }
            0
        }
        Reply::Fail(reason) | Reply::Unknown(reason) => {
            eprintln!("demo-store list: {reason}");
            1
        }
        Reply::Ok | Reply::Redirect(_) => {
            eprintln!("demo-store list: the node answered something else");
            1
        }
    }
}

/// Asks a node and those it redirects to, all within `timeout`. Never answers [`Reply::Redirect`].
pub(super) fn ask(node: SocketAddr, request: &Request, timeout: Duration) -> Reply {
    let deadline = Instant::now() + timeout;
    let mut node = node;
    for _ in 0..=REDIRECTS_MAX {
        match ask_one(node, request, deadline) {
            Reply::Redirect(leader) => node = leader,
            reply => return reply,
        }
    }
    Reply::Fail("the nodes do not agree on a leader".to_owned())
}

fn ask_one(node: SocketAddr, request: &Request, deadline: Instant) -> Reply {
    let connection = remaining(deadline).and_then(|left| TcpStream::connect_timeout(&node, left));
    let connection = match connection {
        Ok(connection) => connection,
        Err(error) => return Reply::Fail(format!("cannot reach {node}: {error}")),
    };
    exchange(connection, request, deadline)
        .unwrap_or_else(|error| Reply::Unknown(format!("no answer from {node}: {error}")))
}

fn exchange(mut connection: TcpStream, request: &Request, deadline: Instant) -> io::Result<Reply> {
    connection.set_write_timeout(Some(remaining(deadline)?))?;
    connection.write_all(&wire::line(request))?;
    connection.set_read_timeout(Some(remaining(deadline)?))?;
    let mut line = String::new();
    BufReader::new(connection.take(LINE_BYTES_MAX)).read_line(&mut line).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    })?;
    if line.is_empty() {
        return Err(io::Error::other("the connection was closed"));
    }
    Ok(serde_json::from_str(&line)?)
}

/// What is left of the time, or that it is over.
fn remaining(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
