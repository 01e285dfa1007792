//! The checks: each a pure function from what was seen to a verdict for each target.
//!
//! To add one: a file with a `CHECK` on top and its functions below, and one line in [`ALL`].

mod agent_empty;
mod agent_off;
mod agent_stopped;
mod agent_unit;
mod answers;
mod api_ready;
mod applications_evicted;
mod claim_kept;
mod clock_right;
mod closed_to_pods;
mod cordon_clear;
mod database_answers;
mod datastore_saved;
mod disks_writable;
mod driver_registered;
mod empty;
mod etcd_quorum;
mod evicted;
mod flux;
mod flux_source;
mod flux_suspended;
mod git_answers;
mod guard_works;
mod helm_release;
mod hygiene;
mod ingress_answers;
mod inventory_sane;
mod jump_off;
mod kind;
mod kustomization_applied;
mod load_balancer_answers;
mod loads;
mod mark_current;
mod missing_marked;
mod modules_loaded;
mod network_answers;
mod node_fresh;
mod nothing_left;
mod off;
mod other_off;
mod own_host_off;
mod packages_there;
mod pods_untroubled;
mod power_suffices;
mod powered_on;
mod probed;
mod registry_answers;
mod replicas_as_recorded;
mod route_there;
mod secrets_answer;
mod server_empty;
mod server_off;
mod server_stopped;
mod server_unit;
mod service_answers;
mod services_answer;
mod services_evicted;
mod services_run;
mod ssh_answers;
mod start_claimed;
mod started_in_time;
mod steady;
mod stopped;
mod unit;
mod vault_open;
mod volume_attached;
mod volumes_detached;
mod webhook_answers;
mod workloads_converged;
mod write_canary;

pub use agent_empty::CHECK as AGENT_EMPTY;
pub use agent_off::CHECK as AGENT_OFF;
pub use agent_stopped::CHECK as AGENT_STOPPED;
pub use agent_unit::CHECK as AGENT_UNIT;
pub use api_ready::CHECK as API_READY;
pub use applications_evicted::CHECK as APPLICATIONS_EVICTED;
pub use claim_kept::CHECK as CLAIM_KEPT;
pub(crate) use claim_kept::CLAIM;
pub use clock_right::CHECK as CLOCK_RIGHT;
pub(crate) use clock_right::{
    agreed as clocks_agree, behind as clock_behind, is_right as clock_is_right,
};
pub use closed_to_pods::CHECK as CLOSED_TO_PODS;
pub use cordon_clear::CHECK as CORDON_CLEAR;
pub(crate) use cordon_clear::whose;
pub use database_answers::CHECK as DATABASE_ANSWERS;
pub use datastore_saved::CHECK as DATASTORE_SAVED;
pub(crate) use datastore_saved::{SAVE_DATASTORE, server as saving_server};
pub use disks_writable::CHECK as DISKS_WRITABLE;
pub use driver_registered::CHECK as DRIVER_REGISTERED;
pub(crate) use empty::{END_PODS, TRIES as END_PODS_TRIES};
pub use etcd_quorum::CHECK as ETCD_QUORUM;
pub(crate) use evicted::{EVICT_APPLICATIONS, EVICT_SERVICES, namespaces_on, overruled};
pub(crate) use flux::{
    REQUEST_RECONCILE, answered as flux_answered, is_good as kustomization_is_good, source_is_good,
};
pub use flux_source::CHECK as FLUX_SOURCE;
pub(crate) use flux_source::drift;
pub use flux_suspended::CHECK as FLUX_SUSPENDED;
pub use git_answers::CHECK as GIT_ANSWERS;
pub use guard_works::CHECK as GUARD_WORKS;
pub use helm_release::CHECK as HELM_RELEASE;
pub use ingress_answers::CHECK as INGRESS_ANSWERS;
pub use inventory_sane::CHECK as INVENTORY_SANE;
pub use jump_off::CHECK as JUMP_OFF;
pub use kustomization_applied::CHECK as KUSTOMIZATION_APPLIED;
pub use load_balancer_answers::CHECK as LOAD_BALANCER_ANSWERS;
pub(crate) use loads::{
    PODS_UNTROUBLED as PODS_UNTROUBLED_ID, cause as cause_of_trouble, failing_for, troubled,
    workload,
};
pub use mark_current::CHECK as MARK_CURRENT;
pub use missing_marked::CHECK as MISSING_MARKED;
pub use modules_loaded::CHECK as MODULES_LOADED;
pub use network_answers::CHECK as NETWORK_ANSWERS;
pub use node_fresh::CHECK as NODE_FRESH;
pub(crate) use node_fresh::MOVES_NEEDED;
pub use nothing_left::CHECK as NOTHING_LEFT;
pub use other_off::CHECK as OTHER_OFF;
pub use own_host_off::CHECK as OWN_HOST_OFF;
pub use packages_there::CHECK as PACKAGES_THERE;
pub use pods_untroubled::CHECK as PODS_UNTROUBLED;
pub(crate) use pods_untroubled::{DELETE_LEFT_OVER, TRIES as DELETE_LEFT_OVER_TRIES};
pub use power_suffices::CHECK as POWER_SUFFICES;
pub use powered_on::CHECK as POWERED_ON;
pub use registry_answers::CHECK as REGISTRY_ANSWERS;
pub use replicas_as_recorded::CHECK as REPLICAS_AS_RECORDED;
pub use route_there::CHECK as ROUTE_THERE;
pub use secrets_answer::CHECK as SECRETS_ANSWER;
pub use server_empty::CHECK as SERVER_EMPTY;
pub use server_off::CHECK as SERVER_OFF;
pub use server_stopped::CHECK as SERVER_STOPPED;
pub use server_unit::CHECK as SERVER_UNIT;
pub use service_answers::CHECK as SERVICE_ANSWERS;
pub(crate) use service_answers::SERVICE;
pub use services_answer::CHECK as SERVICES_ANSWER;
pub use services_evicted::CHECK as SERVICES_EVICTED;
pub use services_run::CHECK as SERVICES_RUN;
pub use ssh_answers::CHECK as SSH_ANSWERS;
pub use start_claimed::CHECK as START_CLAIMED;
pub use started_in_time::CHECK as STARTED_IN_TIME;
pub(crate) use started_in_time::began_in_time;
pub use steady::CHECK as STEADY;
pub use vault_open::CHECK as VAULT_OPEN;
pub(crate) use vault_open::seal;
pub use volume_attached::CHECK as VOLUME_ATTACHED;
pub(crate) use volume_attached::{ATTACHMENT, LONGHORN};
pub use volumes_detached::CHECK as VOLUMES_DETACHED;
pub use webhook_answers::CHECK as WEBHOOK_ANSWERS;
pub use workloads_converged::CHECK as WORKLOADS_CONVERGED;
pub use write_canary::CHECK as WRITE_CANARY;

