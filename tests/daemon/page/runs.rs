//! Runs: begun, followed, cancelled, read.

use super::super::common::browser::Browser;
use super::{FAILS, NODES, Visit, button};
use serde_json::{Value, json};

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
const REPORT: &str = "[...document.querySelectorAll('.bar a')].find(link => link.checkVisibility())";

#[test]
fn a_run_is_begun_with_a_seed_followed_and_read_and_one_that_is_wrong_shows_where() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    let Visit { running, page, .. } = &mut visit;
    page.click("document.querySelector('nav a:nth-child(2)')");
    fill(page, "Script", FAILS);
    fill(page, "Cluster file", NODES);
    fill(page, "Seed", "009223372036854775807");
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
    // The verdict is there before all is cleaned up.
    page.until(&format!("{REPORT} !== undefined"));
    let report = page.value(&format!("{REPORT}.getAttribute('href')"));
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
    page.click("document.querySelector('nav a:nth-child(2)')");
    fill(page, "Script", FAILS);
    fill(page, "Cluster file", NODES);
    choose(page, "Runtime", "sim");
    fill(page, "Runs", "3");
    page.click(&button("Start"));
    page.until("location.hash === '#/soaks' && document.querySelector('tbody td:nth-child(7)')?.textContent === '3'");
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
