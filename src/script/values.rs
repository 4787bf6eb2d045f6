//! From script values to typed ones. Every refusal says what was expected and what was given.

use super::host::Host;
use super::quantity::{self, Problem, Raw};
use crate::cluster::select;
use crate::fault::{Family, Filter, LinkSet, Party, Proto};
use crate::{Error, Result};
use rhai::{Array, Dynamic, FLOAT, INT, ImmutableString, Map};

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::usage(problem.message).help(problem.help)
    }
}

/// What a value is called in messages.
pub(super) fn type_name(value: &Dynamic) -> String {
    match kind(value.type_name()) {
        kind @ ("nothing" | "text" | "links") => kind.to_owned(),
        "integer" => "an integer".to_owned(),
        kind => format!("a {kind}"),
    }
}

/// What a type of Rhai's, or one of ours that scripts hold, is called in messages.
pub(super) fn kind(rhai: &str) -> &str {
    // Rhai names some values by their Rust type, with its path, and some by the name that it was given.
    match rhai.rsplit("::").next().unwrap_or(rhai) {
        "i64" => "integer",
        "f64" => "number",
        "array" => "list",
        "char" => "character",
        "Fn" => "function",
        "Range<i64>" | "RangeInclusive<i64>" | "range=" => "range",
        "()" => "nothing",
        "string" | "&str" | "String" | "&str | ImmutableString | String" => "text",
        "LinkSet" | "Links" => "links",
        "Handle" | "Fault" => "fault",
        "TaskHandle" | "Task" => "task",
        _ => rhai,
    }
}

/// An error for an argument of the wrong type.
pub(super) fn expected(what: &str, given: &Dynamic) -> Error {
    Error::usage(format!("expected {what}, got {}", type_name(given)))
}

