//! What the UPSes want: down when a battery gives out, and up again when mains are there to stay.

use std::collections::BTreeSet;

use crate::decide::descent::{self, Wish};
use crate::decide::{episode, orders};
use crate::model::ids::MachineName;
use crate::model::intent::{Author, Desired, Intent, Progress, Scope};
use crate::model::memory::Durable;
use crate::model::policy::Role;
use crate::model::power::{Arming, Domain, OnLow, PowerView, UpsName};
use crate::model::tick::TickInput;

/// Sets, widens and ends the intent of the UPSes.
pub(in crate::decide) fn wish(input: &TickInput, view: &PowerView, durable: &mut Durable) {
    let asked = view.going_down().next().is_some();
    match view.arming {
        Arming::Armed { on_low } if asked => go_down(input, view, on_low, durable),
        Arming::Armed { .. } | Arming::NotArmed { .. } | Arming::NoUps if asked => {}
        Arming::Armed { .. } | Arming::NotArmed { .. } | Arming::NoUps => {
            end_wish(input, view, durable);
        }
    }
}

/// How far down a UPS may ask for.
pub(super) const fn how_far(on_low: OnLow) -> Desired {
    match on_low {
        OnLow::ClusterOnly => Desired::DownClusterOnly,
        OnLow::Poweroff => Desired::DownPoweroff,
    }
}

fn go_down(input: &TickInput, view: &PowerView, on_low: OnLow, durable: &mut Durable) {
    let to = how_far(on_low);
    let before = &durable.intent;
    let down = before.desired != Desired::Up;
    let by_ups = matches!(before.by, Author::Ups { .. });
    let mut scope = scope(input, view);
    if down && by_ups {
        // Within one outage it only ever grows.
        scope = wider(scope, &before.scope);
    }
    if is_wanted(before, to, &scope) && !came_on(input, durable, &scope) {
        return;
    }
    let mut names: Vec<_> = view.going_down().flat_map(|(_, down)| &down.upses).collect();
    names.sort_unstable();
    names.dedup();
    let names: Vec<_> = names.into_iter().map(ToString::to_string).collect();
    if down && !by_ups {
        durable.beneath = Some(before.clone());
    }
    let by = Author::Ups { name: names.join(", ") };
    let why = reason(view, &scope);
    let wish = Wish { by, why, to, scope, drain: true, snapshot: true, host_stays: None };
    descent::order(&input.now, durable, wish);
}

/// Whether that much is wanted down already.
pub(in crate::decide) fn is_wanted(intent: &Intent, desired: Desired, scope: &Scope) -> bool {
    let far = match (intent.desired, desired) {
        (Desired::Up, _) => false,
        (Desired::DownClusterOnly, wanted) => wanted == Desired::DownClusterOnly,
        (Desired::DownPoweroff, _) => true,
    };
    far && intent.scope.covers(scope)
}

/// Whether machines came on by themselves after they were switched off, with the power that was
/// back: a battery that gives out before anybody wanted them up has them switched off once more.
fn came_on(input: &TickInput, durable: &Durable, scope: &Scope) -> bool {
    let intent = &durable.intent;
    let over = intent.progress == Progress::ShutdownComplete;
    let off = over && intent.desired == Desired::DownPoweroff;
    let Some(descent) = durable.descent.as_ref().filter(|_| off) else { return false };
    let (now, fresh_for) = (input.now.mono, input.policy.timing.fresh_for);
    let given_up =
        |name: &&MachineName| descent.left.contains_key(*name) || descent.vouched.contains(*name);
    let mut told = descent.told.iter().filter(|name| scope.concerns(name) && !given_up(name));
    told.any(|name| {
        let host = input.observation.hosts.get(name).and_then(|it| it.if_fresh(now, fresh_for));
        host.is_some_and(|host| descent.up_before.get(name) != Some(&host.boot_id))
    })
}

fn wider(one: Scope, other: &Scope) -> Scope {
    match (one, other) {
        (Scope::Machines(one), Scope::Machines(other)) => {
            Scope::Machines(one.union(other).cloned().collect())
        }
        (Scope::Whole, _) | (Scope::Machines(_), Scope::Whole) => Scope::Whole,
    }
}

