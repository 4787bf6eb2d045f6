//! What came of all runs together. Pure.

use super::record::Record;
use crate::journal::Verdict;
use crate::run::worst;
use serde::Serialize;
use std::collections::BTreeMap;

/// The sums. Its keys are an interface: `soak --json` ends with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many have ended.
    pub runs: u64,
    /// How many of them passed.
    pub passed: u64,
    /// … failed.
    pub failed: u64,
    /// … ended without anybody being able to tell.
    pub unknown: u64,
    /// … went wrong themselves.
    pub errors: u64,
    /// Those that did not pass, by their seeds.
    pub failures: Vec<Failed>,
    /// The worst exit code of all.
    #[serde(skip)]
    pub worst: u8,
}

/// A run that did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its seed.
    pub seed: u64,
    /// The same for the same kind of failure.
    pub signature: String,
    /// Its folder.
    pub run: String,
    /// How it ended.
    #[serde(skip)]
    pub verdict: Verdict,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group<'a> {
    /// What they share.
    pub signature: &'a str,
    /// In order.
    pub seeds: Vec<u64>,
}

impl Summary {
    /// One more.
    pub(super) fn add(&mut self, record: &Record) {
        self.runs += 1;
        let sum = match record.verdict {
            Verdict::Pass => &mut self.passed,
            Verdict::Fail => &mut self.failed,
            Verdict::Unknown => &mut self.unknown,
            Verdict::Error => &mut self.errors,
        };
        *sum += 1;
        self.worst = worst([self.worst, record.exit_code]);
        if !record.passed() {
            let signature = record.signature.clone().unwrap_or_default();
            let failed = Failed { seed: record.seed, signature, run: record.run.clone(), verdict: record.verdict };
            let place = self.failures.partition_point(|other| other.seed < failed.seed);
            self.failures.insert(place, failed);
        }
    }

    /// The failures by their kinds, the most frequent first.
    #[must_use]
    pub fn groups(&self) -> Vec<Group<'_>> {
        let mut kinds: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for failed in &self.failures {
            kinds.entry(&failed.signature).or_default().push(failed.seed);
        }
        let mut groups: Vec<_> = kinds.into_iter().map(|(signature, seeds)| Group { signature, seeds }).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.seeds.len()));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(ended: &[(u64, Verdict, u8, &str)]) -> Summary {
        let mut summary = Summary::default();
        for (seed, verdict, exit_code, signature) in ended {
            let signature = (*exit_code != 0).then(|| (*signature).to_owned());
            let run = format!("/soak/{seed}");
            let record =
                Record { seed: *seed, verdict: *verdict, exit_code: *exit_code, signature, duration_ms: 1, run };
            summary.add(&record);
        }
        summary
    }

    #[test]
    fn failures_are_grouped_by_their_signatures_and_the_most_frequent_is_first() {
        let ended = [
            (9, Verdict::Fail, 1, "rare"),
            (3, Verdict::Fail, 1, "often"),
            (4, Verdict::Pass, 0, ""),
            (1, Verdict::Fail, 1, "often"),
        ];
        let summary = summary(&ended);
        let groups: Vec<_> = summary.groups().into_iter().map(|group| (group.signature, group.seeds)).collect();
        assert_eq!(groups, [("often", vec![1, 3]), ("rare", vec![9])]);
    }

    #[test]
    fn the_worst_exit_code_is_none_by_number() {
        let code =
            |codes: &[u8]| summary(&codes.iter().map(|code| (1, Verdict::Error, *code, "")).collect::<Vec<_>>()).worst;
        assert_eq!([code(&[]), code(&[5, 2]), code(&[3, 5]), code(&[3, 1, 5]), code(&[1, 4])], [0, 5, 3, 1, 4]);
    }

    #[test]
    fn its_json_is_the_one_of_the_contract() {
        let summary = summary(&[(2, Verdict::Fail, 1, "s.rhai:1: lost"), (1, Verdict::Pass, 0, "")]);
        insta::assert_snapshot!(serde_json::to_string(&summary).unwrap(), @r#"{"runs":2,"passed":1,"failed":1,"unknown":0,"errors":0,"failures":[{"seed":2,"signature":"s.rhai:1: lost","run":"/soak/2"}]}"#);
    }
}
