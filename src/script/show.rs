//! Values as a person reads them: a line where they fit, else a line for each item. Pure.

use rhai::{Array, Dynamic, Map};

/// The width of a line, in characters.
const WIDTH: usize = 80;
/// So many items of a list or map are shown.
const ITEMS: usize = 100;
/// So deep.
const DEPTH: usize = 12;
/// So many characters of a text.
const CHARACTERS: usize = 20_000;
const INDENT: &str = "  ";

/// A value; nothing for `()`. `text` renders what is neither a list, nor a map, nor a text.
pub(super) fn show(value: &Dynamic, text: &dyn Fn(&Dynamic) -> String) -> String {
    if value.is_unit() {
        return String::new();
    }
    // Output of programs and logs: a text of several lines is read as it was written.
    match value.read_lock::<rhai::ImmutableString>() {
        Some(lines) if lines.trim_end().contains('\n') => plain(&lines),
        _ => Show { text }.value(value, 0, 0),
    }
}

struct Show<'a> {
    text: &'a dyn Fn(&Dynamic) -> String,
}

impl Show<'_> {
    /// The value behind `used` characters of a line, so deep inside of others.
    fn value(&self, value: &Dynamic, depth: usize, used: usize) -> String {
        if let Some(list) = value.read_lock::<Array>() {
            let items = list.iter().map(|item| (String::new(), item));
            return self.items(["[", "]"], items, list.len(), depth, used);
        }
        if let Some(map) = value.read_lock::<Map>() {
            let items = map.iter().map(|(key, item)| (format!("{}: ", name(key)), item));
            return self.items(["#{", "}"], items, map.len(), depth, used);
        }
        if let Some(text) = value.read_lock::<rhai::ImmutableString>() {
            return format!("{:?}", &*shortened(&text));
        }
        match value.type_name() {
            "()" => "()".to_owned(),
            "Fn" => "a closure".to_owned(),
            _ => (self.text)(value),
        }
    }

    fn items<'v>(
        &self,
        [open, close]: [&str; 2],
        items: impl Iterator<Item = (String, &'v Dynamic)>,
        count: usize,
        depth: usize,
        used: usize,
    ) -> String {
        if depth >= DEPTH {
            return format!("{open}…{close}");
        }
        let indent = INDENT.repeat(depth + 1);
        let item = |(key, value): (String, &Dynamic)| {
            let before = indent.len() + key.chars().count();
            format!("{key}{}", self.value(value, depth + 1, before))
        };
        let mut shown: Vec<String> = items.take(ITEMS).map(item).collect();
        shown.extend((count > ITEMS).then(|| format!("… {} more", count - ITEMS)));
        let space = if open == "#{" && count > 0 { " " } else { "" };
        let line = format!("{open}{space}{}{space}{close}", shown.join(", "));
        if used + line.chars().count() < WIDTH && !line.contains('\n') {
            return line;
        }
        let lines = shown.iter().fold(String::new(), |lines, item| lines + indent.as_str() + item.as_str() + ",\n");
        format!("{open}\n{lines}{}{close}", INDENT.repeat(depth))
    }
}

/// A key as a script writes it.
fn name(key: &str) -> String {
    let is_plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !key.is_empty();
    if is_plain { key.to_owned() } else { format!("{key:?}") }
}

fn shortened(text: &str) -> std::borrow::Cow<'_, str> {
    match text.char_indices().nth(CHARACTERS) {
        None => text.into(),
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()).into(),
    }
}

/// What programs print may hold sequences that move a terminal's cursor or clear it: they are shown, not obeyed.
fn plain(text: &str) -> String {
    let shown = |c: char| if c.is_control() && !"\n\t".contains(c) { c.escape_default().to_string() } else { c.into() };
    shortened(text.trim_end()).chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(script: &str) -> String {
        let value = super::super::engine::bare().eval::<Dynamic>(script).unwrap();
        show(&value, &ToString::to_string)
    }

    #[test]
    fn what_fits_is_a_line() {
        assert_eq!(shown("()"), "");
        assert_eq!(shown("[1, 2.5, \"a\\n\", (), [], #{}]"), r#"[1, 2.5, "a\n", (), [], #{}]"#);
        assert_eq!(shown(r#"#{ b: [true], "a b": 'c' }"#), r#"#{ "a b": c, b: [true] }"#);
        assert_eq!(shown("|x| x"), "a closure");
    }

    #[test]
    fn what_does_not_fit_has_a_line_for_each_item() {
        let script = r#"#{ code: 0, ok: true, stderr: "", stdout: "a line that is as long as lines are, at least", took: 0.003 }"#;
        insta::assert_snapshot!(shown(script), @r#"
        #{
          code: 0,
          ok: true,
          stderr: "",
          stdout: "a line that is as long as lines are, at least",
          took: 0.003,
        }
        "#);
        let lines = shown("let l = []; for i in 0..200 { l.push(i) } l");
        assert_eq!((lines.lines().count(), lines.lines().nth(101)), (103, Some("  … 100 more,")));
        assert!(shown("let l = [1]; for i in 0..30 { l = [l] } l").contains('…'));
    }

    #[test]
    fn a_text_of_several_lines_is_shown_as_it_is_but_for_what_moves_a_cursor() {
        assert_eq!(shown("\"a\\n\\x1b[2Jb\\n\""), "a\n\\u{1b}[2Jb");
        assert_eq!(shown("\"one line\\n\""), r#""one line\n""#);
    }
}
