//! A build without `host` has no daemon, and runs nothing for anybody else.

use crate::Result;
use crate::runtime::elsewhere;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// There is none.
pub struct Errand {
    /// Where clusters and runs keep their files.
    pub data_dir: PathBuf,
    /// The cluster's name.
    pub name: Option<String>,
    /// The folder of the run.
    pub out: Option<PathBuf>,
    /// What `${env:NAME}` stand for.
    pub env: BTreeMap<String, String>,
}

/// Refused.
pub fn begin(_: &Path) -> Result<()> {
    Err(elsewhere())
}

/// This process is a local user's.
pub fn current() -> Option<&'static Errand> {
    None
}

/// A local user's process may touch any file.
pub fn may_touch(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// And start any program that can be started.
pub fn may_start_on_host(_: &str) -> Result<()> {
    Ok(())
}
