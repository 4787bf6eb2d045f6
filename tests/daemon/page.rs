//! The web page in a real browser: real clicks and keys on it, and what a probe sees of them.

mod clusters;
mod looks;
mod runs;

use super::common::browser::{Browser, browser};
use super::http::Address;
use super::running::Running;
use serde_json::Value;

/// A daemon on loopback with a token, the cluster `c1`, and a browser that was given the token at the daemon's door.
struct Visit {
    running: Running,
    page: Browser,
    origin: String,
}

impl Visit {
    fn new(runtime: &str, size: (u32, u32)) -> Option<Self> {
        Self::of(Running::on_tcp(), runtime, size)
    }

    fn of(running: Running, runtime: &str, size: (u32, u32)) -> Option<Self> {
        let program = browser()?;
        running.place.blockade(&["-n", "c1", "up", "--runtime", runtime]).with(0);
        let (scheme, address) = match &running.address {
            Address::Tcp(address) => ("http", address),
            Address::Tls(address, _) => ("https", address),
            Address::Unix(path) => panic!("no browser speaks to {}", path.display()),
        };
        let origin = format!("{scheme}://{address}/");
        let mut page = Browser::new(program, size);
        page.open(&format!("{scheme}://anybody:{}@{address}/", running.token.as_ref().unwrap()));
        Some(Self { running, page, origin })
    }

    /// Shows `c1`, the way a person gets there.
    fn cluster(&mut self) {
        self.page.click("document.querySelector('tbody a')");
        self.page.until("document.querySelectorAll('[data-node]').length === 4 && document.querySelector('.bar').textContent.includes('live')");
    }

    /// Nothing was asked of anybody else, and the browser has nothing to complain of.
    fn is_clean(&self) {
        let foreign: Vec<String> = self.page.requests().into_iter().filter(|url| !self.is_own(url)).collect();
        assert_eq!((foreign, self.page.complaints()), (vec![], vec![]));
        assert!(self.page.requests().len() > 5, "{:?}", self.page.requests());
    }

    fn is_own(&self, url: &str) -> bool {
        let given = format!("anybody:{}@", self.running.token.as_ref().unwrap());
        url.replace(&given, "").starts_with(&self.origin) || url.starts_with("data:")
    }
}

/// The button of this name that can be seen.
fn button(name: &str) -> String {
    format!(
        "[...document.querySelectorAll('button')].find(button => button.checkVisibility() && (button.ariaLabel ?? button.textContent) === {})",
        Value::from(name)
    )
}

fn node(name: &str) -> String {
    format!("document.querySelector('[data-node={name}]')")
}

/// What the page's own probe says.
const RESULT: &str = "document.querySelector('.result').textContent";

const NODES: &str = "nodes:\n  n1: { command: sleep infinity }\n  n2: { command: sleep infinity }\n";
const FAILS: &str = "fn chaos() {\n    during(isolate(\"n1\"), \"1s\");\n    fail(\"as it was told <img>\");\n}\n";
