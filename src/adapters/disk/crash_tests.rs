//! The ledger at every system call: killed there, cut from power there, refused there.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::crash_model::{Disk, Event, State, read, write};
use super::dir::{StateDir, Step};
use super::history::history;
use super::ledger::FileLedger;
use super::lines::scan;
use super::recover::{BACKUP, LEDGER, MARKER, OpenError};
use crate::model::record::{FORMAT, LedgerRecord};
use crate::ports::{Ledger, Recovered};
use crate::replay::samples::{CLUSTER, durable, moment};

/// Some three records, so that a few appends begin several generations.
const SMALL: u64 = 4_000;

fn record(seq: u64) -> LedgerRecord {
    let mut memory = durable();
    memory.last_action = seq;
    memory.intent.reason = "x".repeat(600);
    LedgerRecord {
        format: FORMAT,
        seq,
        at: moment(seq),
        cluster: CLUSTER.into(),
        orders: Vec::new(),
        outcomes: Vec::new(),
        begin: Vec::new(),
        memory,
    }
}

/// The states are made by hand, so it does not matter which file system holds them.
fn temp() -> TempDir {
    let shm = Path::new("/dev/shm");
    if shm.is_dir() { TempDir::new_in(shm) } else { TempDir::new() }.unwrap()
}

fn open(dir: &Path) -> Result<(FileLedger, Recovered), OpenError> {
    FileLedger::open_in(StateDir::at(dir), CLUSTER, SMALL)
}

/// The number of the record that is in force; 0 if none ever was.
fn in_force(recovered: &Recovered) -> u64 {
    recovered.memory.as_ref().map_or(0, |memory| memory.last_action)
}

type Log = Arc<Mutex<Vec<Event>>>;

