use super::{AskMissing, Check, not_only_a_person};
use crate::model::facts::Datastore;
use crate::model::ids::{CheckId, MachineName};
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("etcd-quorum"),
    title: "A majority of the etcd members says that it is healthy and has a leader",
    evidence: "each member's own word, asked on the server itself, not the API's EtcdIsVoter \
               condition, which is five minutes old",
    grace: |timing| timing.server_start,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let servers: Vec<&MachineName> = sit.policy.with_role(Role::Server).collect();
    vec![(Target::Cluster, quorum(sit, &servers))]
}

fn quorum(sit: &Situation<'_>, servers: &[&MachineName]) -> Verdict {
    let seen: Vec<_> = servers.iter().filter_map(|name| sit.host(name).ok()).collect();
    let unseen = servers.len() - seen.len();
    let stores: Vec<Datastore> = seen.iter().filter_map(|host| host.datastore).collect();
    if !stores.is_empty() && stores.iter().all(|store| *store != Datastore::Etcd) {
        return Verdict::skipped("the datastore is not an embedded etcd");
    }
    let good = seen
        .iter()
        .filter(|host| host.etcd.is_some_and(|etcd| etcd.healthy && etcd.has_leader))
        .count();
    let need = sit.policy.quorum();
    if good >= need {
        return Verdict::Pass;
    }
    let counted =
        format!("{good} of {} members are healthy, {need} make a majority", servers.len());
    if good + unseen >= need && unseen > 0 {
        Verdict::unknown(format!("{counted}; {unseen} can't be asked"))
    } else {
        Verdict::fail(counted)
    }
}

fn by_hand(sit: &Situation<'_>, _: &Target) -> Vec<String> {
    sit.policy
        .with_role(Role::Server)
        .map(|name| format!("curl -s http://127.0.0.1:2381/health   on {name}"))
        .collect()
}
