//! The conditions, exactly as `kubectl wait`, kstatus and a Flux health check read them.
//!
//! Ready is always there. Reconciling says that ananke goes on by itself, Stalled that it does not
//! before a person did something; never both, and neither beside a Ready that is true. What is
//! false is left out.

use super::{Context, next, seconds};
use crate::model::assessment::{GateState, Phase};
use crate::model::intent::Desired;
use crate::model::record::TickRecord;
use crate::model::recovery_status::Condition;
use crate::model::verdict::Verdict;

/// A condition without its times: type, status, reason, message.
type Said = (&'static str, &'static str, &'static str, String);

/// The one word for a phase, in the spelling of Kubernetes.
pub(super) const fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Looking => "Looking",
        Phase::Recovering => "Recovering",
        Phase::Soaking => "Soaking",
        Phase::Converged => "Converged",
        Phase::Degraded => "Degraded",
        Phase::Blocked => "Blocked",
        Phase::GoingDown => "GoingDown",
        Phase::Down => "Down",
        Phase::Held => "Held",
    }
}

/// All of them, with the times that they have.
pub(super) fn conditions(record: &TickRecord, context: &Context<'_>) -> Vec<Condition> {
    let said = if context.again { said(record) } else { unproven() };
    let now = seconds(record.input.now.wall);
    said.into_iter()
        .map(|(kind, status, reason, message)| {
            let before = context.before.iter().find(|condition| condition.kind == kind);
            let last_transition_time = match before {
                Some(before) if before.status == status => before.last_transition_time,
                // A clock that was set back must not turn the order of events around.
                Some(before) => now.max(before.last_transition_time),
                None => now,
            };
            Condition {
                kind: kind.to_owned(),
                status: status.to_owned(),
                reason: reason.to_owned(),
                message,
                last_transition_time,
                observed_generation: context.generation,
            }
        })
        .collect()
}

/// The first word after a start or an outage: what stands there from before counts no more.
fn unproven() -> Vec<Said> {
    let why = "ananke has just begun to look: nothing is proven yet".to_owned();
    vec![
        ("Ready", "Unknown", "NotProvenYet", why.clone()),
        ("Reconciling", "True", "NotProvenYet", why),
    ]
}

fn said(record: &TickRecord) -> Vec<Said> {
    let message = next::message(record);
    let going_on = |ready: &'static str, reason: &'static str| {
        vec![
            ("Ready", ready, reason, message.clone()),
            ("Reconciling", "True", reason, next::doing(record)),
        ]
    };
    match record.decision.phase {
        Phase::Converged => vec![("Ready", "True", "Converged", message)],
        Phase::Degraded => vec![
            ("Ready", "True", "ConvergedDegraded", message.clone()),
            ("Degraded", "True", "MachinesMissing", message),
        ],
        Phase::Soaking => going_on("Unknown", "Soaking"),
        Phase::Looking => going_on("Unknown", "Looking"),
        Phase::Recovering => {
            going_on(if fails(record) { "False" } else { "Unknown" }, "Recovering")
        }
        Phase::Blocked => vec![
            ("Ready", "False", "ManualActionRequired", message.clone()),
            ("Stalled", "True", "ManualActionRequired", message),
        ],
        Phase::GoingDown | Phase::Down | Phase::Held => held(record, &message),
    }
}

/// A wish for down stops whoever waits for up. A pause says nothing about how the cluster is.
fn held(record: &TickRecord, message: &str) -> Vec<Said> {
    let durable = &record.decision.memory.durable;
    if durable.intent.desired != Desired::Up {
        return vec![
            ("Ready", "False", "WantedDown", message.to_owned()),
            ("Stalled", "True", "WantedDown", message.to_owned()),
        ];
    }
    let gates = &record.decision.assessment.gates;
    let ready = if gates.iter().all(|gate| gate.state.is_open()) {
        "True"
    } else if fails(record) {
        "False"
    } else {
        "Unknown"
    };
    let mut said = vec![
        ("Ready", ready, "Paused", message.to_owned()),
        ("Paused", "True", "PausedByPerson", message.to_owned()),
    ];
    if ready == "True" && gates.iter().any(|gate| gate.state == GateState::Degraded) {
        said.push(("Degraded", "True", "MachinesMissing", message.to_owned()));
    }
    said
}

/// Whether anything is known to be wrong, and not only unproven.
fn fails(record: &TickRecord) -> bool {
    let gates = record.decision.assessment.gates.iter().filter(|gate| !gate.state.is_open());
    let mut findings = gates.flat_map(|gate| &gate.findings);
    findings.any(|finding| matches!(finding.verdict, Verdict::Fail { .. }))
}