fn tap(
    log: &Log,
    refuse: impl Fn(usize, Step<'_>) -> io::Result<()> + Send + Sync + 'static,
) -> Box<dyn Fn(Step<'_>) -> io::Result<()> + Send + Sync> {
    let log = Arc::clone(log);
    let count = Mutex::new(0);
    Box::new(move |step| {
        let mut count = count.lock().unwrap();
        *count += 1;
        refuse(*count - 1, step)?;
        log.lock().unwrap().push(Event::from(step));
        Ok(())
    })
}

/// Opens what `initial` holds and appends so many records.
fn run(initial: &State, appends: u64) -> Vec<Event> {
    let (dir, log) = (temp(), Log::default());
    write(dir.path(), initial);
    let tapped = StateDir::tapped(dir.path(), tap(&log, |_, _| Ok(())));
    let (mut ledger, recovered) = FileLedger::open_in(tapped, CLUSTER, SMALL).unwrap();
    log.lock().unwrap().push(Event::Acknowledged(in_force(&recovered)));
    for _ in 0..appends {
        let seq = ledger.next_seq();
        ledger.append(&record(seq)).unwrap();
        log.lock().unwrap().push(Event::Acknowledged(seq));
    }
    log.lock().unwrap().clone()
}

/// Opens a state, checks that it holds the last acknowledged record or the next, and goes on.
fn survives(state: &State, acknowledged: u64, sound: bool, what: &str) {
    let dir = temp();
    write(dir.path(), state);
    let opened = open(dir.path());
    let (mut ledger, recovered) = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = in_force(&recovered);
    assert!(found == acknowledged || found == acknowledged + 1, "{what}: {found}");
    if sound {
        assert_eq!(ledger.behind(), None, "{what}");
    }
    assert_eq!(ledger.next_seq(), found + 1, "{what}");
    // Shorter than what may have been torn: nothing of that may be left behind it.
    let mut short = record(found + 1);
    short.memory.intent.reason.clear();
    ledger.append(&short).unwrap();
    drop(ledger);
    let (ledger, recovered) = open(dir.path()).unwrap();
    assert_eq!((in_force(&recovered), recovered.notes.len()), (found + 1, 0), "{what}");
    drop(ledger);
    let seqs: Vec<u64> =
        history(dir.path(), Some(CLUSTER)).unwrap().records.iter().map(|r| r.seq).collect();
    if sound {
        assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{what}: {seqs:?}");
    }
    assert_eq!(seqs.last(), Some(&(found + 1)), "{what}");
}

/// Stops at every step. Returns how many states were opened.
fn enumerate(initial: &State, appends: u64, floor: u64, sound: bool) -> usize {
    let (mut disk, mut acknowledged, mut states) = (Disk::holding(initial), floor, 0);
    for (index, event) in run(initial, appends).iter().enumerate() {
        disk.step(event);
        if let Event::Acknowledged(seq) = event {
            assert!(*seq >= acknowledged, "{seq} after {acknowledged}");
            acknowledged = *seq;
        }
        let what = format!("after step {index} ({event:.60?})");
        survives(&disk.killed(), acknowledged, sound, &format!("killed {what}"));
        for state in disk.after_power_cut() {
            survives(&state, acknowledged, sound, &format!("power cut {what}"));
            states += 1;
        }
        states += 1;
    }
    states
}

fn after(appends: u64) -> State {
    let dir = temp();
    let (mut ledger, _) = open(dir.path()).unwrap();
    for seq in 1..=appends {
        ledger.append(&record(seq)).unwrap();
    }
    read(dir.path())
}

#[test]
fn a_crash_at_any_step_of_a_ledgers_life_loses_nothing_acknowledged() {
    let states = enumerate(&State::new(), 9, 0, true);
    assert!(states > 200, "only {states} states were looked at");
}

#[test]
fn a_crash_while_a_torn_record_is_mended_loses_nothing() {
    let mut state = after(6);
    let ledger = state.get_mut(LEDGER).unwrap();
    ledger.truncate(ledger.len() - 40);
    enumerate(&state, 4, 5, true);
}

#[test]
fn a_crash_while_a_damaged_record_is_mended_loses_nothing() {
    let mut state = after(6);
    let ledger = state.get_mut(LEDGER).unwrap();
    let first = scan(ledger).entries[0].line.clone();
    ledger[first.start + 200] ^= 4;
    enumerate(&state, 4, 6, false);
}

#[test]
fn a_crash_while_the_generation_before_is_put_in_force_loses_nothing_more() {
    for spoil in [|bytes: &mut Vec<u8>| bytes.clear(), |bytes: &mut Vec<u8>| bytes.fill(b'?')] {
        let mut state = after(6);
        let before = scan(&state[BACKUP]).entries.last().unwrap().seq;
        spoil(state.get_mut(LEDGER).unwrap());
        enumerate(&state, 4, before, false);
    }
}

#[test]
fn a_ledger_cut_at_any_byte_of_its_last_record_gives_the_record_before_it() {
    let state = after(2);
    let last = scan(&state[LEDGER]).entries[1].line.clone();
    for len in last.start..=last.end {
        let (dir, mut cut) = (temp(), state.clone());
        cut.get_mut(LEDGER).unwrap().truncate(len);
        write(dir.path(), &cut);
        let (ledger, recovered) = open(dir.path()).unwrap();
        let whole = len == last.end;
        assert_eq!(in_force(&recovered), if whole { 2 } else { 1 }, "{len}");
        assert_eq!(recovered.notes.len(), usize::from(!whole && len > last.start), "{len}");
        assert_eq!(ledger.behind(), None, "{len}");
    }
}

#[test]
fn a_flipped_byte_anywhere_is_named_and_never_a_first_start() {
    let state = after(2);
    let entries = scan(&state[LEDGER]).entries;
    let (first, last) = (entries[0].line.clone(), entries[1].line.clone());
    for at in 0..last.end {
        let (dir, mut flipped) = (temp(), state.clone());
        flipped.get_mut(LEDGER).unwrap()[at] ^= 1;
        write(dir.path(), &flipped);
        // A line that lost its newline takes the next one with it.
        if at + 1 == first.end {
            let error = open(dir.path()).unwrap_err();
            assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
            continue;
        }
        let (ledger, recovered) = open(dir.path()).unwrap();
        let expected = if at >= last.start { 1 } else { 2 };
        assert_eq!(in_force(&recovered), expected, "{at}");
        assert_eq!(recovered.notes.len(), 1, "{at}");
        let torn = at + 1 == last.end;
        assert_eq!(ledger.behind().is_some(), at >= last.start && !torn, "{at}");
    }
}

/// Refuses some steps, tries each append until it is taken, and checks what is on the disk.
fn refuse(initial: &State, refused: impl Fn(usize) -> bool + Send + Sync + 'static) {
    let (dir, log) = (temp(), Log::default());
    write(dir.path(), initial);
    let spoiled = Arc::new(Mutex::new(false));
    let watched = Arc::clone(&spoiled);
    let tap = tap(&log, move |index, step| {
        let mut spoiled = watched.lock().unwrap();
        let touches = matches!(step, Step::Write { name: LEDGER, .. } | Step::Sync(LEDGER));
        assert!(!(touches && *spoiled), "a file that failed is used again: {index}");
        if matches!(step, Step::Rename { to: LEDGER, .. }) {
            *spoiled = false;
        }
        if !refused(index) {
            return Ok(());
        }
        *spoiled |= touches;
        Err(io::Error::from_raw_os_error(5))
    });
    let tapped = StateDir::tapped(dir.path(), tap);
    let Ok((mut ledger, recovered)) = FileLedger::open_in(tapped, CLUSTER, SMALL) else {
        let (_, recovered) = open(dir.path()).unwrap();
        assert_eq!(in_force(&recovered), 0);
        return;
    };
    let mut acknowledged = in_force(&recovered);
    for seq in acknowledged + 1..acknowledged + 8 {
        assert_eq!(ledger.next_seq(), seq);
        for _ in 0..4 {
            let taken = ledger.append(&record(seq)).is_ok();
            survives(&read(dir.path()), acknowledged, true, &format!("record {seq}"));
            if taken {
                acknowledged = seq;
                break;
            }
        }
        assert_eq!(acknowledged, seq, "not taken after the disk was good again");
    }
}

#[test]
fn a_refusal_at_any_step_loses_nothing_and_is_got_over() {
    let steps = run(&State::new(), 7).len();
    for at in 0..steps {
        refuse(&State::new(), move |index| index == at);
        refuse(&State::new(), move |index| (at..at + 3).contains(&index));
    }
}

#[test]
fn a_ledger_that_is_gone_is_not_a_first_start() {
    let whole = after(2);
    for trace in [MARKER, "intent.json", "runs.json", "last-startup-report.json"] {
        let dir = temp();
        std::fs::write(dir.path().join(trace), &whole[MARKER]).unwrap();
        let error = open(dir.path()).unwrap_err();
        assert!(matches!(&error, OpenError::Lost { seen, .. } if seen == &[trace]), "{error}");
    }
    let dir = temp();
    std::fs::write(dir.path().join("config.last-good.yaml"), "").unwrap();
    assert!(open(dir.path()).unwrap().1.memory.is_none());
}

#[test]
fn a_ledger_deleted_while_in_use_is_written_anew() {
    let dir = temp();
    let (mut ledger, _) = open(dir.path()).unwrap();
    ledger.append(&record(1)).unwrap();
    std::fs::remove_file(dir.path().join(LEDGER)).unwrap();
    ledger.append(&record(2)).unwrap();
    drop(ledger);
    assert_eq!(in_force(&open(dir.path()).unwrap().1), 2);
}

#[test]
fn what_does_not_follow_is_refused_and_changes_nothing() {
    let dir = temp();
    let (mut ledger, _) = open(dir.path()).unwrap();
    let mut foreign = record(1);
    foreign.cluster = "other".into();
    let mut huge = record(1);
    huge.memory.intent.reason = "x".repeat(5 << 20);
    for wrong in [record(2), foreign, huge] {
        assert!(ledger.append(&wrong).is_err());
    }
    ledger.append(&record(1)).unwrap();
    assert_eq!(ledger.next_seq(), 2);
}
