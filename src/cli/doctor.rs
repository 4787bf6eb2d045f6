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
    use crate::doctor;

    let found = doctor::examine()?;
    if args.json {
        report::json(&found)?;
    } else {
        report::line(found.text().trim_end());
    }
    Ok(if found.ok { 0 } else { 3 })
}
