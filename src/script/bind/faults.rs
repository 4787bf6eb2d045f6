//! Faults and their handles.

use super::super::host::Host;
use super::super::shaping::{VERBS, impairment, is_usual};
use super::super::values;
use super::{Scripted, at_call};
use crate::engine::{Command, FaultInfo, Reply, Selection};
use crate::fault::{Fault, FaultId, LinkSet, Party};
use crate::resolve;
use crate::signal::Signal;
use crate::{Error, Result};
use rhai::{Array, Dynamic, Engine, ImmutableString, Map};
use std::rc::Rc;

/// What a fault function returns to a script.
#[derive(Clone)]
pub(in crate::script) struct Handle {
    id: FaultId,
    /// Shared: scripts copy handles with every list that they are in.
    fault: Rc<Fault>,
    host: Rc<Host>,
}

impl Handle {
    fn new(host: &Rc<Host>, info: FaultInfo) -> Self {
        Self { id: info.id, fault: Rc::new(info.fault), host: Rc::clone(host) }
    }

    /// Heals this fault and no other; once is enough, twice does no harm.
    pub(in crate::script) fn heal(&self) -> Result<()> {
        self.host.call(Command::Heal { which: Selection::One(self.id) })?;
        self.host.tasks.current().unmade(self.id);
        Ok(())
    }

    fn keep(&self) -> Result<()> {
        self.host.call(Command::Keep { id: self.id }).map(|_| ())
    }

    fn active(&self) -> Result<bool> {
        Ok(active(&self.host)?.iter().any(|info| info.id == self.id))
    }
}

fn active(host: &Host) -> Result<Vec<FaultInfo>> {
    match host.call(Command::Faults)? {
        Reply::Faults(faults) => Ok(faults),
        other => Err(other.odd()),
    }
}

fn inject(host: &Rc<Host>, fault: Fault) -> Result<Handle> {
    let shield = host.tasks.shield();
    let reply = host.call(Command::Inject { fault, for_us: None })?;
    drop(shield);
    match reply {
        Reply::Fault(info) => {
            // Of a task that was told to end meanwhile it would be nobody's.
            if let Some(doom) = host.tasks.its_doom() {
                let healed = host.call(Command::Heal { which: Selection::One(info.id) });
                return Err(healed.err().unwrap_or(doom));
            }
            host.tasks.current().made(info.id);
            if host.verify && matches!(info.fault, Fault::Degrade { .. }) {
                super::verify::verify(host, Some(info.id))?;
            }
            Ok(Handle::new(host, info))
        }
        other => Err(other.odd()),
    }
}

fn heal(host: &Host, which: Selection) -> Result<()> {
    host.call(Command::Heal { which }).map(|_| ())
}

/// Registers a function of one argument that injects a fault.
fn fault1(engine: &mut Engine, host: &Rc<Host>, name: &str, make: fn(&Host, &Dynamic) -> Result<Fault>) {
    let host = Rc::clone(host);
    engine.register_fn(name, move |a: Dynamic| -> Scripted<Handle> {
        at_call(make(&host, &a).and_then(|fault| inject(&host, fault)))
    });
}

/// Registers a function of two arguments that injects a fault.
fn fault2(engine: &mut Engine, host: &Rc<Host>, name: &str, make: fn(&Host, &Dynamic, &Dynamic) -> Result<Fault>) {
    let host = Rc::clone(host);
    engine.register_fn(name, move |a: Dynamic, b: Dynamic| -> Scripted<Handle> {
        at_call(make(&host, &a, &b).and_then(|fault| inject(&host, fault)))
    });
}

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    cuts(engine, host);
    halts(engine, host);
    shaping(engine, host);
    links(engine, host);
    healing(engine, host);
    handles(engine);
}

fn cuts(engine: &mut Engine, host: &Rc<Host>) {
    fault1(engine, host, "partition", |host, groups| Ok(Fault::Partition { groups: host.groups(groups)? }));
    fault1(engine, host, "isolate", |host, nodes| Ok(Fault::Isolate { nodes: host.select(nodes)? }));
    fault2(engine, host, "one_way", |host, source, target| {
        let (source, target) = (host.parties(source)?, host.parties(target)?);
        if let Some(both) = source.iter().find(|end| target.contains(end)) {
            return Err(Error::usage(format!("{both} is both source and target of one_way")));
        }
        Ok(Fault::OneWay { source, target })
    });
    fault1(engine, host, "block", |host, links| Ok(Fault::Block { links: host.links(links)? }));
    fault2(engine, host, "block", |host, a, b| Ok(Fault::Block { links: between(host, a, b, false)? }));
    fault1(engine, host, "reject", |host, links| Ok(Fault::Reject { links: host.links(links)? }));
    fault2(engine, host, "reject", |host, a, b| Ok(Fault::Reject { links: between(host, a, b, false)? }));
}

fn halts(engine: &mut Engine, host: &Rc<Host>) {
    fault1(engine, host, "pause", |host, nodes| Ok(Fault::Pause { nodes: host.select(nodes)? }));
    fault1(engine, host, "stop", |host, nodes| Ok(Fault::Stop { nodes: host.select(nodes)? }));
    fault1(engine, host, "kill", |host, nodes| {
        Ok(Fault::Kill { nodes: host.select(nodes)?, signal: Signal::KILL.name().to_owned() })
    });
    fault2(engine, host, "kill", |host, nodes, signal| {
        let signal = match signal.as_int() {
            Ok(number) => Signal::parse(number)?,
            Err(_) => Signal::parse(values::text(signal, "a signal like \"SIGTERM\"")?.as_str())?,
        };
        Ok(Fault::Kill { nodes: host.select(nodes)?, signal: signal.name().to_owned() })
    });
}