use crate::model::ids::CheckId;
use crate::model::policy::Timing;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

/// Every check, in the order of the gates that ask it.
pub static ALL: &[&Check] = &[
    &POWER_SUFFICES,
    &INVENTORY_SANE,
    &SSH_ANSWERS,
    &GUARD_WORKS,
    &START_CLAIMED,
    &CLOCK_RIGHT,
    &STARTED_IN_TIME,
    &DISKS_WRITABLE,
    &PACKAGES_THERE,
    &MODULES_LOADED,
    &SERVICES_RUN,
    &ROUTE_THERE,
    &SERVER_UNIT,
    &ETCD_QUORUM,
    &API_READY,
    &WRITE_CANARY,
    &AGENT_UNIT,
    &NODE_FRESH,
    &CORDON_CLEAR,
    &MISSING_MARKED,
    &MARK_CURRENT,
    &WEBHOOK_ANSWERS,
    &DRIVER_REGISTERED,
    &VOLUME_ATTACHED,
    &CLAIM_KEPT,
    &NETWORK_ANSWERS,
    &SECRETS_ANSWER,
    &VAULT_OPEN,
    &DATABASE_ANSWERS,
    &LOAD_BALANCER_ANSWERS,
    &GIT_ANSWERS,
    &REGISTRY_ANSWERS,
    &FLUX_SOURCE,
    &KUSTOMIZATION_APPLIED,
    &HELM_RELEASE,
    &REPLICAS_AS_RECORDED,
    &WORKLOADS_CONVERGED,
    &PODS_UNTROUBLED,
    &SERVICE_ANSWERS,
    &INGRESS_ANSWERS,
    &SERVICES_ANSWER,
    &STEADY,
    &NOTHING_LEFT,
    &FLUX_SUSPENDED,
    &CLOSED_TO_PODS,
    &DATASTORE_SAVED,
    &APPLICATIONS_EVICTED,
    &SERVICES_EVICTED,
    &VOLUMES_DETACHED,
    &AGENT_STOPPED,
    &AGENT_EMPTY,
    &SERVER_STOPPED,
    &SERVER_EMPTY,
    &AGENT_OFF,
    &SERVER_OFF,
    &OTHER_OFF,
    &JUMP_OFF,
    &OWN_HOST_OFF,
    &POWERED_ON,
];

/// A declared check. No field has a default: a missing one does not compile.
#[derive(Debug)]
pub struct Check {
    /// Its name in records, metrics and `explain`.
    pub id: CheckId,
    /// What it proves, as a sentence.
    pub title: &'static str,
    /// What a pass is based on, and why a status alone would not do.
    pub evidence: &'static str,
    /// How long a target may fail before it counts: until then it is settling.
    pub grace: fn(&Timing) -> Span,
    /// Whether machines that an earlier gate gave up are asked about.
    pub missing: AskMissing,
    /// Whether a failure is one that time does not mend and no remedy may: only a person can.
    pub person: fn(&Situation<'_>, &Target) -> bool,
    /// The verdict for each target. Never of a machine's name alone: of fresh facts.
    pub judge: fn(&Situation<'_>) -> Vec<(Target, Verdict)>,
    /// What a person can do about a failure, as commands that fit this very target.
    pub by_hand: fn(&Situation<'_>, &Target) -> Vec<String>,
}

/// What a check does with machines that an earlier gate gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskMissing {
    /// They are skipped: the reason is already known.
    Skip,
    /// They are asked about all the same.
    Ask,
}

/// A check that waits for nothing.
const fn no_grace(_: &Timing) -> Span {
    Span::ZERO
}

/// A failure that may end by itself, or by a remedy.
const fn not_only_a_person(_: &Situation<'_>, _: &Target) -> bool {
    false
}

/// A check for which a person can do nothing directly.
fn nothing_by_hand(_: &Situation<'_>, _: &Target) -> Vec<String> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::ALL;

    #[test]
    fn ids_are_unique() {
        let ids: BTreeSet<_> = ALL.iter().map(|check| check.id.as_str()).collect();
        assert_eq!(ids.len(), ALL.len());
    }
}
