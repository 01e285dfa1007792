//! What several UPSes together mean for their machines.

use std::collections::{BTreeMap, BTreeSet};

use super::{Desk, rules};
use crate::model::ids::MachineName;
use crate::model::power::{BudgetRules, Domain, PowerPolicy, UpsName};
use crate::model::time::Span;
use crate::power::{domains, uncovered};

fn ups(name: &str) -> UpsName {
    UpsName::parse(&format!("{name}@localhost")).unwrap()
}

fn domain(name: &str, feeds: &[&str], need: usize, carries_orders: bool) -> Domain {
    Domain {
        name: name.to_owned(),
        feeds: feeds.iter().map(|name| ups(name)).collect(),
        need,
        machines: BTreeSet::from([MachineName::new(format!("{name}-1"))]),
        carries_orders,
    }
}

fn policy(domains: Vec<Domain>) -> PowerPolicy {
    let budget = BudgetRules { default: Span::ZERO, factor_percent: 110, tail: Span::ZERO };
    let upses = domains.iter().flat_map(|domain| domain.feeds.iter().cloned());
    PowerPolicy {
        upses: upses.map(|name| (name, rules())).collect(),
        domains,
        exempt: BTreeSet::from([MachineName::new("laptop")]),
        budget,
        on_low: None,
        start_on_battery: false,
    }
}

/// What happened to a UPS, by one word.
fn fate(word: &str) -> Desk {
    let mut desk = Desk::new(rules());
    let lines: &[(u64, &str)] = match word {
        "mains" => &[(10, "OL r1800")],
        "battery" => &[(10, "OL r1800"), (40, "OB r609")],
        "dying" => &[(10, "OL r1800"), (40, "OB r129")],
        "low" => &[(10, "OL r1800"), (40, "OB LB r309")],
        "lost" => &[(10, "OL r1800"), (40, "- stale")],
        "never" => &[(40, "- refused")],
        "off" => &[(40, "OL OFF")],
        other => panic!("no fate {other}"),
    };
    lines.iter().for_each(|(secs, line)| drop(desk.say(*secs, line)));
    desk
}

/// `a=mains b=dying`
fn views(fates: &str) -> BTreeMap<UpsName, crate::model::power::UpsView> {
    let pairs = fates.split(' ').map(|pair| pair.split_once('=').unwrap());
    pairs
        .map(|(name, word)| {
            let mut desk = fate(word);
            let line = match word {
                "mains" => "OL r1800",
                "battery" => "OB r609",
                "dying" => "OB r129",
                "low" => "OB LB r309",
                "off" => "OL OFF",
                _ => "- stale",
            };
            (ups(name), desk.say(1, line))
        })
        .collect()
}

#[test]
fn enough_of_several_must_feed() {
    // fates of a and b; how many are needed; counted on; seconds left; goes down
    type Case = (&'static str, usize, usize, Option<u64>, bool);
    let table: [Case; 17] = [
        ("a=mains b=mains", 1, 2, None, false),
        ("a=dying b=mains", 1, 1, None, false),
        ("a=dying b=mains", 2, 1, Some(89), true),
        ("a=low b=mains", 2, 1, Some(269), true),
        ("a=battery b=battery", 1, 2, Some(569), false),
        ("a=battery b=battery", 2, 2, Some(569), false),
        ("a=dying b=battery", 1, 1, Some(569), false),
        ("a=dying b=battery", 2, 1, Some(89), true),
        ("a=dying b=dying", 1, 0, Some(89), true),
        ("a=dying b=off", 1, 0, Some(89), true),
        ("a=dying b=lost", 1, 0, Some(89), true),
        ("a=dying b=never", 1, 0, Some(89), true),
        ("a=battery b=lost", 1, 1, Some(569), false),
        ("a=lost b=lost", 1, 2, None, false),
        ("a=never b=never", 2, 2, None, false),
        ("a=mains b=lost", 2, 2, None, false),
        ("a=mains b=off", 2, 1, Some(0), false),
    ];
    for (fates, need, feeding, left, down) in table {
        let policy = policy(vec![domain("rack", &["a", "b"], need, false)]);
        let view = domains(&policy, &views(fates)).remove(0);
        let found = (view.feeding, view.left, view.down.is_some());
        assert_eq!(found, (feeding, left.map(Span::secs), down), "{fates}, {need} needed");
    }
}

#[test]
fn the_way_of_the_orders_bounds_everybody() {
    let policy = policy(vec![
        domain("servers", &["a"], 1, false),
        domain("agents", &["b"], 1, false),
        domain("switch", &["s"], 1, true),
    ]);
    let of = |fates: &str| {
        domains(&policy, &views(fates))
            .into_iter()
            .map(|view| {
                let by = view.down.map(|down| down.domain);
                (view.deadline, view.bound_by.unwrap_or_default(), by)
            })
            .collect::<Vec<_>>()
    };
    let calm = (None, String::new(), None);
    let secs = |secs| Some(Span::secs(secs));
    assert_eq!(of("a=mains b=mains s=mains"), vec![calm.clone(); 3]);
    let own = (secs(89), "agents".to_owned(), Some("agents".to_owned()));
    assert_eq!(of("a=mains b=dying s=mains"), [calm.clone(), own, calm]);
    let switch = (secs(89), "switch".to_owned(), Some("switch".to_owned()));
    assert_eq!(of("a=mains b=battery s=dying"), vec![switch; 3]);
    let sooner = (secs(89), "agents".to_owned(), Some("agents".to_owned()));
    let later = (secs(569), "switch".to_owned(), None);
    assert_eq!(of("a=mains b=dying s=battery"), [later.clone(), sooner, later]);
}

#[test]
fn a_machine_without_power_domain_is_named() {
    let policy = policy(vec![domain("rack", &["a"], 1, false)]);
    let machines = ["rack-1", "laptop", "forgotten"].map(MachineName::new);
    let found: Vec<_> = uncovered(&policy, &machines).into_iter().collect();
    assert_eq!(found, [MachineName::new("forgotten")]);
}
