//! `blockade report`: the page of a real run in a real browser, and JUnit's XML.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::browser::browser;
use common::{Place, THREE, User, namespaces};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Faults of all families, clients, notes, claims; and texts that a browser must not obey.
const SCRIPT: &str = r#"
const OPTIONS = #{ clients: 3, recovery: "1s" };
const EVIL = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>";
fn setup() { note(global::EVIL); metric("queue <b>length</b>", 3); metric("queue <b>length</b>", 5); }
fn client(id) {
    loop {
        sleep(random_duration("10ms", "200ms"));
        op("write", id, || {
            sleep(random_duration("1ms", "80ms"));
            if chance(0.1) { throw definite_failure(global::EVIL); }
            if chance(0.1) { throw "nobody knows"; }
            id
        });
    }
}
fn chaos() {
    sleep("1s");
    let cut = partition([["n1"], ["n2", "n3"]]);
    during(slow(link("n1", "world"), "20ms"), "2s");
    cut.heal();
    during(pause("n2"), "1s");
    restart("n3");
    let down = kill("n1");
    during(one_way("n2", "n3"), "1s");
}
fn check() {
    assert(true, "what holds");
    assert(false, global::EVIL);
}
"#;

/// What a browser made of a page.
struct Shown {
    /// The page when its scripts had run.
    dom: String,
    /// What was written to the console: errors of scripts, and what the page's policy refused.
    console: Vec<String>,
    /// What was asked of the network.
    requests: Vec<String>,
}

/// Loads a page in a window of this size.
fn load(page: &Path, size: (u32, u32), more: &[&str]) -> Shown {
    let folder = tempfile::TempDir::new().unwrap();
    let net_log = folder.path().join("net.json");
    let output = Command::new(browser().unwrap())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--no-first-run"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=2000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--log-net-log={}", net_log.display()))
        .arg(format!("--window-size={},{}", size.0, size.1))
        .args(more)
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let console = stderr.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    let log = std::fs::read_to_string(&net_log).unwrap_or_default();
    let requests = log.lines().filter(|line| line.contains("\"url\":\"http")).map(str::to_owned).collect();
    Shown { dom: String::from_utf8_lossy(&output.stdout).into_owned(), console, requests }
}

/// A place with a run on `sim`, in `out`, and its page.
fn simulated() -> Place {
    let place = Place::with(SCRIPT, THREE);
    place.run(&["--runtime", "sim", "--quiet"]).with(1);
    place.blockade(&["report", "out", "--junit"]).with(0);
    place
}

/// The same page where its policy lets a test measure: `code` fills `found`, an array of texts.
fn probed(place: &Place, size: (u32, u32), code: &str) -> Vec<String> {
    let page = place.read("out/report.html");
    let (before, rest) = page.split_once("<meta http-equiv").unwrap();
    let (_, after) = rest.split_once('>').unwrap();
    let (after, end) = after.split_once("</body>").unwrap();
    let probe =
        format!("<script>const found = []; {code}; document.title = 'FOUND ' + found.join('|');</script></body>");
    let path = place.write("probed.html", &format!("{before}{after}{probe}{end}"));
    let shown = load(&path, size, &[]);
    assert_eq!(shown.console, Vec::<String>::new());
    let title = shown.dom.split_once("<title>FOUND ").unwrap().1.split_once("</title>").unwrap().0;
    title.split('|').map(str::to_owned).collect()
}

#[test]
fn a_browser_shows_the_page_and_fetches_nothing() {
    if browser().is_none() {
        return;
    }
    let place = simulated();
    let shown = load(&place.path().join("out/report.html"), (1280, 900), &[]);
    assert_eq!((shown.console, shown.requests), (vec![], vec![]));
    // Its own script has run: the policy knows it.
    assert!(shown.dom.contains("<div class=\"zoom\" role=\"group\" aria-label=\"Zoom\">"), "{}", shown.dom);
    // What the script under test said is text.
    assert!(shown.dom.contains("<title>FAIL s.rhai seed 1</title>"), "{}", shown.dom);
    assert!(!shown.dom.contains("<img"), "{}", shown.dom);
    let faults = place.lines("out/journal.jsonl").iter().filter(|line| line["kind"] == "fault.inject").count();
    assert!(faults >= 5, "{faults}");
    assert_eq!(shown.dom.matches("<tr id=\"fault-").count(), faults);
    for told in [
        "one_way n2 → n3",
        "partition {n1} | {n2, n3}",
        "restart",
        "blockade replay ",
        "what holds",
        "nobody knows</td>",
        "s.rhai:28:5",
    ] {
        assert!(shown.dom.contains(told), "{told}: {}", shown.dom);
    }
}

