//! What speaks against a start, and what does not.

use super::{Desk, rules};
use crate::model::power::{Obstacle, UpsRules};
use crate::model::time::{Mono, Span};
use crate::power::obstacles;

#[test]
fn what_speaks_against_a_start() {
    let charged = UpsRules { start_charge: Some(80), ..rules() };
    type Case = (UpsRules, &'static [(u64, &'static str)], bool, Vec<Obstacle>);
    let short = Obstacle::Short { by: Span::secs(10) };
    let until = Mono(1_000_000) + Span::secs(61);
    let off = Obstacle::NotProtecting { what: "its output is off".to_owned() };
    let table: Vec<Case> = vec![
        (rules(), &[(61, "OL r600")], false, vec![]),
        (rules(), &[(30, "OL r600")], false, vec![Obstacle::Unsettled { until }]),
        (rules(), &[(61, "OL r100")], false, vec![short.clone()]),
        (rules(), &[(61, "OL")], false, vec![Obstacle::NothingToGoBy]),
        (charged.clone(), &[(61, "OL c90")], false, vec![]),
        (charged, &[(61, "OL c79 r600")], false, vec![Obstacle::Charge { have: 79, need: 80 }]),
        (rules(), &[(61, "OL r600"), (31, "OB r600")], false, vec![Obstacle::OnBattery]),
        (rules(), &[(61, "OL r600"), (31, "OB r600")], true, vec![]),
        (rules(), &[(61, "OL r100"), (1, "OB r100")], true, vec![short]),
        (rules(), &[(61, "OB LB r600")], true, vec![Obstacle::LowBattery]),
        (rules(), &[(61, "OL LB r600")], true, vec![Obstacle::LowBattery]),
        (rules(), &[(61, "FSD OL r600")], true, vec![Obstacle::Latched]),
        (rules(), &[(61, "OL OFF r600")], false, vec![off]),
    ];
    for (rules, lines, on_battery, expected) in table {
        let mut desk = Desk::new(rules);
        let view = lines.iter().map(|(secs, line)| desk.say(*secs, line)).last().unwrap();
        let found = obstacles(&view, &desk.rules, on_battery, desk.now);
        assert_eq!(found, expected, "{lines:?}");
    }
    let mut desk = Desk::new(rules());
    let view = desk.say(61, "- refused");
    let found = obstacles(&view, &desk.rules, true, desk.now);
    assert!(matches!(found.as_slice(), [Obstacle::Unknown { .. }]), "{found:?}");
}
