//! `ananke replay`: decides recorded ticks again, or checks the ledger against the rules.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::failure::{Ended, Failure};
use super::load::Loaded;
use super::words;
use crate::adapters::disk::{TickReader, history, tick_files};
use crate::cli::{Format, print_data, print_text};
use crate::decide::{LIBRARY, tick};
use crate::remedies;
use crate::replay::{replay as again, verify};

/// What a replay found.
#[derive(Debug, Serialize)]
struct Found {
    result: &'static str,
    checked: usize,
    differences: Vec<String>,
    notes: Vec<String>,
}

/// Replays a file of ticks, or those of the state directory; or verifies the ledger.
pub(super) fn replay(
    loaded: Result<Loaded, Failure>,
    file: Option<PathBuf>,
    verify: bool,
    format: Format,
) -> Result<Ended, Failure> {
    let found = match (file, verify) {
        (Some(path), false) => ticks(&[path])?,
        (None, false) => ticks(&tick_files(&loaded?.settings.state_dir))?,
        (Some(dir), true) => ledger(&dir, None)?,
        (None, true) => {
            let settings = loaded?.settings;
            ledger(&settings.state_dir, Some(&settings.policy.cluster))?
        }
    };
    print(&found, verify, format)?;
    if found.differences.is_empty() {
        Ok(Ended::GOOD)
    } else {
        Err(Failure::Failed(format!("{} differences", found.differences.len())))
    }
}

fn ticks(files: &[PathBuf]) -> Result<Found, Failure> {
    let (mut checked, mut differences, mut notes) = (0, Vec::new(), Vec::new());
    for path in files {
        let named = path.display();
        let reader =
            TickReader::open(path).map_err(|error| Failure::Usage(format!("{named}: {error}")))?;
        for record in reader {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    notes.push(format!("{named}: {}", words::chain(&error)));
                    continue;
                }
            };
            checked += 1;
            if let Some(difference) = again(&record, |input| tick(&LIBRARY, input)) {
                let at = record.input.memory.passing.tick;
                differences
                    .push(format!("{named}: tick {at} (by {}):\n{difference}", record.version));
            }
        }
    }
    if checked == 0 {
        return Err(Failure::Failed("there is no recorded tick to replay".to_owned()));
    }
    let result = if differences.is_empty() { "equal" } else { "different" };
    Ok(Found { result, checked, differences, notes })
}

fn ledger(dir: &Path, cluster: Option<&str>) -> Result<Found, Failure> {
    let history = history(dir, cluster).map_err(|error| Failure::of(&error))?;
    let violations = verify(&history.records, &remedies::budget);
    let differences: Vec<String> = violations
        .iter()
        .map(|violation| {
            format!("record {}: {}: {}", violation.seq, violation.rule, violation.text)
        })
        .collect();
    let result = if differences.is_empty() { "clean" } else { "violated" };
    Ok(Found { result, checked: history.records.len(), differences, notes: history.notes })
}

fn print(found: &Found, verify: bool, format: Format) -> Result<(), Failure> {
    let printed = if format == Format::Text {
        let what = if verify { "ledger records" } else { "ticks" };
        let mut lines = vec![format!("{}: {} {what}", found.result, found.checked)];
        lines.extend(found.differences.iter().cloned());
        lines.extend(found.notes.iter().map(|note| format!("note: {note}")));
        print_text(&lines.join("\n"))
    } else {
        print_data(format, found)
    };
    printed.map_err(|error| Failure::Failed(words::chain(&error)))
}
