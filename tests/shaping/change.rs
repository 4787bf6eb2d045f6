//! What impairs a link changes while packets cross it: none is lost, none passes unimpaired, and other links do not notice.

use super::alone;
use super::common::{Place, User, namespaces, netem};
use super::stream::{Heard, cluster, heard};

/// Every change of impairments there is, under a stream from n1 to n2, which is slow all the time, and to n3, which
/// sometimes is, each some times.
const CHANGES: &str = r#"
let way = link("n1", "n2");
let other = link("n1", "n3");
let least = slow(way, "50ms");
exec("n1", "touch go");
sleep("200ms");
for turn in 0..TURNS {
    // In place: from 50 ms to 100 ms and back.
    let more = slow(way, "50ms");
    sleep("60ms");
    // One link more.
    let beside = slow(other, "40ms");
    sleep("60ms");
    // One of two heals; what remains is as slow as the first was.
    least.heal();
    sleep("30ms");
    least = slow(way, #{ delay: "60ms", jitter: "5ms" });
    more.heal();
    sleep("60ms");
    more = slow(way, "50ms");
    least.heal();
    sleep("30ms");
    if turn >= STAYS { beside.heal(); }
    sleep("60ms");
    least = more;
}
exec("n1", "touch stop");
sleep("500ms");
for node in ["n2", "n3"] { note(`${node}: ${logs(node)}`); }
"#;

/// What a node heard of the stream: every packet, once.
fn whole(place: &Place, node: &str) -> Vec<Heard> {
    let heard = heard(place, node);
    let sent = heard.last().unwrap().number + 1;
    let times = |number| heard.iter().filter(|packet| packet.number == number).count();
    let odd = (0..sent).map(|number| (number, times(number))).filter(|(_, times)| *times != 1);
    let odd: Vec<_> = odd.take(20).collect();
    assert!(odd.is_empty(), "of {sent} packets to {node}, lost (0) or come twice (2): {odd:?}");
    heard
}

/// The packets that took at least so long.
fn slower(heard: &[Heard], ms: u64) -> usize {
    heard.iter().filter(|packet| packet.took_us >= ms * 1_000).count()
}

/// In the first `stays` turns, what was begun on the other link stays.
fn nothing_is_lost_and_nothing_passes_unimpaired(shaper: &str, turns: usize, stays: usize, pause: &str) {
    let script = CHANGES.replace("TURNS", &turns.to_string()).replace("STAYS", &stays.to_string());
    let _alone = alone();
    let place = Place::with(&script, &cluster(pause, 100_000));
    place.run(&["--runtime", "netns", "--shaper", shaper]).with(0);
    let (way, other) = (whole(&place, "n2"), whole(&place, "n3"));
    let sent = way.len();
    assert!(sent > 20 * turns, "{sent} packets for {turns} turns are no stream");
    // The clocks are read in two programs.
    let early: Vec<&Heard> = way.iter().filter(|packet| packet.took_us < 49_800).collect();
    assert!(early.is_empty(), "unimpaired: {early:?}");
    // What was asked for later happened, too, and ended.
    assert!(slower(&way, 100) > turns && sent - slower(&way, 90) > turns, "{} of {sent}", slower(&way, 100));
    assert!(slower(&other, 40) > turns && sent - slower(&other, 38) > turns, "{} of {sent}", slower(&other, 40));
}

#[test]
fn user_space_changes_what_it_does_without_a_gap() {
    if namespaces(User::Ours) {
        nothing_is_lost_and_nothing_passes_unimpaired("userspace", 15, 1, "0.001");
    }
}

#[test]
fn netem_changes_what_it_does_without_a_gap() {
    if netem() && namespaces(User::Ours) {
        nothing_is_lost_and_nothing_passes_unimpaired("netem", 8, 0, "0.002");
    }
}

/// Runs this in user space while packets are sent from n1 to the others, and looks whether all arrive.
fn all_arrive(script: &str) {
    all_arrive_with(&["--shaper", "userspace"], script);
}

fn all_arrive_with(args: &[&str], script: &str) {
    let script = format!(
        r#"exec("n1", "touch go"); sleep("200ms"); {script} sleep("200ms"); exec("n1", "touch stop"); sleep("500ms");
        for node in ["n2", "n3"] {{ note(`${{node}}: ${{logs(node)}}`); }}"#
    );
    let place = Place::with(&script, &cluster("0.001", 100_000));
    place.run(&[&["--runtime", "netns"], args].concat()).with(0);
    whole(&place, "n2");
    whole(&place, "n3");
}

#[test]
fn what_is_held_when_the_last_impairment_of_a_node_heals_still_arrives() {
    if namespaces(User::Ours) {
        all_arrive(r#"let slow = slow(link("n1", "n2"), "100ms"); sleep("300ms"); slow.heal();"#);
    }
}

#[test]
fn what_is_held_when_a_cut_of_another_link_heals_still_arrives() {
    if namespaces(User::Ours) {
        all_arrive(r#"slow(link("n1", "n2"), "100ms"); let cut = block("n3", "n2"); sleep("300ms"); cut.heal();"#);
    }
}

#[test]
fn what_is_held_when_one_link_heals_after_the_other_still_arrives() {
    if namespaces(User::Ours) {
        all_arrive(
            r#"let way = slow(link("n1", "n2"), "300ms"); let other = slow(link("n1", "n3"), "300ms");
            sleep("400ms"); way.heal(); other.heal(); sleep("300ms");"#,
        );
    }
}

#[test]
fn what_is_held_while_the_receivers_links_with_the_world_change_still_arrives() {
    let script = r#"
        slow(link("n1", "n2"), "200ms");
        sleep("300ms");
        for turn in 0..3 {
            let lossy = flaky(between("n2", "world"), 0.5);
            let narrow = throttle(link("n2", "world"), "10mbit");
            lossy.heal();
            narrow.heal();
            let cut = block("n2", "world");
            cut.heal();
            sleep("100ms");
        }
        sleep("200ms");
    "#;
    if namespaces(User::Ours) {
        all_arrive(script);
        // By whatever the kernel offers: losses at egress, classes.
        all_arrive_with(&[], script);
    }
}

#[test]
fn what_is_held_when_a_partition_begins_does_not_cross_it() {
    if !namespaces(User::Ours) {
        return;
    }
    let script = r#"
        slow(link("n1", "n2"), "5s");
        exec("n1", "touch go");
        wait_log("n1", "sent", "20s");
        let cut = partition([["n1"], ["n2"]]);
        sleep("5500ms");
        note(`n2: ${logs("n2")}`);
        cut.heal();
        assert(reachable("n1", "n2"));
    "#;
    let place = Place::with(script, &cluster("0.001", 100));
    place.run(&["--runtime", "netns", "--shaper", "userspace"]).with(0);
    let crossed = heard(&place, "n2");
    assert!(crossed.is_empty(), "{crossed:?}");
}
