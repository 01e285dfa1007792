//! How long each part of an episode took: the content of `runs.json`.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The episodes, oldest first. Additive changes only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Runs {
    /// Each of them; the last one may still be open.
    pub runs: Vec<Run>,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The state directory's life, in which the number counts.
    pub life: String,
    /// The episode's number.
    pub episode: u64,
    /// What opened it.
    pub cause: String,
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub opened_at: Timestamp,
    /// When it ended, if it did.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// How long it took, as far as it got.
    pub took_ms: u64,
    /// How many actions it took, proofs not counted; known at its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<u64>,
    /// The gates that opened and stayed open.
    pub gates: Vec<GateTime>,
    /// The stages of a way down that were gone through to their end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,
}

/// When a gate opened for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateTime {
    /// Which.
    pub name: String,
    /// So long after the episode began.
    pub opened_after_ms: u64,
}

/// How long a stage of the way down took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageTime {
    /// Which.
    pub name: String,
    /// So long.
    pub took_ms: u64,
}

impl Runs {
    /// The episode that is open or was last.
    pub fn last(&self) -> Option<&Run> {
        self.runs.last()
    }
}
