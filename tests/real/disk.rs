//! The state directory on real file systems: killed writers, a full disk, a read-only one.
//!
//! Needs root, for mounting a small tmpfs.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "all of it is a test")]

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ananke::adapters::disk::{
    FileLedger, FileRecorder, IntentFile, JsonFiles, OpenError, PeopleFile, history, probe,
};
use ananke::model::record::LedgerRecord;
use ananke::ports::{Ledger, Recovered};
use serde_json::json;
use tempfile::TempDir;

pub(crate) const CLUSTER: &str = "home";
const CHILD_DIR: &str = "ANANKE_TEST_LEDGER_DIR";

/// A record whose memory says its own number, made large by `padding` bytes.
pub(crate) fn record(seq: u64, padding: usize) -> LedgerRecord {
    let epoch = "1970-01-01T00:00:00Z";
    let intent = json!({
        "desired": "up", "progress": "normal", "by": "ananke", "reason": "x".repeat(padding),
        "since": epoch, "epoch": 1,
    });
    let record = json!({
        "format": 1, "seq": seq, "cluster": CLUSTER,
        "at": {"boot": "boot-1", "mono": seq, "wall": epoch, "wall_trusted": false},
        "memory": {
            "boot": "boot-1", "life": "5c1e90aa", "epoch": 1, "acked": [],
            "last_episode": 0, "last_action": seq,
            "episode": null, "intent": intent, "paused": null, "attempts": {}, "in_flight": {},
            "proofs": {}, "cordons": {}, "manual": {}, "alarms": [],
            "normal": {"boots": {}, "leader": null, "control_plane": false},
        },
    });
    serde_json::from_value(record).unwrap()
}

fn in_force(recovered: &Recovered) -> u64 {
    recovered.memory.as_ref().map_or(0, |memory| memory.last_action)
}

#[expect(clippy::disallowed_methods, reason = "a test starts mount, umount and itself")]
fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

fn must(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?} (needs root and util-linux): {why}");
}

/// A mount that ends with the test, also if it fails.
pub(crate) struct Mount {
    at: TempDir,
}

impl Mount {
    pub(crate) fn tmpfs(options: &str) -> Self {
        let at = tempfile::tempdir().unwrap();
        must(command("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at.path()));
        Self { at }
    }

    fn read_only(dir: &Path) -> Self {
        let at = tempfile::tempdir().unwrap();
        must(command("mount").arg("--bind").args([dir, at.path()]));
        let mount = Self { at };
        must(command("mount").args(["-o", "remount,bind,ro"]).arg(mount.path()));
        mount
    }

    pub(crate) fn path(&self) -> &Path {
        self.at.path()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let done = command("umount").arg("--lazy").arg(self.at.path()).status();
        if !done.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.at.path().display());
        }
    }
}

/// Ends the child, also if the test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        if let Err(error) = self.0.kill().and_then(|()| self.0.wait().map(drop)) {
            eprintln!("process {} may still run: {error}", self.0.id());
        }
    }
}

/// Where to write, in the process that is to be killed. `None` in every other.
#[expect(clippy::disallowed_methods, reason = "the parent says so to the child")]
fn child_dir() -> Option<PathBuf> {
    std::env::var(CHILD_DIR).ok().map(PathBuf::from)
}

/// What the process that is to be killed does. It says aloud which record is on disk.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn append_until_killed(dir: &Path) -> ! {
    let (mut ledger, recovered) = FileLedger::open(dir, CLUSTER).unwrap();
    println!("\nacknowledged {}", in_force(&recovered));
    loop {
        let seq = ledger.next_seq();
        ledger.append(&record(seq, 150_000)).unwrap();
        println!("acknowledged {seq}");
    }
}

