//! The UPSes on the screens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::text::{count, labelled, listed};
use crate::model::policy::{OwnHost, Policy};
use crate::model::power::{
    Arming, Budget, DomainView, Fit, Measure, OnLow, PowerView, StageBudget, UpsName, UpsRules,
    UpsState, UpsView,
};
use crate::model::record::TickRecord;
use crate::model::time::{Mono, Span};

/// One UPS, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UpsLine {
    /// `name@host`.
    pub name: String,
    /// The word of its state.
    pub state: String,
    /// The charge in percent, if it is said and fresh.
    pub charge: Option<u8>,
    /// What is left, in milliseconds, by the source that counts.
    pub runtime_ms: Option<u64>,
    /// What must be left for a shutdown, in milliseconds.
    pub needs_ms: Option<u64>,
    /// Whether there is a reason to go down now.
    pub fires: bool,
    /// What speaks against a start.
    pub against: Vec<String>,
    /// What a person should know.
    pub alarms: Vec<String>,
    /// All of it in one line, as on the status screen.
    pub text: String,
}

/// Every UPS.
pub(super) fn ups_lines(record: &TickRecord) -> Vec<UpsLine> {
    let power = &record.decision.power;
    let line = |(name, ups): (&UpsName, &UpsView)| UpsLine {
        name: name.to_string(),
        state: ups.state.word().to_owned(),
        charge: ups.charge,
        runtime_ms: ups.runtime.left.map(|(_, left)| left.as_millis()),
        needs_ms: needs(record, name).map(Span::as_millis),
        fires: ups.fires(),
        against: obstacles(power, name),
        alarms: ups.alarms.iter().map(ToString::to_string).collect(),
        text: at_a_glance(record, name, ups),
    };
    power.upses.iter().map(line).collect()
}

/// What speaks against a start.
fn obstacles(power: &PowerView, name: &UpsName) -> Vec<String> {
    let against = power.against.get(name).into_iter();
    against.flat_map(|against| &against.obstacles).map(ToString::to_string).collect()
}

/// Whether UPSes may have something shut down; nothing where there is no UPS.
pub(super) fn armed(record: &TickRecord) -> Option<String> {
    match &record.decision.power.arming {
        Arming::NoUps => None,
        Arming::Armed { on_low } => Some(format!("armed ({})", on_low.word())),
        Arming::NotArmed { why } => {
            let why: Vec<_> = why.iter().map(ToString::to_string).collect();
            Some(format!("NOT armed: {}", why.join("; ")))
        }
    }
}

