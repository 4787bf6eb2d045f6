//! Sessions, as a run that attaches uses them: their faults go when they go.

use super::common::{User, namespaces};
use super::up::{Up, until};
use blockade::engine::{Command, Event, EventBody, Port, Reply, Selection};
use blockade::fault::Fault;
use blockade::supervisor::{ClusterFolder, Connection, connect};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

fn folder(up: &Up) -> ClusterFolder {
    ClusterFolder::new(&up.place.path().join(".blockade"), "c1").unwrap()
}

async fn session(up: &Up) -> (Connection, Arc<Mutex<Vec<Event>>>) {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&heard);
    let connection = connect(&folder(up), Some(Box::new(move |event| events.lock().unwrap().push(event)))).await;
    (connection.unwrap(), heard)
}

fn cut(node: &str) -> Command {
    Command::Inject { fault: Fault::Partition { groups: vec![vec![node.to_owned()]] }, for_us: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sessions_faults_go_with_it_and_those_of_commands_stand() {
    let up = Up::on("sim");
    up.says(&["block", "n1", "n2"]);
    let (session, _) = session(&up).await;
    // Nobody waits for the answer: begun is begun.
    drop(session.port.call("main", cut("n3")));
    drop(session.port.call("main", Command::Inject { fault: Fault::Stop { nodes: vec!["n1".into()] }, for_us: None }));
    session.port.call("main", Command::Status).await.unwrap();
    drop(session);
    until(|| up.says(&["faults"]) == "ID  FAULT\nf1  block n1 → n2\n" && !up.says(&["status"]).contains("DOWN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_hears_everything_before_the_answer_to_what_caused_it() {
    let up = Up::on("sim");
    let (session, heard) = session(&up).await;
    session.port.call("main", cut("n3")).await.unwrap();
    {
        let heard = heard.lock().unwrap();
        let bodies: Vec<&EventBody> = heard.iter().map(|event| &event.body).collect();
        assert!(matches!(bodies[..], [EventBody::FaultInject { .. }, EventBody::FaultActive { .. }]), "{bodies:?}");
        let own = format!("{} main", session.info.task);
        assert!(heard.iter().all(|event| event.task == own));
    }
    up.says(&["block", "n1", "n2"]);
    let Reply::Faults(active) = session.port.call("main", Command::Faults).await.unwrap() else { panic!("no faults") };
    assert_eq!(active.len(), 2);
    assert_eq!(heard.lock().unwrap().last().map(|event| event.task.clone()).as_deref(), Some("command"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_by_command_leaves_a_sessions_partition_alone() {
    let up = Up::on("sim");
    let (session, _) = session(&up).await;
    session.port.call("main", cut("n3")).await.unwrap();
    up.says(&["partition", "n1"]);
    up.says(&["partition", "n2"]);
    insta::assert_snapshot!(up.says(&["faults"]), @"
    ID  FAULT
    f1  partition {n3}
    f3  partition {n2}
    ");
    session.port.release().await.unwrap();
    assert_eq!(up.says(&["faults"]), "ID  FAULT\nf3  partition {n2}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_that_dies_fails_every_call_with_what_is_known() {
    let up = Up::on("sim");
    let (session, _) = session(&up).await;
    let pid = up.supervisor().as_raw_nonzero().to_string();
    up.kill_supervisor();
    for _ in 0..2 {
        let error = session.port.call("main", Command::Heal { which: Selection::All }).await.unwrap_err();
        assert_eq!(error.kind.exit_code(), 3);
        insta::allow_duplicates! { insta::assert_snapshot!(error.message.replace(&pid, "PID"), @"the cluster `c1` has died: its supervisor (process PID) is gone; its nodes are gone with it"); }
    }
}

/// Waits for much longer than the test does, each in another way.
const WAITS: [&str; 3] = [
    "fn chaos() { isolate(\"n1\"); sleep(\"10m\"); }",
    "fn chaos() { during(isolate(\"n1\"), \"10m\"); }",
    "const OPTIONS = #{ clients: 2 };\nfn client(id) { loop { sleep(\"1s\"); } }\n\
     fn chaos() { isolate(\"n1\"); let t = task(|| wait_until(\"10m\", || faults().is_empty())); t.join(); }",
];

#[test]
fn an_attached_run_ends_with_its_cluster_whatever_it_waits_for() {
    for (script, by_force) in WAITS.into_iter().flat_map(|script| [(script, false), (script, true)]) {
        let up = Up::on("sim");
        up.place.write("s.rhai", script);
        let mut command = up.place.command(&["-n", "c1", "run", "s.rhai", "--attach", "--out", "out", "--seed", "1"]);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(|| up.says(&["faults"]).contains("isolate n1"));
        let pid = up.supervisor().as_raw_nonzero().to_string();
        if by_force {
            up.kill_supervisor();
        } else {
            up.says(&["destroy"]);
        }
        let ended = super::common::ended(run.wait_with_output().unwrap()).with(3);
        let (told, result) = (ended.stderr.replace(&pid, "PID"), up.place.read("out/result.json"));
        let why = if by_force {
            "the cluster `c1` has died: its supervisor (process PID) is gone; its nodes are gone with it"
        } else {
            "the cluster `c1` was removed meanwhile"
        };
        assert!(told.contains(why), "{script}: {told}");
        let result: serde_json::Value = serde_json::from_str(&result).unwrap();
        assert_eq!((&result["verdict"], &result["cleanup"]["ok"]), (&"error".into(), &true.into()), "{script}");
        if by_force {
            up.run(&["destroy"]).with(0);
        }
    }
}

#[test]
fn an_attached_run_keeps_what_the_nodes_wrote_before_and_in_it() {
    if !namespaces(User::Ours) {
        return;
    }
    let up = Up::on("netns");
    up.place.write(
        "s.rhai",
        "fn chaos() { restart(\"n1\"); wait_until(\"30s\", || logs(\"n1\").split(\"two\").len == 3); }",
    );
    // Before it has said that, a restart would end it.
    until(|| up.says(&["logs", "n1"]) == "one\ntwo\n");
    up.run(&["run", "s.rhai", "--attach", "--out", "out"]).with(0);
    assert_eq!(
        (up.place.read("out/logs/n1.log"), up.place.read("out/logs/n3.log")),
        ("one\ntwo\none\ntwo\n".into(), String::new())
    );
}
