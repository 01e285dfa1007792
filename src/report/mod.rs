//! The only place that words what the user reads. Everything here is a pure function of one
//! recorded tick, so that the terminal, the journal, the files and the socket say the same.

mod alarm;
mod certificates;
mod deeds;
mod ending;
mod event;
mod explain;
mod files;
mod history;
mod metrics;
mod nut_traps;
mod page;
mod peers;
mod plan;
mod power;
mod recovery_status;
mod rehearsal;
mod runs;
mod shutdown;
mod status;
mod summary;
mod text;
mod why;

pub use alarm::{alarm_text, at_the_end};
pub use deeds::Deeds;
pub use ending::{Account, Ending, ending_text};
pub use event::{Event, event_object, events};
pub use explain::{Declaration, Topic, explain, explain_text};
pub use files::{FileAbout, files, files_text, schema_of};
pub use history::{History, history, history_text};
pub use metrics::{METRICS, METRICS_TYPE, Metric, Tally, metrics};
pub use nut_traps::nut_traps;
pub use page::page;
pub use peers::peer_facts;
pub use plan::plan_text;
pub use power::UpsLine;
pub use recovery_status::{Anchor, Context, crd, crd_yaml, pace, recovery_status};
pub use rehearsal::{Actor, Picture, happening, picture};
pub use runs::fold_run;
pub use shutdown::{ShutdownReport, StageLine, shutdown_report};
pub use status::{acting_line, headline, status_text};
pub use summary::{
    ActionLine, GateLine, HeldLine, ManualLine, ResultWord, Summary, action_line, summary,
};
pub use why::{WhyError, why_text};

use std::collections::BTreeMap;

use crate::model::ids::MachineName;
use crate::model::plan::Missing;
use crate::model::record::TickRecord;
use crate::model::situation::Situation;

/// The machines that were given up in a recorded tick, by name.
fn missing(record: &TickRecord) -> BTreeMap<MachineName, Missing> {
    let missing = record.decision.assessment.missing.iter();
    missing.map(|missing| (missing.machine.clone(), missing.clone())).collect()
}

/// The situation after a recorded tick, as checks and remedies see it.
fn situation<'a>(
    record: &'a TickRecord,
    missing: &'a BTreeMap<MachineName, Missing>,
) -> Situation<'a> {
    Situation {
        now: record.input.now.mono,
        wall: record.input.now.wall,
        wall_trusted: record.input.now.wall_trusted,
        policy: &record.input.policy,
        request: &record.input.request,
        seen: &record.input.observation,
        durable: &record.decision.memory.durable,
        passing: &record.decision.memory.passing,
        power: &record.decision.power,
        standing: &record.decision.standing,
        missing,
    }
}
