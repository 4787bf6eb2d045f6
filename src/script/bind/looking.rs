//! Looking at the nodes: programs, logs, connections, packets. What was seen is journaled.

use super::super::engine::STRING_BYTES_MAX;
use super::super::host::Host;
use super::super::values::{self, known_keys, seconds};
use super::{Scripted, at_call};
use crate::engine::{Command, EventBody, Exec, ExecOutput, Reply};
use crate::fault::Party;
use crate::{Error, ErrorKind, Result};
use rhai::{Array, Dynamic, Engine, Map};
use serde_json::{Value, json};
use std::rc::Rc;

/// How long a program may run where the script says nothing.
const EXEC_TIMEOUT_US: u64 = 30_000_000;
/// How much of a program's output goes into the journal, bytes.
const JOURNALED_BYTES: usize = 2_000;
/// How often a log is read while waiting for a line.
const LOG_INTERVAL_US: u64 = 10_000;

pub(super) fn register(engine: &mut Engine, host: &Rc<Host>) {
    programs(engine, host);
    logs(engine, host);
    network(engine, host);
}

pub(super) fn observed(host: &Host, what: &str, target: &str, result: Value) -> Result<()> {
    host.record(EventBody::Observe { what: what.to_owned(), target: target.to_owned(), result })
}

fn programs(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("exec", move |node: Dynamic, command: Dynamic| -> Scripted<Map> {
        at_call(exec(&own, &node, &command, &Map::new()))
    });
    let own = Rc::clone(host);
    engine.register_fn("exec", move |node: Dynamic, command: Dynamic, options: Map| -> Scripted<Map> {
        at_call(exec(&own, &node, &command, &options))
    });
}

fn exec(host: &Host, node: &Dynamic, command: &Dynamic, options: &Map) -> Result<Map> {
    known_keys(options, &["timeout", "stdin"])?;
    let node = host.node(node)?;
    let exec = Exec {
        argv: argv(command)?,
        stdin: options.get("stdin").map_or(Ok(String::new()), |stdin| values::text(stdin, "text for stdin"))?,
        timeout_us: options.get("timeout").map_or(Ok(EXEC_TIMEOUT_US), values::duration_us)?,
    };
    let line = exec.argv.join(" ");
    match host.call(Command::Exec { node: node.clone(), exec })? {
        Reply::Exec(output) => {
            let result = json!({ "command": cut(&line), "code": output.code, "timed_out": output.timed_out, "dropped": output.dropped,
                "stdout": cut(&output.stdout), "stderr": cut(&output.stderr), "took_us": output.took_us });
            observed(host, "exec", &node, result)?;
            Ok(output_map(output))
        }
        other => Err(other.odd()),
    }
}

/// A command as a list, or a shell line.
pub(super) fn argv(command: &Dynamic) -> Result<Vec<String>> {
    const WHAT: &str = "a command: a list like [\"redis-cli\", \"ping\"], or a shell line";
    if let Some(list) = command.read_lock::<Array>() {
        if list.is_empty() {
            return Err(Error::usage("the command is empty"));
        }
        return Ok(list.iter().map(ToString::to_string).collect());
    }
    let line = values::text(command, WHAT)?;
    if line.trim().is_empty() {
        return Err(Error::usage("the command is empty"));
    }
    Ok(["sh", "-c", &line].map(str::to_owned).to_vec())
}

fn output_map(output: ExecOutput) -> Map {
    let mut map = Map::new();
    map.insert("ok".into(), (output.code == 0 && !output.timed_out).into());
    map.insert("code".into(), i64::from(output.code).into());
    map.insert("stdout".into(), output.stdout.into());
    map.insert("stderr".into(), output.stderr.into());
    map.insert("dropped".into(), output.dropped.into());
    map.insert("timed_out".into(), output.timed_out.into());
    map.insert("took".into(), seconds(output.took_us).into());
    map
}

/// As much of a text as goes into the journal.
pub(super) fn cut(text: &str) -> String {
    if text.len() <= JOURNALED_BYTES {
        return text.to_owned();
    }
    let end = (0..=JOURNALED_BYTES).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    format!("{}… ({} bytes in all)", &text[..end], text.len())
}

fn logs(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine.register_fn("logs", move |node: Dynamic| -> Scripted<String> { at_call(read_log(&own, &node, None)) });
    let own = Rc::clone(host);
    engine.register_fn("logs", move |node: Dynamic, options: Map| -> Scripted<String> {
        let read = || {
            known_keys(&options, &["last"])?;
            let last = options.get("last").map(|last| values::count(last, "the number of lines")).transpose()?;
            read_log(&own, &node, last)
        };
        at_call(read())
    });
    let own = Rc::clone(host);
    engine.register_fn("wait_log", move |node: Dynamic, pattern: Dynamic, timeout: Dynamic| -> Scripted<bool> {
        at_call(wait_log(&own, &node, &pattern, &timeout))
    });
}

fn read_log(host: &Host, node: &Dynamic, last: Option<usize>) -> Result<String> {
    let node = host.node(node)?;
    let text = end_of(log_text(host, &node, last)?, STRING_BYTES_MAX);
    observed(host, "logs", &node, json!({ "lines": text.lines().count() }))?;
    Ok(text)
}

