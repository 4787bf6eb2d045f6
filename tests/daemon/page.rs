//! The web page in a real browser: real clicks and keys on it, and what a probe sees of them.

use super::common::browser::{Browser, browser};
use super::common::{User, namespaces, until};
use super::http::Address;
use super::running::{CLUSTER, Running, place, reaches};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::PathBuf;

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
        let Address::Tcp(address) = &running.address else { panic!("an address") };
        let origin = format!("http://{address}/");
        let mut page = Browser::new(program, size);
        page.open(&format!("http://anybody:{}@{address}/", running.token.as_ref().unwrap()));
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

#[test]
fn clicks_cut_a_real_link_and_heal_it() {
    if !namespaces(User::Ours) {
        return;
    }
    let Some(mut visit) = Visit::new("netns", (1280, 900)) else { return };
    visit.cluster();
    let Visit { running, page, .. } = &mut visit;
    page.click(&node("n1"));
    page.click(&node("n2"));
    page.click(&button("Probe"));
    page.until(&format!("{RESULT} === 'n1 → n2: went through'"));
    page.click(&button("Cut n1 → n2"));
    page.until("document.querySelector('#faults li')?.textContent.startsWith('f1 block n1 → n2')");
    assert!(!reaches(running, "n1", "n2") && reaches(running, "n2", "n1") && reaches(running, "n1", "n3"));
    page.until(
        "document.querySelectorAll('.link.cut').length === 1 && document.querySelectorAll('.link.whole').length === 1",
    );
    page.click(&button("Probe"));
    page.until(&format!("{RESULT} === 'n1 → n2: did not get through'"));

    page.click(&button("Heal f1 block n1 → n2"));
    page.until("!document.querySelector('#faults li') && !document.querySelector('.link')");
    assert!(reaches(running, "n1", "n2"));
    page.click(&button("Probe"));
    page.until(&format!("{RESULT} === 'n1 → n2: went through'"));

    // A group: those who are selected, and the rest.
    page.click(&button("Partition selection from the rest"));
    page.until("document.querySelector('#faults li')");
    assert!(reaches(running, "n1", "n2") && !reaches(running, "n1", "n3") && !reaches(running, "n3", "n2"));
    page.click(&node("n2"));
    page.click(&button("Pause"));
    page.until(&format!("{}.classList.contains('paused')", node("n1")));
    page.click(&button("Heal all"));
    page.until(&format!("{}.classList.contains('up') && !document.querySelector('#faults li')", node("n1")));
    assert!(reaches(running, "n1", "n3"));
    visit.is_clean();
}

/// Tab, until it has the focus; on the way every stop must show that it has it.
fn tab_to(page: &mut Browser, element: &str) {
    for _ in 0..60 {
        page.press("Tab");
        let stop = page.value(
            "(() => {
                const has = document.activeElement, ring = has.querySelector(':scope > .focus');
                const style = getComputedStyle(has), stroke = ring && getComputedStyle(ring).stroke;
                return has === document.body || style.outlineStyle !== 'none' || (stroke && stroke !== 'none') || has.outerHTML;
            })()",
        );
        assert_eq!(stop, true, "the focus does not show");
        if page.value(&format!("document.activeElement === ({element})")) == true {
            return;
        }
    }
    panic!("never reached: {element}");
}

#[test]
fn keys_alone_do_the_same() {
    if !namespaces(User::Ours) {
        return;
    }
    let Some(mut visit) = Visit::new("netns", (1280, 900)) else { return };
    let Visit { running, page, .. } = &mut visit;
    page.until("document.querySelector('tbody a')");
    tab_to(page, "document.querySelector('tbody a')");
    page.press("Enter");
    page.until("document.querySelectorAll('[data-node]').length === 4 && document.activeElement.textContent === 'c1'");
    tab_to(page, &node("n2"));
    page.press(" ");
    assert_eq!(page.value(&format!("{}.ariaPressed", node("n2"))), "true");
    tab_to(page, &button("Isolate"));
    page.press("Enter");
    page.until("document.querySelector('#faults li')");
    assert!(!reaches(running, "n1", "n2") && !reaches(running, "n2", "n3") && reaches(running, "n1", "n3"));
    // The world is cut off from it, too, and the focus is where it was.
    page.until("document.querySelectorAll('.link.cut').length === 3");
    assert_eq!(page.value("document.activeElement.textContent"), "Isolate");
    tab_to(page, &button("Heal f1 isolate n2"));
    page.press("Enter");
    page.until("!document.querySelector('#faults li')");
    assert!(reaches(running, "n1", "n2"));
    assert_eq!(page.value("document.activeElement.textContent"), "Faults in force");
    // On to the end of the page, and out of it: nothing holds the focus.
    tab_to(page, "document.body");
    visit.is_clean();
}

