use super::{AskMissing, Check, no_grace, not_only_a_person};
use crate::model::action::Action;
use crate::model::facts::{Datastore, HostFacts, Unit, UnitActive};
use crate::model::ids::{CheckId, MachineName, RemedyId};
use crate::model::memory::Attempts;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("datastore-saved"),
    title: "The datastore was saved on this way down",
    evidence: "the guard's word that k3s made the snapshot, on one server of etcd",
    grace: no_grace,
    missing: AskMissing::Ask,
    person: not_only_a_person,
    judge,
    by_hand,
};

/// The remedy that saves it.
pub(crate) const SAVE_DATASTORE: RemedyId = RemedyId::fixed("save-datastore");

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    let of_all = |verdict| vec![(Target::Cluster, verdict)];
    if let Some(verdict) = settled(sit) {
        return of_all(verdict);
    }
    match server(sit) {
        Some(name) => {
            let said = last_words(sit);
            let said = said.map(|why| format!("; the last time {why}")).unwrap_or_default();
            let verdict = Verdict::fail(format!("it is not saved yet{said}"));
            vec![(Target::Machine(name.clone()), verdict)]
        }
        None => of_all(Verdict::unknown("no server of etcd answers and runs")),
    }
}

/// The verdict that needs no server to act on.
fn settled(sit: &Situation<'_>) -> Option<Verdict> {
    let Some(descent) = sit.descent() else {
        return Some(Verdict::skipped("nobody wants it down"));
    };
    if descent.saved.is_some() {
        return Some(Verdict::Pass);
    }
    if !descent.snapshot {
        let why = "left out by the one who ordered it (--skip-etcd-snapshot)";
        return Some(Verdict::skipped(why));
    }
    if !sit.going_down().any(|(_, machine)| machine.role == Role::Server) {
        return Some(Verdict::skipped("no server goes down"));
    }
    if let Some(why) = sit.no_control_plane() {
        return Some(Verdict::skipped(why));
    }
    let kinds: Vec<_> = servers(sit).filter_map(|(_, host)| host.datastore).collect();
    (!kinds.is_empty() && !kinds.contains(&Datastore::Etcd))
        .then(|| Verdict::skipped("it is no etcd of k3s: k3s makes no snapshot of it"))
}

/// The servers that answer and may be changed.
fn servers<'a>(
    sit: &Situation<'a>,
) -> impl Iterator<Item = (&'a MachineName, &'a HostFacts)> + use<'a> {
    let sit = *sit;
    let servers =
        sit.policy.machines.iter().filter(|(_, it)| it.role == Role::Server && it.managed);
    servers.filter_map(move |(name, _)| Some((name, sit.host(name).ok()?)))
}

/// The server on which it is saved: the one that is at it, else one whose etcd is well, and of
/// those the one on which it was tried the least.
pub(crate) fn server<'a>(sit: &Situation<'a>) -> Option<&'a MachineName> {
    let saves = |action: &&Action| action.remedy == SAVE_DATASTORE;
    let at_it = sit.durable.in_flight.values().map(|flight| &flight.action).find(saves);
    if let Some(host) = at_it.and_then(|action| action.effect.host()) {
        return Some(host);
    }
    let runs = |host: &HostFacts| {
        host.datastore == Some(Datastore::Etcd)
            && host.etcd.is_none_or(|etcd| etcd.healthy && etcd.has_leader)
            && host.units.get(&Unit::K3s).is_some_and(|unit| unit.active == UnitActive::Active)
    };
    let fit = servers(sit).filter(|(_, host)| runs(host)).map(|(name, _)| name);
    fit.min_by_key(|name| tried(sit, name).map_or(0, |tried| tried.count))
}

fn tried<'a>(sit: &Situation<'a>, name: &MachineName) -> Option<&'a Attempts> {
    sit.durable.attempts.get(&SAVE_DATASTORE)?.get(&Target::Machine(name.clone()))
}

/// What went wrong the last time.
fn last_words<'a>(sit: &Situation<'a>) -> Option<&'a str> {
    let tried = sit.durable.attempts.get(&SAVE_DATASTORE)?.values();
    tried.max_by_key(|tried| tried.last)?.result.as_ref()?.why()
}

fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![
        format!("sudo k3s etcd-snapshot save   on {target}"),
        "sudo ananke shutdown --execute --reason WHY --skip-etcd-snapshot   to go on without"
            .to_owned(),
    ]
}
