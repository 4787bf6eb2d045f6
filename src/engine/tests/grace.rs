//! What goes on, and what waits, while a node has its grace.

use super::*;
use crate::engine::change;
use std::pin::Pin;
use tokio::sync::Mutex as Shared;

type Change = Pin<Box<dyn Future<Output = Result<Reply>>>>;

/// A cluster in whose first node a stop never ends, and that stop under way.
fn stopping() -> (Arc<Shared<Controller>>, Change) {
    let test = Test::new();
    *test.runtime.stuck.lock().unwrap() = true;
    let shared = Arc::new(Shared::new(test.controller));
    let mut stop = asked(&shared, inject(Fault::Stop { nodes: names(&["n1"]) }));
    assert!(!is_over(&mut stop));
    (shared, stop)
}

fn asked(shared: &Arc<Shared<Controller>>, command: Command) -> Change {
    let shared = Arc::clone(shared);
    Box::pin(async move { change(&shared, Owner::STANDING, "t", command).await })
}

fn inject(fault: Fault) -> Command {
    Command::Inject { fault, for_us: None }
}

fn is_over(change: &mut Change) -> bool {
    change.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

fn active(shared: &Arc<Shared<Controller>>) -> Vec<String> {
    now(async { Ok(shared.lock().await.active().map(|info| info.fault.kind().to_owned()).collect()) }).unwrap()
}

#[test]
fn the_rest_of_the_cluster_is_cut_and_healed_and_looked_at() {
    let (shared, _stop) = stopping();
    assert!(is_over(&mut asked(&shared, inject(partition(&[&["n2"]])))));
    assert_eq!(active(&shared), ["stop", "partition"]);
    let pause = inject(Fault::Pause { nodes: names(&["n3"]) });
    assert!(is_over(&mut asked(&shared, pause)));
    let start = Command::Node { action: NodeAction::Resume, nodes: names(&["n3"]) };
    assert!(is_over(&mut asked(&shared, start)));
    assert!(now(async { Ok(shared.lock().await.observe(&Command::Status).await.is_some()) }).unwrap());
}

#[test]
fn whoever_wants_the_same_program_waits_and_no_cut_waits_with_it() {
    let (shared, _stop) = stopping();
    assert!(is_over(&mut asked(&shared, inject(partition(&[&["n2"]])))));
    let nodes = names(&["n1"]);
    for command in [
        inject(Fault::Pause { nodes: nodes.clone() }),
        Command::Node { action: NodeAction::Start, nodes },
        Command::Heal { which: Selection::One(FaultId(1)) },
        Command::Heal { which: Selection::All },
    ] {
        assert!(!is_over(&mut asked(&shared, command.clone())), "{command:?}");
    }
    assert_eq!(active(&shared), ["stop"], "heal() healed the cut at once");
}

#[test]
fn a_hurry_ends_all_of_them() {
    let (shared, mut stop) = stopping();
    let mut heal = asked(&shared, Command::Heal { which: Selection::All });
    assert!(!is_over(&mut heal));
    let hurry = now(async { Ok(shared.lock().await.hurry()) }).unwrap();
    hurry.raise();
    assert!(is_over(&mut stop) && is_over(&mut heal));
    now(async { shared.lock().await.down().await }).unwrap();
}

#[test]
fn a_restart_waits_for_its_grace_and_nobody_starts_the_node_before() {
    let test = Test::new();
    *test.runtime.stuck.lock().unwrap() = true;
    let (shared, runtime) = (Arc::new(Shared::new(test.controller)), test.runtime);
    let restart = |nodes| Command::Node { action: NodeAction::Restart, nodes };
    let mut first = asked(&shared, restart(names(&["n1"])));
    assert!(!is_over(&mut first));
    *runtime.stuck.lock().unwrap() = false;
    assert!(is_over(&mut asked(&shared, restart(names(&["n2"])))));
    assert_eq!(*runtime.lives.lock().unwrap(), [1, 2, 1]);
    // Whoever asked is gone: its turn ends with it.
    let mut second = asked(&shared, restart(names(&["n1"])));
    assert!(!is_over(&mut second));
    drop(first);
    assert!(is_over(&mut second));
    assert_eq!(*runtime.lives.lock().unwrap(), [2, 2, 1]);
}
