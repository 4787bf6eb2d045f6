//! A fault in the words of a script: `partition([["n1"], ["n2", "n3"]])`. What is written means the very same fault.

use crate::fault::{Burst, Chance, Distribution, Fault, Filter, Impairment, Jitter, LinkSet, Party};
use crate::words::time;
use std::fmt;

/// A fault as an expression of the script API, which must be able to say it: see [`sayable`].
pub(super) struct Spelled<'a>(pub(super) &'a Fault);

impl fmt::Display for Spelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = self.0.kind();
        match self.0 {
            Fault::Partition { groups } => {
                let groups: Vec<String> = groups.iter().map(|group| list(group)).collect();
                write!(f, "partition([{}])", groups.join(", "))
            }
            Fault::OneWay { source, target } => write!(f, "one_way({}, {})", parties(source), parties(target)),
            Fault::Block { links } | Fault::Reject { links } => write!(f, "{verb}({})", Links(links)),
            Fault::Degrade { links, impairment, .. } => {
                write!(f, "{verb}({}, {})", Links(links), how(verb, impairment))
            }
            Fault::Kill { nodes, signal } if signal != "SIGKILL" => write!(f, "kill({}, {signal:?})", names(nodes)),
            Fault::Isolate { nodes } | Fault::Pause { nodes } | Fault::Stop { nodes } | Fault::Kill { nodes, .. } => {
                write!(f, "{verb}({})", names(nodes))
            }
        }
    }
}

/// Faults of which each can be said in one call, and which do together what this one does.
///
/// Links from some nodes to others have a word. Any other set of links is taken apart.
pub(super) fn sayable(fault: Fault) -> Vec<Fault> {
    let apart = |links: &LinkSet| if shape(links).is_some() { None } else { Some(by_source(links)) };
    match &fault {
        Fault::Block { links } => apart(links).map(|all| all.into_iter().map(|links| Fault::Block { links }).collect()),
        Fault::Reject { links } => {
            apart(links).map(|all| all.into_iter().map(|links| Fault::Reject { links }).collect())
        }
        Fault::Degrade { verb, links, impairment } => apart(links).map(|all| {
            let degrade = |links| Fault::Degrade { verb: verb.clone(), links, impairment: impairment.clone() };
            all.into_iter().map(degrade).collect()
        }),
        _ => None,
    }
    .unwrap_or_else(|| vec![fault])
}

/// The links of each source by themselves.
fn by_source(links: &LinkSet) -> Vec<LinkSet> {
    let pieces = links.pairs.chunk_by(|(one, _), (other, _)| one == other);
    pieces.map(|pairs| LinkSet { pairs: pairs.to_vec(), filter: links.filter }).collect()
}

/// How a set of links is said.
struct Shape {
    function: &'static str,
    from: Vec<Party>,
    to: Vec<Party>,
}

/// All from some to others, or all between the two; none where it is neither.
fn shape(links: &LinkSet) -> Option<Shape> {
    let sources = distinct(links.pairs.iter().map(|(source, _)| source));
    let targets = distinct(links.pairs.iter().map(|(_, target)| target));
    if LinkSet::new(&sources, &targets).pairs == links.pairs {
        return Some(Shape { function: "link", from: sources, to: targets });
    }
    // One side is whom the first source reaches, the other whom they reach.
    let reached = |source: &Party| distinct(links.pairs.iter().filter(|(one, _)| one == source).map(|(_, to)| to));
    let to = reached(sources.first()?);
    let from = reached(to.first()?);
    let both = LinkSet::new(&from, &to).union(LinkSet::new(&to, &from));
    (both.pairs == links.pairs).then_some(Shape { function: "between", from, to })
}

fn distinct<'a>(parties: impl Iterator<Item = &'a Party>) -> Vec<Party> {
    let mut all: Vec<Party> = parties.cloned().collect();
    all.sort();
    all.dedup();
    all
}

struct Links<'a>(&'a LinkSet);

