//! The JSON files that people read at 3 a.m. Each is replaced as a whole, says when and in which
//! boot it was written, and carries a checksum. Two are read back: `intent.json`, which is checked
//! against the ledger, which wins, and `runs.json`.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::model::ids::BootId;
use crate::model::intent::Intent;
use crate::model::runs::Runs;
use crate::model::time::Moment;

use super::dir::StateDir;

/// The version of the envelope. A file of a higher one is not read.
pub const SCHEMA: u32 = 1;

/// No file of ours is larger, in bytes; a report of 25 nodes has some 50 kB.
const MAX: u64 = 4 << 20;

/// A file for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeopleFile {
    /// What the cluster is wanted to be, and by whom.
    Intent,
    /// How far the way up is.
    StartupProgress,
    /// How the last way up ended.
    LastStartupReport,
    /// How long each part of each episode took.
    Runs,
    /// How the last way down went.
    LastShutdownReport,
}

impl PeopleFile {
    /// Its name in the state directory.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent.json",
            Self::StartupProgress => "startup-progress.json",
            Self::LastStartupReport => "last-startup-report.json",
            Self::Runs => "runs.json",
            Self::LastShutdownReport => "last-shutdown-report.json",
        }
    }

    /// The key under which the content lies: `jq .intent intent.json`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::StartupProgress => "progress",
            Self::LastStartupReport | Self::LastShutdownReport => "report",
            Self::Runs => "runs",
        }
    }
}

/// What a file that is read back says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept<T> {
    /// There is none. A first start only if the ledger says so, too.
    Missing,
    /// It is whole and ours.
    Whole(Box<Written<T>>),
    /// It is empty, cut off, or no JSON.
    Torn {
        /// What is wrong.
        why: String,
    },
    /// It is JSON, and not what ananke wrote: changed by hand, or damaged.
    Changed {
        /// What is wrong.
        why: String,
    },
    /// A newer ananke wrote it.
    Future {
        /// Its schema.
        found: u64,
        /// The newest that is known here.
        known: u32,
    },
    /// It belongs to another cluster.
    Foreign {
        /// Whose it is.
        found: String,
    },
    /// The disk did not give it.
    Unreadable {
        /// What the disk said.
        why: String,
    },
}

/// What `intent.json` says.
pub type IntentFile = Kept<Intent>;

/// A content with its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// Wall-clock time of the writing, for people.
    pub at: Timestamp,
    /// The boot of ananke's host in which it was written.
    pub boot_id: BootId,
    /// What was written.
    pub content: T,
}

/// Writes and reads the files of one state directory.
#[derive(Debug)]
pub struct JsonFiles {
    dir: StateDir,
    cluster: String,
}

impl JsonFiles {
    /// For the directory of an open ledger; makes nothing.
    pub fn new(dir: &Path, cluster: &str) -> Self {
        Self { dir: StateDir::at(dir), cluster: cluster.to_owned() }
    }

    /// Replaces the file. After a crash it is the old one or the new one. Blocks for an fsync.
    ///
    /// # Errors
    /// The disk's own. The old file is still there.
    pub fn write<T: Serialize>(
        &self,
        file: PeopleFile,
        at: &Moment,
        content: &T,
    ) -> io::Result<()> {
        let mut value = json!({
            "schema": SCHEMA,
            "writtenAt": at.wall,
            "bootId": at.boot,
            "cluster": self.cluster,
            file.key(): serde_json::to_value(content)?,
        });
        let sum = checksum(&value)?;
        value["crc"] = Value::String(sum);
        let mut text = serde_json::to_vec_pretty(&value)?;
        text.push(b'\n');
        self.dir.replace(file.name(), &text)
    }

    /// Reads `intent.json` back. Never fails: each way of being wrong has a name.
    pub fn read_intent(&self) -> IntentFile {
        self.read(PeopleFile::Intent)
    }

    /// Reads `runs.json` back, in the same way.
    pub fn read_runs(&self) -> Kept<Runs> {
        self.read(PeopleFile::Runs)
    }

