use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::facts::{Unit, UnitActive};
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("restart-agent"),
    title: "Restart k3s-agent on a node that does not get fresh",
    helps: "the agent runs, the machine answers, and the node still shows its status of before, \
            or is not Ready: the agent hangs on a connection or a lock of before the outage",
    harms: "pods on the node lose their probes for some seconds; containers go on running. Never \
            when many nodes fail at once: then the cause is elsewhere",
    undo: "needs none",
    cures: &[&checks::NODE_FRESH],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::NotAStorm, OnlyIf::NodeIsOurs],
    budget: 3,
    limit: Span::secs(60),
    verify: Verify::Passes { check: &checks::NODE_FRESH, within: |timing| timing.agent_start },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine() else { return Applies::No };
    if sit.role(name) != Some(Role::Agent) {
        return Applies::No;
    }
    let host = match sit.host(name) {
        Ok(host) => host,
        Err(blind) => return Applies::Blind(blind.to_string()),
    };
    match host.units.get(&Unit::K3sAgent) {
        Some(unit) if unit.active == UnitActive::Active => {
            Applies::Yes(Effect::RestartUnit { host: name.clone(), unit: Unit::K3sAgent })
        }
        Some(_) | None => Applies::No,
    }
}
