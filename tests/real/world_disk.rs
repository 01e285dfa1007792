//! ananke's disk in memory, held against the real ledger on a real file system: the same script
//! for both, and the same answers. How many old records are kept is the file's own business, and
//! so is which directory it belongs to (`disk.rs` has both).
//!
//! Needs root, for mounting a small tmpfs.

use std::fs::{self, File};
use std::io::Write;

use ananke::adapters::disk::FileLedger;
use ananke::decide::{LIBRARY, obeyed};
use ananke::model::memory::Durable;
use ananke::model::record::{FORMAT, LedgerRecord};
use ananke::model::tick::Order;
use ananke::model::time::Moment;
use ananke::ports::{Ledger, LedgerError};
use ananke::sim::faces::memory::{Disk, Fuse, MemoryLedger};

use crate::disk::{CLUSTER, Mount, record};

/// More than the file reserves ahead of its end: a full disk has no room for it.
const LARGE: usize = 300_000;

/// A disk with a ledger, and the loop that may have it open.
trait Store {
    /// A loop begins: what it remembers.
    fn begin(&mut self) -> Durable;
    /// It ends.
    fn end(&mut self);
    /// The ledger of the loop that runs.
    fn ledger(&mut self) -> &mut dyn Ledger;
    /// There is no room any more, or there is again.
    fn fill(&mut self, full: bool);
    /// The newest record is lost, though it was acknowledged. No loop runs.
    fn lose_newest(&mut self);
    /// A person says something while no loop runs.
    fn order(&mut self, order: Order);
}

fn now() -> Moment {
    record(1, 0).at
}

#[derive(Default)]
struct InMemory {
    disk: Disk,
    ledger: Option<MemoryLedger>,
}

impl Store for InMemory {
    fn begin(&mut self) -> Durable {
        self.ledger = Some(self.disk.ledger(Fuse::never()));
        self.disk.remembered(&now())
    }

    fn end(&mut self) {
        self.ledger = None;
    }

    fn ledger(&mut self) -> &mut dyn Ledger {
        self.ledger.as_mut().expect("a loop runs")
    }

    fn fill(&mut self, full: bool) {
        self.disk.fill(full);
    }

    fn lose_newest(&mut self) {
        self.disk.lose(1);
    }

    fn order(&mut self, order: Order) {
        self.disk.obey(order, now(), CLUSTER).expect("there is room");
    }
}

struct OnDisk {
    mount: Mount,
    ledger: Option<FileLedger>,
}

impl Store for OnDisk {
    /// As the program begins.
    fn begin(&mut self) -> Durable {
        let opened = FileLedger::open(self.mount.path(), CLUSTER);
        let (ledger, recovered) = opened.expect("nothing stands against it");
        let mut memory = recovered.memory.unwrap_or_else(|| Durable::fresh(&now()));
        if ledger.behind().is_some() {
            memory.pass_over_lost();
        }
        self.ledger = Some(ledger);
        memory
    }

    fn end(&mut self) {
        self.ledger = None;
    }

    fn ledger(&mut self) -> &mut dyn Ledger {
        self.ledger.as_mut().expect("a loop runs")
    }

    fn fill(&mut self, full: bool) {
        let ballast = self.mount.path().join("ballast");
        if full {
            let mut file = File::create(ballast).expect("room for a name");
            while file.write_all(&[0; 4096]).is_ok() {}
        } else {
            fs::remove_file(ballast).expect("it is there");
        }
    }

    /// One bit of it is flipped.
    fn lose_newest(&mut self) {
        let path = self.mount.path().join("ledger.jsonl");
        let mut bytes = fs::read(&path).expect("a ledger");
        let end = bytes.len() - 1;
        let start = bytes[..end].iter().rposition(|byte| *byte == b'\n').expect("a line before it");
        bytes[(start + end) / 2] ^= 1;
        fs::write(&path, bytes).expect("it takes it");
    }

    /// As `ananke pause` does it where no daemon runs.
    fn order(&mut self, order: Order) {
        let memory = obeyed(&LIBRARY, &order, &now(), &self.begin());
        let ledger = self.ledger();
        let written = LedgerRecord {
            format: FORMAT,
            seq: ledger.next_seq(),
            at: now(),
            cluster: CLUSTER.to_owned(),
            orders: vec![order],
            outcomes: Vec::new(),
            begin: Vec::new(),
            memory,
        };
        ledger.append(&written).expect("there is room");
        self.end();
    }
}

/// A loop begins, and says what it found.
fn begin(store: &mut dyn Store, said: &mut Vec<String>) {
    let memory = store.begin();
    let next = store.ledger().next_seq();
    let paused = memory.paused.map(|pause| format!("{}: {}", pause.by, pause.why));
    let (last, epoch) = (memory.last_action, memory.epoch);
    said.push(format!("begins: action {last}, epoch {epoch:?}, {paused:?}, next is {next}"));
}

fn again(store: &mut dyn Store, said: &mut Vec<String>) {
    store.end();
    begin(store, said);
}

fn append(store: &mut dyn Store, record: &LedgerRecord, said: &mut Vec<String>) {
    let ledger = store.ledger();
    let answer = match ledger.append(record) {
        Ok(()) => "taken".to_owned(),
        Err(LedgerError::Write(error)) => format!("{:?}", error.kind()),
    };
    let next = ledger.next_seq();
    said.push(format!("{} of {}: {answer}, next is {next}", record.seq, record.cluster));
}

/// Everything that a ledger goes through, and what it says to it.
fn script(store: &mut dyn Store) -> Vec<String> {
    let mut said = Vec::new();
    begin(store, &mut said);
    for seq in 1..=3 {
        append(store, &record(seq, 10), &mut said);
    }
    // A gap, a number that was given out, another cluster's, and one of a newer program.
    append(store, &record(5, 10), &mut said);
    append(store, &record(3, 10), &mut said);
    let fourth = || record(4, 10);
    append(store, &LedgerRecord { cluster: "other".to_owned(), ..fourth() }, &mut said);
    append(store, &LedgerRecord { format: FORMAT + 1, ..fourth() }, &mut said);
    store.fill(true);
    append(store, &record(4, LARGE), &mut said);
    append(store, &record(4, LARGE), &mut said);
    append(store, &record(5, LARGE), &mut said);
    store.fill(false);
    append(store, &fourth(), &mut said);
    again(store, &mut said);
    store.end();
    store.lose_newest();
    begin(store, &mut said);
    // What was lost was made good when it was found.
    again(store, &mut said);
    store.end();
    store.order(Order::Pause { by: "brad".to_owned(), why: "the switch".to_owned() });
    begin(store, &mut said);
    append(store, &record(5, 10), &mut said);
    again(store, &mut said);
    said
}

#[test]
fn the_disk_in_memory_answers_as_the_real_one_does() {
    let mount = Mount::tmpfs("size=3m,mode=0700");
    let real = script(&mut OnDisk { mount, ledger: None });
    let ours = script(&mut InMemory::default());
    assert_eq!(ours, real);
    // That the script has come to what it is for.
    for word in ["taken", "InvalidInput", "StorageFull", "action 1003", "brad: the switch"] {
        assert!(real.iter().any(|line| line.contains(word)), "{word}: {real:#?}");
    }
}
