use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::ids::CheckId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("inventory-sane"),
    title: "The inventory names the servers, and says what each node of the cluster is",
    evidence: "the configuration, and the nodes that the API lists",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let servers = sit.policy.with_role(Role::Server).count();
    let whole = if servers == 0 {
        Verdict::fail("no server is named: nothing could be started first")
    } else {
        Verdict::Pass
    };
    let mut verdicts = vec![(Target::Cluster, whole)];
    // A node that nobody declared is left alone, and the reader learns that it is.
    if let Some(nodes) = sit.seen.api.nodes.any_age() {
        let unlisted = nodes.keys().filter(|name| sit.role(name).is_none());
        verdicts.extend(unlisted.map(|name| {
            let why = "a node of the cluster that the inventory does not name: left alone";
            (Target::Machine(name.clone()), Verdict::skipped(why))
        }));
    }
    verdicts
}

fn by_hand(_: &Situation<'_>, _: &Target) -> Vec<String> {
    vec!["name the servers under `nodes: servers:` in the configuration".to_owned()]
}