    fn read<T: DeserializeOwned>(&self, file: PeopleFile) -> Kept<T> {
        match self.dir.read(file.name(), MAX) {
            Ok(None) => Kept::Missing,
            Ok(Some(text)) => parse(&text, &self.cluster, file.key()),
            Err(error) => Kept::Unreadable { why: error.to_string() },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    written_at: Timestamp,
    boot_id: BootId,
    cluster: String,
    crc: String,
}

fn parse<T: DeserializeOwned>(text: &[u8], cluster: &str, key: &str) -> Kept<T> {
    let changed = |why: String| Kept::Changed { why };
    if text.is_empty() {
        return Kept::Torn { why: "it is empty".to_owned() };
    }
    let mut value: Value = match serde_json::from_slice(text) {
        Ok(value) => value,
        Err(error) => return Kept::Torn { why: error.to_string() },
    };
    // The version first: a newer file need not look like ours at all.
    let Some(found) = value.get("schema").and_then(Value::as_u64) else {
        return changed("it names no schema".to_owned());
    };
    if found > u64::from(SCHEMA) {
        return Kept::Future { found, known: SCHEMA };
    }
    let envelope: Envelope = match from_value(&value) {
        Ok(envelope) => envelope,
        Err(error) => return changed(error.to_string()),
    };
    if envelope.cluster != cluster {
        return Kept::Foreign { found: envelope.cluster };
    }
    if let Some(object) = value.as_object_mut() {
        object.remove("crc");
    }
    match checksum(&value) {
        Ok(sum) if sum == envelope.crc => {}
        Ok(_) => return changed("its checksum does not match".to_owned()),
        Err(error) => return changed(error.to_string()),
    }
    match from_value(&value[key]) {
        Ok(content) => Kept::Whole(Box::new(Written {
            at: envelope.written_at,
            boot_id: envelope.boot_id,
            content,
        })),
        Err(error) => changed(error.to_string()),
    }
}

fn from_value<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    T::deserialize(value)
}

/// Over the compact form with sorted keys, so that neither spaces nor order matter.
fn checksum(value: &Value) -> serde_json::Result<String> {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    Ok(format!("{:08x}", crc32fast::hash(&serde_json::to_vec(&sorted)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::intent::Desired;
    use crate::replay::samples::{CLUSTER, durable, moment};

    fn down() -> Intent {
        Intent { desired: Desired::DownPoweroff, ..durable().intent }
    }

    /// The directory, the files in it, and the text of a good `intent.json`.
    fn written() -> (tempfile::TempDir, JsonFiles, String) {
        let dir = tempfile::tempdir().unwrap();
        let files = JsonFiles::new(dir.path(), CLUSTER);
        files.write(PeopleFile::Intent, &moment(1), &down()).unwrap();
        let text = std::fs::read_to_string(dir.path().join("intent.json")).unwrap();
        (dir, files, text)
    }

    fn kind(file: &IntentFile) -> &'static str {
        match file {
            IntentFile::Missing => "missing",
            IntentFile::Whole(_) => "whole",
            IntentFile::Torn { .. } => "torn",
            IntentFile::Changed { .. } => "changed",
            IntentFile::Future { .. } => "future",
            IntentFile::Foreign { .. } => "foreign",
            IntentFile::Unreadable { .. } => "unreadable",
        }
    }

    #[test]
    fn an_intent_reads_back_with_its_boot_and_reads_well() {
        let (_dir, files, text) = written();
        let IntentFile::Whole(read) = files.read_intent() else { panic!("{text}") };
        assert_eq!((read.content, read.boot_id), (down(), moment(1).boot));
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["intent"]["desired"], "down-poweroff");
        assert_eq!((&value["schema"], &value["cluster"]), (&json!(1), &json!(CLUSTER)));
        assert!(text.ends_with("}\n") && text.lines().count() > 8, "{text}");
    }

    #[test]
    fn every_way_of_being_wrong_has_its_name() {
        let (dir, files, text) = written();
        let path = dir.path().join("intent.json");
        let table = [
            (String::new(), "torn"),
            ("\0".repeat(text.len()), "torn"),
            (text.replace("down-poweroff", "up"), "changed"),
            (text.replace("boot-1", "boot-2"), "changed"),
            (text.replace("\"crc\"", "\"sum\""), "changed"),
            ("{}".to_owned(), "changed"),
            ("[1]".to_owned(), "changed"),
            (text.replace("\"schema\": 1", "\"schema\": 2"), "future"),
            ("{\"schema\": 7}".to_owned(), "future"),
            (text.replace(CLUSTER, "other"), "foreign"),
            // Neither order nor spaces are content.
            (serde_json::from_str::<Value>(&text).unwrap().to_string(), "whole"),
        ];
        for (text, expected) in table {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(kind(&files.read_intent()), expected, "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(kind(&files.read_intent()), "missing");
        std::os::unix::fs::symlink("/etc/passwd", &path).unwrap();
        assert_eq!(kind(&files.read_intent()), "unreadable");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert_eq!(kind(&files.read_intent()), "unreadable");
    }

    #[test]
    fn an_intent_cut_or_flipped_at_any_byte_is_never_taken_for_another() {
        let (dir, files, text) = written();
        let path = dir.path().join("intent.json");
        for at in 0..text.len() - 2 {
            std::fs::write(&path, &text[..at]).unwrap();
            assert_eq!(kind(&files.read_intent()), "torn", "cut at {at}");
            let mut flipped = text.clone().into_bytes();
            flipped[at] ^= 1;
            std::fs::write(&path, &flipped).unwrap();
            if let IntentFile::Whole(read) = files.read_intent() {
                panic!("byte {at} was flipped: {read:?}");
            }
        }
    }
}