#[test]
fn a_cluster_is_brought_up_and_destroyed_and_what_is_wrong_in_its_file_is_shown_with_its_place() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let Visit { running, page, .. } = &mut visit;
    page.until("document.querySelector('tbody a')");
    page.click("document.querySelector('input[required]')");
    page.write("c2");
    page.click("document.querySelector('textarea')");
    page.write("nodes:\n  n1: { comand: sleep infinity }\n");
    page.click(&button("Bring up"));
    page.until("document.querySelector('[role=alert]')");
    let told = page.value("document.querySelector('[role=alert] pre').textContent");
    assert!(told.as_str().unwrap().contains(" --> config:2:9\n") && told.as_str().unwrap().contains("^^^"), "{told}");
    assert_eq!(page.value("document.activeElement.closest('[role=alert]') !== null"), true);

    page.value("document.querySelector('textarea').select()");
    page.write("nodes:\n  '<img src=x>': {}\n");
    page.click(&button("Bring up"));
    page.until("document.querySelector('[role=alert] pre')?.textContent.includes('<img')");
    page.value("document.querySelector('textarea').select()");
    page.write(CLUSTER);
    page.value("document.querySelector('select').value = 'sim'");
    page.click(&button("Bring up"));
    page.until("location.hash === '#/clusters/c2' && document.querySelectorAll('[data-node]').length === 4");
    page.until("document.querySelector('.timeline').textContent.includes('n1 n2 n3')");
    page.click(&button("Destroy…"));
    page.press("Escape");
    page.click(&button("Destroy…"));
    page.click(&button("Destroy c2"));
    page.until("location.hash === '#/clusters' && document.querySelectorAll('tbody tr').length === 1");
    assert_eq!(running.get("/v1/clusters")["clusters"].as_array().unwrap().len(), 1);
    // Refusals are told by the browser, too.
    let refused = |told: &String| told.contains("400");
    let others: Vec<String> = page.complaints().into_iter().filter(|told| !refused(told)).collect();
    assert_eq!(others, Vec::<String>::new());
}

#[test]
fn a_daemon_that_is_gone_is_missed_and_found_again() {
    // The same address before and after.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let running = Running::among(place(), &["--listen", &format!("127.0.0.1:{port}")]);
    let Some(mut visit) = Visit::of(running, "sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { running, page, .. } = &mut visit;
    running.end(Signal::KILL);
    page.until("document.getElementById('daemon').textContent.includes('does not answer')");
    page.click(&node("n1"));
    page.click(&button("Isolate"));
    page.until("document.querySelector('[role=alert]')?.textContent.includes('the daemon does not answer')");
    running.says(&["stop", "n3"]);
    running.again();
    page.until("document.getElementById('daemon').textContent === 'connected again'");
    page.until(&format!("{}.classList.contains('stopped')", node("n3")));
    page.until("document.querySelector('.bar').textContent.includes('live')");
    running.says(&["start", "n3"]);
    page.until(&format!("{}.classList.contains('up')", node("n3")));
}

const NODES: &str = "nodes:\n  n1: { command: sleep infinity }\n  n2: { command: sleep infinity }\n";
const FAILS: &str = "fn chaos() {\n    during(isolate(\"n1\"), \"1s\");\n    fail(\"as it was told <img>\");\n}\n";
const LONG: &str = "fn chaos() {\n    isolate(\"n1\");\n    sleep(\"10m\");\n}\n";

/// The control with this label.
fn labelled(label: &str) -> String {
    format!(
        "[...document.querySelectorAll('label')].find(label => label.textContent === {})?.control",
        Value::from(label)
    )
}

/// Writes into a control in the place of what it holds.
fn fill(page: &mut Browser, label: &str, text: &str) {
    page.click(&labelled(label));
    page.value(&format!("{}.select()", labelled(label)));
    page.write(text);
}

fn choose(page: &mut Browser, label: &str, option: &str) {
    let (select, option) = (labelled(label), Value::from(option));
    page.until(&format!("[...{select}.options].some(one => one.value === {option})"));
    page.value(&format!(
        "{{ const select = {select}; select.value = {option}; select.dispatchEvent(new Event('change')); }}"
    ));
}

const VERDICT: &str = "document.querySelector('.bar .word')?.textContent";

#[test]
fn a_run_is_begun_with_a_seed_followed_and_read_and_one_that_is_wrong_shows_where() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let Visit { running, page, .. } = &mut visit;
    page.click("document.querySelector('nav a:nth-child(2)')");
    fill(page, "Script", FAILS);
    fill(page, "Cluster file", NODES);
    fill(page, "Seed", "9223372036854775807");
    choose(page, "Runtime", "sim");
    page.click(&button("Start"));
    page.until(&format!("location.hash.startsWith('#/runs/2') && {VERDICT} === 'fail'"));
    page.until("document.querySelector('.timeline').textContent.includes('f1 isolate n1, after 1 s')");
    page.until(
        "document.querySelector('[role=alert] pre').textContent === 'as it was told <img>\\n --> script.rhai:3:5'",
    );
    let facts = page.value("document.querySelector('.facts').innerText");
    assert!(facts.as_str().unwrap().contains("9223372036854775807"), "{facts}");
    page.until("document.querySelector('#output pre').textContent.includes('as it was told')");
    let report = page
        .value("[...document.querySelectorAll('.bar a')].find(link => link.checkVisibility()).getAttribute('href')");
    let report = running.ask("GET", report.as_str().unwrap(), "").with(200).body;
    assert!(report.contains("as it was told"));
    page.until("[...document.querySelectorAll('.files a')].some(link => link.textContent === 'journal.jsonl')");

    page.click("document.querySelector('nav a:nth-child(2)')");
    page.until("document.querySelector('tbody .word')?.textContent === 'fail'");
    fill(page, "Script", "fn chaos() { partitoin([[\"n1\"]]); }");
    fill(page, "Cluster file", NODES);
    page.click(&button("Start"));
    page.until("document.querySelector('[role=alert] pre')?.textContent.includes(' --> script.rhai:1:14')");
    let told = page.value("document.querySelector('[role=alert] pre').textContent");
    assert!(told.as_str().unwrap().contains("^^^^^^^^^"), "{told}");
    visit.is_clean();
}