fn shaping(engine: &mut Engine, host: &Rc<Host>) {
    for verb in VERBS {
        let host = Rc::clone(host);
        engine.register_fn(verb.name, move |links: Dynamic, how: Dynamic| -> Scripted<Handle> {
            let fault = || -> Result<Fault> {
                let usual = || resolve::usual(&host.cluster, verb.name);
                let impairment = if is_usual(&how) { usual() } else { impairment(verb, &how) }?;
                Ok(Fault::Degrade { verb: verb.name.to_owned(), links: host.links(&links)?, impairment })
            };
            at_call(fault().and_then(|fault| inject(&host, fault)))
        });
    }
}

fn between(host: &Host, a: &Dynamic, b: &Dynamic, both: bool) -> Result<LinkSet> {
    let (a, b) = (host.parties(a)?, host.parties(b)?);
    let there = LinkSet::new(&a, &b);
    let links = if both { there.union(LinkSet::new(&b, &a)) } else { there };
    if links.pairs.is_empty() {
        return Err(Error::usage(format!(
            "{} has no link to itself",
            a.iter().map(Party::to_string).collect::<Vec<_>>().join(", ")
        )));
    }
    Ok(links)
}

fn links(engine: &mut Engine, host: &Rc<Host>) {
    engine.register_type_with_name::<LinkSet>("Links");
    let make = |engine: &mut Engine, name: &str, both: bool| {
        let host = Rc::clone(host);
        engine.register_fn(name, move |a: Dynamic, b: Dynamic| -> Scripted<LinkSet> {
            at_call(between(&host, &a, &b, both))
        });
    };
    make(engine, "link", false);
    make(engine, "between", true);
    let own = Rc::clone(host);
    engine.register_fn("from", move |a: Dynamic| -> Scripted<LinkSet> {
        at_call(own.parties(&a).map(|sources| LinkSet::new(&sources, &own.everyone())))
    });
    let own = Rc::clone(host);
    engine.register_fn("to", move |a: Dynamic| -> Scripted<LinkSet> {
        at_call(own.parties(&a).map(|targets| LinkSet::new(&own.everyone(), &targets)))
    });
    engine.register_fn("on", |links: &mut LinkSet, map: Map| -> Scripted<LinkSet> { at_call(narrowed(links, &map)) });
    engine.register_fn("to_string", |links: &mut LinkSet| links.to_string());
}

fn narrowed(links: &LinkSet, map: &Map) -> Result<LinkSet> {
    if map.is_empty() {
        return Err(Error::usage("on() was told nothing to narrow the links to")
            .help("give it at least one of proto, port, family, as in on(#{ proto: \"tcp\", port: 6379 })"));
    }
    Ok(LinkSet { filter: links.filter.narrowed(values::filter(map)?)?, ..links.clone() })
}

fn healing(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("heal", move || -> Scripted<()> { at_call(heal(&own, Selection::All)) });
    let own = Rc::clone(host);
    engine.register_fn("join", move || -> Scripted<()> { at_call(heal(&own, Selection::Partitions)) });
    let own = Rc::clone(host);
    engine.register_fn("fast", move || -> Scripted<()> { at_call(heal(&own, Selection::Impairments(own.names()))) });
    let own = Rc::clone(host);
    engine.register_fn("fast", move |nodes: Dynamic| -> Scripted<()> {
        at_call(own.select(&nodes).and_then(|nodes| heal(&own, Selection::Impairments(nodes))))
    });
    let own = Rc::clone(host);
    engine.register_fn("faults", move || -> Scripted<Array> {
        let handles = |faults: Vec<FaultInfo>| faults.into_iter().map(|info| Dynamic::from(Handle::new(&own, info)));
        at_call(active(&own).map(|faults| handles(faults).collect()))
    });
    let own = Rc::clone(host);
    engine.register_fn("during", move |fault: Handle, duration: Dynamic| -> Scripted<()> {
        at_call(values::duration_us(&duration).and_then(|duration_us| during(&own, &fault, duration_us)))
    });
}

/// Heals the fault also where the wait is cut short: a cancelled task leaves nothing behind.
fn during(host: &Host, fault: &Handle, duration_us: u64) -> Result<()> {
    let waited = host.sleep_until(host.clock.now_us().saturating_add(duration_us));
    let healed = fault.heal();
    waited.and(healed)
}

fn handles(engine: &mut Engine) {
    engine.register_type_with_name::<Handle>("Fault");
    engine.register_fn("heal", |handle: &mut Handle| -> Scripted<()> { at_call(handle.heal()) });
    engine.register_fn("keep", |handle: &mut Handle| -> Scripted<Handle> {
        at_call(handle.keep().map(|()| handle.clone()))
    });
    engine.register_get("id", |handle: &mut Handle| ImmutableString::from(handle.id.to_string()));
    engine.register_get("kind", |handle: &mut Handle| ImmutableString::from(handle.fault.kind()));
    engine.register_get("active", |handle: &mut Handle| -> Scripted<bool> { at_call(handle.active()) });
    engine.register_fn("to_string", |handle: &mut Handle| format!("{}: {}", handle.id, handle.fault));
    engine.register_fn("to_debug", |handle: &mut Handle| format!("{}: {}", handle.id, handle.fault));
}
