//! An error as a line for people.

use std::error::Error;

/// An error with all that caused it, in one line. A cause whose words were said already, because
/// the error above it repeats them, is left out.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn all_causes_are_named_outermost_first_and_none_twice() {
        let layer = |words, cause| Layer(words, cause);
        let disk = layer("disk full", None);
        let repeats = layer("no append: disk full", Some(Box::new(disk)));
        let outer = layer("no record", Some(Box::new(repeats)));
        assert_eq!(chain(&outer), "no record: no append: disk full");
        assert_eq!(chain(&layer("alone", None)), "alone");
    }
}