#[test]
fn a_run_on_a_cluster_that_is_up_is_cancelled_and_heals() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let Visit { running, page, .. } = &mut visit;
    page.click("document.querySelector('nav a:nth-child(2)')");
    fill(page, "Script", LONG);
    choose(page, "On", "c1");
    assert_eq!(page.value(&format!("{}.checkVisibility()", labelled("Cluster file"))), false);
    page.click(&button("Start"));
    page.until("document.querySelector('.timeline')?.textContent.includes('f1 isolate n1')");
    assert_eq!(running.get("/v1/clusters/c1/faults")["faults"][0]["kind"], "isolate");
    page.until(&format!("{VERDICT} === 'running'"));
    page.click(&button("Cancel"));
    page.until(&format!("{VERDICT} === 'error'"));
    assert_eq!(running.get("/v1/clusters/c1/faults"), json!({ "faults": [] }));
    visit.is_clean();
}

/// Texts whose contrast with what is behind them is below 4.5.
const PALE: &str = "
(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = color => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = color => {
        const [r, g, b] = rgba(color).map(part => part / 255).map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = element => {
        for (; element; element = element.parentElement) {
            const color = getComputedStyle(element).backgroundColor;
            if (rgba(color)[3] === 255) return color;
        }
        return 'white';
    };
    const pale = [];
    let seen = 0;
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
        if (!own || !element.checkVisibility() || element.closest('title, noscript')) continue;
        const isDrawn = element instanceof SVGElement, style = getComputedStyle(element);
        const [a, b] = [light(isDrawn ? style.fill : style.color), light(behind(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        seen += 1;
        if (contrast < 4.5) pale.push(`${contrast.toFixed(2)} ${element.outerHTML}`);
    }
    return { seen, pale };
})()";

/// What sticks out of the window.
const WIDE: &str = "
(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    return [...document.querySelectorAll('body *')].filter(element => element.getBoundingClientRect().right > clientWidth).map(element => element.outerHTML.slice(0, 200));
})()";

#[test]
fn in_light_and_dark_and_on_a_phone_all_can_be_read() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let Visit { running, page, origin } = &mut visit;
    let faults = "/v1/clusters/c1/faults";
    for fault in [
        json!({ "kind": "block", "source": ["n1"], "target": ["n2"] }),
        json!({ "kind": "slow", "nodes": ["n1"], "to": ["n3"], "delay": "100ms", "both": true }),
        json!({ "kind": "isolate", "nodes": ["n2"] }),
        json!({ "kind": "pause", "nodes": ["n3"] }),
        json!({ "kind": "kill", "nodes": ["n2"] }),
    ] {
        running.post(faults, json!({ "fault": fault })).with(201);
    }
    // A crowd.
    running.place.write("many.yaml", "nodes: { n: { count: 24, command: sleep infinity } }\n");
    running.place.blockade(&["-n", "c2", "-c", "many.yaml", "up", "--runtime", "sim"]).with(0);
    for fault in [
        json!({ "kind": "partition", "groups": [["n_1", "n_2", "n_3"]] }),
        json!({ "kind": "flaky", "nodes": ["n_9"] }),
    ] {
        running.post("/v1/clusters/c2/faults", json!({ "fault": fault })).with(201);
    }
    let begun = |route: &str, more: Value| {
        let mut body = json!({ "script": { "name": "fails.rhai", "text": FAILS }, "config": NODES, "runtime": "sim" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        running.post(route, body).with(201).json()["id"].as_str().unwrap().to_owned()
    };
    let run = begun("/v1/runs", json!({ "seed": 7 }));
    begun("/v1/soaks", json!({ "runs": 3, "seed_start": 1 }));
    // What a person looks at stays where `BLOCKADE_SCREENSHOTS` says.
    let kept = std::env::var_os("BLOCKADE_SCREENSHOTS").map_or_else(|| running.place.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&kept).unwrap();
    let mut pictures = Vec::new();
    for (view, ready) in [
        (
            "clusters/c1",
            "document.querySelectorAll('#faults li').length === 5 && document.querySelector('.bar').textContent.includes('live')",
        ),
        ("clusters/c2", "document.querySelectorAll('[data-node]').length === 25"),
        ("clusters", "document.querySelector('tbody a')"),
        ("runs", "document.querySelector('#start textarea')"),
        ("soaks", "document.querySelector('h1')"),
    ] {
        page.open(&format!("{origin}#/{view}"));
        page.until(ready);
        if view == "clusters/c1" {
            page.click(&node("n1"));
            page.click(&button("Probe"));
            page.until(&format!("{RESULT}.includes('→')"));
        }
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)] {
            page.prefer(scheme);
            page.resize((width, 900));
            page.until("document.getAnimations().length === 0");
            let told = page.value(PALE);
            assert!(told["seen"].as_u64().unwrap() > 5, "{told}");
            assert_eq!(told["pale"], json!([]), "{view}, {scheme}, {width}");
            assert_eq!(page.value(WIDE), json!([]), "{view}, {scheme}, {width}");
            let image = page.picture();
            let name = format!("page-{}-{scheme}-{width}.png", view.replace('/', "-"));
            std::fs::write(kept.join(name), &image).unwrap();
            pictures.push(image);
        }
        page.resize((1280, 900));
    }
    assert_ne!(pictures[0], pictures[1]);
    // Motion is nobody's who does not want it.
    let calm = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
    page.call("Emulation.setEmulatedMedia", json!({ "features": calm }));
    assert_eq!(page.value("getComputedStyle(document.querySelector('nav a')).transitionDuration"), "0s");
}

/// So that the tests above can fail.
#[test]
fn the_browser_tells_of_what_the_policy_refuses_and_of_who_has_no_token() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let Visit { page, origin, running } = &mut visit;
    page.until("document.querySelector('tbody a')");
    page.value(
        "{
            const script = document.createElement('script');
            script.textContent = 'window.owned = true';
            document.body.append(script);
            const image = document.createElement('img');
            image.src = 'http://127.0.0.1:9/x';
            document.body.append(image);
            setTimeout(() => { throw new Error('thrown') });
        }",
    );
    page.until("document.querySelector('img').complete");
    assert_eq!(page.value("window.owned === undefined"), true);
    let told = page.complaints().join("\n");
    assert!(told.contains("script-src 'self'") && told.contains("img-src 'self'") && told.contains("thrown"), "{told}");
    let mut stranger = Browser::new(browser().unwrap(), (1280, 900));
    let opened = stranger.call("Page.navigate", json!({ "url": origin }));
    until("it is refused", || stranger.value("document.readyState") == "complete");
    assert_eq!(stranger.value("document.querySelector('main') === null"), true, "{opened}");
    assert_eq!(
        running.ask("GET", "/", "").with(200).head.matches("content-security-policy: default-src 'none'").count(),
        1
    );
}