/// So that the test above can fail.
#[test]
fn the_browser_would_tell_of_what_is_refused_and_what_is_wrong() {
    if browser().is_none() {
        return;
    }
    let place = simulated();
    let page = place.read("out/report.html");
    let evil = "<img src=http://127.0.0.1:9/x><script>document.title = 'owned'</script></body>";
    let path = place.write("evil.html", &page.replace("</body>", evil));
    let shown = load(&path, (1280, 900), &[]);
    assert_eq!(shown.console.len(), 2, "{:?}", shown.console);
    assert!(!shown.dom.contains("<title>owned"));
    let path = place.write("open.html", &format!("<!doctype html><title>x</title>{evil}<script>nothing()</script>"));
    let shown = load(&path, (1280, 900), &[]);
    assert!(shown.dom.contains("<title>owned"));
    assert!(shown.console.iter().any(|line| line.contains("nothing is not defined")), "{:?}", shown.console);
    assert!(!shown.requests.is_empty());
}

#[test]
fn on_a_phone_and_on_a_wide_screen_nothing_sticks_out() {
    if browser().is_none() {
        return;
    }
    let place = simulated();
    let measure = "
        found.push(innerWidth, document.documentElement.scrollWidth <= innerWidth);
        const name = document.querySelector('.node .name').getBoundingClientRect();
        const bar = document.querySelector('.fault').getBoundingClientRect();
        found.push(name.right <= bar.left, bar.width > 10, getComputedStyle(document.body).backgroundColor)";
    let wide = probed(&place, (1280, 900), measure);
    assert_eq!(wide, ["1280", "true", "true", "true", "rgb(246, 247, 249)"]);
    // Some browsers make no window below 500 pixels.
    let narrow = probed(&place, (390, 900), measure);
    assert!(narrow[0].parse::<u32>().unwrap() <= 500, "{narrow:?}");
    assert_eq!(narrow[1..4], ["true", "true", "true"], "{narrow:?}");
}

/// What has the focus is told by events of ours: the browser sends none while its window does not have it.
#[test]
fn the_page_answers_to_pointer_and_keyboard() {
    if browser().is_none() {
        return;
    }
    let place = simulated();
    let found = probed(
        &place,
        (1280, 900),
        "
        const plot = document.querySelector('.plot'), before = plot.getBoundingClientRect().width;
        document.querySelector('[data-zoom=in]').click();
        found.push(plot.getBoundingClientRect().width > 1.8 * before);
        plot.parentElement.scrollLeft = 500;
        const left = element => document.querySelector(element).getBoundingClientRect().left;
        found.push(plot.parentElement.scrollLeft === 500, left('.node .name') - left('.scroll') < 2);
        document.querySelector('[data-zoom=all]').click();
        found.push(plot.getBoundingClientRect().width === before);
        const tip = document.getElementById('tip'), bar = document.querySelector('.faults a');
        found.push(tip.hidden);
        bar.focus();
        found.push(document.activeElement === bar);
        bar.dispatchEvent(new FocusEvent('focusin', { bubbles: true }));
        found.push(tip.hidden, tip.textContent.split('\\n')[0]);
        bar.dispatchEvent(new FocusEvent('focusout', { bubbles: true }));
        bar.blur();
        document.querySelector('.note').dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 300, clientY: 300 }));
        found.push(tip.textContent.includes('onerror'), tip.children.length, document.querySelector('.cursor').hidden)",
    );
    let expected = [
        "true",
        "true",
        "true",
        "true",
        "true",
        "true",
        "false",
        "f1 partition {n1} ",
        " {n2, n3}",
        "true",
        "0",
        "false",
    ];
    assert_eq!(found, expected);
}

