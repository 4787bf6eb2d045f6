//! What every command takes to be done on another machine. Reads the token's file and the environment.

use super::host::Host;
use super::tls::Trust;
use super::token::Token;
use crate::Result;
use std::ffi::OsString;
use std::path::PathBuf;

/// Under which the help lists these.
const ELSEWHERE: &str = "On another machine";

/// Which daemon does it, and how it is known. Variables of the environment stand in for what is not given; they are read
/// here and not by clap, whose messages about other arguments would speak of them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Options {
    /// Let the daemon there do it: https://box:5000, http://127.0.0.1:5000 or unix:///path/daemon.sock [default: what
    /// BLOCKADE_HOST says]. plan, check, history, doc, report, completions and version touch no cluster: they run here
    /// all the same
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "URL")]
    host: Option<String>,
    /// The file that holds the daemon's token [default: what BLOCKADE_TOKEN_FILE names, or BLOCKADE_TOKEN itself; for
    /// `daemon`: daemon.token in the data folder, made with a fresh one]
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Trust the one certificate with this fingerprint, which the daemon prints when it starts [default: what
    /// BLOCKADE_FINGERPRINT says]
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "SHA256")]
    fingerprint: Option<String>,
    /// Trust certificates of the authorities in this file [default: what BLOCKADE_CA names, else those that this machine
    /// trusts]
    #[arg(long, global = true, help_heading = ELSEWHERE, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Speak plain text beyond this machine: whoever sees the traffic has the token
    #[arg(long, global = true, help_heading = ELSEWHERE)]
    pub insecure: bool,
}

/// The same as they stand on a command line, and whether a value follows.
pub(super) const NAMES: [(&str, bool); 5] =
    [("--host", true), ("--token-file", true), ("--fingerprint", true), ("--ca", true), ("--insecure", false)];

impl Options {
    /// The daemon that was named.
    pub fn host(&self) -> Result<Option<Host>> {
        self.host.clone().or_else(|| text("BLOCKADE_HOST")).map(|url| Host::parse(&url)).transpose()
    }

    /// How it is known.
    pub(super) fn trust(&self) -> Result<Trust> {
        // What is written here counts before what the environment says.
        let around = if self.ca.is_some() { None } else { text("BLOCKADE_FINGERPRINT") };
        if let Some(fingerprint) = self.fingerprint.clone().or(around) {
            return fingerprint.parse().map(Trust::Pinned);
        }
        let ca = self.ca.clone().or_else(|| variable("BLOCKADE_CA").map(PathBuf::from));
        Ok(ca.map_or(Trust::Roots, Trust::Ca))
    }

    /// What it asks for, where something was given.
    pub(super) fn token(&self) -> Result<Option<Token>> {
        match self.token_file.clone().or_else(|| variable("BLOCKADE_TOKEN_FILE").map(PathBuf::from)) {
            Some(path) => Token::read(&path).map(Some),
            None => variable("BLOCKADE_TOKEN").map(|text| Token::of(&text.to_string_lossy())).transpose(),
        }
    }
}

fn text(name: &str) -> Option<String> {
    variable(name).map(|value| value.to_string_lossy().into_owned())
}

/// A variable of the environment; an empty one says nothing.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
