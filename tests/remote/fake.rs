//! A daemon of a test's own: what it is asked is kept, what it answers is decided beforehand. So the client meets what a
//! real daemon seldom does.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As `POST /v1/commands`.
    pub line: String,
    /// Lower case.
    pub head: String,
    pub body: String,
}

impl Asked {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What is answered: bytes, and then the connection ends.
pub type Answer = Vec<u8>;

pub struct Fake {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// `answers` sees what is asked, and which time a line is asked for, from 0.
    pub fn new(answers: impl Fn(&Asked, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (kept, answers) = (Arc::clone(&asked), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answers) = (Arc::clone(&kept), Arc::clone(&answers));
                std::thread::spawn(move || serve(stream, &kept, &*answers));
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The requests of this line.
    pub fn of(&self, line: &str) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.line == line).collect()
    }
}

fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Asked>>, answers: &dyn Fn(&Asked, usize) -> Answer) {
    let Some(asked) = read(&stream) else { return };
    let before = {
        let mut kept = kept.lock().unwrap();
        let before = kept.iter().filter(|other| other.line == asked.line).count();
        kept.push(asked.clone());
        before
    };
    let _gone = stream.write_all(&answers(&asked, before));
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut from = BufReader::new(stream);
    let mut line = String::new();
    from.read_line(&mut line).ok()?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && head != "\r\n" {
        from.read_line(&mut head).ok().filter(|count| *count > 0)?;
    }
    let head = head.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Asked { line, head, body: String::from_utf8_lossy(&body).into_owned() })
}

pub fn json(status: &str, body: &Value) -> Answer {
    let body = body.to_string();
    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

pub fn bytes(body: &[u8]) -> Answer {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// A stream that ends with the connection.
pub fn events(datas: &[Value]) -> Answer {
    let event = |data: &Value| format!("id: {}\nevent: x\ndata: {data}\n\n", data["seq"]);
    let events = datas.iter().map(event).collect::<Vec<_>>().concat();
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n:\n\n{events}").into_bytes()
}

/// A refusal as a daemon tells it.
pub fn problem(status: &str, text: &str, exit_code: u8) -> Answer {
    let number: u16 = status.split(' ').next().unwrap().parse().unwrap();
    json(
        status,
        &serde_json::json!({ "status": number, "title": "x", "detail": text, "text": text, "exit_code": exit_code }),
    )
}

/// A command that runs.
pub fn command(verb: &str, state: &str) -> Value {
    let run = (verb == "run").then_some("r-1");
    serde_json::json!({
        "id": "r-1", "args": [], "verb": verb, "state": state, "exit_code": null, "started": "2026-01-01T00:00:00Z", "run": run
    })
}
