//! `blockade doctor`.

use super::report;
use crate::doctor;
use crate::{Error, Result};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Exit code 0 where clusters in namespaces run, 3 where they do not.
pub(super) fn main(args: &Args) -> Result<u8> {
    let found = doctor::examine()?;
    let text = if args.json {
        serde_json::to_string_pretty(&found).map_err(|error| Error::machine(format!("no JSON: {error}")))?
    } else {
        found.text().trim_end().to_owned()
    };
    report::line(&text);
    Ok(if found.ok { 0 } else { 3 })
}
