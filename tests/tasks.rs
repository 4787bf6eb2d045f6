//! Tasks and clients: what runs beside what, in which order, and what ends when.

#![allow(clippy::unwrap_used, reason = "a test says so by failing")]

mod common;

use common::processes::process;
use common::{Place, THREE, User, namespaces};
use serde_json::Value;

/// What the journal of a planned script holds.
fn journal(script: &str, seed: u64) -> Vec<Value> {
    let place = Place::with(script, THREE);
    let ended = place.blockade(&["plan", "s.rhai", "--json", "--seed", &seed.to_string()]).with(0);
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a planned script says: `time task: message`.
fn notes_of_seed(script: &str, seed: u64) -> Vec<String> {
    let events = journal(script, seed);
    let notes = events.iter().filter(|event| event["kind"] == "note");
    let line = |note: &Value| {
        let seconds = note["t_us"].as_u64().unwrap() as f64 / 1e6;
        format!("{seconds} {}: {}", note["task"].as_str().unwrap(), note["message"].as_str().unwrap())
    };
    notes.map(line).collect()
}

fn notes(script: &str) -> Vec<String> {
    notes_of_seed(script, 1)
}

#[test]
fn tasks_run_beside_the_script_and_give_their_value() {
    let said = notes(
        r#"let t = task(|| { sleep(2); note("slept"); 7 });
        sleep(1);
        note(`done: ${t.done}`);
        note(`value: ${t.join()}, done: ${t.done}, again: ${t.join()}`);"#,
    );
    assert_eq!(said, ["1 main: done: false", "2 task 1: slept", "2 main: value: 7, done: true, again: 7"]);
}

#[test]
fn every_keeps_its_beat_and_leaves_out_what_it_misses() {
    let said = notes(
        r#"let beat = every(1, || { note("on time"); });
        let slow = every(1, || { note("slow"); sleep(1.5); });
        sleep(4.5);
        beat.cancel();
        sleep(2);"#,
    );
    let times = |task: &str| -> Vec<String> {
        let own = said.iter().filter(|line| line.contains(task));
        own.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    assert_eq!(times("on time"), ["1", "2", "3", "4"]);
    assert_eq!(times("slow"), ["1", "3", "5"]);
}

#[test]
fn after_runs_once() {
    assert_eq!(notes("after(\"1s\", || note(\"now\")); sleep(5);"), ["1 after 1: now"]);
}

#[test]
fn captured_variables_are_shared_but_each_task_has_the_loop_variable_of_its_own_round() {
    let said = notes(
        r"let n = 0;
        let all = [];
        for i in 0..3 { all.push(task(|| { sleep(i); for k in 0..10 { n += 1; sleep(0.5); } note(`${i}`); })); }
        for t in all { t.join(); }
        note(`n = ${n}`);",
    );
    assert_eq!(said, ["5 task 1: 0", "6 task 2: 1", "7 task 3: 2", "7 main: n = 30"]);
}

#[test]
fn a_handle_may_be_waited_for_and_looked_at_by_several_tasks() {
    let said = notes(
        r#"let cut = partition([["n1"], ["n2", "n3"]]);
        let t = task(|| { sleep(2); cut.heal(); });
        let other = task(|| { t.join(); note(`other: ${cut.active}`); });
        for i in 0..3 { sleep(0.5); note(`active: ${cut.active}, done: ${t.done}`); }
        t.join();
        other.join();
        cut.heal();"#,
    );
    assert_eq!(said.last().unwrap(), "2 task 2: other: false");
    assert_eq!(said[0], "0.5 main: active: true, done: false");
}

#[test]
fn a_cancelled_task_runs_no_further_and_its_fault_heals() {
    let said = notes(
        r#"let t = task(|| { try { during(isolate("n1"), "1h"); } catch (e) { note("caught"); } note("not cancelled"); });
        sleep(1);
        note(`${faults().len}`);
        t.cancel();
        note(`${faults().len} ${t.done} ${t.join()}`);
        t.cancel();
        let never = task(|| note("never"));
        never.cancel();
        sleep(10);"#,
    );
    assert_eq!(said, ["1 main: 1", "1 main: 0 true "]);
}

#[test]
fn tasks_that_nobody_joins_end_with_the_script() {
    assert_eq!(notes("task(|| { sleep(5); note(\"never\"); }); sleep(1); note(\"end\");"), ["1 main: end"]);
}

const CLIENTS: &str = r#"
    const OPTIONS = #{ clients: 3, recovery: "2s" };
    fn setup() { note("setup"); every(1, || note("watch")); }
    fn client(id) { loop { sleep(1); note(`client ${id}`); } }
    fn chaos() { task(|| loop { sleep(1); note("stray"); }); during(partition([["n1"]]), "2.5s"); note("chaos ends"); }
    fn check() { note("check"); }"#;

#[test]
fn clients_run_beside_chaos_and_through_the_recovery_but_not_into_the_check() {
    let said = notes(CLIENTS);
    let count = |what: &str| said.iter().filter(|line| line.ends_with(what)).count();
    assert_eq!([count("client 0"), count("client 1"), count("client 2"), count("watch")], [4, 4, 4, 4]);
    assert_eq!(count("stray"), 2, "what chaos() started ends with it: {said:#?}");
    assert_eq!(said.first().unwrap(), "0 setup: setup");
    assert_eq!(said.last().unwrap(), "4.5 check: check");
    assert!(said.contains(&"2.5 chaos: chaos ends".to_owned()), "{said:#?}");
}

#[test]
fn without_chaos_the_clients_say_when_it_is_enough() {
    let said = notes(
        r#"const OPTIONS = #{ clients: 2 };
        fn client(id) { sleep(1 + id); note(`client ${id}`); }
        fn check() { note("check"); }"#,
    );
    assert_eq!(said, ["1 client 0: client 0", "2 client 1: client 1", "2 check: check"]);
}

#[test]
fn the_interleaving_is_the_seeds() {
    let script = "for i in 0..8 { task(|| { for k in 0..3 { note(`${i}`); sleep(1); } }); }\nsleep(10);";
    let first = notes_of_seed(script, 1);
    assert_eq!(first.len(), 24);
    for _ in 0..3 {
        assert_eq!(notes_of_seed(script, 1), first);
    }
    assert!((2..5).any(|seed| notes_of_seed(script, seed) != first), "every seed gives the same order");
}

#[test]
fn a_task_more_changes_no_other_tasks_draws() {
    let draws = |more: &str| {
        let script = format!(
            "fn draw(name) {{ for i in 0..5 {{ sleep(random()); note(`${{name}} ${{random(0, 1000000)}}`); }} }}
             let a = task(|| draw(\"a\")); let b = task(|| draw(\"b\"));\n{more}\na.join(); b.join(); note(`main ${{random()}}`);"
        );
        let mut said = notes(&script);
        said.retain(|line| !line.contains("more"));
        said.sort();
        said
    };
    assert_eq!(draws(""), draws("let c = task(|| draw(\"more\"));"));
}

#[test]
fn a_task_that_looks_lets_others_run() {
    let said = notes(
        r#"partition([["n1"], ["n2", "n3"]]);
        let t = task(|| { note(`lost: ${probe("n1", "n2").lost}`); });
        for i in 0..3 { sleep(0.25); note("main"); }
        t.join();"#,
    );
    assert_eq!(said, ["0.25 main: main", "0.5 main: main", "0.75 main: main", "1 task 1: lost: true"]);
}

#[test]
fn a_thousand_tasks() {
    let said = notes(
        r"let all = [];
        for i in 0..1000 { all.push(task(|| { for k in 0..100 { sleep(0.01); } i })); }
        let sum = 0;
        for t in all { sum += t.join(); }
        note(`${sum}`);",
    );
    assert_eq!(said, ["1 main: 499500"]);
}

#[test]
fn functions_see_the_constants_of_the_body_and_tasks_those_of_their_place() {
    let said = notes(
        r"const N = 3;
        fn chaos() { note(`${global::N}`); task(|| { sleep(1); note(`${global::N}`); inner(); }).join(); }
        fn inner() { note(`inner ${global::N}`); }",
    );
    assert_eq!(said, ["0 chaos: 3", "1 task 1: 3", "1 task 1: inner 3"]);
}

#[test]
fn a_closure_may_outlive_the_task_that_made_it() {
    let said = notes("let made = task(|| { let x = 5; || note(`x = ${x}`) }).join();\nsleep(1);\nmade.call();");
    assert_eq!(said, ["1 main: x = 5"]);
}

#[test]
fn what_a_closure_of_sort_throws_is_not_swallowed_and_a_cancelled_task_ends_in_it() {
    let said = notes(
        r#"let l = [3, 1, 2];
        try { l.sort(|a, b| { throw "no"; }); } catch (e) { note(`${e} ${l}`); }
        l.sort(|a, b| b - a);
        note(`${l}`);
        l.sort(|a, b| a < b);
        note(`${l}`);
        let t = task(|| { loop { [3, 2, 1].sort(|a, b| { sleep(1); a - b }); } });
        sleep(0.5);
        t.cancel();
        note(`${elapsed()} ${t.done}`);
        let d = task(|| { [1, 1, 1].dedup(|a, b| { sleep(1); true }); note("never"); });
        sleep(0.5);
        d.cancel();
        sleep(5);"#,
    );
    assert_eq!(said, ["0 main: no [3, 1, 2]", "0 main: [3, 2, 1]", "0 main: [1, 2, 3]", "0.5 main: 0.5 true"]);
}

#[test]
fn two_tasks_that_cancel_each_other_end_and_nothing_runs_after_the_end() {
    let body = |other: &str| {
        format!(
            r#"{{ sleep(1); let o = state("{other}"); let l = [9,8,7,6,5,4,3,2,1];
            try {{ l.sort(|a, b| {{ sleep(1); o.cancel(); a - b }}); }} catch (e) {{ note("caught"); }}
            note("after the end"); isolate("n1"); sleep("20m"); }}"#
        )
    };
    let script = format!(
        r#"let a = task(|| {}); let b = task(|| {}); state("a", a); state("b", b); sleep(50); note(`${{faults().len}}`);"#,
        body("b"),
        body("a")
    );
    for seed in 1..6 {
        let said = notes_of_seed(&script, seed);
        assert!(!said.iter().any(|line| line.contains("caught")), "{said:?}");
        assert!(said.iter().filter(|line| line.contains("after")).count() <= 1, "{said:?}");
    }
}

#[test]
fn a_fault_of_a_task_that_is_cancelled_while_it_injects_heals() {
    let script = r#"let t = task(|| during(isolate("n2"), "5s"));
        let c = task(|| { sleep(0); t.cancel(); });
        c.join();
        assert(faults().len == 0, "left");
        sleep(1);
        assert(faults().len == 0, "left later");"#;
    for seed in 1..20 {
        drop(journal(script, seed));
    }
}

#[test]
fn exit_ends_what_it_is_called_in() {
    let said = notes(
        r#"const OPTIONS = #{ clients: 1 };
        fn client(id) { sleep(1); note("client"); exit(); note("never"); }
        fn setup() { task(|| { note("task"); exit(5); }); exit(); }
        fn chaos() { sleep(2); note("chaos"); }"#,
    );
    assert_eq!(said, ["0 task 1: task", "1 client 0: client", "2 chaos: chaos"]);
}

/// How many programs run with exactly these words.
fn running(words: &[&str]) -> usize {
    let wanted = words.join("\0") + "\0";
    let all = std::fs::read_dir("/proc").unwrap();
    let lines = all.filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok());
    lines.filter(|line| line.as_slice() == wanted.as_bytes()).count()
}

#[test]
fn a_workload_ends_with_the_run_even_by_sigkill() {
    let place = Place::with("workload(\"exec sleep 31439\");", THREE);
    let mut run = place.start(&["run", "s.rhai", "--seed", "1"]);
    common::until("the program runs", || running(&["sleep", "31439"]) == 1);
    run.kill().unwrap();
    run.wait().unwrap();
    common::until("the program is gone", || running(&["sleep", "31439"]) == 0);
}

/// A session of its own, whose parent has ended: neither its group nor its ancestors tell where it came from.
const LEAVES: &str = "setsid sh -c 'sh leaf & setsid sh leaf &'; until [ -e go ]; do sleep 0.05; done";

/// Says its process id and stays.
const LEAF: &str = "echo $$ >>left; exec sleep 31440";

/// Where its time was over before both had left, it gets more.
const LEFT: &str = r#"
let time = param("time", 300.0);
do { workload("sh leaves", #{ timeout: time }); time *= 2; } while !workload("test $(wc -l <left) -ge 2").ok;
workload("until [ -e end ]; do sleep 0.05; done");
"#;

#[test]
fn what_a_workload_has_started_ends_with_it_wherever_it_went() {
    if !namespaces(User::Ours) {
        return;
    }
    for (turn, time) in ["time=300", "time=0.7", "time=300"].into_iter().enumerate() {
        let place = Place::with(LEFT, THREE);
        place.write("leaves", LEAVES);
        place.write("leaf", LEAF);
        let mut run = place.start(&["run", "s.rhai", "--seed", "1", "--set", time]);
        let left = || std::fs::read_to_string(place.path().join("left")).unwrap_or_default();
        common::until("both have left", || left().lines().count() >= 2);
        match turn {
            0 => drop(place.write("go", "")),
            1 => {}
            _ => run.kill().unwrap(),
        }
        common::until("both are gone", || left().lines().all(|pid| process(pid.parse().unwrap()).is_none()));
        // In the first turns the run itself goes on: it is not its end that ended them.
        assert!(turn == 2 || run.try_wait().unwrap().is_none(), "turn {turn}");
        place.write("end", "");
        run.wait().unwrap();
    }
}

/// Each waits for a file of every other: one after the other they would never end.
#[test]
fn on_real_nodes_clients_run_side_by_side() {
    let script = r#"
        const OPTIONS = #{ clients: 4 };
        fn client(id) {
            let r = exec("n1", `touch c${id}; until cat c0 c1 c2 c3 2>/dev/null; do sleep 0.05; done; echo ${id}`);
            assert(r.stdout == id + "\n", `own answer: ${r}`);
        }"#;
    let place = Place::with(script, THREE);
    let ended = place.blockade(&["run", "s.rhai", "--seed", "1", "--json"]).with(0);
    let events: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let execs = events.iter().filter(|event| event["kind"] == "observe");
    let mut clients: Vec<&str> = execs.map(|event| event["task"].as_str().unwrap()).collect();
    clients.sort_unstable();
    assert_eq!(clients, ["client 0", "client 1", "client 2", "client 3"]);
}

#[test]
fn on_real_nodes_faults_belong_to_the_task_that_made_them() {
    let script = r#"
        let a = task(|| { for i in 0..10 { during(isolate("n1"), "10ms"); } });
        let b = task(|| { for i in 0..10 { during(isolate("n2"), "10ms"); } });
        a.join(); b.join();"#;
    let place = Place::with(script, THREE);
    let ended = place.blockade(&["run", "s.rhai", "--seed", "1", "--json"]).with(0);
    let events: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let injected: Vec<&Value> = events.iter().filter(|event| event["kind"] == "fault.inject").collect();
    assert_eq!(injected.len(), 20);
    for event in injected {
        let task = if event["fault"].to_string().contains("n1") { "task 1" } else { "task 2" };
        assert_eq!(event["task"], task, "{event}");
    }
}

#[test]
fn tasks_wait_in_calls_on_one_variable_that_nobody_changes() {
    let said = notes(
        r#"let look = |n| { sleep(1); tcp(n, 7000) };
        let twice = |n| look.call(n) && look.call(n);
        let members = nodes();
        let tools = #{ look: look };
        let a = task(|| look.call("n1") && tools.look.call("n2"));
        task(|| tools.look.call("n3"));
        let b = task(|| twice.call("n2"));
        let beat = every("300ms", || members.filter(|n| { sleep(0.2); tcp(n, 7000) }).len);
        for r in 0..5 { isolate(members[r % members.len]).heal(); sleep("50ms"); }
        members.map(|n| sleep(0.5));
        a.join();
        b.join();
        note(`${members.len}`);"#,
    );
    assert!(said.len() == 1 && said[0].ends_with(" main: 3"), "{said:?}");
}

#[test]
fn a_list_of_tasks_is_joined_while_another_looks_at_it() {
    let said = notes(
        r#"let all = nodes("n*").map(|n| task(|| { sleep(1); n }));
        every("100ms", || all.len);
        note(`${all.map(|t| t.join())}`);"#,
    );
    assert_eq!(said, [r#"1 main: ["n1", "n2", "n3"]"#]);
}

#[test]
fn what_the_script_changes_is_shared_by_tasks_whatever_is_called_on_it() {
    let said = notes(
        r"let seen = [];
        let look = |n| n;
        let count = #{ rounds: 0 };
        let t = task(|| { for i in 0..4 { sleep(1); seen.push(look.call(i)); count.rounds += 1; } });
        after(2.2, || look = |n| -n);
        sleep(0.5);
        every(1, || note(`${seen.filter(|n| n >= 0).len} of ${seen.len}, ${count.rounds}`));
        t.join();",
    );
    assert_eq!(said, ["1.5 every 3: 1 of 1, 1", "2.5 every 3: 2 of 2, 2", "3.5 every 3: 2 of 3, 3"]);
}

#[test]
fn a_seed_gives_one_journal_where_tasks_share_a_closure() {
    let script = r#"let up = |n| { sleep(random_duration("1ms", "30ms")); tcp(n, 7000) };
        every("100ms", || up.call("n1"));
        for i in 0..100 { up.call("n2"); sleep("10ms"); }"#;
    // Without the header, which names the cluster after its folder.
    let events = || journal(script, 7).split_off(1);
    let first = events();
    assert!(first.len() > 100);
    assert_eq!(events(), first);
}
