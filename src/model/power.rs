//! The words for power: what a UPS says, what is remembered of it, and the rules it is judged by.
//!
//! What follows from them is decided in `crate::power`.

mod facts;
mod host;
mod memory;
mod name;
mod outlook;
mod policy;
mod status;
mod view;

pub use facts::{Reading, UpsFacts, UpsSource};
pub use host::NutHost;
pub use memory::{
    Anchor, BlindSpell, Condition, Drain, Holding, Outage, ReasonKind, Sample, StageTimes, Trusted,
    UpsKept, UpsMemory,
};
pub use name::{NUT_PORT, UpsName, UpsNameError};
pub use outlook::{
    Against, Arming, Budget, DomainView, Down, Obstacle, PowerView, StageBudget, Unarmed,
};
pub use policy::{BudgetRules, Domain, OnLow, PowerPolicy, StageId, UpsRules};
pub use status::{StatusToken, UpsStatus};
pub use view::{
    Claim, Distrust, Fit, Measure, Reason, RuntimeSource, RuntimeView, UpsAlarm, UpsState, UpsView,
};
