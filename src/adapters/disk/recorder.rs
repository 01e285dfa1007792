//! The flight recorder: what went into each tick and what came out, for `replay`.
//!
//! A ring of files, never synced, may be lost. A tick that decided nothing new is left out; each
//! one that is kept stands on its own, so `replay` needs no neighbour of it.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::model::assessment::Finding;
use crate::model::plan::Held;
use crate::model::record::TickRecord;
use crate::model::verdict::Verdict;
use crate::ports::Recorder;

use super::dir::StateDir;

/// The ring: this many files of this many bytes, 16 MiB in all: about 250 full ticks of a cluster
/// of 25 nodes, which is an episode of an hour and many quiet days.
pub(super) const FILES: u32 = 4;
const FILE_MAX: u64 = 4 << 20;

/// The longest line, in bytes. A tick of 25 nodes and 300 pods has at most 64 kB.
pub(super) const LINE_MAX: usize = 1 << 20;

/// Of ticks that decide the same, every sixtieth is kept: the observations under them move on.
const KEEP_EVERY: u32 = 60;

pub(super) fn file_name(index: u32) -> String {
    if index == 0 { "ticks.jsonl".to_owned() } else { format!("ticks.jsonl.{index}") }
}

/// Keeps ticks on disk.
#[derive(Debug)]
pub struct FileRecorder {
    dir: StateDir,
    file_max: u64,
    /// The file and its length; opened at the first tick, and anew after an error.
    open: Option<(File, u64)>,
    /// The checksum of what the last kept tick decided.
    last: Option<u32>,
    left_out: u32,
    dropped: u64,
    broken: bool,
}

impl FileRecorder {
    /// For the directory of an open ledger. Touches nothing until the first tick.
    pub fn new(dir: &Path) -> Self {
        Self::with_size(dir, FILE_MAX)
    }

    fn with_size(dir: &Path, file_max: u64) -> Self {
        Self {
            dir: StateDir::at(dir),
            file_max,
            open: None,
            last: None,
            left_out: 0,
            dropped: 0,
            broken: false,
        }
    }

    /// How many ticks were lost because the disk did not take them.
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let (mut file, mut len) = match self.open.take() {
            Some(open) => open,
            None => self.open_current()?,
        };
        if len > 0 && len + line.len() as u64 > self.file_max {
            self.turn()?;
            (file, len) = self.open_current()?;
        }
        self.dir.write(&file, &file_name(0), len, line)?;
        self.open = Some((file, len + line.len() as u64));
        Ok(())
    }

    /// A line that was torn by an end of the process is closed, so that the next one is whole.
    fn open_current(&self) -> io::Result<(File, u64)> {
        let name = file_name(0);
        let file = self.dir.open_or_create(&name)?;
        let len = file.metadata()?.len();
        let mut last = [b'\n'];
        if len > 0 {
            std::os::unix::fs::FileExt::read_exact_at(&file, &mut last, len - 1)?;
        }
        if last == *b"\n" {
            return Ok((file, len));
        }
        self.dir.write(&file, &name, len, b"\n")?;
        Ok((file, len + 1))
    }

    fn turn(&self) -> io::Result<()> {
        for index in (0..FILES - 1).rev() {
            let from = file_name(index);
            if self.dir.has(&from)? {
                self.dir.rename(&from, &file_name(index + 1))?;
            }
        }
        Ok(())
    }

    /// Whether the tick says what the last one said. Anything that acts, learns durably or
    /// shouts is always kept.
    fn says_nothing_new(&mut self, tick: &TickRecord, gist: u32) -> bool {
        let quiet = tick.decision.plan.steps.is_empty()
            && tick.decision.alarms.is_empty()
            && tick.input.outcomes.is_empty()
            && tick.input.request.orders.is_empty()
            && tick.input.memory.durable == tick.decision.memory.durable;
        let same = self.last.replace(gist) == Some(gist);
        if quiet && same && self.left_out + 1 < KEEP_EVERY {
            self.left_out += 1;
            return true;
        }
        self.left_out = 0;
        false
    }
}

impl Recorder for FileRecorder {
    fn keep(&mut self, tick: &Arc<TickRecord>) {
        let written = gist(tick).and_then(|gist| {
            if self.says_nothing_new(tick, gist) {
                return Ok(());
            }
            let mut line = serde_json::to_vec(tick.as_ref())?;
            line.push(b'\n');
            if line.len() > LINE_MAX {
                return Err(io::Error::other(format!("a tick of {} bytes", line.len())));
            }
            self.write(&line)
        });
        match written {
            Ok(()) if self.broken => {
                self.broken = false;
                tracing::info!(dropped = self.dropped, "the flight recorder works again");
            }
            Ok(()) => {}
            Err(error) => {
                self.dropped += 1;
                // The next tick is kept whatever it says: this one is missing.
                self.last = None;
                if !self.broken {
                    self.broken = true;
                    tracing::warn!(%error, "the flight recorder keeps no ticks for now");
                }
            }
        }
    }
}

