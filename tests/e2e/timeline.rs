//! One timeline of everything that is known, for a scenario that failed.

use std::path::Path;

use ananke::adapters::disk::history;
use ananke::model::record::LedgerRecord;
use jiff::Timestamp;

use crate::process::{Entry, Journal, wall};
use crate::site::Site;

/// Lines of a machine's journal; the end is where the failure is.
const JOURNAL_LINES: &str = "250";

/// Everything since `from`, in order of time.
pub(crate) fn timeline(site: &Site, state: &Path, journal: &Journal, from: Timestamp) -> String {
    let mut entries = journal.lock().map(|entries| entries.clone()).unwrap_or_default();
    match history(state, None) {
        Ok(history) => entries.extend(history.records.iter().flat_map(ledger)),
        Err(error) => {
            let text = format!("can't be read: {error}");
            entries.push(Entry { at: wall(), source: "ledger".to_owned(), text });
        }
    }
    // The jump host and ananke's own host have their part in what happened, too.
    for name in site.nodes_named().into_iter().chain(site.list("hosts")) {
        entries.extend(machine(site, &name, from));
    }
    entries.sort_by_key(|entry| entry.at);
    let mut text = String::new();
    for Entry { at, source, text: line } in entries {
        let at = at.strftime("%H:%M:%S%.3f");
        text += &format!("{at}  {source:<8}  {line}\n");
    }
    text
}

fn ledger(record: &LedgerRecord) -> Vec<Entry> {
    let seq = record.seq;
    let orders = record.orders.iter().map(|order| format!("order {order:?}"));
    let outcomes = record.outcomes.iter().map(|outcome| {
        let why = outcome.result.why().unwrap_or_default();
        format!("outcome {} {} {why}", outcome.action, outcome.result.word())
    });
    let begins = record.begin.iter().map(|action| format!("begin {} {}", action.id, action.effect));
    let lines: Vec<String> = orders.chain(outcomes).chain(begins).collect();
    let lines = if lines.is_empty() { vec!["memory".to_owned()] } else { lines };
    let entry = |line| Entry {
        at: record.at.wall,
        source: "ledger".to_owned(),
        text: format!("{seq}: {line}"),
    };
    lines.into_iter().map(entry).collect()
}

/// What a machine wrote down, also if it is off.
fn machine(site: &Site, node: &str, from: Timestamp) -> Vec<Entry> {
    let since = format!("@{}", from.as_second());
    let form = "short-unix";
    let answer = site.testbed(&["logs", node, "--since", &since, "-o", form, "-n", JOURNAL_LINES]);
    let entry = |line: &str| {
        let (at, text) = line.split_once(' ')?;
        let (seconds, rest) = at.split_once('.')?;
        let micros: i32 = rest.parse().ok()?;
        let at = Timestamp::new(seconds.parse().ok()?, micros * 1_000).ok()?;
        Some(Entry { at, source: node.to_owned(), text: text.to_owned() })
    };
    answer.out.lines().filter(|line| !is_ours(line)).filter_map(entry).collect()
}

/// The logins by which the test itself looks and breaks things.
fn is_ours(line: &str) -> bool {
    let login = line.contains(" sshd[") || line.contains(" sudo[");
    login && !line.contains("ananke")
}