/// Calls `read` with the value as a quantity.
fn quantity<T>(value: &Dynamic, what: &str, read: impl Fn(Raw<'_>) -> Result<T, Problem>) -> Result<T> {
    if let Ok(number) = value.as_int() {
        return read(Raw::Int(number)).map_err(Error::from);
    }
    if let Ok(number) = value.as_float() {
        return read(Raw::Float(number)).map_err(Error::from);
    }
    match value.read_lock::<ImmutableString>() {
        Some(text) => read(Raw::Text(text.as_str())).map_err(Error::from),
        None => Err(expected(what, value)),
    }
}

/// A duration, microseconds.
pub(super) fn duration_us(value: &Dynamic) -> Result<u64> {
    quantity(value, "a duration (seconds, or text like \"100ms\")", |raw| quantity::duration_us(raw))
}

/// A probability, 0 to 1.
pub(super) fn probability(value: &Dynamic) -> Result<f64> {
    quantity(value, "a probability (0.3, or text like \"30%\")", |raw| quantity::probability(raw))
}

/// A share of packets, 0 to 1.
pub(super) fn share(value: &Dynamic) -> Result<f64> {
    quantity(value, "a probability (0.3, or text like \"30%\")", |raw| quantity::share(raw))
}

/// A rate, bits per second.
pub(super) fn rate_bits(value: &Dynamic) -> Result<u64> {
    quantity(value, "a rate (text like \"10mbit\")", |raw| quantity::rate_bits(raw))
}

/// Microseconds as the seconds that scripts see.
pub(super) fn seconds(duration_us: u64) -> FLOAT {
    duration_us as FLOAT / 1e6
}

/// Text, or an error that says what it should be.
pub(super) fn text(value: &Dynamic, what: &str) -> Result<String> {
    value.read_lock::<ImmutableString>().map(|text| text.to_string()).ok_or_else(|| expected(what, value))
}

impl Host {
    /// One node.
    pub(super) fn node(&self, value: &Dynamic) -> Result<String> {
        let nodes = self.select(value)?;
        match nodes.as_slice() {
            [node] => Ok(node.clone()),
            _ => Err(Error::usage(format!("expected one node, got {}: {}", nodes.len(), nodes.join(", ")))),
        }
    }

    /// Nodes: a name, a glob or a list of such; at least one. Each once, in the order they were named.
    pub(super) fn select(&self, value: &Dynamic) -> Result<Vec<String>> {
        let mut nodes = Vec::new();
        self.gather(value, &mut nodes)?;
        if nodes.is_empty() {
            return Err(
                Error::usage("no nodes were named").help("name at least one: \"n1\", [\"n1\", \"n2\"] or \"n*\"")
            );
        }
        Ok(nodes)
    }

    fn gather(&self, value: &Dynamic, nodes: &mut Vec<String>) -> Result<()> {
        if let Some(list) = value.read_lock::<Array>() {
            return list.iter().try_for_each(|item| self.gather(item, nodes));
        }
        let name = text(value, "a node (\"n1\", a glob like \"n*\", or a list of them)")?;
        if name == "world" {
            return Err(Error::usage("`world` is no node: it can be an end of a link, not a member of a group"));
        }
        let names = self.cluster.nodes.iter().map(|node| node.name.as_str());
        for node in select(names, &name)? {
            if !nodes.iter().any(|known| known == node) {
                nodes.push(node.to_owned());
            }
        }
        Ok(())
    }

    /// Ends of links: nodes, or `world`.
    pub(super) fn parties(&self, value: &Dynamic) -> Result<Vec<Party>> {
        if let Some(list) = value.read_lock::<Array>() {
            let ends: Result<Vec<_>> = list.iter().map(|item| self.parties(item)).collect();
            let ends: Vec<Party> = ends?.into_iter().flatten().collect();
            return if ends.is_empty() { Err(Error::usage("no nodes were named")) } else { Ok(ends) };
        }
        match value.read_lock::<ImmutableString>() {
            Some(name) if name.as_str() == "world" => Ok(vec![Party::World]),
            _ => Ok(self.select(value)?.into_iter().map(Party::Node).collect()),
        }
    }

    /// Everyone: all nodes and the world.
    pub(super) fn everyone(&self) -> Vec<Party> {
        self.names().into_iter().map(Party::Node).chain([Party::World]).collect()
    }

    /// Links: a set of them, a list of sets, or nodes, which means all that leaves them.
    pub(super) fn links(&self, value: &Dynamic) -> Result<LinkSet> {
        if let Some(links) = value.read_lock::<LinkSet>() {
            return Ok(links.clone());
        }
        if let Some(list) = value.read_lock::<Array>()
            && list.iter().any(Dynamic::is::<LinkSet>)
        {
            return self.all_links(&list);
        }
        Ok(LinkSet::new(&self.parties(value)?, &self.everyone()))
    }

    fn all_links(&self, list: &Array) -> Result<LinkSet> {
        let mut sets = list.iter().map(|item| self.links(item)).collect::<Result<Vec<_>>>()?.into_iter();
        let first = sets.next().unwrap_or_else(|| LinkSet::new(&[], &[]));
        sets.try_fold(first, |sum, set| {
            if sum.filter == set.filter {
                Ok(sum.union(set))
            } else {
                Err(Error::usage("links with different filters cannot be one set").help("make one fault for each"))
            }
        })
    }

    /// The groups of a partition.
    pub(super) fn groups(&self, value: &Dynamic) -> Result<Vec<Vec<String>>> {
        let Some(list) = value.read_lock::<Array>() else {
            return Err(expected("a list of groups like [[\"n1\", \"n2\"], \"n3\"]", value));
        };
        if list.is_empty() {
            return Err(Error::usage("a partition of nobody: the list of groups is empty")
                .help("name at least one group, like [[\"n1\", \"n2\"], \"n3\"]"));
        }
        list.iter()
            .enumerate()
            .map(|(number, group)| match group.read_lock::<Array>() {
                Some(members) if members.is_empty() => {
                    Err(Error::usage(format!("a partition of nobody: group {} is empty", number + 1))
                        .help("leave an empty group out; nodes not named form one more group by themselves"))
                }
                _ => self.select(group),
            })
            .collect()
    }
}

/// A filter from `#{ proto, port, family }`.
pub(super) fn filter(map: &Map) -> Result<Filter> {
    const KEYS: [&str; 3] = ["proto", "port", "family"];
    known_keys(map, &KEYS)?;
    let word = |key: &str| map.get(key).map(|value| text(value, &format!("text for {key}"))).transpose();
    let proto = word("proto")?.map(|name| match name.as_str() {
        "tcp" => Ok(Proto::Tcp),
        "udp" => Ok(Proto::Udp),
        "icmp" => Ok(Proto::Icmp),
        _ => Err(Error::usage(format!("unknown proto `{name}`")).help("one of \"tcp\", \"udp\", \"icmp\"")),
    });
    let family = word("family")?.map(|name| match name.as_str() {
        "ipv4" => Ok(Family::Ipv4),
        "ipv6" => Ok(Family::Ipv6),
        _ => Err(Error::usage(format!("unknown family `{name}`")).help("one of \"ipv4\", \"ipv6\"")),
    });
    let port = map.get("port").map(port).transpose()?;
    Filter { proto: proto.transpose()?, port, family: family.transpose()? }.has_packets()
}

/// A port, 1 to 65535.
pub(super) fn port(value: &Dynamic) -> Result<u16> {
    let number = value.as_int().map_err(|_| expected("a port (1 to 65535)", value))?;
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Error::usage(format!("{number} is no port")).help("ports go from 1 to 65535"))
}

/// Refuses keys that nobody reads.
pub(super) fn known_keys(map: &Map, known: &[&str]) -> Result<()> {
    for key in map.keys() {
        if !known.contains(&key.as_str()) {
            let near = crate::diagnostic::nearest(key, known.iter().copied());
            let help = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            return Err(
                Error::usage(format!("unknown key `{key}`")).help(format!("{help}known are {}", known.join(", ")))
            );
        }
    }
    Ok(())
}

/// A count that cannot be negative.
pub(super) fn count(value: &Dynamic, what: &str) -> Result<usize> {
    let number: INT = value.as_int().map_err(|_| expected(what, value))?;
    usize::try_from(number).map_err(|_| Error::usage(format!("{what} cannot be negative: {number}")))
}
