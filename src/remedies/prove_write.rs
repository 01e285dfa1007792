use super::{Applies, Blast, Need, Remedy, Verify, When, shown_soon};
use crate::checks;
use crate::model::action::Effect;
use crate::model::ids::RemedyId;
use crate::model::time::Span;

pub static REMEDY: Remedy = Remedy {
    id: RemedyId::fixed("prove-write"),
    title: "Renew ananke's own Lease",
    helps: "the API answers /readyz, and nobody knows whether it takes writes",
    harms: "none: the Lease is ananke's own",
    undo: "needs none",
    cures: &[&checks::WRITE_CANARY],
    needs: Need::Api,
    when: When::Always,
    blast: Blast::Nothing,
    only_if: &[],
    // An API that comes and goes is proven anew each time; its
    // waits do not double, so 100 are used up after 25 minutes without an accepted write.
    budget: 100,
    limit: Span::secs(10),
    verify: Verify::Passes { check: &checks::WRITE_CANARY, within: shown_soon },
    applies: |_, _| Applies::Yes(Effect::WriteCanary),
};
