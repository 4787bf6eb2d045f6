//! Whether a past run that the command line names is over there already. Asks the daemon, and reads the run's folder here
//! where there is one.

use super::argv::Argv;
use super::failure::Failure;
use super::http::{Client, encoded};
use super::{fetch, upload};
use std::path::Path;

/// Its name over there. A folder that lies here counts: a run over there that only is called like it is another one.
pub(super) async fn known_run(client: &Client, argv: &Argv<'_>, data_dir: &Path) -> Result<Option<String>, Failure> {
    let Some(named) = upload::past_run(argv) else { return Ok(None) };
    let Some(id) = named.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    match client.text(&format!("/v1/runs/{}", encoded(id))).await {
        Ok(_) => {}
        // What is no run's name at all is refused in another way.
        Err(Failure::There(answer)) if answer.status.is_client_error() => return Ok(None),
        Err(failure) => return Err(failure),
    }
    let is_it = match upload::run_folder(&named, data_dir) {
        None => true,
        Some(folder) => is_same(client, id, &folder).await?,
    };
    Ok(is_it.then(|| id.to_owned()))
}

/// Whether all that a repetition takes from this folder is over there, byte for byte.
async fn is_same(client: &Client, id: &str, folder: &Path) -> Result<bool, Failure> {
    if !folder.join("journal.jsonl").is_file() {
        return Ok(false);
    }
    for name in upload::RUN_FILES.iter().filter(|name| folder.join(name).is_file()) {
        if !fetch::is_same(client, id, name, &folder.join(name)).await? {
            return Ok(false);
        }
    }
    Ok(true)
}
