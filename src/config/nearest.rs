//! "Did you mean": the valid word nearest to the one that was written.

/// The candidate that a person most likely meant, or none if all are far.
///
/// Case, dashes and underscores do not count: `sshPort` and `ssh-port` are `ssh_port`. Otherwise
/// a third of the letters may be wrong.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = letters(word);
    // The distance grows with the product of the lengths; no valid word is longer than this.
    if plain.is_empty() || plain.len() > 80 {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&plain, &letters(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(3)) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn letters(word: &str) -> String {
    let kept = word.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    kept.flat_map(char::to_lowercase).take(100).collect()
}

/// A text from the file as it may stand in a message: short, on one line, without control
/// characters.
pub(crate) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push_str("...");
    }
    // escape_debug also escapes quotes, which need no escape between backquotes.
    format!("`{}`", shown.replace("\\\"", "\"").replace("\\'", "'"))
}
