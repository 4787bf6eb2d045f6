//! What every command takes to be done on another machine. Reads the token's file and the environment.

use super::connect::Trust;
use super::host::Host;
use super::token::Token;
use crate::Result;
use std::path::PathBuf;

/// Under which the help lists these.
const ELSEWHERE: &str = "On another machine";

/// Which daemon does it, and how it is known.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Let the daemon there do it: https://box:5000, http://127.0.0.1:5000 or unix:///path/daemon.sock. plan, check,
    /// history, doc, report, completions and version touch no cluster and run here all the same
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "URL", env = "BLOCKADE_HOST")]
    pub host: Option<String>,
    /// The file that holds the daemon's token [default: what BLOCKADE_TOKEN_FILE names, or BLOCKADE_TOKEN itself; of
    /// `daemon`: daemon.token in the data folder, made with a fresh one]
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust the one certificate with this fingerprint, which the daemon prints when it starts
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "SHA256", env = "BLOCKADE_FINGERPRINT")]
    pub fingerprint: Option<String>,
    /// Trust certificates of this authority [default: those that the web trusts]
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "FILE", env = "BLOCKADE_CA")]
    pub ca: Option<PathBuf>,
    /// Speak plain text beyond this machine: whoever sees the traffic has the token
    #[arg(long, global = true, help_heading = ELSEWHERE)]
    pub insecure: bool,
}

/// The same as they stand on a command line, and whether a value follows.
pub(super) const NAMES: [(&str, bool); 5] =
    [("--host", true), ("--token-file", true), ("--fingerprint", true), ("--ca", true), ("--insecure", false)];

impl Options {
    /// The daemon that was named; an empty variable of the environment names none.
    pub fn host(&self) -> Result<Option<Host>> {
        self.host.as_deref().filter(|url| !url.is_empty()).map(Host::parse).transpose()
    }

    /// How it is known.
    pub(super) fn trust(&self) -> Trust {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let ca = self.ca.clone().filter(|path| !path.as_os_str().is_empty());
        Trust { fingerprint: given(&self.fingerprint), ca, insecure: self.insecure }
    }

    /// What it asks for, where something was given.
    pub(super) fn token(&self) -> Result<Option<Token>> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        match self.token_file.clone().or_else(|| variable("BLOCKADE_TOKEN_FILE").map(PathBuf::from)) {
            Some(path) => Token::read(&path).map(Some),
            None => variable("BLOCKADE_TOKEN").map(|text| Token::of(&text.to_string_lossy())).transpose(),
        }
    }
}
