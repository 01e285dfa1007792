//! One line of the protocol: words, quotes and escapes, as NUT's parseconf has them.

use std::fmt::Write as _;

/// The most words of a line. `VAR ups name "value"` has four.
const MOST_WORDS: usize = 64;

/// The longest command, in bytes with its end. upsd's buffer has 512 (networkupstools/nut,
/// `server/upsd.h`); what does not fit it answers with an error, or not at all.
const LONGEST_COMMAND: usize = 512;

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// A quote that is not closed.
    #[error("a quote is not closed")]
    OpenQuote,
    /// A backslash with nothing behind it.
    #[error("a backslash stands at the end")]
    OpenEscape,
    /// More words than any answer has.
    #[error("there are more than {MOST_WORDS} words")]
    TooManyWords,
    /// A line break or another control character in a word that is to be sent: it would begin
    /// another command.
    #[error("a control character can't be sent")]
    Control,
    /// More bytes than upsd takes.
    #[error("the command is longer than the {LONGEST_COMMAND} bytes that upsd takes")]
    TooLong,
}

/// The words of a line, without its end.
///
/// # Errors
/// [`LineError`] for a line that no upsd sends.
pub fn words(line: &str) -> Result<Vec<String>, LineError> {
    let mut found = Vec::new();
    let mut chars = line.chars();
    let mut word: Option<String> = None;
    let mut in_quotes = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => {
                let escaped = chars.next().ok_or(LineError::OpenEscape)?;
                word.get_or_insert_default().push(escaped);
            }
            '"' => {
                // Quotes make a word, even of nothing.
                word.get_or_insert_default();
                in_quotes = !in_quotes;
            }
            '#' if !in_quotes && word.is_none() => break,
            c if !in_quotes && c.is_ascii_whitespace() => found.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
        if found.len() > MOST_WORDS {
            return Err(LineError::TooManyWords);
        }
    }
    if in_quotes {
        return Err(LineError::OpenQuote);
    }
    found.extend(word);
    Ok(found)
}

/// A command as it goes over the wire, with its end. Words that need quotes get them.
///
/// # Errors
/// [`LineError::Control`] and [`LineError::TooLong`].
pub fn quoted(words: &[&str]) -> Result<String, LineError> {
    let mut line = String::new();
    for word in words {
        if word.chars().any(char::is_control) {
            return Err(LineError::Control);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        quote(&mut line, word);
    }
    line.push('\n');
    if line.len() > LONGEST_COMMAND {
        return Err(LineError::TooLong);
    }
    Ok(line)
}

fn quote(line: &mut String, word: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:,/+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        line.push_str(word);
        return;
    }
    line.push('"');
    for c in word.chars() {
        if matches!(c, '"' | '\\' | '#') {
            line.push('\\');
        }
        write!(line, "{c}").ok();
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_quotes_and_escapes() {
        let table: [(&str, &[&str]); 13] = [
            ("", &[]),
            ("OK", &["OK"]),
            ("VAR coord ups.status \"OL\"", &["VAR", "coord", "ups.status", "OL"]),
            ("VAR u ups.status \"\"", &["VAR", "u", "ups.status", ""]),
            ("VAR u ups.status \"FSD \"", &["VAR", "u", "ups.status", "FSD "]),
            (r#"UPS u "a \"b\" \\ c""#, &["UPS", "u", r#"a "b" \ c"#]),
            (r#"VAR u x "a\#b""#, &["VAR", "u", "x", "a#b"]),
            ("a  \t b", &["a", "b"]),
            ("a # rest", &["a"]),
            ("a#b", &["a#b"]),
            ("a\"b c\"d", &["ab cd"]),
            (r"a\ b", &["a b"]),
            ("\"é\u{1f50b}\"", &["é\u{1f50b}"]),
        ];
        for (line, expected) in table {
            assert_eq!(words(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_no_upsd_sends_is_refused() {
        assert_eq!(words("VAR u x \"OL"), Err(LineError::OpenQuote));
        assert_eq!(words("a\\"), Err(LineError::OpenEscape));
        assert_eq!(words(&"a ".repeat(1_000)), Err(LineError::TooManyWords));
        assert_eq!(quoted(&["GET", "VAR", "a\nFSD a"]), Err(LineError::Control));
        assert_eq!(quoted(&["SET", &"x".repeat(600)]), Err(LineError::TooLong));
    }

    #[test]
    fn what_needs_quotes_gets_them() {
        let table: [(&[&str], &str); 4] = [
            (&["LIST", "VAR", "coord"], "LIST VAR coord\n"),
            (&["SET", "VAR", "u", "x", "OB LB"], "SET VAR u x \"OB LB\"\n"),
            (&["PASSWORD", "a\"b\\c#d"], "PASSWORD \"a\\\"b\\\\c\\#d\"\n"),
            (&["SET", ""], "SET \"\"\n"),
        ];
        for (words, line) in table {
            assert_eq!(quoted(words).unwrap(), line);
        }
    }

    proptest! {
        #[test]
        fn what_is_sent_reads_back(sent in prop::collection::vec("[^\\p{Cc}]{0,20}", 1..5)) {
            let sent: Vec<&str> = sent.iter().map(String::as_str).collect();
            if let Ok(line) = quoted(&sent) {
                prop_assert_eq!(line.matches('\n').count(), 1);
                prop_assert_eq!(words(line.trim_end_matches('\n')).unwrap(), sent);
            }
        }

        #[test]
        fn any_line_ends(line in "\\PC{0,300}") {
            if let Ok(words) = words(&line) {
                prop_assert!(words.iter().map(String::len).sum::<usize>() <= line.len());
            }
        }
    }
}
