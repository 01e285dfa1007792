use jiff::SignedDuration;

use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::{Effect, Mending};
use crate::model::ids::{MachineName, RemedyId};
use crate::model::situation::Situation;
use crate::model::time::Span;
use crate::model::verdict::Target;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("set-clock"),
    title: "Set the machine's clock forward to the time of this host",
    helps: "no time server can be reached, as when the cluster's own DNS has to name it first",
    harms: "a wrong time would be spread: only where this host's synchronised clock and the median \
            of the other machines agree, only forward, and never beyond 2100",
    undo: "the time daemon corrects what is left, once it hears of the time",
    cures: &[&checks::CLOCK_RIGHT],
    needs: Need::Guard,
    when: When::Episode,
    blast: Blast::OneUnit,
    only_if: &[],
    budget: 2,
    limit: Span::secs(15),
    verify: Verify::Shows { holds: right, within: shown_soon },
    applies,
};

fn applies(sit: &Situation<'_>, target: &Target) -> Applies {
    let Some(name) = target.machine().filter(|name| checks::clock_behind(sit, name)) else {
        return Applies::No;
    };
    if !checks::clocks_agree(sit, name) {
        return Applies::Blind(
            "a clock is set by two references that agree: this host's own, synchronised, and the \
             median of other machines"
                .to_owned(),
        );
    }
    set(sit, name).map_or(Applies::No, Applies::Yes)
}

/// The right time at the moment when the machine's clock was read, with the machine's uptime of
/// that moment: the guard adds what passed since, so that a slow way does no harm.
fn set(sit: &Situation<'_>, name: &MachineName) -> Option<Effect> {
    let host = sit.host(name).ok()?;
    let ahead = SignedDuration::from_millis(host.clock?.ahead.as_millis());
    // The face shows whole seconds: half of one stands for the part that it does not show.
    let right = host.wall.checked_sub(ahead).ok()?.checked_add(SignedDuration::from_millis(500));
    let mending = Mending::SetClock { to: right.ok()?, up: host.up_for };
    Some(Effect::MendHost { host: name.clone(), mending })
}

fn right(sit: &Situation<'_>, target: &Target) -> bool {
    target.machine().is_some_and(|name| checks::clock_is_right(sit, name))
}
