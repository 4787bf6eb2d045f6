//! Words as people read them and as a shell takes them: things that are counted, and commands to be typed. Pure.

use std::fmt::Display;
use std::path::Path;

/// `1 fault`, `2 faults`.
pub fn counted<N: Display + PartialEq + From<u8>>(number: N, what: &str) -> String {
    let end = if number == N::from(1) { "" } else { "s" };
    format!("{number} {what}{end}")
}

/// A time in the unit that fits it, as scripts and options take it: `2m`, `1.5s`, `250ms`.
pub fn time(us: u64) -> String {
    match us {
        _ if us.is_multiple_of(60_000_000) && us > 0 => format!("{}m", us / 60_000_000),
        _ if us.is_multiple_of(100_000) => format!("{}s", us as f64 / 1e6),
        _ if us.is_multiple_of(1_000) => format!("{}ms", us / 1_000),
        _ => format!("{us}us"),
    }
}

/// A command line that a shell takes for these words.
pub fn command_line(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}

/// A path as an argument: one that begins with a dash would be taken for an option.
pub fn argument(path: &Path) -> String {
    let path = path.display().to_string();
    if path.starts_with('-') { format!("./{path}") } else { path }
}

/// An option with its value: two words, or one where the value would be taken for an option itself.
pub fn option(flag: &str, value: impl Display) -> Vec<String> {
    let value = value.to_string();
    if value.starts_with('-') { vec![format!("{flag}={value}")] } else { vec![flag.to_owned(), value] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_the_unit_that_fits_it() {
        let times = [90_000_000, 120_000_000, 1_500_000, 250_000, 1, 0].map(time);
        assert_eq!(times, ["90s", "2m", "1.5s", "250ms", "1us", "0s"]);
    }

    #[test]
    fn one_is_no_plural() {
        assert_eq!([counted(0_usize, "fault"), counted(1_u64, "fault")], ["0 faults", "1 fault"]);
    }

    #[test]
    fn what_a_command_line_is_made_of_comes_out_of_it() {
        let script = argument(Path::new("-x y.rhai"));
        let words = [vec!["run".to_owned(), script], option("--set", "-a=it's"), option("--name", "n 1")].concat();
        let line = command_line(&words);
        assert_eq!(shlex::split(&line).unwrap(), words);
        assert_eq!(words, ["run", "./-x y.rhai", "--set=-a=it's", "--name", "n 1"]);
    }
}
