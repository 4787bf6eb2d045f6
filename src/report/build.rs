//! The model of a run, from what lies in its folder.

use super::model::{Failure, Head, Model, Outcome, Texts};
use super::read::Reader;
use super::text::printable;
use crate::journal::Journal;
use serde_json::Value;

/// What lies in a run's folder.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// What happened.
    pub journal: &'a Journal,
    /// `result.json`; null where the run was cut off before it wrote one.
    pub result: &'a Value,
    /// The script's text.
    pub script: &'a str,
    /// The cluster file's text.
    pub cluster: &'a str,
    /// `minimal.rhai`, where there is one.
    pub minimal: Option<&'a str>,
    /// What a person can type to see it again, each with what it does.
    pub commands: &'a [(String, String)],
}

impl Source<'_> {
    /// Reads it.
    #[must_use]
    pub fn model(&self) -> Model {
        let nodes = self.journal.header["cluster"]["nodes"].as_array().into_iter().flatten();
        let mut reader = Reader::new(nodes.filter_map(|node| node["name"].as_str()).map(str::to_owned));
        self.journal.events.iter().for_each(|line| reader.line(line));
        let mut model = reader.model;
        model.end_us = model.end_us.max(1);
        model.head = self.head();
        model.failure = self.failure();
        model.leftovers = texts(&self.result["cleanup"]["errors"]);
        model.texts = self.texts();
        model
    }

    fn head(&self) -> Head {
        let header = &self.journal.header;
        let word = self.result["verdict"].as_str().or_else(|| self.announced()?["verdict"].as_str());
        Head {
            script: printable(header["script"]["path"].as_str().unwrap_or("script.rhai")),
            seed: header["seed"].to_string(),
            runtime: shown(&header["runtime"]),
            verdict: word.map_or(Outcome::Unknown, Outcome::named),
            is_cut_off: self.result.is_null() || self.journal.truncated,
            started: shown(&self.result["started"]),
            version: shown(&header["blockade"]),
            told_by: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: shown(&header["kernel"]),
            options: options(&header["options"]),
        }
    }

    /// The journal's own verdict.
    fn announced(&self) -> Option<&Value> {
        self.journal.events.iter().rfind(|line| line["kind"] == "verdict")
    }

    fn failure(&self) -> Option<Failure> {
        let failure = &self.result["failure"];
        let message = failure["message"].as_str().or_else(|| self.announced()?["message"].as_str())?;
        let number = |key: &str| failure[key].as_u64().map(|number| number as usize);
        Some(Failure {
            message: printable(message),
            signature: shown(&failure["signature"]),
            file: shown(&failure["file"]),
            place: number("line").map(|line| (line, number("column").unwrap_or(1))),
        })
    }

    fn texts(&self) -> Texts {
        let commands = self.commands.iter().map(|(what, command)| (what.clone(), printable(command)));
        Texts {
            script: printable(self.script),
            cluster: printable(self.cluster),
            minimal: self.minimal.map(printable),
            commands: commands.collect(),
        }
    }
}

/// A text as it is, nothing as nothing, anything else as JSON.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    }
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(shown).collect()
}

/// What decided about the run beside its script and its seed.
fn options(options: &Value) -> Vec<String> {
    let set = options["set"].as_object().into_iter().flatten();
    let mut all: Vec<String> = set.map(|(name, value)| format!("{}={}", printable(name), shown(value))).collect();
    all.extend(options["shaper"].as_str().map(|shaper| format!("shaper {}", printable(shaper))));
    all.extend((options["verify"] == true).then(|| "verified".to_owned()));
    all.extend(options["chaos"]["path"].as_str().map(|path| format!("chaos() from {}", printable(path))));
    all
}
