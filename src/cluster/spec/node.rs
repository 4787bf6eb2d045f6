//! One node of the file.

use super::{DockerSpec, parsed};
use crate::cluster::model::{Check, Ready, Stop};
use crate::cluster::read::{Reader, enumerate};
use crate::cluster::tree::{Kind, Placed, Yaml};
use crate::script::quantity::Problem;
use crate::signal::Signal;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// What the file says of a node, or of all its copies.
pub(in crate::cluster) struct NodeSpec {
    pub(in crate::cluster) name: Placed<String>,
    pub(in crate::cluster) count: Option<usize>,
    pub(in crate::cluster) hostname: Option<Placed<String>>,
    pub(in crate::cluster) command: Option<Vec<Placed<String>>>,
    pub(in crate::cluster) environment: Vec<(String, Placed<String>)>,
    pub(in crate::cluster) workdir: Option<Placed<String>>,
    pub(in crate::cluster) files: Vec<(PathBuf, Placed<String>)>,
    pub(in crate::cluster) ready: Option<ReadySpec>,
    pub(in crate::cluster) stop: Stop,
    pub(in crate::cluster) addresses: Vec<Placed<IpAddr>>,
    pub(in crate::cluster) user: Option<String>,
    pub(in crate::cluster) links: Vec<LinkSpec>,
    pub(in crate::cluster) start_delay_us: u64,
    pub(in crate::cluster) neutral: bool,
    pub(in crate::cluster) holy: bool,
    pub(in crate::cluster) docker: DockerSpec,
}

/// A link to a node, and the name it is known under.
pub(in crate::cluster) struct LinkSpec {
    pub(in crate::cluster) target: Placed<String>,
    pub(in crate::cluster) alias: Option<String>,
}

/// When a node is ready; the words of an `exec` still hold their `${…}`.
pub(in crate::cluster) struct ReadySpec {
    pub(in crate::cluster) ready: Ready,
    pub(in crate::cluster) exec: Vec<Placed<String>>,
}

const KEYS: [&str; 14] = [
    "command",
    "environment",
    "workdir",
    "files",
    "ready",
    "stop",
    "ip",
    "hostname",
    "user",
    "links",
    "start_delay",
    "count",
    "neutral",
    "holy",
];
/// How many copies a node may have: more than any machine runs.
const MOST_COPIES: i64 = 1000;
/// How long a node may take to be ready, where the file does not say.
const READY_WITHIN_US: u64 = 30_000_000;

impl NodeSpec {
    pub(super) fn read(reader: &Reader<'_>, name: Placed<String>, yaml: &Yaml) -> Option<Self> {
        reader.take(&name.span, check_name(&name.value));
        let keys = [KEYS.as_slice(), &DockerSpec::KEYS].concat();
        let fields = reader.fields(yaml, &format!("node `{}`", name.value), &keys)?;
        let texts = |key: &str| fields.get(key).and_then(|yaml| reader.name(yaml, &format!("`{key}`")));
        let truth = |key: &str| fields.get(key).and_then(|yaml| reader.truth(yaml, &format!("`{key}`")));
        let (neutral, holy) = (truth("neutral").unwrap_or(false), truth("holy").unwrap_or(false));
        if let (true, true, Some(place)) = (neutral, holy, fields.place("holy")) {
            let help = "no fault on the network touches `holy`, no partition `neutral`: keep one";
            reader.report(place, Problem::new(format!("node `{}` is both neutral and holy", name.value), help));
        }
        Some(Self {
            count: fields
                .get("count")
                .and_then(|yaml| reader.integer(yaml, "`count`", 1..=MOST_COPIES))
                .map(|n| n as usize),
            hostname: texts("hostname"),
            command: fields.get("command").and_then(|yaml| words(reader, yaml, "`command`")),
            environment: fields.get("environment").map(|yaml| environment(reader, yaml)).unwrap_or_default(),
            workdir: texts("workdir").filter(|path| reader.take(&path.span, check_path(&path.value)).is_some()),
            files: fields.get("files").map(|yaml| files(reader, yaml)).unwrap_or_default(),
            ready: fields.get("ready").and_then(|yaml| ready(reader, yaml)),
            stop: fields.get("stop").map(|yaml| stop(reader, yaml)).unwrap_or_default(),
            addresses: fields.get("ip").map(|yaml| addresses(reader, yaml)).unwrap_or_default(),
            user: texts("user").map(|user| user.value),
            links: fields.get("links").map(|yaml| links(reader, yaml)).unwrap_or_default(),
            start_delay_us: fields
                .get("start_delay")
                .and_then(|yaml| reader.duration_us(yaml, "`start_delay`"))
                .unwrap_or(0),
            neutral,
            holy,
            docker: DockerSpec::read(reader, &fields),
            name,
        })
    }
}

