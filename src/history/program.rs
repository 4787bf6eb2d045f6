//! Operations that a program prints: one JSON object a line, `{"process", "type", "f", "key", "value", "error"}`.

use super::{Kind, Processes, exact};
use crate::engine::Operation;
use crate::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// As much of a line as an error shows, characters.
const SHOWN: usize = 200;

/// What a program has said so far. Its processes are its own: in the history each is one that nobody else is.
pub struct Program {
    name: String,
    lines: u64,
    open: BTreeMap<String, Operation>,
}

/// A line. What else stands in it (an index, a time of the program's own) is passed over.
#[derive(Deserialize)]
struct Line<'a> {
    process: Value,
    #[serde(rename = "type")]
    kind: Kind,
    f: String,
    #[serde(borrow, default)]
    key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    value: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<String>,
}

impl Program {
    /// One that has said nothing yet. The name is no other's, and no task's.
    #[must_use]
    pub fn new(name: String) -> Self {
        Self { name, lines: 0, open: BTreeMap::new() }
    }

    /// Takes a line; nothing where it is blank.
    ///
    /// # Errors
    /// Names the line that is no operation, or does not fit those before it.
    pub fn take(&mut self, line: &str, processes: &mut Processes) -> Result<Option<(Kind, Operation)>> {
        self.lines += 1;
        if line.trim().is_empty() {
            return Ok(None);
        }
        self.fit(line, processes).map(Some).map_err(|why| {
            let shown: String = line.trim_end().chars().take(SHOWN).collect();
            Error::usage(format!("line {} of the workload {why}: {shown}", self.lines))
                .help("it prints one object a line: {\"process\": 0, \"type\": \"invoke|ok|fail|info\", \"f\": …, \"value\": …}")
        })
    }

    fn fit(&mut self, line: &str, processes: &mut Processes) -> Result<(Kind, Operation), String> {
        let line: Line<'_> = serde_json::from_str(line).map_err(|error| format!("is no operation ({error})"))?;
        let (key, value) = (exact::value(line.key)?, exact::value(line.value)?);
        if !(line.process.is_u64() || line.process.is_string()) {
            return Err("has a process that is neither a number from 0 nor a text".to_owned());
        }
        let own = line.process.to_string();
        let actor = format!("{} {own}", self.name);
        if line.kind == Kind::Invoke {
            let begun = processes.begin(&actor);
            let process =
                begun.ok_or_else(|| format!("invokes while process {own} has not completed what it invoked"))?;
            let operation = Operation { process, f: line.f, key, value, error: line.error };
            self.open.insert(own, operation.clone());
            return Ok((Kind::Invoke, operation));
        }
        let invoked = self.open.remove(&own).ok_or_else(|| format!("completes what process {own} has not invoked"))?;
        if invoked.f != line.f {
            return Err(format!("completes `{}`, but process {own} has invoked `{}`", line.f, invoked.f));
        }
        if line.kind == Kind::Info {
            processes.retire(&actor);
        } else {
            processes.end(&actor);
        }
        let key = if key.is_null() { invoked.key } else { key };
        Ok((line.kind, Operation { process: invoked.process, f: line.f, key, value, error: line.error }))
    }

    /// What it had not completed when it ended: nobody knows what came of that.
    pub fn end(self, processes: &mut Processes) -> Vec<Operation> {
        let error = Some("the workload ended before it completed this".to_owned());
        let rest = self.open.into_iter().map(|(own, operation)| {
            processes.retire(&format!("{} {own}", self.name));
            Operation { error: error.clone(), ..operation }
        });
        rest.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The history's lines in short, or the first error.
    fn heard(lines: &[&str]) -> Result<Vec<String>> {
        let (mut program, mut processes) = (Program::new("w".into()), Processes::default());
        processes.begin("main");
        let mut heard = Vec::new();
        for line in lines {
            if let Some((kind, operation)) = program.take(line, &mut processes)? {
                heard.push(format!("{} {} {} {}", operation.process, kind.word(), operation.f, operation.value));
            }
        }
        let open = program.end(&mut processes).into_iter();
        heard.extend(open.map(|operation| format!("{} open {} {}", operation.process, operation.f, operation.value)));
        Ok(heard)
    }

    #[test]
    fn a_programs_processes_are_nobody_elses_and_retired_like_all() {
        let lines = [
            r#"{"process":0,"type":"invoke","f":"w","value":1,"time":12}"#,
            r#"{"process":"a","type":"invoke","f":"r"}"#,
            "",
            r#"{"process":0,"type":"info","f":"w","value":1}"#,
            r#"{"process":0,"type":"invoke","f":"w","value":2}"#,
            r#"{"process":"a","type":"ok","f":"r","value":[1]}"#,
            r#"{"process":"a","type":"invoke","f":"r"}"#,
        ];
        let expected =
            ["1 invoke w 1", "2 invoke r null", "1 info w 1", "3 invoke w 2", "2 ok r [1]", "2 invoke r null"];
        let heard = heard(&lines).unwrap();
        assert_eq!(heard[..6], expected);
        assert_eq!(heard[6..], ["2 open r null", "3 open w 2"]);
    }

    #[test]
    fn what_does_not_fit_is_named_by_its_line() {
        let invoke = r#"{"process":0,"type":"invoke","f":"w","value":1}"#;
        let errors = [
            heard(&["", "connected"]),
            heard(&[r#"{"process":0,"type":"done","f":"w"}"#]),
            heard(&[r#"{"process":-1,"type":"invoke","f":"w"}"#]),
            heard(&[r#"{"process":0,"type":"ok","f":"w","value":1}"#]),
            heard(&[invoke, invoke]),
            heard(&[invoke, r#"{"process":0,"type":"ok","f":"r"}"#]),
            heard(&[invoke, r#"{"process":0,"type":"ok","f":"w","value":[9223372036854775808],"time":1e19}"#]),
            heard(&[r#"{"process":0,"type":"invoke","f":"w","key":-99999999999999999999}"#]),
            heard(&[r#"{"process":0,"type":"invoke","f":"w","value":1e999}"#]),
        ];
        let told: Vec<String> = errors.into_iter().map(|error| error.unwrap_err().message).collect();
        insta::assert_snapshot!(told.join("\n"), @r##"
    line 2 of the workload is no operation (expected value at line 1 column 1): connected
    line 1 of the workload is no operation (unknown variant `done`, expected one of `invoke`, `ok`, `fail`, `info` at line 1 column 26): {"process":0,"type":"done","f":"w"}
    line 1 of the workload has a process that is neither a number from 0 nor a text: {"process":-1,"type":"invoke","f":"w"}
    line 1 of the workload completes what process 0 has not invoked: {"process":0,"type":"ok","f":"w","value":1}
    line 2 of the workload invokes while process 0 has not completed what it invoked: {"process":0,"type":"invoke","f":"w","value":1}
    line 2 of the workload completes `r`, but process 0 has invoked `w`: {"process":0,"type":"ok","f":"r"}
    line 2 of the workload has the integer 9223372036854775808, beyond those that are kept exactly (-9223372036854775808 to 9223372036854775807; write it as text): {"process":0,"type":"ok","f":"w","value":[9223372036854775808],"time":1e19}
    line 1 of the workload has the integer -99999999999999999999, beyond those that are kept exactly (-9223372036854775808 to 9223372036854775807; write it as text): {"process":0,"type":"invoke","f":"w","key":-99999999999999999999}
    line 1 of the workload is no operation (number out of range at line 1 column 5): {"process":0,"type":"invoke","f":"w","value":1e999}
    "##);
    }
}
