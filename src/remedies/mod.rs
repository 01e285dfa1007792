//! The remedies: each a declared repair with its limits, and a pure function that says which
//! effect would help a target now.
//!
//! To add one: a file with a `REMEDY` on top and its functions below, and one line in [`ALL`].

mod claim_start;
mod clear_failed_unit;
mod clear_mark;
mod cordon_for_repair;
mod cordon_for_shutdown;
mod delete_left_over_pod;
mod delete_stuck_pod;
mod end_pods;
mod evict;
mod evict_applications;
mod evict_services;
mod hand_to_person;
mod install_packages;
mod load_module;
mod mark_missing;
mod power_off;
mod power_off_own_host;
mod power_on;
mod prove_write;
mod request_reconcile;
mod restart_agent;
mod restart_under_right_clock;
mod restore_replicas;
mod resume_flux;
mod resync_clock;
mod save_datastore;
mod set_clock;
mod start_agent;
mod start_server;
mod start_service;
mod stop_agent;
mod stop_server;
mod suspend_flux;
mod uncordon_own;
mod unit;
mod unseal_vault;

pub use claim_start::REMEDY as CLAIM_START;
pub use clear_failed_unit::REMEDY as CLEAR_FAILED_UNIT;
pub use clear_mark::REMEDY as CLEAR_MARK;
pub use cordon_for_repair::REMEDY as CORDON_FOR_REPAIR;
pub use cordon_for_shutdown::REMEDY as CORDON_FOR_SHUTDOWN;
pub use delete_left_over_pod::REMEDY as DELETE_LEFT_OVER_POD;
pub use delete_stuck_pod::REMEDY as DELETE_STUCK_POD;
pub use end_pods::REMEDY as END_PODS;
pub use evict_applications::REMEDY as EVICT_APPLICATIONS;
pub use evict_services::REMEDY as EVICT_SERVICES;
pub use hand_to_person::REMEDY as HAND_TO_PERSON;
pub use install_packages::REMEDY as INSTALL_PACKAGES;
pub use load_module::REMEDY as LOAD_MODULE;
pub use mark_missing::REMEDY as MARK_MISSING;
pub use power_off::REMEDY as POWER_OFF;
pub use power_off_own_host::REMEDY as POWER_OFF_OWN_HOST;
pub use power_on::REMEDY as POWER_ON;
pub use prove_write::REMEDY as PROVE_WRITE;
pub use request_reconcile::REMEDY as REQUEST_RECONCILE;
pub use restart_agent::REMEDY as RESTART_AGENT;
pub use restart_under_right_clock::REMEDY as RESTART_UNDER_RIGHT_CLOCK;
pub use restore_replicas::REMEDY as RESTORE_REPLICAS;
pub use resume_flux::REMEDY as RESUME_FLUX;
pub use resync_clock::REMEDY as RESYNC_CLOCK;
pub use save_datastore::REMEDY as SAVE_DATASTORE;
pub use set_clock::REMEDY as SET_CLOCK;
pub use start_agent::REMEDY as START_AGENT;
pub use start_server::REMEDY as START_SERVER;
pub use start_service::REMEDY as START_SERVICE;
pub use stop_agent::REMEDY as STOP_AGENT;
pub use stop_server::REMEDY as STOP_SERVER;
pub use suspend_flux::REMEDY as SUSPEND_FLUX;
pub use uncordon_own::REMEDY as UNCORDON_OWN;
pub use unseal_vault::REMEDY as UNSEAL_VAULT;

use std::fmt;

use crate::checks::Check;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::policy::Timing;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

/// Every remedy.
pub static ALL: &[&Remedy] = &[
    &RESYNC_CLOCK,
    &SET_CLOCK,
    &RESTART_UNDER_RIGHT_CLOCK,
    &INSTALL_PACKAGES,
    &LOAD_MODULE,
    &START_SERVICE,
    &CLEAR_FAILED_UNIT,
    &START_SERVER,
    &PROVE_WRITE,
    &START_AGENT,
    &CORDON_FOR_REPAIR,
    &RESTART_AGENT,
    &UNCORDON_OWN,
    &HAND_TO_PERSON,
    &MARK_MISSING,
    &CLEAR_MARK,
    &UNSEAL_VAULT,
    &RESUME_FLUX,
    &REQUEST_RECONCILE,
    &RESTORE_REPLICAS,
    &DELETE_LEFT_OVER_POD,
    &DELETE_STUCK_POD,
    &SUSPEND_FLUX,
    &CORDON_FOR_SHUTDOWN,
    &SAVE_DATASTORE,
    &EVICT_APPLICATIONS,
    &EVICT_SERVICES,
    &STOP_AGENT,
    &STOP_SERVER,
    &END_PODS,
    &POWER_OFF,
    &POWER_OFF_OWN_HOST,
    &POWER_ON,
    &CLAIM_START,
];

/// How often a remedy may be tried on one target in one episode. `None`: no remedy has this name.
pub fn budget(id: &RemedyId) -> Option<u32> {
    ALL.iter().find(|remedy| remedy.id == *id).map(|remedy| remedy.budget)
}

