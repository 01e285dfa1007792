use super::{AskMissing, Check, no_grace};
use crate::model::episode::Episode;
use crate::model::ids::CheckId;
use crate::model::power::{Against, Obstacle, UpsName};
use crate::model::situation::Situation;
use crate::model::time::Mono;
use crate::model::verdict::{Target, Verdict};

pub static CHECK: Check = Check {
    id: CheckId::fixed("power-suffices"),
    title: "Each UPS that a start depends on has stable mains, and would carry another shutdown",
    evidence: "what upsd says now; charge and runtime against what a shutdown is thought to take",
    grace: no_grace,
    missing: AskMissing::Ask,
    person,
    judge,
    by_hand,
};

/// A battery that is full has no more to give.
const FULL: u8 = 99;

fn judge(sit: &Situation<'_>) -> Vec<(Target, Verdict)> {
    if sit.policy.power.upses.is_empty() {
        return vec![(Target::Cluster, Verdict::skipped("no UPS is configured"))];
    }
    let names = sit.policy.power.upses.keys();
    names.map(|name| (Target::Ups(name.clone()), of(sit, name))).collect()
}

fn of(sit: &Situation<'_>, name: &UpsName) -> Verdict {
    let Some(Against { obstacles, needed }) = sit.power.against.get(name) else {
        return Verdict::Pass;
    };
    let words: Vec<_> = obstacles.iter().map(ToString::to_string).collect();
    let why = words.join("; ");
    if !needed {
        return Verdict::skipped(format!("{why}; the other UPSes of its domain are enough"));
    }
    // What runs goes on running; only a start needs what is not there.
    if !sit.durable.episode.as_ref().is_some_and(is_open) {
        return Verdict::skipped(format!("{why}; nothing is started now"));
    }
    if let Some(Obstacle::Unknown { .. }) = obstacles.first() {
        return Verdict::unknown(why);
    }
    match obstacles.iter().all(|obstacle| ends_by_itself(sit, name, obstacle)) {
        true => Verdict::Settling { why, until: until(sit, obstacles) },
        false => Verdict::fail(why),
    }
}

const fn is_open(episode: &Episode) -> bool {
    episode.end.is_none()
}

/// Whether waiting is all that it takes: for mains, for the charger.
fn ends_by_itself(sit: &Situation<'_>, name: &UpsName, obstacle: &Obstacle) -> bool {
    let charges = || {
        let charge = sit.power.upses.get(name).and_then(|ups| ups.charge);
        charge.is_some_and(|charge| charge < FULL)
    };
    match obstacle {
        Obstacle::OnBattery | Obstacle::Unsettled { .. } => true,
        Obstacle::Charge { .. } | Obstacle::Short { .. } | Obstacle::LowBattery => charges(),
        Obstacle::Unknown { .. }
        | Obstacle::Latched
        | Obstacle::NotProtecting { .. }
        | Obstacle::NothingToGoBy => false,
    }
}

/// When to look again. Nobody knows when mains return, so it is always a little ahead.
fn until(sit: &Situation<'_>, obstacles: &[Obstacle]) -> Mono {
    let settled = obstacles.iter().find_map(|obstacle| match obstacle {
        Obstacle::Unsettled { until } => Some(*until),
        Obstacle::OnBattery
        | Obstacle::Unknown { .. }
        | Obstacle::Latched
        | Obstacle::LowBattery
        | Obstacle::NotProtecting { .. }
        | Obstacle::Charge { .. }
        | Obstacle::Short { .. }
        | Obstacle::NothingToGoBy => None,
    });
    settled.filter(|until| *until > sit.now).unwrap_or(sit.now + sit.policy.timing.tick)
}

/// A latch, a bypass and a battery that tells nothing stay until somebody does something.
fn person(sit: &Situation<'_>, target: &Target) -> bool {
    let Target::Ups(name) = target else { return false };
    let against = sit.power.against.get(name).filter(|against| against.needed);
    against.is_some_and(|against| {
        !matches!(against.obstacles.first(), Some(Obstacle::Unknown { .. }))
            && !against.obstacles.iter().all(|obstacle| ends_by_itself(sit, name, obstacle))
    })
}

fn by_hand(sit: &Situation<'_>, target: &Target) -> Vec<String> {
    let Target::Ups(name) = target else { return Vec::new() };
    let found = sit.power.against.get(name).map(|against| against.obstacles.as_slice());
    let mut steps = vec![format!("upsc {name}   shows what upsd says of it")];
    for obstacle in found.unwrap_or_default() {
        steps.extend(match obstacle {
            Obstacle::OnBattery | Obstacle::Unsettled { .. } | Obstacle::Unknown { .. } => {
                Some("ananke startup --execute --allow-on-battery   starts all the same".to_owned())
            }
            Obstacle::Latched => Some(
                "sudo systemctl restart nut-server nut-driver.target   on the host of that UPS, \
                 once nobody wants its clients down"
                    .to_owned(),
            ),
            Obstacle::NothingToGoBy => Some(
                "set power.start_charge in the configuration, if the UPS reports its charge"
                    .to_owned(),
            ),
            Obstacle::Short { .. } => Some(
                "a larger battery, less load, or a smaller default_budget_seconds if a shutdown \
                 takes less"
                    .to_owned(),
            ),
            Obstacle::LowBattery | Obstacle::NotProtecting { .. } | Obstacle::Charge { .. } => None,
        });
    }
    steps
}
