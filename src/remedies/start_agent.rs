use super::{Applies, Blast, Need, OnlyIf, Remedy, Verify, When, unit};
use crate::checks;
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("start-agent"),
    title: "Start k3s-agent on a node",
    helps: "the machine is up and its agent is not: it was stopped, or failed at boot",
    harms: "servers take 20 reading and 10 writing agents at once: started in waves",
    undo: "systemctl stop k3s-agent; the containers go on running",
    cures: &[&checks::AGENT_UNIT],
    needs: Need::GuardOrPlain,
    when: When::EpisodeOrAfter(&super::CLEAR_FAILED_UNIT),
    blast: Blast::OneUnit,
    only_if: &[OnlyIf::WaveHasRoom, OnlyIf::NodeIsOurs],
    budget: 3,
    limit: Span::secs(30),
    verify: Verify::Passes { check: &checks::NODE_FRESH, within: |timing| timing.agent_start },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    unit::start(sit, target, Role::Agent)
}
