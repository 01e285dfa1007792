//! What ananke publishes in the cluster: one `RecoveryStatus`, for `kubectl get recoverystatus`.
//!
//! Plain data; `report` fills it. Every field of the status is optional in the schema, so that
//! the schema's default (`observedGeneration: -1`) is valid by itself, and so that each ananke
//! host may write its own entry of `hosts` and nothing else. Additive changes only.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The API group.
pub const GROUP: &str = "ananke.bstein.dev";
/// The only version that is served; there is no conversion, hence no webhook.
pub const VERSION: &str = "v1alpha1";
/// The kind.
pub const KIND: &str = "RecoveryStatus";
/// Its name in a path of the API.
pub const PLURAL: &str = "recoverystatuses";
/// What a person types.
pub const SINGULAR: &str = "recoverystatus";
/// The same, shorter.
pub const SHORT: &str = "recovery";
/// Everything of ananke's: `kubectl get ananke`.
pub const CATEGORY: &str = "ananke";

/// A column of `kubectl get`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its title.
    pub name: &'static str,
    /// `string`, `integer`, or `date`, which is shown as the time since.
    pub kind: &'static str,
    /// Where its value lies, as a JSONPath.
    pub path: &'static str,
    /// Only with `-o wide`.
    pub wide: bool,
}

const fn column(name: &'static str, kind: &'static str, path: &'static str) -> Column {
    Column { name, kind, path, wide: false }
}

/// The columns after the name. `Seen` says how old the news is: the object survives an outage,
/// and the ananke that wrote it may not have.
pub const COLUMNS: [Column; 12] = [
    column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status"),
    column("Phase", "string", ".status.phase"),
    column("Gate", "string", ".status.gate"),
    column("Since", "date", ".status.since"),
    column("Power", "string", ".status.power.summary"),
    column("Held", "integer", ".status.held"),
    column("Manual", "integer", ".status.manual"),
    column("Acting", "string", ".status.acting"),
    column("Seen", "date", ".status.seenAt"),
    column("Age", "date", ".metadata.creationTimestamp"),
    Column { wide: true, ..column("Message", "string", ".status.message") },
    Column { wide: true, ..column("Next", "string", ".status.nextStep") },
];

/// What a person may wish through the object. `ananke pause` on a host is the authority.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// Change nothing until this is taken away again. Read while the API answers; the last one
    /// seen counts while it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseWish>,
}

/// A wish that ananke change nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PauseWish {
    /// Why; shown to everybody.
    #[schemars(length(min = 1, max = 500))]
    pub reason: String,
}

/// Where the cluster stands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The generation of the object whose wishes this answers; -1 until there was an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready always; Reconciling, Stalled, Paused and Degraded only while they are true.
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["type"]
    ))]
    pub conditions: Vec<Condition>,
    /// Where the cluster stands, in one word. For people; programs read the conditions.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub phase: String,
    /// The first gate that is not open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Since when that gate is as it is, or since when all are open.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What is the matter, in one sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// What ananke does next, or what it waits for a person to do.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next_step: String,
    /// The ananke host that acts.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub acting: String,
    /// When that host last looked, by its own clock. Old news are no news.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    /// The way up, gate by gate, in its order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<Gate>,
    /// How many repairs are held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<u32>,
    /// The first of them, each with its named reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// How many machines and gates wait for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manual: Option<u32>,
    /// The first of them; `ananke ack NAME` ends one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manual_actions: Vec<ManualAction>,
    /// Cordons that ananke holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cordons: Vec<CordonLease>,
    /// The UPSes, where any are watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// The episode that is open, or the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub episode: Option<EpisodeView>,
    /// The ananke hosts. Each writes its own entry.
    #[schemars(extend(
        "x-kubernetes-list-type" = "map",
        "x-kubernetes-list-map-keys" = ["name"]
    ))]
    pub hosts: Vec<Host>,
}

/// One condition, as Kubernetes has them (`metav1.Condition`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word for programs.
    pub reason: String,
    /// Why, for people.
    pub message: String,
    /// When `status` last changed. Never goes back, whatever the clock does.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub last_transition_time: Timestamp,
    /// The generation of the object for which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

/// One gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// Which.
    pub name: String,
    /// The word of its state.
    pub state: String,
    /// Since when in a state of this kind.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// The first reasons why it is not open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
}

/// One repair that is held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// The closed gate that wants it.
    pub gate: String,
    /// Which repair.
    pub remedy: String,
    /// For what.
    pub target: String,
    /// The name of the reason.
    pub reason: String,
    /// The reason in words.
    pub message: String,
    /// Since when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// When it ends by itself, if it does.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManualAction {
    /// A machine, or the cluster.
    pub target: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since: Timestamp,
    /// What helps, in commands for this very state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_hand: Vec<String>,
}

/// A cordon that ananke holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CordonLease {
    /// On which node.
    pub node: String,
    /// Which cordon.
    pub id: String,
    /// Since when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub acquired_at: Timestamp,
    /// When its lease ends if the cluster stays up throughout.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires_at: Timestamp,
}

/// What the UPSes say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Power {
    /// In two words: `mains 41%`.
    pub summary: String,
    /// Each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ups: Vec<Ups>,
}

/// One UPS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ups {
    /// Which.
    pub name: String,
    /// On mains, on battery, or nobody knows.
    pub state: String,
    /// Percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge: Option<u32>,
    /// Seconds that the battery lasts at this load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_seconds: Option<u32>,
}

/// One stretch of trouble.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EpisodeView {
    /// Its number.
    pub id: u64,
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
}

/// One ananke host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// Its name.
    pub name: String,
    /// `acting`, `observing`.
    pub role: String,
    /// The program's version.
    pub version: String,
    /// The fencing number under which it acts.
    pub epoch: u64,
    /// When it last looked, by its own clock.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub seen_at: Timestamp,
    /// Whether that clock was synchronised.
    pub clock_trusted: bool,
}

/// The object's name for a cluster's name, which is any text: `My cluster` is `my-cluster`.
pub fn object_name(cluster: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = cluster.chars().map(plain).take(63).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "cluster".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_gives_a_name_that_an_object_may_have() {
        for (cluster, name) in
            [("atlas", "atlas"), ("My cluster", "my-cluster"), ("", "cluster"), ("Ü!", "cluster")]
        {
            assert_eq!(object_name(cluster), name, "{cluster:?}");
        }
        assert_eq!(object_name(&"x".repeat(100)).len(), 63);
    }
}
