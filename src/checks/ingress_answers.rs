use super::kind::fresh;
use super::{AskMissing, Check, not_only_a_person, probed};
use crate::model::ids::CheckId;
use crate::model::ingress::{IngressPolicy, discovered};
use crate::model::probe::ProbeName;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("ingress-answers"),
    title: "Every host that an ingress of the cluster names answers from its application",
    evidence: probed::EVIDENCE,
    grace: probed::grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand: probed::by_hand,
};

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let whole = |verdict| vec![(Target::Cluster, verdict)];
    let policy = &sit.policy.ingress;
    if !policy.check {
        return whole(Verdict::skipped("ingress.check is false: no host is asked"));
    }
    if let Err(verdict) = fresh(sit, "Ingress", &sit.seen.cluster.ingresses) {
        return whole(verdict);
    }
    let hosts = discovered(&sit.seen.cluster);
    if hosts.is_empty() {
        return whole(Verdict::skipped("no ingress names a host here"));
    }
    let (found, most) = (hosts.len(), IngressPolicy::MAX_HOSTS);
    let mut verdicts = Vec::new();
    for host in hosts.into_iter().take(most) {
        let verdict = match policy.skips(host) {
            Some(why) => Verdict::skipped(why),
            // It is asked as the configuration says, for the gate that it says.
            None if sit.policy.probes.contains_key(&ProbeName::new(host)) => continue,
            None => probed::verdict(sit, host, &policy.probe(host)),
        };
        verdicts.push((Target::Service(host.to_owned()), verdict));
    }
    if found > most {
        let why = format!("{found} hosts: only {most} of them are asked");
        verdicts.push((Target::Cluster, Verdict::skipped(why)));
    }
    verdicts
}
