//! Programs of faults that are ended from outside: they leave nothing behind.

use crate::{holds, journal, of};

const PROGRAMS: [&str; 8] = [
    r#"nemesis::crash_storm(#{ duration: "10m", interval: "300ms", lasting: "1s", max_at_once: 3 })"#,
    r#"nemesis::pause_storm(#{ duration: "10m", interval: "300ms", lasting: "1s", max_at_once: 3 })"#,
    r#"nemesis::swizzle(nodes(), #{ pause: "500ms", hold: "10m" })"#,
    r#"nemesis::gray_failure("n1", #{ duration: "10m", interval: "300ms" })"#,
    r#"nemesis::flapping(|| isolate("n2"), #{ duration: "10m" })"#,
    r#"nemesis::flapping(|| { let cut = isolate("n2"); sleep("10m"); cut }, #{ duration: "10m" })"#,
    r#"swarm::run(#{ duration: "10m", interval: "300ms" })"#,
    r#"agenda::run(#{ duration: "10m", interval: "300ms" }, |busy| #{ fault: isolate("n1"), on: "n1" })"#,
];
const IMPORTS: &str = r#"import "agenda" as agenda; import "nemesis" as nemesis; import "swarm" as swarm;"#;

#[test]
fn a_program_whose_task_is_cancelled_leaves_nothing() {
    for program in PROGRAMS {
        let script = format!(
            r#"{IMPORTS}
            let own = slow("n3", "1ms");
            let task = task(|| {program});
            sleep("2s");
            task.cancel();
            assert(faults().map(|fault| fault.id) == [own.id], `${{faults()}}`);
            assert(nodes().all(|node| status(node) == "UP"));
            "#
        );
        holds(4, &script);
        assert!(of(&journal(4, 1, &script), "fault.inject").len() > 1, "{program}");
    }
}

#[test]
fn a_program_that_ends_with_its_part_leaves_nothing_for_the_check() {
    for program in PROGRAMS {
        let of_setup = format!("fn setup() {{ task(|| {program}); }} fn chaos() {{ sleep(\"1s\"); }}");
        let of_chaos = format!("fn chaos() {{ task(|| {program}); sleep(\"1s\"); }}");
        for parts in [of_setup, of_chaos] {
            let check = "fn check() { assert(faults().is_empty(), `${faults()}`); \
                         assert(nodes().all(|node| status(node) == \"UP\")); }";
            holds(4, &format!("{IMPORTS} const OPTIONS = #{{ recovery: \"3s\" }}; {parts} {check}"));
        }
    }
}

#[test]
fn healing_heals_what_was_made_in_it_and_nothing_else() {
    holds(
        3,
        r#"
        let before = isolate("n1");
        let given = healing(|| { slow("n2", "1ms"); healing(|| stop("n3")); assert(status("n3") == "UP"); 7 });
        assert(given == 7 && faults().map(|fault| fault.id) == [before.id]);
        try { healing(|| { pause("n2"); throw "up"; }); } catch (thrown) { assert(thrown == "up"); }
        assert(status("n2") == "UP" && before.active);
        healing(|| { task(|| isolate("n3")); sleep("1s"); });
        assert(faults().len == 2, "what another task made is its own");
        "#,
    );
}
