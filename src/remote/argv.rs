//! A command line as it is sent: without what says where to, and its paths changed where they mean something else over
//! there. Pure: looked at by the program's own definitions, so that what is a path is what the program takes for one.

use super::options;
use crate::{Error, Result};
use clap::builder::ValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use std::path::{Path, PathBuf};

/// Paths that only mean something here.
const OURS: [&str; 4] = ["data_dir", "token_file", "ca", "errand"];
/// Paths that are written, not read.
const WRITTEN: [&str; 2] = ["out", "output"];
/// What no command line holds.
const MARK: &str = "\u{1}marked\u{1}";

/// A path that somebody has written on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    /// Whether the command is to write it.
    pub(super) is_written: bool,
    /// The argument's name, as `script`.
    pub(super) id: String,
}

/// A command line and how it is read.
pub(super) struct Argv<'a> {
    /// The program's definitions, built.
    program: &'a Command,
    /// Without the program's name, and without what says where to.
    pub(super) words: Vec<String>,
}

impl<'a> Argv<'a> {
    /// `words` are without the program's name.
    pub(super) fn new(program: &'a Command, words: &[String]) -> Self {
        Self { program, words: without_ours(words) }
    }

    fn matches(&self, words: &[String]) -> Option<ArgMatches> {
        let all = std::iter::once("blockade").chain(words.iter().map(String::as_str));
        self.program.clone().try_get_matches_from(all).ok()
    }

    /// As `run`; and whether it takes standard input, as `exec --stdin`.
    pub(super) fn verb(&self) -> (String, bool) {
        let matches = self.matches(&self.words);
        let Some((verb, chosen)) = matches.as_ref().and_then(ArgMatches::subcommand) else { return Default::default() };
        let takes_input = chosen.try_get_one::<bool>("stdin").ok().flatten() == Some(&true);
        (verb.to_owned(), takes_input)
    }

    /// All paths that the command line names.
    pub(super) fn named(&self) -> Vec<Named> {
        self.matches(&self.words).map(|matches| named(self.program, &matches)).unwrap_or_default()
    }

    /// Writes another path wherever this one stands as a path.
    ///
    /// # Errors
    /// It cannot be found, which would be a fault of ours.
    pub(super) fn replace(&mut self, path: &Path, by: &str) -> Result<()> {
        let old = path.to_str().ok_or_else(|| no_text(path))?;
        let mut is_found = false;
        for at in 0..self.words.len() {
            let Some(before) = self.words[at].strip_suffix(old) else { continue };
            if !(before.is_empty() || before.starts_with('-')) {
                continue;
            }
            let before = before.to_owned();
            let mut marked = self.words.clone();
            marked[at] = format!("{before}{MARK}");
            let is_path = self
                .matches(&marked)
                .is_some_and(|matches| named(self.program, &matches).iter().any(|named| named.path == Path::new(MARK)));
            if is_path {
                self.words[at] = format!("{before}{by}");
                is_found = true;
            }
        }
        if is_found { Ok(()) } else { Err(Error::usage(format!("{old} cannot be found on the command line"))) }
    }
}

/// The words but for those that say which daemon, and how it is known.
fn without_ours(words: &[String]) -> Vec<String> {
    let (mut kept, mut words) = (Vec::new(), words.iter());
    while let Some(word) = words.next() {
        if word == "--" {
            kept.push(word.clone());
            kept.extend(words.by_ref().cloned());
            break;
        }
        let ours = options::NAMES.iter().find(|(name, _)| word.split('=').next() == Some(name));
        match ours {
            None => kept.push(word.clone()),
            Some((_, true)) if !word.contains('=') => drop(words.next()),
            Some(_) => {}
        }
    }
    kept
}

fn named(program: &Command, matches: &ArgMatches) -> Vec<Named> {
    let mut all = of(program, matches, false);
    if let Some((verb, chosen)) = matches.subcommand()
        && let Some(command) = program.find_subcommand(verb)
    {
        all.extend(of(command, chosen, true));
    }
    all
}