/// Starts itself again as the process that it kills: [`CHILD_DIR`] tells the two apart.
#[test]
fn what_a_killed_process_had_acknowledged_is_there_and_at_most_one_record_more() {
    if let Some(dir) = child_dir() {
        append_until_killed(&dir);
    }
    let me = std::thread::current().name().expect("a test's thread has its name").to_owned();
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..25 {
        let mut child = Killed(
            command(std::env::current_exe().unwrap())
                .args(["--exact", &me, "--nocapture"])
                .env(CHILD_DIR, dir.path())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let output = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let mut acknowledged = None;
        let mut seen = 0;
        for line in output.map(Result::unwrap) {
            let Some(seq) = line.strip_prefix("acknowledged ") else { continue };
            acknowledged = Some(seq.parse::<u64>().unwrap());
            seen += 1;
            if seen == 1 + round % 9 {
                child.0.kill().unwrap();
            }
        }
        let acknowledged = acknowledged.expect("the child opened the ledger");
        assert!(acknowledged >= last, "round {round}: {acknowledged} after {last}");
        drop(child);
        let (_, recovered) = FileLedger::open(dir.path(), CLUSTER).unwrap();
        last = in_force(&recovered);
        assert!((acknowledged..=acknowledged + 1).contains(&last), "round {round}: {last}");
    }
    let seqs: Vec<u64> =
        history(dir.path(), Some(CLUSTER)).unwrap().records.iter().map(|r| r.seq).collect();
    assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{seqs:?}");
    assert!(seqs[0] > 1 && seqs.last() == Some(&last), "generations were begun: {seqs:?}");
}

#[test]
fn a_full_disk_takes_no_record_loses_none_and_is_got_over() {
    let mount = Mount::tmpfs("size=3m,mode=0700");
    let dir = mount.path();
    let (mut ledger, _) = FileLedger::open(dir, CLUSTER).unwrap();
    let files = JsonFiles::new(dir, CLUSTER);
    let at = record(1, 0).at;
    files.write(PeopleFile::Intent, &at, &record(1, 0).memory.intent).unwrap();
    ledger.append(&record(1, 1_000)).unwrap();

    let ballast = dir.join("ballast");
    let mut file = std::fs::File::create(&ballast).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    assert!(probe(dir).unwrap_err().contains("No space left"));
    assert!(files.write(PeopleFile::Intent, &at, &record(1, 0).memory.intent).is_err());
    assert!(matches!(files.read_intent(), IntentFile::Whole(_)), "the old one is still there");

    // The space that was reserved takes some more; then nothing.
    let mut acknowledged = 1;
    while ledger.append(&record(acknowledged + 1, 20_000)).is_ok() {
        acknowledged += 1;
    }
    assert!(acknowledged > 5, "only {acknowledged} fitted into the reserved space");
    for _ in 0..3 {
        assert!(ledger.append(&record(acknowledged + 1, 20_000)).is_err());
        assert_eq!(ledger.next_seq(), acknowledged + 1);
    }
    drop(ledger);
    let (mut ledger, recovered) = FileLedger::open(dir, CLUSTER).unwrap();
    assert_eq!(in_force(&recovered), acknowledged);
    assert!(ledger.append(&record(acknowledged + 1, 300_000)).is_err());

    drop(file);
    std::fs::remove_file(&ballast).unwrap();
    assert_eq!(probe(dir), Ok(()));
    ledger.append(&record(acknowledged + 1, 20_000)).unwrap();
    drop(ledger);
    let (_ledger, recovered) = FileLedger::open(dir, CLUSTER).unwrap();
    assert_eq!(in_force(&recovered), acknowledged + 1);
    let left: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{left:?}");
}

#[test]
fn a_read_only_disk_is_said_and_nothing_is_tried_twice() {
    let dir = tempfile::tempdir().unwrap();
    drop(FileLedger::open(dir.path(), CLUSTER).unwrap());
    let mount = Mount::read_only(dir.path());
    assert!(probe(mount.path()).unwrap_err().contains("Read-only file system"));
    let error = FileLedger::open(mount.path(), CLUSTER).unwrap_err();
    let OpenError::Io { source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(source.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    let history = history(mount.path(), Some(CLUSTER)).unwrap();
    assert_eq!((history.records.len(), history.notes.len()), (0, 0), "reading needs no lock");
}

#[test]
fn a_second_loop_is_refused_and_told_who_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = FileLedger::open(dir.path(), CLUSTER).unwrap();
    let error = FileLedger::open(dir.path(), CLUSTER).unwrap_err();
    let me = std::process::id();
    assert!(matches!(error, OpenError::Locked { pid: Some(pid), .. } if pid == me), "{error}");
    assert!(error.to_string().contains(&format!("(process {me})")), "{error}");
    drop(ledger);
    FileLedger::open(dir.path(), CLUSTER).unwrap();
}

#[test]
fn a_foreign_a_future_and_a_missing_ledger_are_told_apart_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = FileLedger::open(dir.path(), CLUSTER).unwrap();
    ledger.append(&record(1, 10)).unwrap();
    drop(ledger);
    let path = dir.path().join("ledger.jsonl");
    let whole = std::fs::read_to_string(&path).unwrap();

    let error = FileLedger::open(dir.path(), "other").unwrap_err();
    assert!(matches!(&error, OpenError::Foreign { found, .. } if found == CLUSTER), "{error}");

    let future = [
        sealed(r#""start":{"format":2,"all":"is different"}}"#),
        whole.clone() + &sealed(r#""seq":2,"record":{"format":2,"all":"is different"}}"#),
    ];
    for text in future {
        std::fs::write(&path, &text).unwrap();
        let error = FileLedger::open(dir.path(), CLUSTER).unwrap_err();
        assert!(matches!(error, OpenError::Future { found: 2, known: 1, .. }), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    let strange = whole.clone() + &sealed(r#""seq":2,"record":{"format":1,"all":"else"}}"#);
    std::fs::write(&path, strange).unwrap();
    let error = FileLedger::open(dir.path(), CLUSTER).unwrap_err();
    assert!(matches!(error, OpenError::Unreadable { seq: 2, .. }), "{error}");

    std::fs::remove_file(&path).unwrap();
    let error = FileLedger::open(dir.path(), CLUSTER).unwrap_err();
    assert!(matches!(&error, OpenError::Lost { seen, .. } if seen == &["ledger.marker"]));
    std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
    let error = FileLedger::open(dir.path(), CLUSTER).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");

    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, whole).unwrap();
    let (_ledger, recovered) = FileLedger::open(dir.path(), CLUSTER).unwrap();
    assert_eq!((in_force(&recovered), recovered.notes.len()), (1, 0));
}

/// A line as the ledger writes it.
fn sealed(rest: &str) -> String {
    format!("{{\"crc\":\"{:08x}\",{rest}\n", crc32fast::hash(rest.as_bytes()))
}

#[test]
fn a_generation_is_followed_by_the_next_and_the_directory_stays_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ledger, _) = FileLedger::open(dir.path(), CLUSTER).unwrap();
    for seq in 1..=40 {
        ledger.append(&record(seq, 400_000)).unwrap();
        let blocks: u64 = files(dir.path()).map(|path| path.metadata().unwrap().blocks()).sum();
        assert!(blocks * 512 < 14 << 20, "record {seq}: {} bytes", blocks * 512);
    }
    drop(ledger);
    let history = history(dir.path(), None).unwrap();
    let seqs: Vec<u64> = history.records.iter().map(|record| record.seq).collect();
    assert_eq!(seqs, (seqs[0]..=40).collect::<Vec<_>>());
    assert!((10..40).contains(&seqs.len()), "{seqs:?}");
}

fn files(dir: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path())
}

#[test]
fn only_the_owner_reads_what_ananke_writes_and_no_mode_is_widened() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("state");
    let (mut ledger, _) = FileLedger::open(&dir, CLUSTER).unwrap();
    let record = record(1, 10);
    ledger.append(&record).unwrap();
    for file in [PeopleFile::Intent, PeopleFile::StartupProgress, PeopleFile::LastStartupReport] {
        JsonFiles::new(&dir, CLUSTER).write(file, &record.at, &json!({"a": 1})).unwrap();
    }
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(files(&dir).count(), 6);
    for path in files(&dir) {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    drop(ledger);
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o500)).unwrap();
    drop(FileLedger::open(&dir, CLUSTER).unwrap());
    assert_eq!(mode(&dir), 0o500);
    assert_eq!(FileRecorder::new(&dir).dropped(), 0);
}
