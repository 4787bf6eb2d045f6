//! How times, counts and texts of outside are written.

use std::fmt::Write as _;

/// A time span with a unit that fits it.
#[must_use]
pub fn span(duration_us: u64) -> String {
    match duration_us {
        0..10_000 => format!("{:.1} ms", duration_us as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", duration_us / 1_000),
        _ => format!("{:.2} s", duration_us as f64 / 1e6),
    }
}

/// A moment of a run, in seconds, as the terminal's timeline writes it.
pub(super) fn moment(t_us: u64) -> String {
    format!("{:.3} s", t_us as f64 / 1e6)
}

/// What programs print may hold sequences that move a terminal's cursor, clear it, or (in XML) may not be there at all:
/// they are shown, not obeyed. So are the marks that turn the direction of writing, behind which text could hide.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_harmless(c) {
            shown.push(c);
        } else {
            let _ = write!(shown, "{}", c.escape_default()); // writing to a String cannot fail
        }
    }
    shown
}

fn is_harmless(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_no_character = matches!(c, '\u{fffe}' | '\u{ffff}');
    "\n\t".contains(c) || !(c.is_control() || turns || is_no_character)
}

/// `1 fault`, `2 faults`.
pub(super) fn count(number: usize, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number whose thousands are set apart.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// At most so many characters of a text, and how many more there are.
pub(super) fn cut(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} … ({} more characters)", &text[..end], text[end..].chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_a_terminals_cursor_is_shown_instead() {
        assert_eq!(printable("a\tb\nä \u{1b}[2J\r\u{7}"), "a\tb\nä \\u{1b}[2J\\r\\u{7}");
    }

    #[test]
    fn what_hides_text_or_is_no_xml_is_shown_instead() {
        assert_eq!(printable("\u{202e}a\u{0}\u{ffff}"), "\\u{202e}a\\u{0}\\u{ffff}");
    }

    #[test]
    fn spans_and_counts_are_readable() {
        assert_eq!([span(1_500), span(20_500), span(2_345_000)], ["1.5 ms", "20 ms", "2.35 s"]);
        assert_eq!([count(1, "fault"), count(1_234_567, "fault")], ["1 fault", "1,234,567 faults"]);
        assert_eq!(cut("äöü", 2), "äö … (1 more characters)");
    }
}
