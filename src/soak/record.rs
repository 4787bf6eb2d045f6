//! What is kept of a run that has ended: a line of JSON. Its keys are an interface.

use crate::journal::{Verdict, renewed, signature};
use crate::run::Outcome;
use serde::{Deserialize, Deserializer, Serialize};
use std::path::Path;

/// One run of a soak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its seed.
    pub seed: u64,
    /// In one word. A run that passed and could not be cleaned up is an error.
    pub verdict: Verdict,
    /// What `run` would have exited with.
    pub exit_code: u8,
    /// The same for the same kind of failure; none where it passed.
    #[serde(default, deserialize_with = "as_of_now")]
    pub signature: Option<String>,
    /// From start to verdict, milliseconds; on `sim` of its virtual clock.
    pub duration_ms: u64,
    /// The run's folder.
    pub run: String,
}

impl Record {
    /// Of a run that has ended.
    pub(super) fn of(outcome: &Outcome, folder: &Path) -> Self {
        let result = &outcome.result;
        let of_script = outcome.error.as_ref().map(signature);
        Self {
            seed: result.seed,
            verdict: match (result.verdict, outcome.exit_code()) {
                (Verdict::Pass, 1..) => Verdict::Error,
                (verdict, _) => verdict,
            },
            exit_code: outcome.exit_code(),
            signature: of_script.or_else(|| outcome.cleanup.as_ref().map(signature)),
            duration_ms: result.duration_ms,
            run: folder.display().to_string(),
        }
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.verdict == Verdict::Pass
    }
}

/// An older version may have begun the soak, and have taken out less.
fn as_of_now<'de, D: Deserializer<'de>>(told: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(told)?.map(|told| renewed(&told)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_recorded_is_of_one_kind_with_what_this_one_does() {
        let line =
            r#"{"seed":1,"verdict":"fail","exit_code":1,"signature":"s.rhai:3: balance -#","duration_ms":1,"run":"r"}"#;
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!(record.signature.as_deref(), Some("s.rhai:3: balance #"));
    }
}
