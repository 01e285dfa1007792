//! Which machines lose power, and until when they can be stopped in order.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::ids::MachineName;
use crate::model::power::{Domain, DomainView, Down, PowerPolicy, UpsName, UpsState, UpsView};
use crate::model::time::Span;

/// What has to go down and until when. A UPS without a view counts as one that was never heard.
pub fn domains(policy: &PowerPolicy, views: &BTreeMap<UpsName, UpsView>) -> Vec<DomainView> {
    let own: Vec<_> = policy.domains.iter().map(|domain| alone(domain, views)).collect();
    let ways: Vec<_> = policy
        .domains
        .iter()
        .zip(&own)
        .filter(|(domain, _)| domain.carries_orders)
        .map(|(_, view)| view.clone())
        .collect();
    own.into_iter().map(|view| with_ways(view, &ways)).collect()
}

/// A domain by its own UPSes.
fn alone(domain: &Domain, views: &BTreeMap<UpsName, UpsView>) -> DomainView {
    let own: Vec<_> = domain.feeds.iter().map(|name| (name, views.get(name))).collect();
    let drains = own.iter().any(|(_, view)| view.is_some_and(UpsView::drains));
    let feeding = own.iter().filter(|(_, view)| is_counted_on(*view, drains)).count();
    let mut lasts: Vec<_> = own.iter().map(|(_, view)| lasts(*view, drains)).collect();
    lasts.sort_unstable_by(|a, b| b.cmp(a));
    // The domain lives for as long as the least of those that it needs.
    let last = domain.need.checked_sub(1).and_then(|at| lasts.get(at)).copied();
    let left = match last {
        Some(Lasts::For(left)) => Some(left),
        Some(Lasts::Unbounded) | None => None,
    };
    let firing: Vec<_> = own
        .iter()
        .filter(|(_, view)| view.is_some_and(UpsView::fires))
        .map(|(name, _)| (*name).clone())
        .collect();
    let down = (!firing.is_empty() && feeding < domain.need)
        .then(|| Down { upses: firing, domain: domain.name.clone() });
    DomainView {
        name: domain.name.clone(),
        feeding,
        need: domain.need,
        left,
        deadline: left,
        bound_by: left.map(|_| domain.name.clone()),
        down,
    }
}

/// How long a UPS feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lasts {
    /// So long. Not at all, if nobody knows how long.
    For(Span),
    /// Nothing drains it.
    Unbounded,
}

/// Whether a UPS feeds its machines and none of its own rules says that it soon will not. One that
/// cannot be seen while another of its domain drains is not counted on: what took the mains from
/// that one may have taken them from this one too.
fn is_counted_on(view: Option<&UpsView>, fellow_drains: bool) -> bool {
    let Some(view) = view else { return !fellow_drains };
    match &view.state {
        UpsState::Off { .. } => false,
        UpsState::Unknown { .. } if !view.drains() => !fellow_drains,
        UpsState::Unknown { .. }
        | UpsState::Online { .. }
        | UpsState::OnBattery { .. }
        | UpsState::Low { .. }
        | UpsState::ForcedShutdown { .. }
        | UpsState::Calibrating { .. }
        | UpsState::Bypass { .. } => !view.fires(),
    }
}

fn lasts(view: Option<&UpsView>, fellow_drains: bool) -> Lasts {
    match view {
        Some(view) if view.drains() || view.fires() => {
            Lasts::For(view.runtime.left.map_or(Span::ZERO, |(_, left)| left))
        }
        _ if is_counted_on(view, fellow_drains) => Lasts::Unbounded,
        Some(_) | None => Lasts::For(Span::ZERO),
    }
}

/// The same domain, bounded by those that orders go through.
fn with_ways(mut view: DomainView, ways: &[DomainView]) -> DomainView {
    for way in ways {
        if let Some(left) = way.left
            && view.deadline.is_none_or(|deadline| left < deadline)
        {
            view.deadline = Some(left);
            view.bound_by = Some(way.name.clone());
        }
        view.down = view.down.or_else(|| way.down.clone());
    }
    view
}

/// The machines that no UPS feeds and that nobody exempted. With any, power is not armed.
pub fn uncovered<'a>(
    policy: &PowerPolicy,
    machines: impl IntoIterator<Item = &'a MachineName>,
) -> BTreeSet<MachineName> {
    machines.into_iter().filter(|name| policy.is_unfed(name)).cloned().collect()
}
