//! The ways in: what is asked before an object is taken, and what answers from outside.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::ObjectPath;

/// Services without which the API takes no object: those behind webhooks that refuse when they
/// can't be asked (`failurePolicy: Fail`).
pub type Judges = BTreeSet<ObjectPath>;

/// What is reachable from outside under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
pub struct Ingress {
    /// The names.
    pub hosts: BTreeSet<String>,
    /// The services behind them.
    pub services: BTreeSet<ObjectPath>,
}
