use super::{Blast, Need, Remedy, Verify, When, unit};
use crate::checks;
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::time::Span;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("stop-agent"),
    title: "Stop k3s-agent on a node that goes down",
    helps: "the cluster is wanted down and the agent runs",
    harms: "its containers go on running without anybody who looks after them; only on the way \
            down, when what runs on the node is drained or its time is over",
    undo: "start-agent, on the way up",
    cures: &[&checks::AGENT_STOPPED],
    needs: Need::GuardOrPlain,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[],
    budget: 10,
    // systemd gives a unit 90 s to end (DefaultTimeoutStopSec) before it kills it.
    limit: Span::secs(120),
    verify: Verify::Shows { holds: unit::is_down, within: |timing| timing.fresh_for },
    applies: |sit, target| unit::stop(sit, target, Role::Agent),
};
