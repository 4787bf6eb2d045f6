//! Requests against servers that answer well, badly and not at all, on loopback.

use super::*;
use std::net::TcpListener;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn request(path: &str) -> Request {
    Request::get(1, path, Duration::from_secs(20))
}

/// What a server that answers with these bytes and hangs up comes to, and what it was asked.
async fn answered(request: Request, answer: Vec<u8>) -> (Answer, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 64 << 10];
        let length = stream.read(&mut asked).await.unwrap();
        // A client that has heard enough closes the connection.
        let _ = stream.write_all(&answer).await;
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    let answer = exchange(Connecting::start(at).unwrap(), "n1", &request).await.unwrap();
    (answer, server.await.unwrap())
}

fn outcome(answer: &[u8]) -> Result<Response, String> {
    run(answered(request("/"), answer.to_vec())).0.response
}

#[test]
fn a_request_says_what_was_asked_and_no_more() {
    let request = Request {
        method: "PUT".into(),
        headers: vec![("x-a".into(), "1".into()), ("X-A".into(), "2".into())],
        body: "zwölf".into(),
        ..request("/k?a=%20b")
    };
    let (answer, asked) = run(answered(request, b"HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok".to_vec()));
    assert_eq!(answer.response, Ok(Response { status: 201, body: "ok".into() }));
    assert!(answer.took_us > 0);
    let mut lines: Vec<&str> = asked.split("\r\n").collect();
    lines[1..].sort_unstable();
    insta::assert_snapshot!(lines.join("\n").trim_end(), @r"
    PUT /k?a=%20b HTTP/1.1

    connection: close
    content-length: 6
    host: n1:1
    x-a: 1
    x-a: 2
    zwölf
    ");
}

#[test]
fn bodies_come_whole_however_they_are_sent() {
    let body = |answer: &str| outcome(answer.as_bytes()).unwrap().body;
    assert_eq!(body("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde");
    assert_eq!(body("HTTP/1.0 200 OK\r\n\r\nuntil the end"), "until the end");
    assert_eq!(body("HTTP/1.1 204 No Content\r\n\r\n"), "");
    assert_eq!(outcome(b"HTTP/1.0 200 OK\r\n\r\n\xff!").unwrap().body, "\u{fffd}!");
}

#[test]
fn no_redirect_is_followed() {
    let answer = outcome(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(answer.unwrap().status, 302);
}

#[test]
fn half_an_answer_is_none() {
    for half in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nab",
    ] {
        let error = outcome(half.as_bytes()).unwrap_err();
        assert!(error.starts_with("the connection was lost in the middle of the answer"), "{error}");
    }
    for none in ["", "HTTP/1.1 200 O"] {
        let error = outcome(none.as_bytes()).unwrap_err();
        assert!(error.starts_with("the connection was lost before an answer came"), "{error}");
    }
}

#[test]
fn rubbish_is_no_answer() {
    for rubbish in ["SSH-2.0-OpenSSH_9.9\r\n", "+PONG\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n: x\r\n\r\n"]
    {
        let error = outcome(rubbish.as_bytes()).unwrap_err();
        assert!(error.starts_with("the answer is no HTTP"), "{rubbish:?}: {error}");
    }
}

#[test]
fn a_body_without_measure_is_given_up() {
    let of = |bytes: usize| [b"HTTP/1.0 200 OK\r\n\r\n".to_vec(), vec![b'x'; bytes]].concat();
    assert_eq!(outcome(&of(BODY_BYTES_MAX)).unwrap().body.len(), BODY_BYTES_MAX);
    assert_eq!(outcome(&of(BODY_BYTES_MAX + 1)).unwrap_err(), "the body of the answer is larger than 16 MiB");
    let broken = [b"HTTP/1.0 200 OK\r\n\r\n".to_vec(), vec![0xff; BODY_BYTES_MAX / 2]].concat();
    assert_eq!(outcome(&broken).unwrap_err(), "the body of the answer is larger than 16 MiB");
}

#[test]
fn silence_and_endless_trickling_end_with_the_time() {
    run(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").await;
            while stream.write_all(b".").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        // Nobody accepts here: the kernel does, and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        for to in [at, silent.local_addr().unwrap()] {
            let request = Request { timeout_us: 200_000, ..request("/") };
            let answer = exchange(Connecting::start(to).unwrap(), "n1", &request).await.unwrap();
            assert_eq!(answer, Answer::none("no answer within 0.2 s", 200_000));
        }
    });
}

#[test]
fn a_refusal_is_an_answer() {
    let answer = run(async {
        // Nobody listens there, and nobody else can have it meanwhile.
        let bound = tokio::net::TcpSocket::new_v4().unwrap();
        bound.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let closed = Connecting::start(bound.local_addr().unwrap()).unwrap();
        exchange(closed, "n1", &request("/")).await.unwrap()
    });
    assert_eq!(answer.response, Err("connection refused".to_owned()));
}

#[test]
fn what_would_become_another_request_is_refused() {
    let refusal = |request: Request| request.check().unwrap_err().to_string();
    let with = |name: &str, value: &str| Request { headers: vec![(name.into(), value.into())], ..request("/") };
    let method = |method: &str| Request { method: method.into(), ..request("/") };
    let refusals = [
        refusal(request("/a\r\nX: y")),
        refusal(request("/a b")),
        refusal(request("/ä")),
        refusal(request("/a#b")),
        refusal(request("health")),
        refusal(method("GET / HTTP/1.1\r\nX:")),
        refusal(method("")),
        refusal(method("CONNECT")),
        refusal(with("x", "1\r\ny: 2")),
        refusal(with("x\r\ny", "2")),
        refusal(with("", "2")),
        refusal(with("Content-Length", "2")),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    '\r' cannot stand in a path (percent-encode it: a blank is %20, a line break %0A)
    ' ' cannot stand in a path (percent-encode it: a blank is %20, a line break %0A)
    'ä' cannot stand in a path (percent-encode it: a blank is %20, a line break %0A)
    '#' cannot stand in a path (percent-encode it: a blank is %20, a line break %0A)
    the path "health" does not begin with a slash (like "/health")
    "GET / HTTP/1.1\r\nX:" is no HTTP method (like "GET", "POST", "PUT")
    "" is no HTTP method (like "GET", "POST", "PUT")
    CONNECT asks for a tunnel, not for an answer
    the value of the header x holds what no header may: "1\r\ny: 2" (one line of visible ASCII characters and blanks)
    "x\r\ny" is no name of a header (like "content-type")
    "" is no name of a header (like "content-type")
    the header content-length follows from the request (leave it out)
    "#);
    assert!(request("/a%20b?c=d&e=[1]").check().is_ok());
}
