//! A session whose person sits at another machine: entries come from standard input as frames, and so do the questions
//! for them leave.

use super::frames::{Frame, Typed};
use super::input::{Input, Question};
use super::words::Words;
use crate::cli::report;
use crate::{Error, Result, errand, text};
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::sync::mpsc::Receiver;
use tokio::sync::mpsc::UnboundedSender;

/// Asks and hears until there is no more to hear.
pub(super) fn hear(mut from: impl BufRead, asked: &Receiver<Question>, answer: &UnboundedSender<Input>) {
    let mut known: Option<Words> = None;
    for Question { prompt, words } in asked {
        let is_new = known.as_ref() != Some(&words);
        report::line(&Frame::Ask { prompt, words: is_new.then(|| words.clone()) }.line());
        known = Some(words);
        let input = next(&mut from);
        let is_end = input == Input::End;
        if answer.send(input).is_err() || is_end {
            return;
        }
    }
}

/// The next entry.
fn next(from: &mut impl BufRead) -> Input {
    let mut line = String::new();
    match from.read_line(&mut line) {
        Ok(0) | Err(_) => Input::End,
        Ok(_) => match serde_json::from_str(&line) {
            Ok(Typed::Text(text)) => Input::Text(text),
            Ok(Typed::Load { path, files }) => load(&path, &files),
            // Whoever types by other means than ours.
            Err(_) => Input::Text(line),
        },
    }
}

/// What is to be loaded lies beside the session then.
fn load(path: &str, files: &BTreeMap<String, String>) -> Input {
    for (name, text) in files {
        if let Err(error) = put(Path::new(name), text) {
            report::line(&Frame::Error(error.rendered(false)).line());
            return Input::Cleared;
        }
    }
    Input::Text(format!(":load {path}"))
}

fn put(path: &Path, text: &str) -> Result<()> {
    let cannot = |error: std::io::Error| Error::usage(format!("cannot write {}: {error}", path.display()));
    if !text::is_plain(path) {
        return Err(Error::usage(format!("{} leads out of the session's folder", path.display())));
    }
    errand::may_touch(path).map_err(cannot)?;
    path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(cannot)?;
    std::fs::write(path, text).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_in_frames_and_what_is_none_is_an_entry_itself() {
        let typed = serde_json::to_string(&Typed::Text("fn f() {\n 1\n}".into())).unwrap();
        let text = format!("{typed}\n1 + 1\n");
        let mut from = text.as_bytes();
        let entries = [next(&mut from), next(&mut from), next(&mut from)];
        assert_eq!(entries, [Input::Text("fn f() {\n 1\n}".into()), Input::Text("1 + 1\n".into()), Input::End]);
    }

    #[test]
    fn nothing_is_put_outside_of_the_sessions_folder() {
        for path in ["/tmp/blockade-never", "../x", "a/../../x"] {
            assert_eq!(load("x", &[(path.to_owned(), String::new())].into()), Input::Cleared, "{path}");
        }
    }
}
