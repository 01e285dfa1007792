use super::{Applies, Blast, Need, Remedy, Verify, When};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("power-off-own-host"),
    title: "Switch ananke's own host off, as the last of all",
    helps: "everything else is off or given up, and shutdown.own_host says poweroff",
    harms: "nobody looks after the cluster until the host is on again, which its firmware, its \
            battery or a person has to see to; the record and the reports are on disk before",
    undo: "none of ananke's own: after its boot the host goes on from its ledger",
    cures: &[&checks::OWN_HOST_OFF],
    needs: Need::Here,
    // What a battery asks for does not end with the episode.
    when: When::Always,
    blast: Blast::ControlPlane,
    only_if: &[],
    budget: 3,
    limit: Span::secs(30),
    // A service that does not end holds the host for 90 s (DefaultTimeoutStopSec).
    verify: Verify::Shows { holds: booted_since, within: |_| Span::secs(120) },
    applies,
};

fn applies(_: &Situation<'_>, target: &Target) -> Applies {
    match target.machine() {
        Some(host) => Applies::Yes(Effect::PowerOffHere { host: host.clone() }),
        None => Applies::No,
    }
}

fn booted_since(sit: &Situation<'_>, _: &Target) -> bool {
    sit.descent().is_some_and(|descent| descent.host_went_off(&sit.durable.boot))
}
