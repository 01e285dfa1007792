use super::{Applies, Blast, Need, Remedy, Verify, When};
use crate::checks;
use crate::model::action::{Effect, Mending};
use crate::model::ids::RemedyId;
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("resync-clock"),
    title: "Let the machine's time daemon ask again and set the clock at once",
    helps: "the daemon asked before there was a network, or corrects years in small steps",
    harms: "a clock that is ahead would step back under etcd and storage: only where it is behind",
    undo: "needs none",
    cures: &[&checks::CLOCK_RIGHT],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[],
    budget: 2,
    limit: Span::secs(30),
    verify: Verify::Shows { holds: keeps_time, within: |_| ASKED },
    applies,
};

/// What a daemon may take to hear of the time, and we to look closer.
pub(super) const ASKED: Span = Span::secs(60);

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    match target.machine() {
        Some(name) if checks::clock_behind(sit, name) => {
            Applies::Yes(Effect::MendHost { host: name.clone(), mending: Mending::ResyncClock })
        }
        Some(_) | None => Applies::No,
    }
}

/// The clock is right by comparison, and its daemon says that it follows a source: so it stays.
fn keeps_time(sit: &Situation<'_>, target: &Target) -> bool {
    target.machine().is_some_and(|name| {
        checks::clock_is_right(sit, name)
            && sit.hygiene(name).is_ok_and(|facts| facts.synchronised == Some(true))
    })
}
