//! What of the pods is left on the nodes that go down. Shared by the checks of both tiers, and by
//! the one that waits for their volumes.

use std::collections::BTreeSet;

use super::kind;
use crate::model::action::PodTier;
use crate::model::cluster::Pods;
use crate::model::facts::{NodeFacts, Ready};
use crate::model::ids::{MachineName, RemedyId};
use crate::model::intent::Scope;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// The remedy that evicts applications.
pub(crate) const EVICT_APPLICATIONS: RemedyId = RemedyId::fixed("evict-applications");
/// The remedy that evicts services.
pub(crate) const EVICT_SERVICES: RemedyId = RemedyId::fixed("evict-services");

/// The verdict on every node that goes down.
pub(super) fn judge(sit: &Situation<'_>, tier: PodTier) -> Vec<(Target, Verdict)> {
    let pods = match kind::fresh(sit, Pods::KIND, &sit.seen.cluster.pods) {
        Ok(pods) => pods,
        Err(verdict) => return left_out(sit).unwrap_or_else(|| of_all(verdict)),
    };
    of_each(sit, |name| left(sit, name, pods, tier))
}

/// The verdict for everything.
pub(super) fn of_all(verdict: Verdict) -> Vec<(Target, Verdict)> {
    vec![(Target::Cluster, verdict)]
}

/// Why no node is drained.
pub(super) fn left_out(sit: &Situation<'_>) -> Option<Vec<(Target, Verdict)>> {
    if sit.descent().is_some_and(|descent| !descent.drain) {
        let why = "left out by the one who ordered it (--skip-drain)";
        return Some(of_all(Verdict::skipped(why)));
    }
    sit.no_control_plane().map(|why| of_all(Verdict::skipped(why)))
}

/// The verdict on every node that goes down and can be drained.
pub(super) fn of_each(
    sit: &Situation<'_>,
    judge: impl Fn(&MachineName) -> Verdict,
) -> Vec<(Target, Verdict)> {
    if let Some(verdicts) = left_out(sit) {
        return verdicts;
    }
    let concerned = sit.going_down().filter(|(_, machine)| machine.role.is_node());
    concerned
        .filter_map(|(name, _)| {
            let verdict = match (sit.without(name), sit.node(name)) {
                (Some(why), _) => why,
                (None, Ok(None)) => return None,
                (None, Ok(Some(node))) => undrainable(node).unwrap_or_else(|| judge(name)),
                (None, Err(blind)) => Verdict::unknown(format!("the API's nodes: {blind}")),
            };
            Some((Target::Machine(name.clone()), verdict))
        })
        .collect()
}

/// Why nothing can be evicted from a node.
fn undrainable(node: &NodeFacts) -> Option<Verdict> {
    if !node.unschedulable {
        return Some(Verdict::skipped("it takes new pods: what is evicted would come back to it"));
    }
    (node.ready != Ready::True)
        .then(|| Verdict::skipped("it is not Ready: nobody would end what is evicted from it"))
}

fn left(sit: &Situation<'_>, name: &MachineName, pods: &Pods, tier: PodTier) -> Verdict {
    let of_tier = evictable(sit, name, pods, tier);
    let count: u32 = of_tier.clone().map(|(_, count)| count).sum();
    if count == 0 {
        return Verdict::Pass;
    }
    let names: Vec<&str> = of_tier.map(|(namespace, _)| namespace).collect();
    let remedy = match tier {
        PodTier::Applications => EVICT_APPLICATIONS,
        PodTier::Services => EVICT_SERVICES,
    };
    let target = Target::Machine(name.clone());
    let tried = sit.durable.attempts.get(&remedy).and_then(|targets| targets.get(&target));
    let said = tried.and_then(|tried| tried.result.as_ref()?.why());
    let said = said.map(|why| format!("; the last time {why}")).unwrap_or_default();
    Verdict::fail(format!("{tier} are left: {count} pods ({}){said}", names.join(", ")))
}

/// The namespaces of a tier with pods on a node, each with their number.
fn evictable<'a>(
    sit: &Situation<'a>,
    name: &MachineName,
    pods: &'a Pods,
    tier: PodTier,
) -> impl Iterator<Item = (&'a str, u32)> + Clone {
    let rules = &sit.policy.shutdown;
    let here = pods.on.get(name).into_iter().flat_map(|count| &count.evictable);
    here.filter(move |(namespace, count)| **count > 0 && rules.tier(namespace) == Some(tier))
        .map(|(namespace, count)| (namespace.as_str(), *count))
}

/// The namespaces of a tier of which a node has pods.
pub(crate) fn namespaces_on(
    sit: &Situation<'_>,
    name: &MachineName,
    tier: PodTier,
) -> Result<BTreeSet<String>, String> {
    match kind::fresh(sit, Pods::KIND, &sit.seen.cluster.pods) {
        Ok(pods) => {
            let named = evictable(sit, name, pods, tier);
            Ok(named.map(|(namespace, _)| namespace.to_owned()).collect())
        }
        Err(verdict) => Err(verdict.why().to_owned()),
    }
}

/// Which of these namespaces have had their time: their disruption budgets have held pods of the
/// node for as long as the configuration lets them. Only where the whole cluster goes down: what a
/// budget protects in one that goes on is not ananke's to judge.
pub(crate) fn overruled(
    sit: &Situation<'_>,
    name: &MachineName,
    tier: PodTier,
    namespaces: &BTreeSet<String>,
) -> BTreeSet<String> {
    let held = sit.descent().and_then(|descent| descent.held.get(name));
    let held = held.filter(|held| held.tier == tier && sit.durable.intent.scope == Scope::Whole);
    let Some(held) = held else { return BTreeSet::new() };
    let asked_for = sit.now.since(held.since);
    let over = |namespace: &&String| {
        let patience = sit.policy.shutdown.against_budgets.get(*namespace);
        patience.is_some_and(|patience| asked_for >= *patience)
    };
    namespaces.iter().filter(over).cloned().collect()
}

/// What a person can do about it.
pub(super) fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("kubectl get pods -A --field-selector spec.nodeName={target}"),
        "kubectl get poddisruptionbudgets -A".to_owned(),
        "sudo ananke shutdown --execute --reason WHY --skip-drain   to go on without".to_owned(),
        "shutdown.against_budgets   names in the configuration whose budgets give way".to_owned(),
    ]
}
