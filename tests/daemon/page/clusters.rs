//! Clusters: brought up, cut by selection, probed, healed, destroyed; and a daemon that is gone for a while.

use super::super::common::browser::Browser;
use super::super::common::{User, namespaces};
use super::super::running::{CLUSTER, Running, reaches, until_reaches};
use super::{RESULT, Visit, button, node};
use rustix::process::Signal;
use serde_json::json;

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
    until_reaches(running, "n2", "n1");
    until_reaches(running, "n1", "n3");
    assert!(!reaches(running, "n1", "n2"));
    page.until(
        "document.querySelectorAll('.link.cut').length === 1 && document.querySelectorAll('.link.whole').length === 1",
    );
    page.click(&button("Probe"));
    page.until(&format!("{RESULT} === 'n1 → n2: did not get through'"));

    page.click(&button("Heal f1 block n1 → n2"));
    page.until("!document.querySelector('#faults li') && !document.querySelector('.link')");
    until_reaches(running, "n1", "n2");
    page.click(&button("Probe"));
    page.until(&format!("{RESULT} === 'n1 → n2: went through'"));

    // A group: those who are selected, and the rest.
    page.click(&button("Partition selection from the rest"));
    page.until("document.querySelector('#faults li')");
    until_reaches(running, "n1", "n2");
    assert!(!reaches(running, "n1", "n3") && !reaches(running, "n3", "n2"));
    page.click(&node("n2"));
    page.click(&button("Pause"));
    page.until(&format!("{}.classList.contains('paused')", node("n1")));
    page.click(&button("Heal all"));
    page.until(&format!("{}.classList.contains('up') && !document.querySelector('#faults li')", node("n1")));
    until_reaches(running, "n1", "n3");
    // What the command line takes for granted, jitter too, as the command line tells it.
    running.says(&["slow", "n1"]);
    page.until("document.querySelector('.timeline').innerText.includes('delay 75 ms, jitter 100 ms normal')");
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
    until_reaches(running, "n1", "n3");
    assert!(!reaches(running, "n1", "n2") && !reaches(running, "n2", "n3"));
    // The world is cut off from it, too, and the focus is where it was.
    page.until("document.querySelectorAll('.link.cut').length === 3");
    assert_eq!(page.value("document.activeElement.textContent"), "Isolate");
    tab_to(page, &button("Heal f1 isolate n2"));
    page.press("Enter");
    page.until("!document.querySelector('#faults li')");
    until_reaches(running, "n1", "n2");
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
fn a_cluster_that_somebody_else_destroyed_meanwhile_is_told_and_looked_for_again() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { running, page, .. } = &mut visit;
    page.click(&button("Destroy…"));
    running.place.blockade(&["-n", "c1", "destroy"]).with(0);
    page.until("document.querySelector('main').textContent.includes('No cluster c1 is up')");
    page.click(&button("Destroy c1"));
    page.until("document.querySelector('[role=alert] pre')?.textContent.includes('c1')");
    running.place.blockade(&["-n", "c1", "up", "--runtime", "sim"]).with(0);
    page.until("document.querySelectorAll('[data-node]').length === 4");
}

#[test]
fn behind_tls_and_where_no_events_come_it_looks_by_itself() {
    let Some(mut visit) = Visit::of(Running::on_tls(), "sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { running, page, .. } = &mut visit;
    page.click(&node("n1"));
    page.click(&button("Isolate"));
    page.until("document.querySelector('#faults li')");
    assert_eq!(running.get("/v1/clusters/c1/faults")["faults"][0]["kind"], "isolate");
    visit.is_clean();

    let Visit { running, page, .. } = &mut visit;
    page.call("Network.setBlockedURLs", json!({ "urls": ["*/events"] }));
    page.click("document.querySelector('nav a')");
    page.click("document.querySelector('tbody a')");
    page.until("document.querySelector('.bar')?.textContent.includes('looks every 2 s')");
    running.says(&["stop", "n3"]);
    page.until(&format!("{}?.classList.contains('stopped')", node("n3")));
    assert_eq!(page.value("document.getElementById('daemon').textContent"), "connected");
}

#[test]
fn a_daemon_that_is_gone_is_missed_and_found_again() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { running, page, .. } = &mut visit;
    running.end(Signal::KILL);
    page.until("document.getElementById('daemon').textContent.includes('does not answer')");
    page.click(&node("n1"));
    page.click(&button("Isolate"));
    page.until("document.querySelector('[role=alert]')?.textContent.includes('the daemon does not answer')");
    running.says(&["stop", "n3"]);
    running.again_there();
    page.until("document.getElementById('daemon').textContent === 'connected again'");
    page.until(&format!("{}.classList.contains('stopped')", node("n3")));
    page.until("document.querySelector('.bar').textContent.includes('live')");
    running.says(&["start", "n3"]);
    page.until(&format!("{}.classList.contains('up')", node("n3")));
}

#[test]
fn what_is_wrong_while_it_looks_is_told_until_it_is_over() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { page, .. } = &mut visit;
    let look = "document.dispatchEvent(new Event('visibilitychange'))";
    page.value(
        "{
            const asked = fetch;
            window.mend = () => { window.fetch = asked };
            window.fetch = async () => new Response('{\"text\":\"error: busy\"}', { status: 409 });
        }",
    );
    page.value(look);
    page.until("document.querySelector('[role=alert] pre')?.textContent === 'error: busy'");
    page.value("mend()");
    page.value(look);
    page.until("!document.querySelector('[role=alert]')");
}

#[test]
fn a_daemon_with_another_token_is_told_from_one_that_is_gone() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { running, page, .. } = &mut visit;
    running.end(Signal::TERM);
    running.place.write(".blockade/daemon.token", &"x".repeat(43));
    running.again_there();
    page.until("document.querySelector('[role=alert]')?.textContent.includes('has another token now')");
}

#[test]
fn an_address_that_leads_nowhere_offers_nothing_to_be_done_there() {
    let Some(mut visit) = Visit::new("sim", (1280, 900)) else { return };
    visit.cluster();
    let Visit { page, .. } = &mut visit;
    let destroy = button("Destroy…");
    assert_eq!(page.value(&format!("Boolean({destroy})")), true);
    page.value("location.hash = '#/clusters/c2'");
    page.until(&format!("document.querySelector('main').textContent.includes('No cluster c2 is up') && !{destroy}"));
    page.value("location.hash = '#/constructor'");
    page.until("document.querySelector('h1').textContent === 'Clusters'");
    assert!(!page.complaints().iter().any(|complaint| complaint.contains("TypeError")), "{:?}", page.complaints());
}
