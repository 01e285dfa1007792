//! ananke's own disk: the ledger, the flight recorder, the files that people read, and whether
//! the disk takes records at all.
//!
//! What lies in the state directory (0700, files 0600):
//!
//! | file | what it is |
//! | --- | --- |
//! | `ledger.jsonl` | the write-ahead record; `jq .record ledger.jsonl` reads it |
//! | `ledger.jsonl.bak` | the generation before it |
//! | `ledger.jsonl.damaged` | a ledger that could not be read, kept for a person |
//! | `ledger.lock` | held by the one loop; its process id is inside |
//! | `ledger.marker` | says that this is not a first start, should the ledger be gone |
//! | `ticks.jsonl`, `ticks.jsonl.1` to `.3` | the flight recorder, newest first |
//! | `intent.json`, `startup-progress.json`, `last-startup-report.json`, `runs.json` | for people |
//! | `*.new` | a file that was being written when the process ended; overwritten by the next |

mod dir;
mod files;
mod health;
mod history;
mod ledger;
mod lines;
mod recorder;
mod recover;
mod ticks;

#[cfg(test)]
mod crash_model;
#[cfg(test)]
mod crash_tests;

pub use files::{IntentFile, JsonFiles, Kept, PeopleFile, SCHEMA, Written};
pub use health::{DiskHealth, probe};
pub use history::{History, history};
pub use ledger::FileLedger;
pub use recorder::FileRecorder;
pub use recover::OpenError;
pub use ticks::{TickReadError, TickReader, tick_files};
