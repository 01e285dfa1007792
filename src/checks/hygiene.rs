//! How what a closer look told is judged. Shared by the checks of the gate `host-hygiene`.

use crate::model::hygiene::HygieneFacts;
use crate::model::policy::Needs;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// The verdict on every node, for which the configuration names something of this kind.
pub(super) fn judge(
    sit: &Situation<'_>,
    key: &str,
    asks: impl Fn(&Needs) -> bool,
    verdict: impl Fn(&HygieneFacts) -> Verdict,
) -> Vec<(Target, Verdict)> {
    let hosts = &sit.policy.hosts;
    if !asks(&hosts.servers) && !asks(&hosts.agents) {
        let why = format!("{key} is not set: nobody said what the nodes need");
        return vec![(Target::Cluster, Verdict::skipped(why))];
    }
    let asked = sit
        .nodes()
        .filter(|name| sit.role(name).and_then(|role| hosts.of(role)).is_some_and(&asks));
    asked
        .map(|name| {
            let verdict = match sit.hygiene(name) {
                Ok(facts) => verdict(facts),
                Err(blind) => Verdict::unknown(format!("nobody could look closer: {blind}")),
            };
            (Target::Machine(name.clone()), verdict)
        })
        .collect()
}

/// Names as a list for people.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    names.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
