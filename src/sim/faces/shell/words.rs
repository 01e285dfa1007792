//! The words of a command line, as a POSIX shell splits them.

/// What a simulated shell does not do: it stops there instead of guessing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TooMuch {
    /// A character that means something else to a shell: a pipe, a variable, a glob.
    Special(char),
    /// A quotation that does not end.
    Open,
}

/// Splits a line into words. Knows blanks, both kinds of quotes and the backslash, and nothing
/// else: no variables, no pipes, no globs (POSIX.1-2017, 2.2 Quoting).
pub(super) fn words(line: &str) -> Result<Vec<String>, TooMuch> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => single(&mut chars, word.get_or_insert_default())?,
            '"' => double(&mut chars, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next().ok_or(TooMuch::Open)?),
            _ if "|&;<>()$`*?[#~!{}".contains(c) => return Err(TooMuch::Special(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of a quotation in single quotes.
fn single(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), TooMuch> {
    loop {
        match chars.next().ok_or(TooMuch::Open)? {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
}

/// The rest of a quotation in double quotes.
fn double(chars: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), TooMuch> {
    loop {
        match chars.next().ok_or(TooMuch::Open)? {
            '"' => return Ok(()),
            c @ ('$' | '`') => return Err(TooMuch::Special(c)),
            '\\' => match chars.next().ok_or(TooMuch::Open)? {
                c @ ('$' | '`' | '"' | '\\') => word.push(c),
                '\n' => {}
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::command::quote;
    use proptest::prelude::*;

    #[test]
    fn words_are_split_as_a_shell_splits_them() {
        let table: [(&str, &[&str]); 6] = [
            ("", &[]),
            ("  a  b\t", &["a", "b"]),
            ("a'b c'd \"e f\"", &["ab cd", "e f"]),
            (r#"it\'s "a \"b\" \c""#, &["it's", r#"a "b" \c"#]),
            ("''", &[""]),
            ("x=1 y=", &["x=1", "y="]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line).unwrap(), expected, "{line:?}");
        }
        for line in ["a | b", "$HOME", "a; b", "\"$x\"", "`x`", "ls *"] {
            assert!(matches!(words(line), Err(TooMuch::Special(_))), "{line}");
        }
        for line in ["'a", "\"a", "a\\"] {
            assert_eq!(words(line), Err(TooMuch::Open), "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_ananke_quotes_is_one_word(text in "\\PC{0,20}") {
            prop_assert_eq!(words(&quote(&text)).unwrap(), vec![text]);
        }
    }
}