/// What has to go down: the dying domains alone, if orders still get through and the servers that
/// stay fed make a quorum; else everything.
fn scope(input: &TickInput, view: &PowerView) -> Scope {
    let dying: BTreeSet<&str> = view.going_down().map(|(it, _)| it.name.as_str()).collect();
    let domains = input.policy.power.domains.iter();
    let dying: Vec<&Domain> =
        domains.filter(|domain| dying.contains(domain.name.as_str())).collect();
    let machines: BTreeSet<MachineName> =
        dying.iter().flat_map(|domain| &domain.machines).cloned().collect();
    let left = input.policy.with_role(Role::Server).filter(|name| !machines.contains(*name));
    let quorum = left.count() >= input.policy.quorum();
    if quorum && !dying.iter().any(|domain| domain.carries_orders) {
        Scope::Machines(machines)
    } else {
        Scope::Whole
    }
}

fn reason(view: &PowerView, scope: &Scope) -> String {
    let whole = match scope {
        Scope::Whole => "everything goes down",
        Scope::Machines(_) => "only what it feeds goes down",
    };
    let mut reasons: Vec<String> = Vec::new();
    for (_, down) in view.going_down() {
        for name in &down.upses {
            let fired = view.upses.get(name).into_iter().flat_map(|ups| &ups.reasons);
            let fired = fired.filter(|reason| reason.fires);
            let words: Vec<_> = fired.map(|it| format!("{} ({})", it.kind, it.measure)).collect();
            let line = format!("{name}: {}", words.join(", "));
            if !reasons.contains(&line) {
                reasons.push(line);
            }
        }
    }
    format!("{}; {whole}", reasons.join("; "))
}

/// Ends what a UPS wanted. Before the point of no return stable mains are enough; after it the way
/// down is finished first, and the cluster goes up only when it could go down once more.
fn end_wish(input: &TickInput, view: &PowerView, durable: &mut Durable) {
    let intent = &durable.intent;
    if intent.desired == Desired::Up || !matches!(intent.by, Author::Ups { .. }) {
        return;
    }
    // Of a UPS that nobody watches any more nobody can say that its mains are back.
    if view.upses.is_empty() {
        return;
    }
    let complete = intent.progress == Progress::ShutdownComplete;
    let over = match complete {
        true => view.forbids().next().is_none(),
        false => mains_are_stable(input, view, &intent.scope),
    };
    if !over {
        return;
    }
    if descent::past_return(durable) {
        if let Some(descent) = &mut durable.descent {
            descent.turn.get_or_insert(Author::Ananke);
        }
        return;
    }
    let by = intent.by.clone();
    let reason = match complete {
        true => format!("mains are stable and the charge suffices; {by} wanted it down"),
        false => format!("mains are back and stable; {by} wanted it down"),
    };
    if let Some(beneath) = durable.beneath.take() {
        durable.intent = beneath;
        return;
    }
    let cause = descent::cause("startup", &by);
    orders::want_up(&input.now, durable, Author::Ananke, reason);
    episode::turn(&input.now, durable, cause);
}

/// Whether enough UPSes of everything that the shutdown concerns have had mains for the whole
/// dwell. Nobody's consent to a start on battery shortens it.
fn mains_are_stable(input: &TickInput, view: &PowerView, scope: &Scope) -> bool {
    let policy = &input.policy.power;
    let stable = |name: &&UpsName| {
        let since = view.upses.get(*name).and_then(|ups| ups.mains_since);
        let dwell = policy.upses.get(*name).map(|rules| rules.dwell);
        let settled = since.zip(dwell).map(|(since, dwell)| since + dwell);
        settled.is_some_and(|settled| input.now.mono >= settled)
    };
    let concerned = |domain: &&Domain| {
        domain.carries_orders || domain.machines.iter().any(|machine| scope.concerns(machine))
    };
    let mut domains = policy.domains.iter().filter(concerned);
    domains.all(|domain| domain.feeds.iter().filter(stable).count() >= domain.need)
}