/// A checksum of what a tick decided, without anything that only counts time.
fn gist(tick: &TickRecord) -> io::Result<u32> {
    let TickRecord { version, input, decision, .. } = tick;
    let request = (input.request.verb, input.request.execute);
    let head = (version, &input.policy, request, decision.phase);
    let mut hash = crc32fast::Hasher::new();
    hash.update(&serde_json::to_vec(&head)?);
    for missing in &decision.assessment.missing {
        hash.update(format!("\nmissing {} {}", missing.machine, missing.gate).as_bytes());
    }
    for gate in &decision.assessment.gates {
        hash.update(format!("\ngate {} {}", gate.id, gate.state.word()).as_bytes());
        for Finding { check, target, verdict, .. } in &gate.findings {
            hash.update(format!("\n{check} {target} {}", kind(verdict)).as_bytes());
        }
    }
    for Held { gate, remedy, target, hold, .. } in &decision.plan.held {
        hash.update(format!("\nheld {gate} {remedy} {target} {}", hold.name()).as_bytes());
    }
    Ok(hash.finalize())
}

/// The kind of a verdict. Its words are left out: they often hold a length of time.
const fn kind(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Settling { .. } => "settling",
        Verdict::Fail { .. } => "fail",
        Verdict::Unknown { .. } => "unknown",
        Verdict::Skipped { .. } => "skipped",
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::ticks::{TickReadError, TickReader, tick_files};
    use super::*;
    use crate::model::assessment::Phase;
    use crate::model::tick::Order;
    use crate::replay::samples;

    fn read(files: &[PathBuf]) -> Vec<Result<TickRecord, TickReadError>> {
        files.iter().flat_map(|file| TickReader::open(file).unwrap()).collect()
    }

    fn numbers(dir: &Path) -> Vec<u64> {
        let ticks = read(&tick_files(dir)).into_iter();
        ticks.map(|tick| tick.unwrap().input.memory.passing.tick).collect()
    }

    #[test]
    fn what_is_kept_reads_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        FileRecorder::new(dir.path()).keep(&samples::tick(1).into());
        let ticks = read(&tick_files(dir.path()));
        assert_eq!(ticks.len(), 1);
        assert_eq!(*ticks[0].as_ref().unwrap(), samples::tick(1));
    }

    #[test]
    fn ticks_that_decide_nothing_new_are_left_out_and_news_never() {
        let dir = tempfile::tempdir().unwrap();
        let mut recorder = FileRecorder::new(dir.path());
        let change = |number: u64| {
            let mut tick = samples::tick(number);
            match number {
                5 => tick.input.request.orders.push(Order::Resume { by: "brad".into() }),
                7 => tick.decision.memory.durable.last_action = 1,
                9.. => tick.decision.phase = Phase::Converged,
                _ => {}
            }
            tick
        };
        for number in 1..=9 + u64::from(KEEP_EVERY) {
            recorder.keep(&change(number).into());
        }
        assert_eq!(numbers(dir.path()), [1, 5, 7, 9, 9 + u64::from(KEEP_EVERY)]);
    }

    #[test]
    fn the_ring_is_bounded_and_keeps_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let (size, mut total) = (20_000, 0);
        let mut recorder = FileRecorder::with_size(dir.path(), size);
        for number in 0..200 {
            let mut tick = samples::tick(number);
            tick.decision.memory.durable.last_action = number + 1;
            recorder.keep(&tick.into());
            let files = tick_files(dir.path());
            total = files.iter().map(|file| file.metadata().unwrap().len()).sum();
            assert!(total <= u64::from(FILES) * size, "{number}: {total}");
        }
        assert!(total > u64::from(FILES - 1) * size / 2);
        let kept = numbers(dir.path());
        assert_eq!(kept, (kept[0]..200).collect::<Vec<_>>());
    }

    #[test]
    fn a_torn_line_costs_itself_only() {
        let dir = tempfile::tempdir().unwrap();
        FileRecorder::new(dir.path()).keep(&samples::tick(1).into());
        let path = dir.path().join(file_name(0));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        FileRecorder::new(dir.path()).keep(&samples::tick(2).into());
        let ticks = read(&tick_files(dir.path()));
        assert!(matches!(ticks[0], Err(TickReadError::Garbled { line: 1, .. })));
        assert_eq!(*ticks[1].as_ref().unwrap(), samples::tick(2));
    }

    #[test]
    fn long_and_future_lines_are_named_and_read_past() {
        let mut text = vec![b'x'; LINE_MAX + 1];
        text.extend(b"\n{\"format\":9,\"what\":1}\n");
        text.extend(serde_json::to_vec(&samples::tick(3)).unwrap());
        let ticks: Vec<_> = TickReader::new(text.as_slice()).collect();
        assert!(matches!(ticks[0], Err(TickReadError::TooLong { line: 1 })));
        assert!(matches!(ticks[1], Err(TickReadError::Future { line: 2, found: 9 })));
        assert_eq!(*ticks[2].as_ref().unwrap(), samples::tick(3));
        assert_eq!(ticks.len(), 3);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_counted_and_got_over() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        let mut recorder = FileRecorder::new(&gone);
        recorder.keep(&samples::tick(1).into());
        recorder.keep(&samples::tick(2).into());
        assert_eq!(recorder.dropped(), 2);
        std::fs::create_dir(&gone).unwrap();
        recorder.keep(&samples::tick(3).into());
        assert_eq!(numbers(&gone), [3]);
    }
}
