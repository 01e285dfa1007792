use super::{Blast, Need, Remedy, Verify, When, evict, shown_soon};
use crate::checks;
use crate::model::action::PodTier;
use crate::model::time::Span;

pub static REMEDY: Remedy = Remedy {
    id: checks::EVICT_APPLICATIONS,
    title: "Evict applications from a node that goes down",
    helps: "applications end in order while what they need still answers",
    harms: "a disruption budget is asked each time and may hold a pod for ever: then a person is \
            asked, and a UPS does not wait. In the namespaces of `shutdown.against_budgets` such a \
            pod is deleted after its time, with its own grace period. What nobody makes anew, and \
            storage, are not touched",
    undo: "their controllers make the pods anew, when a node takes pods again",
    cures: &[&checks::APPLICATIONS_EVICTED],
    needs: Need::Api,
    when: When::Episode,
    blast: Blast::Scheduling,
    only_if: &[],
    budget: 100,
    limit: Span::secs(30),
    verify: Verify::Shows {
        holds: |sit, target| evict::is_gone(sit, target, PodTier::Applications),
        within: shown_soon,
    },
    applies: |sit, target| evict::applies(sit, target, PodTier::Applications),
};