/// A declared repair. No field has a default: a missing one does not compile.
#[derive(Debug)]
pub struct Remedy {
    /// Its name in records, metrics and `explain`.
    pub id: RemedyId,
    /// What it does, in the imperative.
    pub title: &'static str,
    /// When it helps.
    pub helps: &'static str,
    /// When it would do harm, and what keeps it from that.
    pub harms: &'static str,
    /// How it is undone, or why it needs no undoing.
    pub undo: &'static str,
    /// The checks whose failure it can cure.
    pub cures: &'static [&'static Check],
    /// By which way it acts.
    pub needs: Need,
    /// Whether it may run on a quiet day.
    pub when: When,
    /// How much a wrong use would cost; ladders go from smaller to larger.
    pub blast: Blast,
    /// What else must hold, beyond what holds for every remedy.
    pub only_if: &'static [OnlyIf],
    /// How often it may be tried on one target in one episode.
    pub budget: u32,
    /// The longest time that its effect may take.
    pub limit: Span,
    /// What proves that it helped.
    pub verify: Verify,
    /// What would help this target now, if anything.
    pub applies: fn(&Situation<'_>, &Target) -> Applies,
}

/// By which way a remedy acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The node's guard.
    Guard,
    /// The node's guard, or plain `systemctl start|stop` where there is none.
    GuardOrPlain,
    /// The Kubernetes API.
    Api,
    /// Nothing but ananke's own host.
    Here,
}

/// Whether a remedy may run on a quiet day.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// Only while an episode is open: nothing that a person does on a quiet day is undone.
    Episode,
    /// The same, and on a quiet day to finish what another remedy began: only a unit that is
    /// down since that very remedy cleared it, and that nobody has touched after it.
    EpisodeOrAfter(&'static Remedy),
    /// Always.
    Always,
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Episode => f.write_str("Episode"),
            Self::EpisodeOrAfter(first) => write!(f, "Episode, or after {}", first.id),
            Self::Always => f.write_str("Always"),
        }
    }
}

/// How much a wrong use would cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blast {
    /// Nothing but a record changes.
    Nothing,
    /// A machine's share of new work.
    Scheduling,
    /// The pods of one workload.
    OneWorkload,
    /// One machine's unit.
    OneUnit,
    /// The control plane.
    ControlPlane,
}

/// Conditions that only some remedies have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyIf {
    /// Enough servers can be started, or run, to make a majority.
    MajorityInReach,
    /// Fewer machines than the wave allows are being started.
    WaveHasRoom,
    /// Fewer of our cordons than allowed are in use, and another node stays schedulable.
    CordonHasRoom,
    /// The failure is not one of many at once.
    NotAStorm,
    /// No person holds the node, and no other tool has marked it.
    NodeIsOurs,
    /// Every other server that goes down is stopped, if it is the turn of the etcd leader.
    FollowersFirst,
}

/// What proves that a remedy helped. Never the detector's own status alone, never an exit code.
#[derive(Debug)]
pub enum Verify {
    /// This check passes for the target within this time.
    Passes {
        /// Which check.
        check: &'static Check,
        /// Within which time after the attempt.
        within: fn(&Timing) -> Span,
    },
    /// The observation of the thing itself shows it, within this time.
    Shows {
        /// Whether it is so now.
        holds: fn(&Situation<'_>, &Target) -> bool,
        /// Within which time after the attempt.
        within: fn(&Timing) -> Span,
    },
}

impl Verify {
    /// Within which time.
    pub fn within(&self, timing: &Timing) -> Span {
        match self {
            Self::Passes { within, .. } | Self::Shows { within, .. } => within(timing),
        }
    }
}

/// Whether a remedy would help a target now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    /// With this effect.
    Yes(Effect),
    /// It is not for this target in this state; the next rung is looked at.
    No,
    /// It is for this target, but something is not known well enough to say.
    Blind(String),
    /// It would help, but a person has forbidden it.
    Forbidden(String),
}

/// How long an effect of the API may take to show in what we watch.
const fn shown_soon(timing: &Timing) -> Span {
    timing.fresh_for
}

/// How long what a closer look shows may take to show.
const fn looked_closer(timing: &Timing) -> Span {
    Span::millis(timing.fresh_for.as_millis() + crate::model::hygiene::EVERY_AMISS.as_millis())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{ALL, Verify};

    #[test]
    fn ids_are_unique_and_every_remedy_cures_something() {
        let ids: BTreeSet<_> = ALL.iter().map(|remedy| remedy.id.as_str()).collect();
        assert_eq!(ids.len(), ALL.len());
        for remedy in ALL {
            assert!(!remedy.cures.is_empty(), "{} cures nothing", remedy.id);
            assert!(remedy.budget > 0, "{} may never be tried", remedy.id);
        }
    }

    #[test]
    fn a_remedy_is_not_verified_by_the_check_that_called_for_it() {
        for remedy in ALL {
            if let Verify::Passes { check, .. } = remedy.verify {
                let same = remedy.cures.len() == 1 && remedy.cures[0].id == check.id;
                let by_behaviour = matches!(check.id.as_str(), "node-fresh" | "write-canary");
                assert!(!same || by_behaviour, "{} proves itself by {}", remedy.id, check.id);
            }
        }
    }
}
