use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon, unit};
use crate::checks;
use crate::model::action::Effect;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: checks::END_PODS,
    title: "End what still runs of pods on a machine whose k3s is stopped",
    helps: "containers outlive k3s: they would write on while the machines go down, and hold a \
            power-off for 90 s (DefaultTimeoutStopSec)",
    harms: "what does not end by itself in time is killed; only on the way down, when nobody is \
            there who would start it again",
    undo: "start-agent and start-server, on the way up: the pods start anew",
    cures: &[&checks::AGENT_EMPTY, &checks::SERVER_EMPTY],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[],
    budget: checks::END_PODS_TRIES,
    limit: Span::secs(60),
    verify: Verify::Shows { holds: ended, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    match sit.host(name) {
        // What is ended while k3s runs is started again by it.
        Ok(_) if !unit::is_down(sit, target) => Applies::No,
        Ok(_) => Applies::Yes(Effect::EndPods { host: name.clone() }),
        Err(blind) => Applies::Blind(blind.to_string()),
    }
}

fn ended(sit: &Situation<'_>, target: &Target) -> bool {
    let host = target.machine().and_then(|name| sit.host(name).ok());
    host.is_some_and(|host| host.leftovers.tasks == Some(0) && host.leftovers.mounts == 0)
}
