//! How the page looks: in light and dark, on a wide screen and on a phone; and what it may not do.

use super::super::common::browser::{Browser, browser};
use super::super::common::until;
use super::super::running::Running;
use super::{FAILS, NODES, RESULT, Visit, button, node};
use serde_json::{Value, json};
use std::path::PathBuf;

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

/// Faults of all families, a crowd, a run that fails and a soak; gives the run's id.
fn prepared(running: &Running) -> String {
    running.place.write("many.yaml", "nodes: { n: { count: 24, command: sleep infinity } }\n");
    running.place.blockade(&["-n", "c2", "-c", "many.yaml", "up", "--runtime", "sim"]).with(0);
    for (cluster, fault) in [
        ("c1", json!({ "kind": "block", "source": ["n1"], "target": ["n2"] })),
        ("c1", json!({ "kind": "slow", "nodes": ["n1"], "to": ["n3"], "delay": "100ms", "both": true })),
        ("c1", json!({ "kind": "isolate", "nodes": ["n2"] })),
        ("c1", json!({ "kind": "pause", "nodes": ["n3"] })),
        ("c1", json!({ "kind": "kill", "nodes": ["n2"] })),
        ("c2", json!({ "kind": "partition", "groups": [["n_1", "n_2", "n_3"]] })),
        ("c2", json!({ "kind": "flaky", "nodes": ["n_9"] })),
    ] {
        running.post(&format!("/v1/clusters/{cluster}/faults"), json!({ "fault": fault })).with(201);
    }
    let begun = |route: &str, more: Value| {
        let mut body = json!({ "script": { "name": "fails.rhai", "text": FAILS }, "config": NODES, "runtime": "sim" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        running.post(route, body).with(201).json()["id"].as_str().unwrap().to_owned()
    };
    begun("/v1/soaks", json!({ "runs": 3, "seed_start": 1 }));
    begun("/v1/runs", json!({ "seed": 7 }))
}

#[test]
fn in_light_and_dark_and_on_a_phone_all_can_be_read() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let run = format!("runs/{}", prepared(&visit.running));
    let Visit { running, page, origin } = &mut visit;
    let views = [
        ("cluster", "clusters/c1", "document.querySelectorAll('#faults li').length === 5"),
        ("crowd", "clusters/c2", "document.querySelectorAll('[data-node]').length === 25"),
        ("clusters", "clusters", "document.querySelectorAll('tbody a').length === 2"),
        ("runs", "runs", "document.querySelector('tbody .word')?.textContent === 'fail'"),
        ("run", &run, "document.querySelector('[role=alert] pre')?.textContent && document.querySelector('.files a')"),
        ("soaks", "soaks", "document.querySelector('tbody .word')?.textContent === 'fail'"),
    ];
    // What a person looks at stays where `BLOCKADE_SCREENSHOTS` says.
    let kept = std::env::var_os("BLOCKADE_SCREENSHOTS").map_or_else(|| running.place.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&kept).unwrap();
    for (name, view, ready) in views {
        page.resize((1280, 900));
        page.open(&format!("{origin}#/{view}"));
        page.until(ready);
        if name == "cluster" {
            page.click(&node("n1"));
            page.click(&button("Probe"));
            page.until(&format!("{RESULT}.includes('did not get through')"));
        }
        let seen = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)].map(|(scheme, width)| {
            let image = readable(page, scheme, width);
            std::fs::write(kept.join(format!("page-{name}-{scheme}-{width}.png")), &image).unwrap();
            image
        });
        assert_ne!(seen[0], seen[1], "{name}");
    }
    // Motion is nobody's who does not want it.
    let calm = json!([{ "name": "prefers-reduced-motion", "value": "reduce" }]);
    page.call("Emulation.setEmulatedMedia", json!({ "features": calm }));
    assert_eq!(page.value("getComputedStyle(document.querySelector('nav a')).transitionDuration"), "0s");
}

/// A picture of what is seen, of which every text can be read and nothing sticks out.
fn readable(page: &mut Browser, scheme: &str, width: u32) -> Vec<u8> {
    page.prefer(scheme);
    page.resize((width, 900));
    page.until("document.getAnimations().length === 0");
    let told = page.value(PALE);
    assert!(told["seen"].as_u64().unwrap() > 5, "{told}");
    assert_eq!(told["pale"], json!([]), "{scheme}, {width}");
    assert_eq!(page.value(WIDE), json!([]), "{scheme}, {width}");
    page.picture()
}

/// Whether the browser has told so by now: it tells beside its answers.
fn complains(page: &mut Browser, told: &str) -> bool {
    page.value("true");
    page.complaints().iter().any(|complaint| complaint.contains(told))
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
    for told in ["script-src 'self'", "img-src 'self'", "thrown"] {
        until(told, || complains(page, told));
    }
    assert_eq!(page.value("window.owned === undefined"), true);
    let mut stranger = Browser::new(browser().unwrap(), (1280, 900));
    let opened = stranger.call("Page.navigate", json!({ "url": origin }));
    until("it is refused", || complains(&mut stranger, "a status of 401"));
    until("it is all there", || stranger.value("document.readyState") == "complete");
    assert_eq!(stranger.value("document.querySelector('main') === null"), true, "{opened}");
    assert_eq!(
        running.ask("GET", "/", "").with(200).head.matches("content-security-policy: default-src 'none'").count(),
        1
    );
}