/// The last lines of a log that is too long for a script.
fn end_of(text: String, bytes: usize) -> String {
    let Some(over) = text.len().checked_sub(bytes).filter(|over| *over > 0) else { return text };
    let start = (over..=text.len()).find(|&start| text.is_char_boundary(start)).unwrap_or(over);
    let line = text[start..].find('\n').map_or(start, |end| start + end + 1);
    text[line..].to_owned()
}

fn log_text(host: &Host, node: &str, last: Option<usize>) -> Result<String> {
    match host.call(Command::Logs { node: node.to_owned(), last })? {
        Reply::Logs(text) => Ok(text),
        other => Err(other.odd()),
    }
}

fn wait_log(host: &Host, node: &Dynamic, pattern: &Dynamic, timeout: &Dynamic) -> Result<bool> {
    let node = host.node(node)?;
    let pattern = values::text(pattern, "a regular expression")?;
    let regex = regex::Regex::new(&pattern)
        .map_err(|error| Error::usage(format!("`{pattern}` is no regular expression: {error}")))?;
    let timeout_us = values::duration_us(timeout)?;
    let end_us = host.clock.now_us().saturating_add(timeout_us);
    loop {
        let text = log_text(host, &node, None)?;
        // A healthy node would have said it: there is none on the virtual clock.
        if host.clock.is_virtual() || text.lines().any(|line| regex.is_match(line)) {
            observed(host, "wait_log", &node, json!({ "pattern": pattern, "found": true }))?;
            return Ok(true);
        }
        if host.clock.now_us() >= end_us {
            observed(host, "wait_log", &node, json!({ "pattern": pattern, "found": false }))?;
            let message = format!("{node} did not log /{pattern}/ within {} s", seconds(timeout_us));
            return Err(Error::new(ErrorKind::Failed, message));
        }
        host.sleep_until(end_us.min(host.clock.now_us() + LOG_INTERVAL_US))?;
    }
}

fn network(engine: &mut Engine, host: &Rc<Host>) {
    let own = Rc::clone(host);
    engine
        .register_fn("tcp", move |node: Dynamic, port: Dynamic| -> Scripted<bool> { at_call(tcp(&own, &node, &port)) });
    let own = Rc::clone(host);
    engine.register_fn("probe", move |a: Dynamic, b: Dynamic| -> Scripted<Map> { at_call(probe(&own, &a, &b)) });
    let own = Rc::clone(host);
    engine
        .register_fn("reachable", move |a: Dynamic, b: Dynamic| -> Scripted<bool> { at_call(reachable(&own, &a, &b)) });
}

fn tcp(host: &Host, node: &Dynamic, port: &Dynamic) -> Result<bool> {
    let (node, port) = (host.node(node)?, values::port(port)?);
    match host.call(Command::Tcp { node: node.clone(), port })? {
        Reply::Bool(open) => {
            observed(host, "tcp", &format!("{node}:{port}"), open.into())?;
            Ok(open)
        }
        other => Err(other.odd()),
    }
}

/// One end of a link.
pub(super) fn one(host: &Host, value: &Dynamic) -> Result<Party> {
    match host.parties(value)?.as_slice() {
        [party] => Ok(party.clone()),
        several => Err(Error::usage(format!("expected one node, got {}", several.len()))),
    }
}

fn probe(host: &Host, a: &Dynamic, b: &Dynamic) -> Result<Map> {
    let (source, target) = (one(host, a)?, one(host, b)?);
    let link = format!("{source} → {target}");
    match host.call(Command::Probe { source, target })? {
        Reply::Probe(reply) => {
            observed(host, "probe", &link, json!({ "rtt_us": reply.rtt_us }))?;
            let mut map = Map::new();
            map.insert("ok".into(), reply.rtt_us.is_some().into());
            map.insert("lost".into(), reply.rtt_us.is_none().into());
            map.insert("rtt".into(), reply.rtt_us.map_or(Dynamic::UNIT, |rtt_us| seconds(rtt_us).into()));
            Ok(map)
        }
        other => Err(other.odd()),
    }
}

fn reachable(host: &Host, a: &Dynamic, b: &Dynamic) -> Result<bool> {
    let (source, target) = (one(host, a)?, one(host, b)?);
    let link = format!("{source} → {target}");
    match host.call(Command::Reachable { source, target })? {
        Reply::Bool(arrives) => {
            observed(host, "reachable", &link, arrives.into())?;
            Ok(arrives)
        }
        other => Err(other.odd()),
    }
}

#[cfg(test)]
mod tests {
    use super::end_of;

    #[test]
    fn of_a_log_that_is_too_long_the_last_whole_lines_are_left() {
        let end = |bytes| end_of("one\ntwö\nthree\n".to_owned(), bytes);
        assert_eq!([end(100), end(15), end(14)], ["one\ntwö\nthree\n", "one\ntwö\nthree\n", "twö\nthree\n"]);
        assert_eq!([end(9), end(8), end(7), end(0)], ["three\n", "three\n", "three\n", ""]);
    }
}