impl fmt::Display for Links<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Shape { function, from, to }) = shape(self.0) else { return f.write_str("[]") };
        write!(f, "{function}({}, {})", parties(&from), parties(&to))?;
        let Filter { proto, port, family } = self.0.filter;
        let proto = proto.map(|proto| format!("proto: \"{proto}\""));
        let port = port.map(|port| format!("port: {port}"));
        let family = family.map(|family| format!("family: \"{family}\""));
        let narrowed: Vec<String> = [proto, port, family].into_iter().flatten().collect();
        if narrowed.is_empty() { Ok(()) } else { write!(f, ".on(#{{ {} }})", narrowed.join(", ")) }
    }
}

/// What a shaping function is told: its short form where that says it all.
fn how(verb: &str, impairment: &Impairment) -> String {
    // Such a jitter no script can ask for: it is what the cluster file says.
    if impairment.jitter.iter().any(|jitter| jitter.us > impairment.delay_us) {
        return "#{ usual: true }".to_owned();
    }
    let told = told(impairment);
    let short = match verb {
        "slow" => "delay",
        "flaky" => "loss",
        "throttle" => "rate",
        verb => verb,
    };
    match &*told {
        [(key, value)] if *key == short => value.clone(),
        told => {
            let pairs: Vec<String> = told.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            format!("#{{ {} }}", pairs.join(", "))
        }
    }
}

/// An impairment as keys and values. One call has one jitter, one burst and one correlation.
fn told(impairment: &Impairment) -> Vec<(&'static str, String)> {
    let Impairment { delay_us, jitter, loss, bursts, duplicate, corrupt, reorder, gap, rate_bits } = impairment;
    let mut told = Vec::new();
    if *delay_us > 0 {
        told.push(("delay", quoted_time(*delay_us)));
    }
    for Jitter { us, distribution, correlation } in jitter {
        told.push(("jitter", quoted_time(*us)));
        if *distribution != Distribution::Uniform {
            told.push(("distribution", format!("{:?}", distribution.name())));
        }
        told.extend(share("correlation", *correlation));
    }
    told.extend(share("loss", *loss));
    told.extend(bursts.iter().flat_map(burst_told));
    for (key, Chance { p, correlation }) in [("duplicate", duplicate), ("corrupt", corrupt), ("reorder", reorder)] {
        told.extend(share(key, *p));
        told.extend(share("correlation", *correlation));
    }
    if *gap > 0 {
        told.push(("gap", gap.to_string()));
    }
    told.extend(rate_bits.map(|bits| ("rate", format!("\"{}\"", rate(bits)))));
    told
}

fn burst_told(burst: &Burst) -> Vec<(&'static str, String)> {
    let model = |name: &str, shares: &[(&'static str, f64)]| {
        let shares = shares.iter().map(|(key, value)| (*key, format!("{value:?}")));
        std::iter::once(("model", format!("\"{name}\""))).chain(shares).collect()
    };
    match *burst {
        Burst::Correlated { loss, correlation } => {
            vec![("loss", format!("{loss:?}")), ("correlation", format!("{correlation:?}"))]
        }
        Burst::GeModel { p, r, h, k } => model("gemodel", &[("p", p), ("r", r), ("h", h), ("k", k)]),
        Burst::FourState { p13, p31, p32, p23, p14 } => {
            model("4state", &[("p13", p13), ("p31", p31), ("p32", p32), ("p23", p23), ("p14", p14)])
        }
    }
}

fn share(key: &'static str, share: f64) -> Option<(&'static str, String)> {
    (share > 0.0).then(|| (key, format!("{share:?}")))
}

/// `"1.5s"`: a duration with the largest unit in which it stays short.
pub(super) fn quoted_time(us: u64) -> String {
    format!("\"{}\"", time(us))
}

fn rate(bits: u64) -> String {
    let units = [(1_000_000_000, "gbit"), (1_000_000, "mbit"), (1_000, "kbit")];
    let unit = units.into_iter().find(|(size, _)| bits.is_multiple_of(*size));
    unit.map_or_else(|| format!("{bits}bit"), |(size, unit)| format!("{}{unit}", bits / size))
}

/// One node by its name, several as a list.
pub(super) fn names(names: &[String]) -> String {
    match names {
        [one] => format!("{one:?}"),
        several => list(several),
    }
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("[{}]", quoted.join(", "))
}

fn parties(parties: &[Party]) -> String {
    names(&parties.iter().map(Party::to_string).collect::<Vec<_>>())
}