fn check_name(name: &str) -> Result<(), Problem> {
    if name == "world" {
        return Err(Problem::new(
            "no node can be called `world`",
            "in scripts, `world` is everything that is not a node",
        ));
    }
    let fine = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if fine && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.len() <= 48 {
        return Ok(());
    }
    let help = "a name has at most 48 letters, digits, `-`, `_` and `.`, and begins with a letter or digit";
    Err(Problem::new(format!("no node can be called `{name}`"), help))
}

/// A path that stays within the folder it is relative to.
pub(in crate::cluster) fn check_path(path: &str) -> Result<(), Problem> {
    let inside = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    if !path.is_empty() && Path::new(path).components().all(inside) {
        return Ok(());
    }
    Err(Problem::new(
        format!("the path `{path}` leads out of the run's own folder"),
        "write a relative path without `..`, like `data/n1`",
    ))
}

/// A program and its arguments: a list, or text that is split as a shell splits words.
fn words(reader: &Reader<'_>, yaml: &Yaml, what: &str) -> Option<Vec<Placed<String>>> {
    let words = if let Kind::List(items) = &yaml.kind {
        items.iter().map(|item| reader.text(item, &format!("a word of {what}"))).collect::<Option<Vec<_>>>()?
    } else if let Kind::Map(_) = yaml.kind {
        return reader.expected(yaml, what, "text or a list");
    } else {
        let text = reader.text(yaml, what)?;
        let unbalanced =
            || Problem::new(format!("{what} has a quote that is never closed"), "close it, or write a list");
        let split = reader.take(&text.span, split_words(&text.value).ok_or_else(unbalanced))?;
        placed(reader, &text.span, split)
    };
    if words.first().is_none_or(|program| program.value.is_empty()) {
        let help = "leave it out: a node without a command idles";
        reader.report(&yaml.span, Problem::new(format!("{what} names no program"), help));
        return None;
    }
    Some(words)
}

/// Each word where it stands in the file as it is, behind those before it; else where all of them do.
fn placed(reader: &Reader<'_>, span: &Range<usize>, words: Vec<String>) -> Vec<Placed<String>> {
    let mut rest = span.clone();
    let place = |value: String| {
        let found = reader.part(&rest, &value, 0);
        if found == rest {
            return Placed { value, span: span.clone() };
        }
        rest.start = found.end;
        Placed { value, span: found }
    };
    words.into_iter().map(place).collect()
}

/// Splits as a shell does, but keeps each `${…}` whole: what it stands for is one word, whatever it holds.
fn split_words(text: &str) -> Option<Vec<String>> {
    let (mut masked, mut references, mut rest) = (String::new(), Vec::new(), text);
    while let Some((start, length)) = rest.find("${").and_then(|start| Some((start, rest[start..].find('}')? + 1))) {
        masked.push_str(&rest[..start]);
        // No text has a NUL: the reader refuses it.
        masked.push('\0');
        references.push(&rest[start..start + length]);
        rest = &rest[start + length..];
    }
    masked.push_str(rest);
    let mut references = references.into_iter();
    let mut restore = |word: String| {
        let mut parts = word.split('\0');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |word, part| word + references.next().unwrap_or_default() + part)
    };
    Some(shlex::split(&masked)?.into_iter().map(&mut restore).collect())
}

fn environment(reader: &Reader<'_>, yaml: &Yaml) -> Vec<(String, Placed<String>)> {
    let entries = reader.map(yaml, "`environment`").unwrap_or_default();
    let variable = |(name, value): (Placed<String>, &Yaml)| {
        if name.value.contains('=') {
            let message = format!("no environment variable can be called `{}`", name.value);
            reader.report(&name.span, Problem::new(message, "write `NAME: value`"));
        }
        let value = reader.text(value, &format!("the variable `{}`", name.value))?;
        Some((name.value, value))
    };
    entries.into_iter().filter_map(variable).collect()
}

fn files(reader: &Reader<'_>, yaml: &Yaml) -> Vec<(PathBuf, Placed<String>)> {
    let entries = reader.map(yaml, "`files`").unwrap_or_default();
    let file = |(path, content): (Placed<String>, &Yaml)| {
        reader.take(&path.span, check_path(&path.value))?;
        let content = reader.text(content, &format!("the file `{}`", path.value))?;
        Some((PathBuf::from(path.value), content))
    };
    entries.into_iter().filter_map(file).collect()
}

const CHECKS: [&str; 4] = ["tcp", "log", "exec", "http"];

