//! A schedule that is written, run on a simulated cluster and read back from the journal is the same one.

use super::*;
use crate::engine::{Event, Output};
use crate::fault::{Burst, Chance, Distribution, Family, Filter, Impairment, Jitter, LinkSet, Party, Proto};
use crate::journal::Journal;
use crate::run;
use crate::script::Script;
use crate::signal::Signal;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::sync::{Arc, Mutex};

const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];

struct Collect(Arc<Mutex<Vec<Event>>>);

impl Output for Collect {
    fn event(&mut self, event: &Event) -> crate::Result<()> {
        self.0.lock().unwrap().push(event.clone());
        Ok(())
    }
}

/// The journal of a run on `sim` whose chaos() is this.
fn journal(script: &str, chaos: &str) -> Journal {
    let (journal, error) = run_of(script, chaos);
    assert_eq!(error, None, "{chaos}");
    journal
}

/// The same, and why the run failed.
fn run_of(script: &str, chaos: &str) -> (Journal, Option<crate::Error>) {
    let chaos = Some(Script::compile("chaos.rhai", chaos).unwrap());
    let script = Script::compile("s.rhai", script).unwrap();
    let settings = run::Settings { chaos, ..run::Settings::simulated(script, "nodes: { n1: , n2: , n3: , n4: }") };
    let events = Arc::new(Mutex::new(Vec::new()));
    let outcome = run::run(settings, vec![Box::new(Collect(Arc::clone(&events)))]).unwrap();
    let events = events.lock().unwrap().iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    (Journal { header: serde_json::Value::Null, events, truncated: false }, outcome.error)
}

fn some_nodes() -> impl Strategy<Value = Vec<String>> {
    subsequence(NODES.to_vec(), 1..4).prop_map(|names| names.into_iter().map(String::from).collect())
}

fn parties() -> impl Strategy<Value = Vec<Party>> {
    let all: Vec<Party> = NODES.iter().chain(&["world"]).map(|name| Party::from((*name).to_owned())).collect();
    subsequence(all, 1..4)
}

fn filter() -> impl Strategy<Value = Filter> {
    let proto = select(vec![None, Some(Proto::Tcp), Some(Proto::Udp)]);
    let family = select(vec![None, Some(Family::Ipv4), Some(Family::Ipv6)]);
    (proto, select(vec![None, Some(80_u16)]), family).prop_map(|(proto, port, family)| Filter { proto, port, family })
}

/// Links in both directions between groups, from one group to another, or any.
fn links() -> impl Strategy<Value = LinkSet> {
    let product = || (parties(), parties()).prop_map(|(a, b)| LinkSet::new(&a, &b));
    let both = (parties(), parties()).prop_map(|(a, b)| LinkSet::new(&a, &b).union(LinkSet::new(&b, &a)));
    let any = (product(), product()).prop_map(|(one, other)| one.union(other));
    let some = |links: &LinkSet| !links.pairs.is_empty();
    (prop_oneof![product(), both, any], filter())
        .prop_map(|(links, filter)| LinkSet { filter, ..links })
        .prop_filter("some links", some)
}

