//! `blockade doctor`.

#[derive(clap::Args)]
pub(super) struct Args {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Exit code 0 where clusters in namespaces run, 3 where they do not.
#[cfg(feature = "host")]
pub(super) fn main(args: &Args) -> crate::Result<u8> {
    use super::report;
    use crate::{Error, doctor};

    let found = doctor::examine()?;
    let text = if args.json {
        serde_json::to_string_pretty(&found).map_err(|error| Error::machine(format!("no JSON: {error}")))?
    } else {
        found.text().trim_end().to_owned()
    };
    report::line(&text);
    Ok(if found.ok { 0 } else { 3 })
}
