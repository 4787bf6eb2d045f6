//! Follows what the daemon tells of containers, whoever does it to them. When the daemon goes away, waits for it to come
//! back, and makes up for what was missed by looking.

use super::inspect::{self, Look, now_ns};
use super::life::Heard;
use super::member::{Member, Which};
use super::runtime::Inner;
use bollard::Docker;
use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptionsBuilder;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How often to knock at a daemon that is away: at first, and at most.
const KNOCKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Begins to follow. Nothing that happens from here on is missed: the daemon keeps what it tells for a while.
pub(super) fn begin(inner: &Arc<Inner>) {
    tokio::spawn(follow(Arc::downgrade(inner), inner.docker.clone(), now_ns()));
}

async fn follow(inner: Weak<Inner>, docker: Docker, mut since_ns: i64) {
    loop {
        let filters = HashMap::from([
            ("type", vec!["container"]),
            ("event", vec!["start", "die", "pause", "unpause", "destroy"]),
        ]);
        let since = format!("{}.{:09}", since_ns / 1_000_000_000, since_ns % 1_000_000_000);
        let options = EventsOptionsBuilder::default().since(&since).filters(&filters).build();
        let mut events = Box::pin(docker.events(Some(options)));
        while let Some(Ok(event)) = events.next().await {
            let Some(inner) = inner.upgrade() else { return };
            since_ns = since_ns.max(event.time_nano.unwrap_or_default());
            inner.hear(&event);
        }
        if inner.strong_count() == 0 {
            return;
        }
        tracing::warn!("Docker is gone");
        // One that answers, but not to this, is not to be asked in a circle.
        tokio::time::sleep(KNOCKS.0).await;
        await_daemon(&docker).await;
        tracing::warn!("Docker is back");
        let Some(inner) = inner.upgrade() else { return };
        tokio::spawn(async move { inner.make_up().await });
    }
}

async fn await_daemon(docker: &Docker) {
    let (mut pause, longest) = KNOCKS;
    while docker.ping().await.is_err() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

impl Inner {
    fn hear(self: &Arc<Self>, event: &EventMessage) {
        let id = event.actor.as_ref().and_then(|actor| actor.id.as_deref()).unwrap_or_default();
        let members = self.members();
        let found = members.iter().find_map(|member| member.which(id).map(|which| (member, which)));
        let (Some((member, which)), Some(heard)) = (found, heard(event)) else { return };
        let at_ns = event.time_nano.unwrap_or_default();
        match (which, heard) {
            (Which::Container, heard) => {
                let changes = member.change(|life| life.hear(heard, at_ns));
                self.told(member, changes);
            }
            (Which::Holder, Heard::Die(_) | Heard::Destroy) => {
                member.holder_died(at_ns);
                self.ask_for_repair(member);
            }
            (Which::Holder, _) => {}
        }
    }

    /// Looks at everything that may have changed while nobody told.
    async fn make_up(self: &Arc<Self>) {
        for member in self.members() {
            if self.gate.is_closed() {
                return;
            }
            // Where a look fails, the daemon has gone again, and all is looked at once it is back.
            let _ = self.look_at(&member).await;
            if member.adopted {
                self.adopted_again(&member);
            } else if let Ok(look) = self.anchor(&member).await {
                self.see_holder(&member, look.as_ref());
            }
        }
    }

    fn see_holder(self: &Arc<Self>, member: &Arc<Member>, look: Option<&Look>) {
        let ended_ns = match look.map(|look| (look.seen, look.runs())) {
            Some((_, Some((pid, _)))) if member.attached() == Some(pid) => return,
            Some((_, Some((_, since_ns)))) => since_ns,
            Some((super::life::Seen::Ended { finished_ns, .. }, _)) => finished_ns,
            _ => inspect::now_ns(),
        };
        member.holder_died(ended_ns);
        self.ask_for_repair(member);
    }
}

/// What an event says, if it is of interest.
fn heard(event: &EventMessage) -> Option<Heard> {
    let attribute = |name: &str| event.actor.as_ref()?.attributes.as_ref()?.get(name);
    Some(match event.action.as_deref()? {
        "start" => Heard::Start,
        "die" => Heard::Die(attribute("exitCode").and_then(|code| code.parse().ok()).unwrap_or_default()),
        "pause" => Heard::Pause,
        "unpause" => Heard::Unpause,
        "destroy" => Heard::Destroy,
        _ => return None,
    })
}