fn impairment() -> impl Strategy<Value = (&'static str, Impairment)> {
    let share = || (1..1000_u32).prop_map(|share| f64::from(share) / 1000.0);
    let jitter = (select(Distribution::ALL.to_vec()), 1..5_000_u64, select(vec![0.0, 0.25]));
    let slow = (5_000..1_000_000_u64, proptest::option::of(jitter)).prop_map(|(delay_us, jitter)| {
        let jitter = jitter.map(|(distribution, us, correlation)| Jitter { us, distribution, correlation });
        Impairment { delay_us, jitter: jitter.into_iter().collect(), ..Impairment::NONE }
    });
    let burst = prop_oneof![
        (0.1..0.9_f64, 0.1..0.5_f64).prop_map(|(loss, correlation)| Burst::Correlated { loss, correlation }),
        (share(), share()).prop_map(|(p, r)| Burst::GeModel { p, r, h: 0.125, k: 1.0 }),
        Just(Burst::FourState { p13: 0.1, p31: 0.5, p32: 0.25, p23: 1.0, p14: 0.01 }),
    ];
    let chance = (share(), select(vec![0.0, 0.25])).prop_map(|(p, correlation)| Chance { p, correlation });
    let rate = (8..2_000_u64, select(vec![1_000, 1_000_000, 1_000_000_000])).prop_map(|(n, unit)| n * unit);
    prop_oneof![
        slow.prop_map(|impairment| ("slow", impairment)),
        share().prop_map(|loss| ("flaky", Impairment { loss, ..Impairment::NONE })),
        burst.prop_map(|burst| ("flaky", Impairment { bursts: vec![burst], ..Impairment::NONE })),
        chance.clone().prop_map(|duplicate| ("duplicate", Impairment { duplicate, ..Impairment::NONE })),
        chance.clone().prop_map(|corrupt| ("corrupt", Impairment { corrupt, ..Impairment::NONE })),
        (chance, 0..3_u32).prop_map(|(reorder, gap)| ("reorder", Impairment { reorder, gap, ..Impairment::NONE })),
        rate.clone().prop_map(|bits| ("throttle", Impairment { rate_bits: Some(bits), ..Impairment::NONE })),
        (share(), rate, 0..9_000_u64).prop_map(|(loss, bits, delay_us)| {
            ("degrade", Impairment { loss, rate_bits: Some(bits), delay_us, ..Impairment::NONE })
        }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let signals = select(vec![Signal::KILL, Signal::parse("SIGTERM").unwrap()]);
    prop_oneof![
        vec(some_nodes(), 1..3).prop_map(|groups| Fault::Partition { groups }),
        some_nodes().prop_map(|nodes| Fault::Isolate { nodes }),
        (parties(), parties())
            .prop_filter("apart", |(a, b)| a.iter().all(|one| !b.contains(one)))
            .prop_map(|(source, target)| Fault::OneWay { source, target }),
        links().prop_map(|links| Fault::Block { links }),
        links().prop_map(|links| Fault::Reject { links }),
        (links(), impairment()).prop_map(|(links, (verb, impairment))| Fault::Degrade {
            verb: verb.to_owned(),
            links,
            impairment
        }),
        some_nodes().prop_map(|nodes| Fault::Pause { nodes }),
        some_nodes().prop_map(|nodes| Fault::Stop { nodes }),
        (some_nodes(), signals).prop_map(|(nodes, signal)| Fault::Kill { nodes, signal: signal.name().to_owned() }),
    ]
}

/// Faults one after the other, each with a gap before it and a time that it lasts, microseconds.
fn schedule() -> impl Strategy<Value = Schedule> {
    let one = (fault(), 1..3_000_000_u64, proptest::option::of(1..5_000_000_u64), any::<bool>());
    (vec(one, 0..5), 0..2_000_000_u64).prop_map(|(all, rest_us)| {
        let (mut now, mut last) = (0, 0);
        let mut steps = Vec::new();
        for (fault, gap_us, lasts_us, is_kept) in all {
            now += gap_us;
            let end = match lasts_us {
                Some(us) => End::Healed(Moment::at(now + us)),
                None if is_kept => End::Kept,
                None => End::Open,
            };
            last = last.max(now + lasts_us.unwrap_or(0));
            let said = spelled::sayable(fault);
            steps.extend(said.into_iter().map(|fault| Step::Fault { fault, from: Moment::at(now), end }));
        }
        Schedule { steps, end_us: last + rest_us }
    })
}

/// A schedule as one that no journal tells of.
fn unnumbered(mut schedule: Schedule) -> Schedule {
    for step in &mut schedule.steps {
        let (Step::Fault { from, .. } | Step::Node { from, .. }) = &mut *step;
        from.seq = 0;
        if let Step::Fault { end: End::Healed(end), .. } = step {
            end.seq = 0;
        }
    }
    schedule
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_means_the_same(schedule in schedule()) {
        for times in [Times::Exact, Times::Plain] {
            let read = recorded(&journal("fn check() {}", &schedule.text(times))).unwrap();
            prop_assert_eq!(&unnumbered(read.schedule), &schedule, "{}", schedule.text(times));
            prop_assert!(read.course == Course::Returned && read.other_deeds.is_empty());
        }
    }
}

#[test]
fn starts_and_restarts_are_repeated_and_end_what_they_ended() {
    let chaos = "let down = stop(\"n1\");\nsleep(\"1s\");\nrestart([\"n1\", \"n2\"]);\nsleep(\"2s\");\nkill(\"n3\");\n\
                 sleep(\"1s\");\nstart(\"n3\");\n";
    let read = recorded(&journal("fn check() {}", chaos)).unwrap();
    insta::assert_snapshot!(read.schedule.text(Times::Plain), @r#"
    stop("n1");
    sleep("1s");
    restart(["n1", "n2"]);
    sleep("2s");
    kill("n3");
    sleep("1s");
    start("n3");
    "#);
}

/// The text of the schedule of a chaos() without anything else.
fn repeated(chaos: &str) -> String {
    recorded(&journal("fn check() {}", chaos)).unwrap().schedule.text(Times::Plain)
}

/// No script can say a jitter above its delay, but a cluster file can.
#[test]
fn what_a_script_leaves_to_the_cluster_file_is_left_to_it_again() {
    let chaos = "slow(link(\"n1\", \"n2\"), #{ usual: true });\nflaky(link(\"n1\", \"n2\"), #{ usual: true });\nsleep(\"1s\");\n";
    let again = repeated(chaos);
    assert_eq!(
        again,
        chaos.replacen("flaky(link(\"n1\", \"n2\"), #{ usual: true })", "flaky(link(\"n1\", \"n2\"), 0.3)", 1)
    );
    assert_eq!(repeated(&again), again);
}

#[test]
fn what_happens_at_one_instant_is_repeated_in_its_order() {
    for chaos in [
        "restart(\"n1\");\nstop(\"n1\");\nsleep(\"1s\");\n",
        "stop(\"n1\");\nrestart(\"n1\");\nisolate(\"n2\");\nstart(\"n3\");\nsleep(\"1s\");\n",
        "let cut = isolate(\"n1\");\nsleep(\"1s\");\npause(\"n2\");\nrestart(\"n3\");\ncut.heal();\nsleep(\"1s\");\n",
    ] {
        assert_eq!(repeated(chaos), chaos);
    }
}

#[test]
fn a_heal_behind_an_act_that_is_over_is_a_heal() {
    insta::assert_snapshot!(repeated("pause(\"n1\"); sleep(1); resume(\"n1\"); sleep(1); let p = pause(\"n1\"); sleep(1); p.heal();\n\
        sleep(1); start(\"n2\"); sleep(1); let k = kill(\"n2\"); sleep(1); k.heal(); sleep(1);"), @r#"
    pause("n1");
    sleep("1s");
    resume("n1");
    sleep("1s");
    during(pause("n1"), "1s");
    sleep("1s");
    start("n2");
    sleep("1s");
    during(kill("n2"), "1s");
    sleep("1s");
    "#);
}

#[test]
fn a_fault_on_several_nodes_ends_with_the_start_of_the_last_one() {
    insta::assert_snapshot!(repeated("stop([\"n1\", \"n3\"]); sleep(1); restart(\"n1\"); sleep(1); start(\"n3\");"), @r#"
    stop(["n1", "n3"]);
    sleep("1s");
    restart("n1");
    sleep("1s");
    start("n3");
    "#);
}

/// On a clock that goes on between two lines of a journal, as real ones do.
#[test]
fn nodes_that_one_call_restarts_are_restarted_by_one_call() {
    let mut journal =
        journal("fn check() {}", "sleep(1); restart([\"n1\", \"n2\"]); sleep(1); restart(\"n3\"); sleep(1);");
    for event in &mut journal.events {
        event["t_us"] = (event["t_us"].as_u64().unwrap() + event["seq"].as_u64().unwrap() * 40).into();
    }
    let text = recorded(&journal).unwrap().schedule.text(Times::Exact);
    assert!(text.contains("\nrestart([\"n1\", \"n2\"]);\n") && text.contains("\nrestart(\"n3\");\n"), "{text}");
}

#[test]
fn what_the_end_of_a_run_healed_holds_on_and_is_there_for_a_failure_that_comes_a_little_later() {
    let script = "const OPTIONS = #{ clients: 1 };\nfn client(id) { sleep(5); fail(\"late\"); }\nfn check() {}";
    let chaos = "during(isolate(\"n1\"), 1); pause(\"n2\"); during(isolate(\"n3\"), 60);";
    let (journal, error) = run_of(script, chaos);
    let read = recorded(&journal).unwrap();
    assert!(error.is_some() && read.course == Course::Ended);
    insta::assert_snapshot!(read.schedule.text(Times::Plain), @r#"
    during(isolate("n1"), "1s");
    pause("n2");
    isolate("n3");
    sleep("6s");
    "#);
}

#[test]
fn starts_are_not_counted_as_faults() {
    let size = |chaos: &str| recorded(&journal("fn check() {}", chaos)).unwrap().schedule.size();
    assert_eq!(size("kill(\"n1\"); sleep(1); start(\"n1\"); isolate(\"n2\");"), "2 faults and 1 start");
    assert_eq!([size(""), size("isolate(\"n2\");")], ["0 faults", "1 fault"]);
}

#[test]
fn what_chaos_healed_of_others_is_told() {
    let read =
        recorded(&journal("fn setup() { slow(\"n1\", 1); }\nfn check() {}", "sleep(1); heal(); sleep(1);")).unwrap();
    assert_eq!(read.others_healed.into_iter().map(|id| id.to_string()).collect::<Vec<_>>(), ["f1"]);
    assert!(read.schedule.is_empty());
}

/// One fault of two senders is one of each: neither is ever healed for the other's sake.
#[test]
fn a_fault_that_goes_on_for_one_of_its_senders_is_repeated_without_a_gap() {
    let chaos =
        "let f = slow([\"n1\", \"n2\"], 1); sleep(1); fast(\"n2\"); assert(f.active); sleep(1); f.heal(); sleep(1);";
    let read = recorded(&journal("fn check() {}", chaos)).unwrap();
    let text = read.schedule.text(Times::Plain);
    insta::assert_snapshot!(text, @r#"
    let impaired1 = slow(link("n2", ["n1", "n3", "n4", "world"]), "1s");
    let impaired2 = slow(link("n1", ["n2", "n3", "n4", "world"]), "1s");
    sleep("1s");
    impaired1.heal();
    sleep("1s");
    impaired2.heal();
    sleep("1s");
    "#);
    assert_eq!(recorded(&journal("fn check() {}", &text)).unwrap().schedule.end_us, read.schedule.end_us);
    let others =
        journal("fn setup() { slow([\"n1\", \"n2\"], 1); }\nfn check() {}", "sleep(1); fast(\"n2\"); sleep(1);");
    let read = recorded(&others).unwrap();
    assert_eq!((read.others_healed.len(), read.schedule.len()), (1, 0));
}

#[test]
fn only_what_chaos_did_is_in_the_schedule() {
    let script = "const OPTIONS = #{ clients: 1 };\n\
                  fn setup() { isolate(\"n1\").heal(); task(|| { sleep(\"1s\"); pause(\"n2\").heal(); }); every(1, || pause(\"n2\").heal()); }\n\
                  fn client(id) { sleep(\"1s\"); isolate(\"n3\").heal(); }\nfn check() { isolate(\"n4\").heal(); }";
    let chaos = "let t = task(|| during(pause(\"n4\"), \"1s\")); sleep(\"3s\"); exec(\"n1\", \"true\"); t.join();";
    let read = recorded(&journal(script, chaos)).unwrap();
    insta::assert_snapshot!(read.schedule.text(Times::Plain), @r#"
    during(pause("n4"), "1s");
    sleep("2001ms");
    "#);
    assert_eq!(read.other_deeds.into_iter().collect::<Vec<_>>(), ["exec"]);
}

#[test]
fn a_run_without_chaos_has_no_schedule_and_a_line_that_is_no_event_is_named() {
    let mut whole = journal("fn check() {}", "");
    whole.events.retain(|event| event["name"] != "chaos");
    insta::assert_snapshot!(recorded(&whole).unwrap_err(), @r"the run never got to a chaos() (it injected nothing, so there is nothing to replay)");
    whole.events.push(serde_json::json!({ "kind": "fault.inject", "id": "f1" }));
    insta::assert_snapshot!(recorded(&whole).unwrap_err(), @r"line 8 of the journal is no event: missing field `seq` (was the journal edited? Run the seed again: its new journal is whole)");
}

#[test]
fn a_journal_whose_times_go_back_is_refused() {
    for kind in ["phase", "fault.active", "fault.healed", "verdict"] {
        let mut whole = journal("fn check() {}", "sleep(\"1s\"); during(isolate(\"n1\"), \"1s\"); sleep(\"1s\");");
        let last = whole.events.iter().rposition(|event| event["kind"] == kind).unwrap();
        whole.events[last]["t_us"] = 999.into();
        let error = recorded(&whole).unwrap_err();
        assert!(error.message.contains(" is 999, and was "), "{kind}: {error}");
    }
    let mut whole = journal("fn check() {}", "during(isolate(\"n1\"), \"1s\");");
    let inject = whole.events.iter().position(|event| event["kind"] == "fault.inject").unwrap();
    whole.events[inject]["t_us"] = u64::MAX.into();
    insta::assert_snapshot!(recorded(&whole).unwrap_err(), @"time goes back in the journal: t_us of event 5 is 0, and was 18446744073709551615 before (was the journal edited? Run the seed again: its new journal is whole)");
}
