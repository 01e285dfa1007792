use super::answers::{self, Answer};
use super::kind::{self, Verdicts};
use super::{AskMissing, Check, not_only_a_person};
use crate::model::cluster::{Answerers, Grip, Judges, ObjectPath};
use crate::model::ids::CheckId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("webhook-answers"),
    title: "Every webhook that refuses what it can't judge has somebody to judge",
    evidence: "its service has a ready endpoint on a node that is proven to be of its present \
               boot; EndpointSlices outlive a power cut and go on saying ready",
    // Its pods start as others do, and most come back by themselves.
    grace: |_| Span::mins(3),
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

const VALIDATING: &str = "ValidatingWebhookConfiguration";
const MUTATING: &str = "MutatingWebhookConfiguration";

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let mut verdicts = Verdicts::default();
    let cluster = &sit.seen.cluster;
    for (kind, seen) in [(VALIDATING, &cluster.validating), (MUTATING, &cluster.mutating)] {
        verdicts.of(sit, kind, seen, |path, judges| {
            let target = Target::Object(path.of_kind(kind));
            answers::unless_brief(sit, &CHECK.id, &target, asked(sit, judges))
        });
    }
    answers::bounded(verdicts.or("no webhook refuses what it can't judge"))
}

/// The worst of what can be said of the services behind a webhook.
fn asked(sit: &Situation<'_>, judges: &Judges) -> Verdict {
    let endpoints = match kind::fresh(sit, "EndpointSlice", &sit.seen.cluster.endpoints) {
        Ok(endpoints) => endpoints,
        Err(verdict) => return verdict,
    };
    let nobody = Answerers::default();
    let each = judges.iter().map(|(service, grip)| {
        let it = endpoints.get(service).unwrap_or(&nobody);
        said(service, *grip, answers::answer(sit, it))
    });
    each.max_by_key(answers::badness).unwrap_or(Verdict::Pass)
}

fn said(service: &ObjectPath, grip: Grip, answer: Answer) -> Verdict {
    let missing = match answer {
        Answer::Somebody => return Verdict::Pass,
        Answer::Unproven(verdict) => return verdict,
        // A missing machine is no excuse: what has to be judged is refused all the same.
        Answer::Gone(machines) => format!(" (its pods were on {machines}, which is missing)"),
        Answer::Nobody => String::new(),
    };
    Verdict::fail(match grip {
        Grip::Own => format!(
            "a dead-lock: {service} has no ready endpoint{missing}, and without one no pod of its \
             own can be made, since this webhook has to be asked about it"
        ),
        Grip::Perhaps => format!(
            "{service} has no ready endpoint{missing}: what this webhook has to judge is refused, \
             perhaps its own pods as well"
        ),
        Grip::Others => format!(
            "{service} has no ready endpoint{missing}: what this webhook has to judge is refused"
        ),
    })
}

/// The services behind a webhook for which nobody answers, and whether they are held by it.
fn dead<'a>(sit: &Situation<'a>, target: &Target) -> Vec<(&'a ObjectPath, Grip)> {
    let cluster = &sit.seen.cluster;
    let Some(name) = target.object() else { return Vec::new() };
    let seen = if name.kind == VALIDATING { &cluster.validating } else { &cluster.mutating };
    let judges = seen.any_age().and_then(|all| all.get(&ObjectPath::of(name)));
    let endpoints = cluster.endpoints.any_age();
    let mut dead = Vec::new();
    for (service, grip) in judges.into_iter().flatten() {
        let it = endpoints.and_then(|all| all.get(service)).cloned().unwrap_or_default();
        if matches!(answers::answer(sit, &it), Answer::Gone(_) | Answer::Nobody) {
            dead.push((service, *grip));
        }
    }
    dead
}

/// The pods first. A webhook that holds its own is let through for minutes, with what it was kept
/// in a file, so that it comes back as it was.
fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Some(name) = target.object() else {
        return vec![
            "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations".to_owned(),
        ];
    };
    let (kind, config) = (name.kind.to_lowercase(), &name.name);
    let dead = dead(sit, target);
    let mut lines = Vec::new();
    for (service, _) in dead.iter().take(2) {
        let (namespace, service) = service.as_str().split_once('/').unwrap_or(("default", ""));
        lines.extend(answers::look(namespace, service));
    }
    lines.push("kubectl get events -A --field-selector reason=FailedCreate".to_owned());
    if dead.iter().any(|(_, grip)| *grip != Grip::Others) {
        lines.extend([
            format!("kubectl get {kind} {config} -o yaml > {config}.yaml    keep it: it goes back"),
            format!(
                "sed 's/failurePolicy: Fail/failurePolicy: Ignore/' {config}.yaml | kubectl \
                 replace -f -    for minutes: nothing is judged meanwhile"
            ),
            format!("kubectl replace --force -f {config}.yaml    as soon as its pods are Ready"),
        ]);
    }
    lines
}