/// What is for every command is looked at once, at the top.
fn of(command: &Command, matches: &ArgMatches, is_below: bool) -> Vec<Named> {
    let a_path = ValueParser::path_buf().type_id();
    let paths = command.get_arguments().filter(|arg| arg.get_value_parser().type_id() == a_path);
    let paths = paths.filter(|arg| !(is_below && arg.is_global_set()));
    let paths = paths.map(|arg| arg.get_id().as_str()).filter(|id| !OURS.contains(id));
    let written = paths.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
    written.flat_map(|id| values(matches, id)).collect()
}

fn values(matches: &ArgMatches, id: &str) -> Vec<Named> {
    let is_written = WRITTEN.contains(&id);
    let values = matches.get_many::<PathBuf>(id).into_iter().flatten();
    values.map(|path| Named { path: path.clone(), is_written, id: id.to_owned() }).collect()
}

/// Of a path that cannot be sent.
pub(super) fn no_text(path: &Path) -> Error {
    Error::usage(format!("the name of {} is no UTF-8, and cannot be sent", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv<'a>(program: &'a Command, line: &str) -> Argv<'a> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Argv::new(program, &words)
    }

    #[test]
    fn what_says_where_to_is_not_sent() {
        let program = crate::cli::definitions();
        let sent = |line: &str| argv(&program, line).words.join(" ");
        assert_eq!(sent("--host http://x -n c1 status"), "-n c1 status");
        assert_eq!(sent("status --token-file=/t --insecure --ca /c --json"), "status --json");
        assert_eq!(sent("exec n1 --fingerprint ab -- curl --host x"), "exec n1 -- curl --host x");
    }

    #[test]
    fn paths_are_found_by_what_the_program_takes_for_one() {
        let program = crate::cli::definitions();
        let found = |line: &str| {
            let named = argv(&program, line).named();
            let one = |named: &Named| {
                format!("{}:{}{}", named.id, named.path.display(), if named.is_written { "!" } else { "" })
            };
            named.iter().map(one).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(
            found("-c a.yaml -d data run s.rhai --chaos=m.rhai --out o"),
            "config:a.yaml script:s.rhai chaos:m.rhai out:o!"
        );
        assert_eq!(found("run s.rhai -ca.yaml --set x=y.rhai"), "config:a.yaml script:s.rhai");
        assert_eq!(found("exec n1 -- cat a.yaml"), "");
        assert_eq!(found("events --output f"), "output:f!");
        assert_eq!(found("replay .blockade/runs/x"), "run:.blockade/runs/x");
        assert_eq!(found("no such thing"), "");
    }

    #[test]
    fn a_path_is_changed_where_it_is_one_and_nowhere_else() {
        let program = crate::cli::definitions();
        let changed = |line: &str, path: &str, by: &str| {
            let mut argv = argv(&program, line);
            argv.replace(Path::new(path), by).map(|()| argv.words.join(" ")).map_err(|error| error.message)
        };
        let done = |text: &str| Ok(text.to_owned());
        assert_eq!(changed("-c /a/x exec n1 -- cat /a/x", "/a/x", "x"), done("-c x exec n1 -- cat /a/x"));
        assert_eq!(changed("run /a/s -c/a/x --chaos=/a/s", "/a/s", "s"), done("run s -c/a/x --chaos=s"));
        assert_eq!(changed("run s -c/a/x --set v=/a/x", "/a/x", "x"), done("run s -cx --set v=/a/x"));
        assert!(changed("run s", "/a/x", "x").is_err());
    }

    #[test]
    fn no_command_calls_an_option_of_its_own_as_one_of_all_commands() {
        let program = crate::cli::definitions();
        let everywhere = program.get_arguments().filter(|arg| arg.is_global_set());
        let everywhere: Vec<&str> = everywhere.filter_map(clap::Arg::get_long).collect();
        for command in program.get_subcommands() {
            let own = command.get_arguments().filter(|arg| !arg.is_global_set()).filter_map(clap::Arg::get_long);
            let twice: Vec<&str> = own.filter(|long| everywhere.contains(long)).collect();
            assert!(twice.is_empty(), "{}: {twice:?}", command.get_name());
        }
    }
}
