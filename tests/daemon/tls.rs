//! TLS, as clients of several kinds meet it.

use super::common::Place;
use super::events::Reader;
use super::http::{Address, private, raw, request};
use super::running::{Running, place};
use blockade::certificate::Fingerprint;
use blockade::remote::tls::{Trust, connect};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::version::{TLS12, TLS13};

/// What a daemon says until it listens; it is ended then.
fn said(place: &Place, args: &[&str]) -> Vec<String> {
    let mut child = place.command(&[&["daemon"], args].concat()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut said = Vec::new();
    while said.last().is_none_or(|last: &String| !last.starts_with("listening")) {
        said.push(lines.next().expect("it listens"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    said
}

fn address(running: &Running) -> String {
    let Address::Tls(address, _) = &running.address else { panic!("TLS") };
    address.clone()
}

fn shown(running: &Running) -> Fingerprint {
    running.place.read(".blockade/daemon.fingerprint").parse().unwrap()
}

#[test]
fn beyond_loopback_it_speaks_tls_with_a_certificate_that_stays() {
    let place = place();
    let first = said(&place, &["--listen", "0.0.0.0:0"]);
    let fingerprint = place.read(".blockade/daemon.fingerprint");
    assert_eq!(
        first[..3],
        [
            "the token is in .blockade/daemon.token".to_owned(),
            "the certificate is in .blockade/daemon.crt; a client trusts it with".to_owned(),
            format!("  --fingerprint {}", fingerprint.trim_end()),
        ]
    );
    assert!(first[3].starts_with("listening on https://0.0.0.0:"), "{first:?}");
    let mode = std::fs::metadata(place.path().join(".blockade/daemon.key")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(said(&place, &["-p", "0", "--tls"])[..3], first[..3]);
    let plain = [said(&place, &["--listen", "0.0.0.0:0", "--insecure"]), said(&place, &["-p", "0"])];
    assert!(plain.iter().all(|said| said[1].starts_with("listening on http://")), "{plain:?}");
}

#[test]
fn both_versions_are_spoken_and_all_routes_answer() {
    let running = Running::with_cluster_on(&["-p", "0", "--tls"], "sim");
    let certificate = running.place.path().join(".blockade/daemon.crt");
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let mut stream = private(&address(&running), &certificate, &[version]);
        stream.write_all(&request("GET", "/healthz", &[], "")).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("{\"ok\":true}\n"), "{answer}");
        assert_eq!(stream.conn.protocol_version(), Some(spoken));
    }
    raw(&running.address, &request("GET", "/v1/clusters", &[], "")).unwrap().with(401);
    assert_eq!(running.get("/v1/clusters/c1")["nodes"].as_array().unwrap().len(), 3);
    let bearer = format!("Bearer {}", running.token.as_ref().unwrap());
    let mut reader = Reader::open(&running, "/v1/clusters/c1/events", &[("Authorization", &bearer)]);
    assert_eq!(reader.next().unwrap().kind, "cluster.up");
    running.says(&["stop", "n1"]);
    assert_eq!(reader.next().unwrap().kind, "fault.inject");
}

/// What a client that trusts this one certificate hears.
fn pinned(running: &Running, fingerprint: Fingerprint) -> blockade::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(address(running)).await.unwrap();
        let mut stream = connect(stream, "box.example", Trust::Pinned(fingerprint).config()?).await?;
        stream.write_all(&request("GET", "/healthz", &[], "")).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        Ok(answer)
    })
}

#[test]
fn a_client_with_the_fingerprint_gets_in_and_one_with_another_is_told_the_right_one() {
    let mut running = Running::on_tls();
    let fingerprint = shown(&running);
    assert!(pinned(&running, fingerprint).unwrap().starts_with("HTTP/1.1 200 "));
    let error = pinned(&running, Fingerprint([7; 32])).unwrap_err();
    assert!(error.message.contains(&format!("its certificate is {fingerprint}, and not sha256:0707")), "{error}");
    running.end(Signal::KILL);
    running.again();
    assert!(pinned(&running, fingerprint).is_ok());
}

#[test]
fn plain_http_is_answered_at_once_with_where_to_ask() {
    let running = Running::on_tls();
    let plain = Address::Tcp(address(&running));
    let began = Instant::now();
    let answer = raw(&plain, &request("GET", "/healthz", &[], "")).unwrap().with(400);
    assert_eq!(answer.detail(), "TLS is spoken here: ask `https://`");
    assert!(raw(&plain, b"\x16\x03\x01\x00\x05rubbish").is_none());
    // Then those are given up who greet slowly.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn those_who_greet_slowly_are_given_up_and_do_not_hold_the_others() {
    let running = Running::on_tls();
    let starts: [&[u8]; 3] = [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"];
    let mut slow: Vec<TcpStream> = (0..300)
        .map(|index| {
            let mut stream = TcpStream::connect(address(&running)).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            stream.write_all(starts[index % starts.len()]).unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        running.get("/v1/clusters");
    }
    slow[0].set_nonblocking(true).unwrap();
    let heard = slow[0].peek(&mut [0]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::WouldBlock), "the others waited until it was given up");
    slow[0].set_nonblocking(false).unwrap();
    for stream in slow.iter_mut().take(3) {
        assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
}

#[test]
fn a_certificate_that_is_given_is_shown_and_its_key_must_be_its_owners_alone() {
    let place = place();
    said(&place, &["-p", "0", "--tls"]);
    std::fs::rename(place.path().join(".blockade/daemon.crt"), place.path().join("own.crt")).unwrap();
    std::fs::rename(place.path().join(".blockade/daemon.key"), place.path().join("own.key")).unwrap();
    let fingerprint = place.read(".blockade/daemon.fingerprint");
    let own = ["-p", "0", "--tls-cert", "own.crt", "--tls-key", "own.key"];
    let told = said(&place, &own);
    assert_eq!(told[1], "the certificate is in own.crt; a client trusts it with");
    assert_eq!(told[2], format!("  --fingerprint {}", fingerprint.trim_end()));
    assert!(told[3].starts_with("listening on https://"), "{told:?}");
    assert!(!place.path().join(".blockade/daemon.key").exists());
    std::fs::set_permissions(place.path().join("own.key"), PermissionsExt::from_mode(0o640)).unwrap();
    let refused = |args: &[&str]| place.blockade(&[&["daemon"], args].concat()).with(2).stderr;
    insta::assert_snapshot!(refused(&own), @"
    error: others can read the key's file own.key: its mode is 0640
    help: `chmod 600 own.key`
    ");
    insta::assert_snapshot!(refused(&["--tls"]), @"
    error: --tls is for an address
    help: name one with --listen; the socket is guarded by its file's mode
    ");
    assert!(refused(&["-p", "0", "--tls-cert", "own.crt"]).contains("--tls-key <FILE>"));
    assert!(refused(&["-p", "0", "--tls", "--insecure"]).contains("--insecure says plain text"));
}
