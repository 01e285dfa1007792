//! What speaks against a start: a cluster that comes up must be able to go down again.

use crate::model::power::{Fit, Obstacle, UpsAlarm, UpsRules, UpsState, UpsView};
use crate::model::time::Mono;

/// What speaks against starting the cluster on this UPS. With `on_battery`, a person or the
/// configuration allows it without mains; what is left must carry another shutdown all the same.
pub fn obstacles(view: &UpsView, rules: &UpsRules, on_battery: bool, now: Mono) -> Vec<Obstacle> {
    let mut found = match &view.state {
        UpsState::Unknown { why, .. } => return vec![Obstacle::Unknown { why: why.clone() }],
        UpsState::ForcedShutdown { .. } => vec![Obstacle::Latched],
        UpsState::Low { .. } => vec![Obstacle::LowBattery],
        UpsState::OnBattery { .. } if !on_battery => vec![Obstacle::OnBattery],
        UpsState::Calibrating { .. } => vec![not_protecting("it calibrates its battery")],
        UpsState::Off { .. } => vec![not_protecting("its output is off")],
        UpsState::Bypass { .. } => vec![not_protecting("the load is on raw mains")],
        UpsState::OnBattery { .. } | UpsState::Online { .. } => Vec::new(),
    };
    if view.alarms.contains(&UpsAlarm::LowOnMains) {
        found.push(Obstacle::LowBattery);
    }
    let unsettled = view.mains_since.map(|since| since + rules.dwell).filter(|until| now < *until);
    if let Some(until) = unsettled.filter(|_| !on_battery) {
        found.push(Obstacle::Unsettled { until });
    }
    let charge = rules.start_charge.map(|need| (view.charge, need));
    match (&view.fit, charge) {
        (_, Some((Some(have), need))) if have < need => {
            found.push(Obstacle::Charge { have, need });
        }
        (Fit::Short { by }, _) => found.push(Obstacle::Short { by: *by }),
        (Fit::Unknown, None | Some((None, _))) => found.push(Obstacle::NothingToGoBy),
        (Fit::Fits { .. }, _) | (Fit::Unknown, Some((Some(_), _))) => {}
    }
    found
}

fn not_protecting(what: &str) -> Obstacle {
    Obstacle::NotProtecting { what: what.to_owned() }
}
