//! What begins with a colon. Pure: said, not done.

use crate::diagnostic::nearest;
use crate::{Error, Result};
use std::path::PathBuf;

/// So many events are shown where nothing is said.
const EVENTS: usize = 20;

/// What a person may say to the session itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Help(Option<String>),
    Status,
    Faults,
    Seed(Option<u64>),
    Save(PathBuf),
    Load(PathBuf),
    Journal(usize),
    Detach,
    Quit,
}

/// A command's name, what follows it, and what it does.
pub(super) const COMMANDS: [(&str, &str, &str); 9] = [
    ("help", "[NAME]", "this, or what a function does"),
    ("status", "", "the nodes"),
    ("faults", "", "the active faults"),
    ("seed", "[N]", "the seed; from here on draws come from another one"),
    ("save", "FILE", "what succeeded so far, as a script that runs"),
    ("load", "FILE", "run a script's text here; its functions can be called then"),
    ("journal", "[N]", "the last events, as lines of the journal"),
    ("detach", "", "leave, the cluster stays up; the session's faults are healed"),
    ("quit", "", "leave; a cluster that was started for the session is removed"),
];

impl Command {
    /// The command that a line means.
    pub(super) fn parse(line: &str) -> Result<Self> {
        let words = line.trim().trim_start_matches(':').trim();
        let (name, argument) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
        let argument = argument.trim();
        let Some((_, takes, _)) = COMMANDS.iter().find(|(known, ..)| *known == name) else { return Err(unknown(name)) };
        if takes.is_empty() && !argument.is_empty() {
            return Err(Error::usage(format!("`:{name}` takes nothing, got `{argument}`")));
        }
        if *takes == "FILE" && argument.is_empty() {
            return Err(Error::usage(format!("`:{name}` needs the name of a file")).help(format!("`:{name} FILE`")));
        }
        Ok(match name {
            "help" => Self::Help(Some(argument.to_owned()).filter(|name| !name.is_empty())),
            "status" => Self::Status,
            "faults" => Self::Faults,
            "seed" => Self::Seed(number(argument, "a seed: a whole number from 0", i64::MAX as u64)?),
            "save" => Self::Save(argument.into()),
            "load" => Self::Load(argument.into()),
            "journal" => {
                let count = number(argument, "how many events to show", u64::from(u32::MAX))?;
                Self::Journal(count.map_or(EVENTS, |count| count as usize))
            }
            "detach" => Self::Detach,
            _ => Self::Quit,
        })
    }
}

fn number(argument: &str, what: &str, max: u64) -> Result<Option<u64>> {
    if argument.is_empty() {
        return Ok(None);
    }
    let number = argument.parse().ok().filter(|number| *number <= max);
    number.map(Some).ok_or_else(|| Error::usage(format!("expected {what}, got `{argument}`")))
}

fn unknown(name: &str) -> Error {
    let known = || COMMANDS.iter().map(|(known, ..)| *known);
    let begun = known().find(|known| !name.is_empty() && known.starts_with(name));
    let near = begun.or_else(|| nearest(name, known()));
    let help = near.map_or_else(|| "`:help` lists them".to_owned(), |near| format!("did you mean `:{near}`?"));
    Error::usage(format!("there is no command `:{name}`")).help(help)
}

/// What `:help` prints.
pub(super) fn help() -> String {
    let line = |(name, takes, what): &(&str, &str, &str)| format!("  {:<15}{what}\n", format!(":{name} {takes}"));
    let commands: String = COMMANDS.iter().map(line).collect();
    format!(
        "Everything else is the script API: `partition([[\"n1\"], [\"n2\", \"n3\"]])`,\n\
         `let f = isolate(\"n1\")`, `f.heal()`; `blockade doc` lists its functions.\n\n{commands}\n\
         TAB completes, Ctrl-C interrupts a call and keeps the session, Ctrl-D leaves."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_with_its_argument() {
        let parsed = [
            ":help",
            ":help  partition ",
            ":seed",
            ":seed 7",
            ": status",
            ":save my file.rhai",
            ":journal 3",
            ":journal",
        ];
        let parsed: Vec<Command> = parsed.map(|line| Command::parse(line).unwrap()).into();
        let expected = [
            Command::Help(None),
            Command::Help(Some("partition".into())),
            Command::Seed(None),
            Command::Seed(Some(7)),
            Command::Status,
            Command::Save("my file.rhai".into()),
            Command::Journal(3),
            Command::Journal(20),
        ];
        assert_eq!(parsed, expected);
        for (name, takes, _) in COMMANDS {
            assert!(Command::parse(&format!(":{name} {}", if takes == "FILE" { "f" } else { "" })).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_meant_says_what_can() {
        let refused = |line| Command::parse(line).unwrap_err().to_string();
        insta::assert_snapshot!(refused(":stauts"), @"there is no command `:stauts` (did you mean `:status`?)");
        insta::assert_snapshot!(refused(":q"), @"there is no command `:q` (did you mean `:quit`?)");
        insta::assert_snapshot!(refused(":"), @"there is no command `:` (`:help` lists them)");
        insta::assert_snapshot!(refused(":seed x"), @"expected a seed: a whole number from 0, got `x`");
        insta::assert_snapshot!(refused(":seed -1"), @"expected a seed: a whole number from 0, got `-1`");
        insta::assert_snapshot!(refused(":seed 9223372036854775808"), @"expected a seed: a whole number from 0, got `9223372036854775808`");
        insta::assert_snapshot!(refused(":load"), @"`:load` needs the name of a file (`:load FILE`)");
        insta::assert_snapshot!(refused(":quit now"), @"`:quit` takes nothing, got `now`");
    }

    #[test]
    fn the_help_fits_a_terminal() {
        assert!(help().lines().all(|line| line.chars().count() <= 80), "{}", help());
    }
}
