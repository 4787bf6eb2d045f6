//! What this machine can do, found by really trying it, and for each "no" what is lost and how to mend it.
//!
//! Tried in namespaces made for it, in a process of its own that takes them along when it ends: the host is only
//! read ([`Machine`]). The judgement ([`Report`]) is pure.

mod machine;
mod mend;
mod probe;
mod report;

pub use machine::{DockerState, Machine};
pub use mend::Distribution;
pub use probe::{Facts, Trial, probe};
pub use report::{Finding, Report};

use crate::plan::Shaper;
use crate::{Error, ErrorKind, Result};

/// Adds to a refusal to shape links what this machine lacks for it, in the report's words.
#[must_use]
pub fn with_what_shaping_lacks(refusal: Error) -> Error {
    let lacking = match refusal.kind {
        ErrorKind::Machine => can_shape().err().and_then(|error| error.help),
        _ => None,
    };
    let Some(lacking) = lacking else { return refusal };
    let help = refusal.help.clone().map(|help| help + "; ").unwrap_or_default();
    refusal.help(help + lacking.as_str())
}

/// Whether links can be impaired here at all; else what this machine lacks, in the report's words.
pub fn can_shape() -> Result<()> {
    let report = examine()?;
    let lacks = |features: &[&str]| features.iter().find_map(|name| report.lacking(name));
    match (lacks(&[report::NETEM.name, report::HTB.name]), lacks(&[report::QUEUE.name])) {
        (Some(netem), Some(queue)) => {
            Err(Error::machine("links cannot be impaired here").help(format!("{netem}; or {queue}")))
        }
        _ => Ok(()),
    }
}

/// Whether this shaper alone can impair links here; else what this machine lacks for it. What could not be tried by this
/// user is taken to be there: the nodes may live where somebody else has the rights.
pub fn can_shape_with(shaper: Shaper) -> Result<()> {
    let (name, needed) = match shaper {
        Shaper::Netem => ("netem", &[report::NETEM.name, report::HTB.name][..]),
        Shaper::Userspace => ("userspace", &[report::QUEUE.name][..]),
    };
    let report = examine()?;
    match needed.iter().filter(|feature| report.has_tried(feature)).find_map(|feature| report.lacking(feature)) {
        Some(lacking) => Err(Error::machine(format!("--shaper {name}: no link could be impaired so")).help(lacking)),
        None => Ok(()),
    }
}

/// Looks at this machine. Takes some milliseconds.
pub fn examine() -> Result<Report> {
    Ok(Report::of(&Machine::read(), &probe::facts()?))
}
