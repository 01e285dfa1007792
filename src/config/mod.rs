//! The configuration: a file becomes checked settings, or every error at once with its place.
//!
//! The text is read in three steps, none of which touches the outside: `tree` turns it into
//! nodes that know their place, `walk` holds them against the table of keys in `keys`, and
//! `build` makes the settings and looks for contradictions. The table is the only source of
//! names, types, bounds, defaults and sentences: the JSON schema, the example file and
//! "did you mean" are made from it.

mod build;
mod context;
mod coordination;
mod example;
mod fields;
mod files;
mod hosts;
mod inventory;
mod jump;
mod key;
mod keys;
mod kinds;
mod later;
mod logins;
mod nearest;
mod one_or_more;
mod power;
mod probes;
mod problem;
mod resolved;
mod scalar;
mod schema;
pub mod settings;
mod ssh_config;
#[cfg(test)]
mod tests;
mod text;
mod tree;
mod walk;

pub use context::{Context, FileFact, Files, NoSshConfig, SshConfigs, SshHost, Unlooked};
pub use example::example;
pub use problem::{Code, Problem, Severity, problems_to_json, problems_to_text};
pub use resolved::resolved;
pub use schema::schema;

// The one way to say what is wrong with a text that a person wrote.
pub(crate) use nearest::{nearest, quoted};
pub(crate) use problem::{Fault, Source};
pub(crate) use tree::Place;

use settings::Settings;

/// The largest file that is read, in bytes. A real one has a few kilobytes; the limit keeps a
/// mistaken path (a log, a disk image) from filling the memory.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The most problems that are reported; a person mends the first ones first.
const MAX_PROBLEMS: usize = 100;

/// A configuration without errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it says.
    pub settings: Settings,
    /// What is odd about it, in the order of the file.
    pub warnings: Vec<Problem>,
    /// Whether the text alone says it all. Otherwise an ssh_config said a part of it, and only
    /// [`resolved`] is a copy that can be gone back to.
    pub self_contained: bool,
}

/// Reads a configuration from the bytes of a file. See [`parse`].
///
/// # Errors
/// Every problem of the file, errors and warnings, in the order of the file.
pub fn parse_bytes(
    bytes: &[u8],
    source_name: &str,
    context: &Context<'_>,
) -> Result<Checked, Vec<Problem>> {
    if bytes.len() > MAX_BYTES {
        return Err(vec![too_large(bytes.len(), source_name)]);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse(text, source_name, context),
        Err(error) => {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let source = Source::new(source_name, &good);
            let fault = Fault::error(Code::NotUtf8, "this byte is not UTF-8")
                .at(Place::new(good.len(), good.len()))
                .help("save the file as UTF-8");
            Err(vec![fault.into_problem(&source)])
        }
    }
}

/// Reads a configuration from text. `source_name` is the path that messages name.
///
/// # Errors
/// Every problem of the text, errors and warnings, in the order of the file.
pub fn parse(
    text: &str,
    source_name: &str,
    context: &Context<'_>,
) -> Result<Checked, Vec<Problem>> {
    if text.len() > MAX_BYTES {
        return Err(vec![too_large(text.len(), source_name)]);
    }
    let source = Source::new(source_name, text);
    let (settings, self_contained, faults) = read(source.text(), context);
    let problems = in_order(faults, &source);
    match settings {
        Some(settings) if problems.iter().all(|p| p.severity == Severity::Warning) => {
            Ok(Checked { settings, warnings: problems, self_contained })
        }
        Some(_) | None => Err(problems),
    }
}

/// The settings, if they can be made, whether the text alone makes them, and everything that is
/// wrong with it.
fn read(text: &str, context: &Context<'_>) -> (Option<Settings>, bool, Vec<Fault>) {
    let parsed = tree::parse(text);
    let mut faults = parsed.faults;
    let Some(root) = parsed.root else {
        return (None, true, faults);
    };
    let values = walk::walk(&root, context.home, &mut faults);
    if !parsed.complete {
        // What follows the broken place is missing, so nothing may be said about contradictions.
        return (None, true, faults);
    }
    let settings = build::build(&values, context, &mut faults);
    (settings, keys::SSH_CONFIG_FILE.given(&values).is_none(), faults)
}

fn in_order(mut faults: Vec<Fault>, source: &Source<'_>) -> Vec<Problem> {
    faults.sort_by_key(|fault| (fault.place().is_none(), fault.place()));
    faults.dedup();
    if faults.len() > MAX_PROBLEMS {
        let more = faults.len() - MAX_PROBLEMS;
        faults.truncate(MAX_PROBLEMS);
        faults.push(Fault::error(Code::More, format!("there are {more} more problems")));
    }
    faults.into_iter().map(|fault| fault.into_problem(source)).collect()
}

fn too_large(bytes: usize, source_name: &str) -> Problem {
    let message = format!("the file has {bytes} bytes; at most {MAX_BYTES} (1 MiB) are read");
    Fault::error(Code::TooLarge, message)
        .help("check that the path is the one of the configuration")
        .into_problem(&Source::new(source_name, ""))
}
