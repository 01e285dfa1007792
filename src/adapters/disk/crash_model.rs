//! A disk that loses power: what is not synced may be there, be gone, or be torn, and a change
//! of the directory may outlive one that was made before it.
//!
//! Weaker than ext4, which keeps directory changes in order; as weak as POSIX lets a file system
//! be (ALICE, OSDI 2014).

use std::collections::BTreeMap;
use std::path::Path;

use super::dir::Step;

/// A step that keeps its own data.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Create(String),
    Write {
        name: String,
        at: u64,
        bytes: Vec<u8>,
    },
    Cut {
        name: String,
        len: u64,
    },
    Sync(String),
    Rename {
        from: String,
        to: String,
    },
    Link {
        from: String,
        to: String,
    },
    Remove(String),
    SyncDir,
    /// Not a step: the record of this number was acknowledged.
    Acknowledged(u64),
}

impl From<Step<'_>> for Event {
    fn from(step: Step<'_>) -> Self {
        match step {
            Step::Create(name) => Self::Create(name.into()),
            Step::Write { name, at, bytes } => {
                Self::Write { name: name.into(), at, bytes: bytes.to_vec() }
            }
            Step::Cut { name, len } => Self::Cut { name: name.into(), len },
            Step::Sync(name) => Self::Sync(name.into()),
            Step::Rename { from, to } => Self::Rename { from: from.into(), to: to.into() },
            Step::Link { from, to } => Self::Link { from: from.into(), to: to.into() },
            Step::Remove(name) => Self::Remove(name.into()),
            Step::SyncDir => Self::SyncDir,
        }
    }
}

#[derive(Debug, Clone, Default)]
struct File {
    live: Vec<u8>,
    durable: Vec<u8>,
}

type Names = BTreeMap<String, usize>;

/// One change of the directory, with the file it is about.
#[derive(Debug, Clone)]
enum Change {
    Set(String, usize),
    Move { from: String, to: String, file: usize },
    Remove(String),
}

fn apply(names: &mut Names, change: &Change) {
    match change {
        Change::Set(name, file) => {
            names.insert(name.clone(), *file);
        }
        Change::Move { from, to, file } => {
            names.remove(from);
            names.insert(to.clone(), *file);
        }
        Change::Remove(name) => {
            names.remove(name);
        }
    }
}

/// A directory as it would be found after a crash.
pub(super) type State = BTreeMap<String, Vec<u8>>;

#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    files: Vec<File>,
    live: Names,
    durable: Names,
    pending: Vec<Change>,
}

impl Disk {
    /// Everything in `state` has long been durable.
    pub(super) fn holding(state: &State) -> Self {
        let mut disk = Self::default();
        for (name, bytes) in state {
            disk.live.insert(name.clone(), disk.files.len());
            disk.files.push(File { live: bytes.clone(), durable: bytes.clone() });
        }
        disk.durable = disk.live.clone();
        disk
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.live, &change);
        self.pending.push(change);
    }

    pub(super) fn step(&mut self, event: &Event) {
        match event {
            Event::Create(name) => {
                self.files.push(File::default());
                self.change(Change::Set(name.clone(), self.files.len() - 1));
            }
            Event::Write { name, at, bytes } => {
                let live = &mut self.files[self.live[name]].live;
                let at = usize::try_from(*at).unwrap();
                live.resize(live.len().max(at + bytes.len()), 0);
                live[at..at + bytes.len()].copy_from_slice(bytes);
            }
            Event::Cut { name, len } => {
                self.files[self.live[name]].live.truncate(usize::try_from(*len).unwrap());
            }
            Event::Sync(name) => {
                let file = &mut self.files[self.live[name]];
                file.durable = file.live.clone();
            }
            Event::Rename { from, to } => {
                let (from, to, file) = (from.clone(), to.clone(), self.live[from]);
                self.change(Change::Move { from, to, file });
            }
            Event::Link { from, to } => self.change(Change::Set(to.clone(), self.live[from])),
            Event::Remove(name) => self.change(Change::Remove(name.clone())),
            Event::SyncDir => {
                self.durable = self.live.clone();
                self.pending.clear();
            }
            Event::Acknowledged(_) => {}
        }
    }

    /// What is found when only the process was killed.
    pub(super) fn killed(&self) -> State {
        self.live.iter().map(|(name, at)| (name.clone(), self.files[*at].live.clone())).collect()
    }

    /// Every state that may be found after a power cut: each subset of the directory changes
    /// that are not synced, with each way of losing the data that is not.
    pub(super) fn after_power_cut(&self) -> Vec<State> {
        assert!(self.pending.len() <= 6, "{:?}", self.pending);
        let mut states = Vec::new();
        for subset in 0_u32..1 << self.pending.len() {
            let mut names = self.durable.clone();
            for (index, change) in self.pending.iter().enumerate() {
                if subset >> index & 1 == 1 {
                    apply(&mut names, change);
                }
            }
            for loss in LOSSES {
                let state = names.iter().map(|(n, at)| (n.clone(), loss(&self.files[*at])));
                states.push(state.collect());
            }
        }
        states.sort();
        states.dedup();
        states
    }
}

/// What is left of data that was not synced.
const LOSSES: [fn(&File) -> Vec<u8>; 7] = [
    |file| file.durable.clone(),
    |file| file.live.clone(),
    |file| torn(file, |new| new / 2, false),
    |file| torn(file, |new| new.saturating_sub(1), false),
    |file| torn(file, |new| new.min(512), false),
    |file| torn(file, |_| 0, true),
    |file| torn(file, |new| new / 2, true),
];

/// The first part of what was added; the rest is missing, or there as zeros.
fn torn(file: &File, keep: fn(usize) -> usize, zeros: bool) -> Vec<u8> {
    let old = file.durable.len();
    if file.live.len() <= old {
        return file.durable.clone();
    }
    let kept = old + keep(file.live.len() - old);
    let mut bytes = file.live[..kept].to_vec();
    if zeros {
        bytes.resize(file.live.len(), 0);
    }
    bytes
}

pub(super) fn read(dir: &Path) -> State {
    let entries = std::fs::read_dir(dir).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_name() != "ledger.lock");
    files
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

pub(super) fn write(dir: &Path, state: &State) {
    for (name, bytes) in state {
        std::fs::write(dir.join(name), bytes).unwrap();
    }
}
