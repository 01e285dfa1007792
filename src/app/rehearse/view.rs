//! What somebody sees who watches a rehearsal: a picture that is painted again and again on a
//! terminal, plain lines elsewhere.

use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::time::Instant;

use crate::app::progress;
use crate::model::record::TickRecord;
use crate::model::time::Span;
use crate::ports::Clock as _;
use crate::report::{Account, Actor, Ending, Picture, happening, picture};
use crate::sim::faces::Stage;
use crate::sim::faces::driver::word;
use crate::sim::scenario::look::{Entry, Look, Who};
use crate::sim::scenario::{Run, Scenario};

/// Painted no more often than this: a slow line must keep up.
const SHORTEST: Span = Span::millis(100);

/// The height that is used where the terminal does not tell.
const HEIGHT: usize = 24;

/// Who watches.
pub(super) struct View {
    scenario: String,
    speed: NonZeroU32,
    /// Whether anything is shown.
    on: bool,
    /// Whether it is a terminal.
    live: bool,
    began: Instant,
    painted: Option<Instant>,
    /// Lines of the last picture.
    lines: usize,
    /// Entries of the timeline that were shown.
    seen: usize,
    happened: Vec<String>,
    record: Option<Arc<TickRecord>>,
    /// For the words at the end, whether anything is shown meanwhile or not.
    account: Account,
}

impl View {
    pub(super) fn new(scenario: &Scenario, speed: NonZeroU32, on: bool, live: bool) -> Self {
        Self {
            scenario: scenario.name.clone(),
            speed,
            on,
            live,
            began: Instant::now(),
            painted: None,
            lines: 0,
            seen: 0,
            happened: Vec::new(),
            record: None,
            account: Account::default(),
        }
    }

    /// Shows how things stand.
    pub(super) fn show(&mut self, run: &Run, look: &Look, stage: &Stage) {
        self.account.see(stage.clock().mono(), &look.ledger, &look.ticks);
        if !self.on {
            return;
        }
        if let Some(record) = look.ticks.last() {
            self.record = Some(Arc::clone(record));
        }
        let new = lines(&run.timeline()[self.seen..]);
        self.seen = run.timeline().len();
        if !self.live {
            progress::print(&new);
            return;
        }
        self.happened.extend(new);
        let due = |at: Instant| at.elapsed() >= SHORTEST.to_std();
        if self.painted.is_none_or(due) {
            self.paint(stage);
        }
    }

    fn paint(&mut self, stage: &Stage) {
        let actors = stage.with(|world| {
            let names = world.site().machines.keys();
            let actor = |name: &crate::model::ids::MachineName| Actor {
                name: name.to_string(),
                state: word(&world.view(name)),
            };
            names.map(actor).collect::<Vec<_>>()
        });
        let text = picture(&Picture {
            scenario: &self.scenario,
            world: Span::millis(stage.clock().now().mono.0),
            here: self.here(),
            speed: self.speed.get(),
            actors: &actors,
            record: self.record.as_deref(),
            happened: &self.happened,
            height: height(),
        });
        let mut out = std::io::stdout().lock();
        // Up to where the last picture began, and clear from there (ECMA-48: CPL, ED).
        let up = if self.lines > 0 { format!("\x1b[{}F\x1b[J", self.lines) } else { String::new() };
        self.lines = text.lines().count();
        // A terminal that went away stops nothing.
        drop(writeln!(out, "{up}{text}").and_then(|()| out.flush()));
        self.painted = Some(Instant::now());
    }

    /// The time since it began, on this host.
    fn here(&self) -> Span {
        Span::millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// What is to be told at the end. `again` is the command that shows the same again.
    pub(super) fn ending(&self, again: String) -> Ending {
        self.account.ending(self.here(), again)
    }

    /// Leaves everything that happened on the terminal.
    pub(super) fn close(&mut self) {
        if self.live && self.lines > 0 {
            drop(write!(std::io::stdout().lock(), "\x1b[{}F\x1b[J", self.lines));
            self.lines = 0;
            progress::print(&self.happened);
        }
    }
}

/// Joining is a matter of seconds, and there are many machines.
fn is_told(entry: &Entry) -> bool {
    !matches!(&entry.who, Who::Machine(_)) || !matches!(entry.text.as_str(), "joining" | "idle")
}

/// A line for each thing that happened; machines that did the same at once share one.
fn lines(entries: &[Entry]) -> Vec<String> {
    let mut lines = Vec::new();
    let told: Vec<&Entry> = entries.iter().filter(|entry| is_told(entry)).collect();
    let alike = |a: &&Entry, b: &&Entry| is_machine(a) && is_machine(b) && a.text == b.text;
    for same in told.chunk_by(alike) {
        let Some(first) = same.first() else { continue };
        lines.push(match (&first.who, same) {
            (Who::Fate, _) => happening(first.at, "fate", &first.text),
            (Who::Ananke, _) => happening(first.at, "ananke", &first.text),
            (Who::Machine(name), [_]) => {
                happening(first.at, "machine", &format!("{name} {}", first.text))
            }
            (Who::Machine(name), _) => {
                let more = same.len() - 1;
                let text = format!("{name} and {more} more {}", first.text);
                happening(first.at, "machine", &text)
            }
        });
    }
    lines
}

const fn is_machine(entry: &Entry) -> bool {
    matches!(entry.who, Who::Machine(_))
}

fn height() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    size.map_or(HEIGHT, |size| usize::from(size.ws_row)).max(10)
}
