//! No text makes the reader panic, and every mistake has a place within the text.

use super::*;
use proptest::prelude::*;

/// A file that uses every kind of value.
const FILE: &str = "\
runtime: netns
network: { subnet: 10.9.0.0/24, flaky: 30% }
containers:
  n1: &base
    command: [\"redis-server\", \"${ip:n2}\"]
    environment: { K: '${HOME}', P: 1.5 }
    files: { \"a.conf\": \"port ${param:p:1}\\n\" }
    ready: { tcp: 6379, within: 10s }
    stop: { signal: SIGTERM, within: 3s }
    ip: 10.9.0.11
  n2: { links: [n1], count: 1, ports: { 80: 81 } }
  é: { <<: *base, ip: 10.9.0.12, neutral: yes }
";

fn check(text: &str) -> Result<(), TestCaseError> {
    if let Err(error) = try_load(text, &[], &[]) {
        for diagnostic in &error.diagnostics {
            prop_assert!(diagnostic.span.end <= text.len(), "{:?} in {text:?}", diagnostic.span);
            prop_assert!(!diagnostic.message.is_empty() && !diagnostic.render(false).is_empty());
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_a_cluster_or_an_error(text in "[a-z:{}\\[\\], \\-\\n&*'\"$é0-9]{0,60}") {
        check(&text)?;
    }

    #[test]
    fn a_file_with_a_part_cut_out_is_a_cluster_or_an_error(start in 0..FILE.len(), length in 0_usize..40) {
        let keep = |(index, _): &(usize, char)| *index < start || *index >= start + length;
        check(&FILE.char_indices().filter(keep).map(|(_, c)| c).collect::<String>())?;
    }

    #[test]
    fn a_file_with_something_put_in_is_a_cluster_or_an_error(place in 0..FILE.len(), part in "[:{}\\[\\]'\"$&* \\nxé0-9-]{1,4}") {
        let (before, after): (Vec<_>, Vec<_>) = FILE.char_indices().partition(|(index, _)| *index < place);
        let text = |chars: Vec<(usize, char)>| chars.into_iter().map(|(_, c)| c).collect::<String>();
        check(&[text(before), part, text(after)].concat())?;
    }
}

#[test]
fn wide_and_deep_files_end_in_an_error_not_in_a_crash() {
    let deep = format!("nodes: {}{}", "[".repeat(5000), "]".repeat(5000));
    insta::assert_snapshot!(try_load(&deep, &[], &[]).unwrap_err().message, @"this is not YAML: recursion limit exceeded");
    let mut bomb = "a0: &a0 [x, x]\n".to_owned();
    bomb.extend((1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}]\n", n - 1)));
    insta::assert_snapshot!(try_load(&bomb, &[], &[]).unwrap_err().message, @"the file holds too much to be a cluster");
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_shift_no_place() {
    insta::assert_snapshot!(wrong("\u{feff}nodes:\r\n  é:\r\n  é:\r\n"), @r"
    error: no node can be called `é`
     --> blockade.yaml:2:3
      |
    2 |   é:
      |   ^
      |
    help: a name has at most 48 letters, digits, `-`, `_` and `.`, and begins with a letter or digit
    error: `é` comes twice in `containers`
     --> blockade.yaml:3:3
      |
    3 |   é:
      |   ^
      |
    help: the first one is in line 2
    ");
}
