//! The form of a screen: a narrow column of labels, and text beside it that wraps at 80 columns.

/// The width of a terminal on which a page must read well.
const WIDTH: usize = 80;
/// The width of the label column.
const LABEL: usize = 11;

/// One labelled paragraph. Further lines stand under the text, not under the label.
pub(super) fn labelled(label: &str, text: &str) -> String {
    paragraph(&format!("{label:<LABEL$}"), &" ".repeat(LABEL), text)
}

/// A paragraph with a first indent and one for the lines after it.
pub(super) fn paragraph(first: &str, rest: &str, text: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options)
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Several paragraphs under one label, which stands before the first of them only.
pub(super) fn listed(label: &str, lines: &[String]) -> Vec<String> {
    let named = |(at, line): (usize, &String)| labelled(if at == 0 { label } else { "" }, line);
    lines.iter().enumerate().map(named).collect()
}

/// `1 machine`, `2 machines`.
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_under_its_text() {
        let text = labelled("held", &"word ".repeat(30));
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("           word")));
    }

    #[test]
    fn a_word_that_is_too_long_is_not_torn() {
        let long = "x".repeat(100);
        assert!(labelled("held", &long).contains(&long));
    }
}
