use super::{Blast, Need, OnlyIf, Remedy, Verify, When, unit};
use crate::checks;
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::time::Span;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("stop-server"),
    title: "Stop k3s on a server that goes down, the etcd leader last",
    helps: "the cluster is wanted down, and every agent is stopped or given up",
    harms: "without a majority of servers there is no API: that is the point of no return. The \
            order is written down before the first stop, and the last leader has the newest data",
    undo: "start-server, on the way up: the last leader first",
    cures: &[&checks::SERVER_STOPPED],
    needs: Need::GuardOrPlain,
    when: When::Episode,
    blast: Blast::ControlPlane,
    only_if: &[OnlyIf::FollowersFirst],
    budget: 10,
    // systemd gives a unit 90 s to end (DefaultTimeoutStopSec) before it kills it.
    limit: Span::secs(120),
    verify: Verify::Shows { holds: unit::is_down, within: |timing| timing.fresh_for },
    applies: |sit, target| unit::stop(sit, target, Role::Server),
};
