//! Many packets one way, to see what a link does to them: which arrive, when, how often and in which order.

use super::{Endpoint, failed, is_networks};
use crate::error::Result;
use crate::probe::{Arrival, Stream};
use std::io;
use std::time::{Duration, Instant};
use tokio::time::{sleep_until, timeout};

/// Sends them and hears what arrives.
///
/// # Errors
/// Only for what is wrong with this machine; what is lost or refused does not arrive.
pub async fn measure(from: &Endpoint, to: &Endpoint, stream: Stream) -> Result<Vec<Arrival>> {
    let connected = from.pair(to).await;
    let began = Instant::now();
    let mut arrivals = Vec::new();
    let mut sent_us = Vec::with_capacity(stream.count as usize);
    let sending = async {
        connected?;
        let mut packet = vec![0_u8; usize::from(stream.bytes.max(Stream::BYTES_MIN))];
        for number in 0..stream.count {
            let due = began + Duration::from_micros(stream.interval_us * u64::from(number));
            if due > Instant::now() {
                sleep_until(due.into()).await;
            } else if number % 16 == 0 {
                // The receiver's buffer is not endless.
                tokio::task::yield_now().await;
            }
            packet[..4].copy_from_slice(&number.to_le_bytes());
            packet[4..12].copy_from_slice(&(began.elapsed().as_nanos() as u64).to_le_bytes());
            match from.0.send(&packet).await {
                Err(error) if !is_networks(&error) => return Err(error),
                _ => sent_us.push(began.elapsed().as_micros() as u64),
            }
        }
        tokio::time::sleep(Duration::from_millis(stream.wait_ms)).await;
        Ok(())
    };
    let hearing = async {
        loop {
            if let Some(arrival) = hear(to, began).await? {
                arrivals.push(arrival);
            }
        }
    };
    let outcome: io::Result<()> = tokio::select! {
        biased;
        heard = hearing => heard,
        sent = sending => sent,
    };
    outcome.map_err(|error| failed("send a probe", &error))?;
    // What has come but was not read yet.
    while let Ok(Ok(last)) = timeout(Duration::ZERO, hear(to, began)).await {
        arrivals.extend(last);
    }
    Ok(arrivals)
}

/// The next packet of ours; nothing where it was damaged or the network answered instead.
async fn hear(to: &Endpoint, began: Instant) -> io::Result<Option<Arrival>> {
    let mut buffer = [0; 2_048];
    match to.0.recv(&mut buffer).await {
        Ok(length) if length >= usize::from(Stream::BYTES_MIN) => {
            let now_ns = began.elapsed().as_nanos() as u64;
            let word = |at: usize, bytes: usize| {
                buffer[at..at + bytes].iter().rev().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte))
            };
            let took_us = now_ns.saturating_sub(word(4, 8)) / 1_000;
            Ok(Some(Arrival { number: word(0, 4) as u32, took_us, at_us: now_ns / 1_000 }))
        }
        Ok(_) => Ok(None),
        Err(error) if is_networks(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
