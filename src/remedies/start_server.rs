use super::{Blast, Need, OnlyIf, Remedy, Verify, When, unit};
use crate::checks;
use crate::model::facts::Datastore;
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("start-server"),
    title: "Start k3s on a server",
    helps: "the machine is up and k3s is not: it was stopped, or failed at boot",
    harms: "one server of three alone waits for its peers for ever: started only when a majority \
            is in reach, all of them together, the last leader first, without waiting",
    undo: "systemctl stop k3s; the containers go on running",
    cures: &[&checks::SERVER_UNIT],
    needs: Need::GuardOrPlain,
    when: When::EpisodeOrAfter(&super::CLEAR_FAILED_UNIT),
    blast: Blast::ControlPlane,
    only_if: &[OnlyIf::MajorityInReach],
    budget: 3,
    limit: Span::secs(30),
    verify: Verify::Shows { holds: serves, within: |timing| timing.server_start },
    applies: |sit, target| unit::start(sit, target, Role::Server),
};

/// The member says that it is healthy; with another datastore, that the API answers.
fn serves(sit: &Situation<'_>, target: &Target) -> bool {
    let Some(Ok(host)) = target.machine().map(|name| sit.host(name)) else { return false };
    match host.datastore {
        Some(Datastore::Etcd) => host.etcd.is_some_and(|etcd| etcd.healthy && etcd.has_leader),
        Some(Datastore::Sqlite | Datastore::External) | None => sit.api_up(),
    }
}