/// The lines of the status screen.
pub(super) fn lines(record: &TickRecord) -> Vec<String> {
    let (power, now) = (&record.decision.power, record.input.now.mono);
    if power.upses.is_empty() {
        return vec!["no UPS is configured: a power failure is not seen coming".to_owned()];
    }
    let width = power.upses.keys().map(|name| name.to_string().len()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for (name, ups) in &power.upses {
        lines.push(format!("{:width$}  {}", name.to_string(), at_a_glance(record, name, ups)));
        lines.extend(ups.alarms.iter().map(|alarm| format!("{name}: {alarm}")));
        let starts = obstacles(power, name);
        if !starts.is_empty()
            && ups.alarms.is_empty()
            && !matches!(ups.state, UpsState::Online { .. })
        {
            lines.push(format!("{name}: nothing is started: {}", starts.join("; ")));
        }
        lines.extend(nearest(ups, now).map(|text| format!("{name}: {text}")));
    }
    lines.extend(power.domains.iter().filter_map(domain_in_need));
    lines
}

/// `on mains    charge 64%  runtime 18m  needs 9m`
fn at_a_glance(record: &TickRecord, name: &UpsName, ups: &UpsView) -> String {
    let now = record.input.now.mono;
    let since = now.since(ups.state.since());
    let mut text = match &ups.state {
        UpsState::Online { .. } => "on mains".to_owned(),
        UpsState::Unknown { last: Some(last), .. } => {
            let known = if last.condition.drains() { "on battery" } else { "not on battery" };
            format!("unknown for {since}, {known} when last heard")
        }
        state @ (UpsState::OnBattery { .. }
        | UpsState::Low { .. }
        | UpsState::ForcedShutdown { .. }
        | UpsState::Calibrating { .. }
        | UpsState::Off { .. }
        | UpsState::Bypass { .. }
        | UpsState::Unknown { last: None, .. }) => format!("{} for {since}", state.word()),
    };
    if let Some(charge) = ups.charge {
        text += &format!("  charge {charge}%");
    }
    if let Some((_, left)) = ups.runtime.left {
        text += &format!("  runtime {left}");
    }
    if let Some(needs) = needs(record, name) {
        text += &format!("  needs {needs}");
    }
    text
}

/// What must be left of a UPS for a shutdown.
fn needs(record: &TickRecord, name: &UpsName) -> Option<Span> {
    let rules = record.input.policy.power.upses.get(name)?;
    let budget = record.decision.power.budget.as_ref()?;
    Some(budget.needed + rules.margin())
}

/// The reason to go down that fires, or else the one with the least to spare in time.
fn nearest(ups: &UpsView, now: Mono) -> Option<String> {
    if let Some(reason) = ups.reasons.iter().find(|reason| reason.fires) {
        return Some(format!("goes down for {}: {}", reason.kind, reason.measure));
    }
    let spare = |measure: &Measure| match measure {
        Measure::Left { have, need } => Some(have.less(*need)),
        Measure::Passed { have, limit } => Some(limit.less(*have)),
        Measure::Charge { .. }
        | Measure::Said { .. }
        | Measure::Unknown { .. }
        | Measure::NotAsked => None,
    };
    let timed = ups.reasons.iter().filter_map(|reason| Some((spare(&reason.measure)?, reason)));
    let (spare, reason) = timed.min_by_key(|(spare, _)| *spare)?;
    Some(match reason.since {
        Some(since) => {
            format!("{} holds for {}: {}", reason.kind, now.since(since), reason.measure)
        }
        None => format!("goes down in {spare} at the soonest, for {}", reason.kind),
    })
}

/// A domain that is not fed as it should be.
fn domain_in_need(domain: &DomainView) -> Option<String> {
    let DomainView { name, feeding, need, deadline, bound_by, down, .. } = domain;
    if let Some(down) = down {
        let upses: Vec<_> = down.upses.iter().map(ToString::to_string).collect();
        return Some(format!("{name} has to go down: {}", upses.join(", ")));
    }
    let left = (*deadline)?;
    let bound = bound_by.as_ref().filter(|bound| *bound != name);
    let bound = bound.map(|bound| format!(", for orders go through {bound}")).unwrap_or_default();
    Some(format!("{name}: {feeding} of {need} UPSes can be counted on, {left} left{bound}"))
}

/// Everything that is known of power: the second half of `ananke why power`.
pub(super) fn details(record: &TickRecord) -> Vec<String> {
    let (policy, power) = (&record.input.policy.power, &record.decision.power);
    let mut lines = vec![String::new()];
    lines.extend(armed(record).map(|armed| labelled("  power", &armed)));
    if matches!(power.arming, Arming::Armed { on_low: OnLow::Poweroff }) {
        lines.extend(stays_off(&record.input.policy).map(|line| labelled("  stay off", &line)));
        lines.push(labelled("  this host", &own_host(&record.input.policy)));
    }
    for (name, ups) in &power.upses {
        let Some(rules) = policy.upses.get(name) else { continue };
        lines.push(String::new());
        lines.push(labelled("  ups", &format!("{name}: {}", at_a_glance(record, name, ups))));
        lines.extend(listed("  says", &said(record, name)));
        lines.extend(listed("  runtime", &sources(ups)));
        lines.extend(listed("  triggers", &triggers(record, name, ups, rules)));
        let alarms: Vec<_> = ups.alarms.iter().map(ToString::to_string).collect();
        lines.extend(listed("  alarms", &alarms));
    }
    lines.push(String::new());
    lines.extend(listed("  domains", &domains(record, power)));
    if let Some(budget) = &power.budget {
        lines.push(labelled("  shutdown", &shutdown(budget, record)));
        lines.extend(listed("  stages", &stages(budget)));
    }
    lines
}

/// What a shutdown needs, for a plan: what it is thought to take, what each UPS has to spare, and
/// on the way down each stage.
pub(super) fn energy(record: &TickRecord, down: bool) -> Vec<String> {
    let power = &record.decision.power;
    let Some(budget) = &power.budget else { return Vec::new() };
    let mut lines = vec![format!("a shutdown is {}", shutdown(budget, record))];
    lines.extend(power.upses.iter().map(|(name, ups)| match &ups.fit {
        Fit::Fits { spare } => format!("{name}: {spare} to spare"),
        Fit::Short { by } => format!("{name}: {by} too little"),
        Fit::Unknown => format!("{name}: no runtime is believed"),
    }));
    if down {
        lines.extend(stages(budget));
    }
    listed("energy", &lines)
}

/// What each stage is thought to take, and how far that is from what it may take.
fn stages(budget: &Budget) -> Vec<String> {
    let line = |it: &StageBudget| match it.takes {
        Some(takes) => {
            let (spare, runs) = (it.most.less(takes), count(it.runs, "run"));
            format!("{}: {takes} by {runs}, {spare} less than it may take", it.stage)
        }
        None => format!("{}: never measured, and may take {}", it.stage, it.most),
    };
    budget.stages.iter().map(line).collect()
}

/// What becomes of ananke's own host at the end of a power-off.
pub(super) fn own_host(policy: &Policy) -> String {
    let owner = &policy.owner;
    match policy.shutdown.own_host {
        Some(OwnHost::Poweroff) => {
            format!("{owner}, this host, switches itself off as the last; its firmware starts it")
        }
        Some(OwnHost::StaysOn) => format!("{owner}, this host, stays on (shutdown.own_host)"),
        None => format!("{owner}, this host, stays on: shutdown.own_host does not say poweroff"),
    }
}

/// Who is not switched on again by ananke after a power-off, if there is somebody.
pub(super) fn stays_off(policy: &Policy) -> Option<String> {
    let off = policy.machines.iter().filter(|(name, machine)| {
        machine.managed && name.as_str() != policy.owner && !policy.shutdown.wakes.contains(*name)
    });
    let names: Vec<_> = off.map(|(name, _)| name.as_str()).collect();
    (!names.is_empty()).then(|| {
        let names = names.join(", ");
        format!("{names}: its firmware switches it on when power returns, or a person does")
    })
}

/// The words of the UPS, and where they come from.
fn said(record: &TickRecord, name: &UpsName) -> Vec<String> {
    let Some(seen) = record.input.observation.upses.get(name) else { return Vec::new() };
    let Some(facts) = seen.any_age() else { return Vec::new() };
    let source = &facts.source;
    let driver = source.driver.clone().unwrap_or_else(|| "driver not named".to_owned());
    let wire = if source.encrypted { "pinned TLS" } else { "plain text" };
    vec![format!("\"{}\"", facts.status), format!("{driver}, {}, {wire}", source.server)]
}

/// Each source of the runtime, and which one counts.
fn sources(ups: &UpsView) -> Vec<String> {
    let counts = ups.runtime.left.map(|(source, _)| source);
    let line = |claim: &crate::model::power::Claim| match &claim.left {
        Ok(left) if counts == Some(claim.source) => format!("{}: {left} (counts)", claim.source),
        Ok(left) => format!("{}: {left}", claim.source),
        Err(why) => format!("{}: {why}", claim.source),
    };
    ups.runtime.claims.iter().map(line).collect()
}

/// Every reason to go down with its margin. On mains: where they lie.
fn triggers(record: &TickRecord, name: &UpsName, ups: &UpsView, rules: &UpsRules) -> Vec<String> {
    if !ups.reasons.is_empty() {
        let line = |reason: &crate::model::power::Reason| {
            let fires = if reason.fires { ": fires" } else { "" };
            format!("{}: {}{fires}", reason.kind, reason.measure)
        };
        return ups.reasons.iter().map(line).collect();
    }
    let mut lines = vec!["none while there is mains; in an outage:".to_owned()];
    let needs = needs(record, name).unwrap_or(Span::ZERO);
    lines.push(match &ups.fit {
        Fit::Fits { spare } => format!("runtime: at {needs}, {spare} to spare as of now"),
        Fit::Short { by } => format!("runtime: at {needs}, {by} more than there is now"),
        Fit::Unknown => format!("runtime: at {needs}, and none is believed now"),
    });
    lines.push(match rules.low_for {
        Span::ZERO => "low battery: at the first word".to_owned(),
        wait => format!("low battery: after {wait}"),
    });
    lines.push(match rules.charge_floor {
        Some(floor) => format!("charge floor: {floor} %"),
        None => "charge floor: not configured".to_owned(),
    });
    lines.push(match rules.on_battery_max {
        Some(limit) => format!("time on battery: {limit}"),
        None => "time on battery: not configured".to_owned(),
    });
    lines.push(format!(
        "connection lost: when the last runtime that was believed has run down to {needs}, or \
         after {} without one",
        rules.blind_max
    ));
    lines
}

fn domains(record: &TickRecord, power: &PowerView) -> Vec<String> {
    let policy = &record.input.policy.power;
    let views = power.domains.iter().zip(&policy.domains);
    let line = |(view, domain): (&DomainView, &crate::model::power::Domain)| {
        let feeds: Vec<_> = domain.feeds.iter().map(ToString::to_string).collect();
        let machines: Vec<_> = domain.machines.iter().map(ToString::to_string).collect();
        let way = if domain.carries_orders { "; orders go through it" } else { "" };
        let left = view.deadline.map(|left| format!("; {left} left")).unwrap_or_default();
        format!(
            "{}: {} of {} needed, {} can be counted on; {}{way}{left}",
            view.name,
            view.need,
            feeds.join(", "),
            view.feeding,
            machines.join(", ")
        )
    };
    views.map(line).collect()
}

fn shutdown(budget: &Budget, record: &TickRecord) -> String {
    let from = if budget.learned {
        "by what earlier ones took"
    } else {
        "not every stage was measured often enough: default_budget_seconds counts if it is longer"
    };
    let percent = record.input.policy.power.budget.factor_percent;
    format!(
        "thought to take {} ({from}); with the factor of {}.{:02} and this host's own end {}",
        budget.estimate,
        percent / 100,
        percent % 100,
        budget.needed
    )
}
