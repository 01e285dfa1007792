//! The example file, made from the table of keys.

use super::key::{Entry, Stage};
use super::keys::{GROUPS, KEYS};
use super::problem::push_wrapped;

const HEAD: &str = "\
# The configuration of ananke: /etc/ananke/ananke.yaml
#
# What is not commented out here is an example of a small cluster. Everything else shows a default
# or a possible value; take the # away to use it. Durations are written 500ms, 30s, 10m, 1h.
# Secrets are never written here, only the paths of files that hold them.
# Check it with: ananke config check
";

/// The example file, as `ananke config example` prints it. It is accepted without a warning.
pub fn example() -> String {
    let mut out = HEAD.to_owned();
    let top = |later: bool| {
        let top = KEYS.iter().filter(|key| key.group().is_none());
        top.filter(move |key| matches!(key.stage(), Stage::Later(_)) == later)
    };
    for key in top(false) {
        push_key(&mut out, *key, "");
    }
    for (group, about) in GROUPS {
        out.push('\n');
        push_wrapped(&mut out, "# ", "# ", about);
        out.push_str(&format!("{group}:\n"));
        for key in KEYS.iter().filter(|key| key.group() == Some(group)) {
            push_key(&mut out, *key, "  ");
        }
    }
    for key in top(true) {
        push_key(&mut out, *key, "");
    }
    out
}

fn push_key(out: &mut String, key: &dyn Entry, indent: &str) {
    let mut about = key.about().to_owned();
    if let Some(default) = key.default() {
        about.push_str(&format!(" Default: {default}."));
    }
    let mark = match key.stage() {
        Stage::Sample => "",
        Stage::Used => "#",
        Stage::Later(missing) => {
            about.push_str(&format!(" Not used by this version yet: {missing}."));
            "#"
        }
    };
    out.push('\n');
    let lead = format!("{indent}# ");
    push_wrapped(out, &lead, &lead, &about);
    let value = key.example();
    let gap = if value.starts_with('\n') { "" } else { " " };
    out.push_str(&format!("{indent}{mark}{}:{gap}{value}\n", key.name()));
}