#[test]
fn light_and_dark_are_drawn() {
    if browser().is_none() {
        return;
    }
    let place = simulated();
    let page = place.path().join("out/report.html");
    // What a person looks at stays where `BLOCKADE_SCREENSHOTS` says.
    let kept = std::env::var_os("BLOCKADE_SCREENSHOTS").map_or_else(|| place.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(&kept).unwrap();
    let mut sizes = Vec::new();
    for (name, scheme, size) in
        [("light", "1", (1280, 1400)), ("dark", "0", (1280, 1400)), ("narrow", "1", (500, 2200))]
    {
        let file = kept.join(format!("report-{name}.png"));
        let (shot, scheme) =
            (format!("--screenshot={}", file.display()), format!("--blink-settings=preferredColorScheme={scheme}"));
        load(&page, size, &[&shot, &scheme]);
        let image = std::fs::read(&file).unwrap();
        assert!(image.starts_with(b"\x89PNG") && image.len() > 20_000, "{name}: {} bytes", image.len());
        sizes.push(image);
    }
    assert_ne!(sizes[0], sizes[1]);
}

#[test]
fn what_happened_on_real_nodes_is_drawn_too() {
    if !namespaces(User::Ours) {
        return;
    }
    let script = "during(isolate(\"n1\"), \"200ms\");\nexec(\"n2\", \"kill -9 -1\");\nwait_until(\"10s\", || status(\"n2\") != status(\"n3\"));\nassert(reachable(\"n2\", \"n3\"), \"n3 is there\");\n";
    let place = Place::with(script, THREE);
    place.run(&["--runtime", "netns", "--quiet"]).with(0);
    let ended = place.blockade(&["report", "out", "--out", "page.html"]).with(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("page.html\n", ""));
    let page = place.read("page.html");
    for told in ["isolate n1", "ended by itself, SIGKILL", "n3 is there", "--runtime netns"] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!place.path().join("out/report.html").exists());
}

#[test]
fn junit_is_for_ci() {
    let place = simulated();
    let xml = place.read("out/report.xml");
    let document = roxmltree::Document::parse(&xml).unwrap();
    let suite = document.root_element().first_element_child().unwrap();
    let counts = ["tests", "failures", "errors"].map(|key| suite.attribute(key).unwrap());
    assert_eq!(counts, ["3", "2", "0"], "{xml}");
    let failed = suite.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    assert!(failed.attribute("message").unwrap().contains("<img src=x"), "{xml}");
    assert!(failed.text().unwrap().starts_with("s.rhai:28:5: "), "{xml}");
}

#[test]
fn a_run_that_was_cut_off_has_a_page_that_says_so() {
    let place = simulated();
    let journal = place.read("out/journal.jsonl");
    std::fs::remove_file(place.path().join("out/result.json")).unwrap();
    let arrow = journal.find('→').unwrap_or(journal.len() / 2);
    // In the middle of a character, where there is one.
    std::fs::write(place.path().join("out/journal.jsonl"), &journal.as_bytes()[..=arrow]).unwrap();
    place.blockade(&["report", "out", "--junit"]).with(0);
    assert!(place.read("out/report.html").contains("This run was cut off"));
    assert!(place.read("out/report.xml").contains("<error type=\"error\" message=\"the run was cut off"));
}

#[test]
fn what_is_no_run_is_told_with_what_to_do() {
    let place = Place::with("during(isolate(\"n1\"), \"1s\");", THREE);
    let said = |args: &[&str]| {
        let ended = place.blockade(&[&["report"], args].concat());
        let folder = place.path().canonicalize().unwrap().display().to_string();
        format!("exit {}\n{}", ended.code, ended.stderr.replace(&folder, "PLACE"))
    };
    place
        .blockade(&["soak", "s.rhai", "--runtime", "sim", "--runs", "2", "--seed-start", "1", "--out", "many"])
        .with(0);
    insta::assert_snapshot!(said(&["nothing"]), @r"
    exit 2
    error: there is no run in nothing
    help: name a run's folder, as `blockade run` and `blockade soak` print it
    ");
    insta::assert_snapshot!(said(&["many"]), @r"
    exit 2
    error: PLACE/many is the folder of a soak, which has many runs
    help: name one of them: the folders in it are called after their seeds
    ");
    insta::assert_snapshot!(said(&["many/1"]), @r"
    exit 2
    error: PLACE/many/1 holds no journal
    help: of a run that passes a soak keeps only the result: run its seed again with `blockade run SCRIPT --seed N`
    ");
    place.run(&["--runtime", "sim", "--quiet"]).with(0);
    insta::assert_snapshot!(said(&["out", "--out", "no/folder/page.html"]), @r"
    exit 3
    error: cannot write no/folder/page.html: No such file or directory (os error 2)
    help: name another file with --out
    ");
    // A name below DATA_DIR/runs is enough.
    place.blockade(&["run", "s.rhai", "--seed", "2", "--runtime", "sim", "--quiet"]).with(0);
    let runs = std::fs::read_dir(place.path().join(".blockade/runs")).unwrap();
    let name = runs.map(|run| run.unwrap().file_name().into_string().unwrap()).next().unwrap();
    place.blockade(&["report", &name]).with(0);
    assert!(place.path().join(".blockade/runs").join(&name).join("report.html").exists());
}
