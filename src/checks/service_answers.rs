use std::collections::BTreeSet;

use super::answers::{self, Answer};
use super::{AskMissing, Check, kind, no_grace, not_only_a_person};
use crate::model::cluster::{Answerers, ObjectPath};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("service-answers"),
    title: "Each service behind an Ingress has somebody who answers, as on a good day",
    evidence: "a ready endpoint on a node that is proven to be of its present boot; EndpointSlices \
               outlive a power cut and go on saying ready",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// The kind of a service.
pub(crate) const SERVICE: &str = "Service";

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let (known, cluster) = (&sit.durable.normal.services, &sit.seen.cluster);
    if known.is_empty() {
        let why = "no service behind an Ingress is remembered from a good day";
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    let ingresses = match kind::fresh(sit, "Ingress", &cluster.ingresses) {
        Ok(ingresses) => ingresses,
        Err(verdict) => return vec![(Target::Cluster, verdict)],
    };
    let endpoints = match kind::fresh(sit, "EndpointSlice", &cluster.endpoints) {
        Ok(endpoints) => endpoints,
        Err(verdict) => return vec![(Target::Cluster, verdict)],
    };
    let behind: BTreeSet<&ObjectPath> = ingresses.values().flat_map(|it| &it.services).collect();
    let nobody = Answerers::default();
    let each = known.iter().map(|service| {
        let it = endpoints.get(service).unwrap_or(&nobody);
        let verdict = said(sit, it, behind.contains(service));
        (Target::Object(service.of_kind(SERVICE)), verdict)
    });
    answers::bounded(each.collect())
}

fn said(sit: &Situation<'_>, it: &Answerers, behind: bool) -> Verdict {
    if !behind {
        let why = "it was behind an Ingress on a good day, and no Ingress leads to it now";
        return held(sit, why);
    }
    match answers::answer(sit, it) {
        Answer::Somebody => Verdict::Pass,
        Answer::Unproven(verdict) => verdict,
        // The machine is named as missing already, and the end is degraded by that.
        Answer::Gone(machines) => {
            Verdict::skipped(format!("its pods were on {machines}, which is missing"))
        }
        Answer::Nobody => held(sit, "no ready endpoint; on a good day it had one"),
    }
}

/// On a quiet day a person may take away what was there, and nothing is undone.
fn held(sit: &Situation<'_>, why: &str) -> Verdict {
    if sit.in_episode() {
        Verdict::fail(why)
    } else {
        Verdict::skipped(format!("{why}: held against nobody on a quiet day"))
    }
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec!["kubectl get ingresses,endpointslices -A".to_owned()];
    };
    let namespace = name.namespace.as_deref().unwrap_or("default");
    answers::look(namespace, &name.name).to_vec()
}
