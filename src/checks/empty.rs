//! Whether anything of pods is left on a machine whose k3s is stopped. Shared by the checks of
//! servers and agents.

use crate::model::facts::{GuardState, HostFacts};
use crate::model::ids::RemedyId;
use crate::model::policy::Role;
use crate::model::situation::Situation;
use crate::model::verdict::{Target, Verdict};

/// The remedy that ends what is left.
pub(crate) const END_PODS: RemedyId = RemedyId::fixed("end-pods");

/// How often that is tried. What is left then is left: a mount whose server is gone ends with the
/// machine only.
pub(crate) const TRIES: u32 = 2;

/// The verdict on every machine of a role that goes down.
pub(super) fn judge(sit: &Situation<'_>, role: Role) -> Vec<(Target, Verdict)> {
    let told = |name| sit.descent().is_some_and(|descent| descent.told.contains(name));
    let concerned = sit.going_down().filter(|(_, machine)| machine.role == role);
    concerned
        .map(|(name, _)| {
            let target = Target::Machine(name.clone());
            let verdict = match (sit.without(name), sit.host(name)) {
                (Some(why), _) => why,
                (None, Ok(host)) => empty(sit, host, &target),
                (None, Err(_)) if told(name) => Verdict::Pass,
                (None, Err(blind)) => Verdict::unknown(blind.detail),
            };
            (target, verdict)
        })
        .collect()
}

fn empty(sit: &Situation<'_>, host: &HostFacts, target: &Target) -> Verdict {
    if host.guard == GuardState::Absent {
        return Verdict::skipped("no guard is installed there: its pods go on running");
    }
    let (Some(tasks), mounts) = (host.leftovers.tasks, host.leftovers.mounts) else {
        return Verdict::skipped("its kernel does not count what is left of pods");
    };
    if tasks == 0 && mounts == 0 {
        return Verdict::Pass;
    }
    let what = format!("of pods {tasks} tasks and {mounts} mounts are left");
    let tried = sit.durable.attempts.get(&END_PODS).and_then(|targets| targets.get(target));
    if tried.is_some_and(|tried| tried.count >= TRIES && tried.verify_until.is_none()) {
        return Verdict::skipped(format!("{what}, and do not end"));
    }
    Verdict::fail(what)
}

/// What a person can do about it.
pub(super) fn by_hand(_: &Situation<'_>, target: &Target) -> Vec<String> {
    vec![format!("systemd-cgls; findmnt | grep kubelet   on {target}: what still runs of pods")]
}