fn ready(reader: &Reader<'_>, yaml: &Yaml) -> Option<ReadySpec> {
    let fields = reader.fields(yaml, "`ready`", &["tcp", "log", "exec", "http", "within"])?;
    let within_us = fields.get("within").and_then(|yaml| reader.duration_us(yaml, "`within`"));
    let given: Vec<_> = CHECKS.iter().filter_map(|key| fields.get(key).map(|yaml| (*key, yaml))).collect();
    let [(key, value)] = given[..] else {
        let place = fields.place("within").filter(|_| given.is_empty()).unwrap_or(&yaml.span);
        let message =
            if given.is_empty() { "`ready` says nothing to wait for" } else { "`ready` waits for one thing only" };
        reader.report(place, Problem::new(message, format!("write one of {}", enumerate(&CHECKS))));
        return None;
    };
    let mut exec = Vec::new();
    let check = match key {
        "tcp" => Check::Tcp(reader.port(value, "`tcp`")?),
        "log" => Check::Log(pattern(reader, value)?),
        "exec" => {
            exec = words(reader, value, "`exec`")?;
            Check::Exec(Vec::new())
        }
        _ => http(reader, value)?,
    };
    Some(ReadySpec { ready: Ready { check, within_us: within_us.unwrap_or(READY_WITHIN_US) }, exec })
}

fn pattern(reader: &Reader<'_>, yaml: &Yaml) -> Option<String> {
    let text = reader.name(yaml, "`log`")?;
    // The last line of the library's message says what is wrong; those before draw the pattern, as the caret does.
    let cause = |error: regex::Error| {
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        Problem::new(
            format!("`log` is no regular expression: {last}"),
            "write `\\` before a character that means itself",
        )
    };
    reader.take(&text.span, regex::Regex::new(&text.value).map(|_| ()).map_err(cause))?;
    Some(text.value)
}

fn http(reader: &Reader<'_>, yaml: &Yaml) -> Option<Check> {
    let fields = reader.fields(yaml, "`http`", &["port", "path"])?;
    let path = fields.get("path").map_or(Some("/".to_owned()), |yaml| {
        let path = reader.name(yaml, "`path`")?;
        let valid = crate::probe::http::is_path(&path.value);
        let problem = || Problem::new(format!("`path` cannot be `{}`", path.value), "write it like `/health`");
        reader.take(&path.span, valid.then_some(()).ok_or_else(problem))?;
        Some(path.value)
    });
    let Some(port) = fields.get("port") else {
        reader
            .report(&yaml.span, Problem::new("`http` has no `port`", "write it like `{ port: 8080, path: /health }`"));
        return None;
    };
    Some(Check::Http { port: reader.port(port, "`port`")?, path: path? })
}

fn stop(reader: &Reader<'_>, yaml: &Yaml) -> Stop {
    let usual = Stop::default();
    let Some(fields) = reader.fields(yaml, "`stop`", &["signal", "within"]) else { return usual };
    let signal = fields.get("signal").and_then(|yaml| {
        let raw = reader.quantity(yaml, "`signal`", "a signal's name or number")?;
        reader.take(&yaml.span, Signal::parse(raw))
    });
    let within_us = fields.get("within").and_then(|yaml| reader.duration_us(yaml, "`within`"));
    Stop { signal: signal.unwrap_or(usual.signal), within_us: within_us.unwrap_or(usual.within_us) }
}

/// One address, or a list of one of IPv4 and one of IPv6.
fn addresses(reader: &Reader<'_>, yaml: &Yaml) -> Vec<Placed<IpAddr>> {
    let items = if let Kind::List(items) = &yaml.kind { items.as_slice() } else { std::slice::from_ref(yaml) };
    let mut addresses: Vec<Placed<IpAddr>> = Vec::new();
    for address in items.iter().filter_map(|item| parsed::<IpAddr>(reader, item, "`ip`", "10.9.0.11")) {
        if addresses.iter().any(|known| known.value.is_ipv4() == address.value.is_ipv4()) {
            let help = "a node has one address of IPv4 and one of IPv6";
            reader.report(&address.span, Problem::new("`ip` has two addresses of one family", help));
        } else {
            addresses.push(address);
        }
    }
    addresses
}

/// A list of nodes, or a mapping from each to the name it is known under.
fn links(reader: &Reader<'_>, yaml: &Yaml) -> Vec<LinkSpec> {
    if let Kind::List(items) = &yaml.kind {
        let targets = items.iter().filter_map(|item| reader.name(item, "a link"));
        return targets.map(|target| LinkSpec { target, alias: None }).collect();
    }
    let entries = reader.list_or_map(yaml, "`links`");
    let link = |(target, alias): (Placed<String>, &Yaml)| match alias.kind {
        Kind::Null => Some(LinkSpec { target, alias: None }),
        _ => Some(LinkSpec { alias: Some(reader.name(alias, "an alias")?.value), target }),
    };
    entries.into_iter().filter_map(link).collect()
}
