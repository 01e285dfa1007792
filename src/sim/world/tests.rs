//! The world by itself, without ananke: what heals, what stays broken, and in which order.

use std::collections::BTreeMap;

use super::store::kinds;
use super::*;
use crate::model::command::{Envelope, GuardVerb};
use crate::model::facts::{Unit, UnitActive};
use crate::model::ids::{ActionId, Epoch};
use crate::model::policy::Role;
use crate::sim::deed::{Deed, Which};

use Which::{Agents, All, Servers};

mod pods;

fn site() -> Site {
    Site::of("test", 3, 4)
}

fn name(at: usize) -> MachineName {
    MachineName::new(format!("titan-{at:02}"))
}

fn one(at: usize) -> Which {
    Which::Named(vec![name(at)])
}

fn world(seed: u64) -> World {
    World::new(&site(), seed)
}

fn suffer(world: &mut World, deeds: &[Deed]) {
    for deed in deeds {
        world.suffer(deed).expect("the site has it");
    }
}

/// Everybody's kubelet is alive and all servers answer.
fn is_well(world: &World) -> bool {
    let nodes = world.site().machines.iter();
    nodes.into_iter().all(|(name, spec)| {
        let api = spec.role != Role::Server || world.api_door(name) == ApiDoor::Ready;
        api && (!spec.role.is_node() || world.view(name).node_ready)
    })
}

/// When the world was well for the first time, if it was within so many minutes.
fn well_within(world: &mut World, minutes: u64) -> bool {
    let end = world.now() + Span::mins(minutes);
    while !is_well(world) && world.now() < end {
        world.pass(Span::secs(1));
    }
    is_well(world)
}

fn unit(world: &World, at: usize) -> UnitActive {
    *world.view(&name(at)).units.first_key_value().expect("a unit").1
}

fn said_ready(world: &World, at: usize) -> String {
    objects::ready(world.node(&name(at)).expect("a node")).expect("a condition").to_owned()
}

/// A blackout of five minutes, with what was prepared before it.
fn blackout(seed: u64, before: &[Deed]) -> World {
    let mut world = world(seed);
    suffer(&mut world, before);
    suffer(&mut world, &[Deed::PowerOff(All)]);
    world.pass(Span::mins(5));
    suffer(&mut world, &[Deed::PowerOn(All)]);
    world
}

#[test]
fn a_site_that_nothing_befalls_stays_well_and_silent() {
    let mut world = world(1);
    assert!(is_well(&world));
    let from = world.store().revision();
    for _ in 0..60 {
        world.pass(Span::secs(30));
        assert!(is_well(&world), "{:?}", world.now());
    }
    let kinds: BTreeMap<&str, usize> =
        world.store().since(from).expect("kept").fold(BTreeMap::new(), |mut all, change| {
            let ours = change.key.namespace != NODE_LEASES && change.key.kind.plural == "leases";
            *all.entry(if ours { "leaders" } else { change.key.kind.plural }).or_default() += 1;
            all
        });
    // Seven kubelets, every ten seconds; a status every five minutes.
    assert!((1_150..1_350).contains(&kinds["leases"]), "{kinds:?}");
    assert!((35..=49).contains(&kinds["nodes"]), "{kinds:?}");
}

#[test]
fn a_site_whose_units_are_all_enabled_heals_by_itself() {
    let mins = Span::mins;
    let cases: &[(&str, &[Deed])] = &[
        ("a blackout", &[]),
        ("a unit that fails three times", &[Deed::UnitFails(Agents, Unit::K3sAgent, 3)]),
        ("a slow unit", &[Deed::UnitSlow(Servers, Unit::K3s, mins(3))]),
        ("slow machines", &[Deed::BootTakes(All, mins(8))]),
        ("a boot loop", &[Deed::BootLoop(one(2), 3)]),
        ("a kubelet that hung before", &[Deed::KubeletHangs(All)]),
        ("a new host key", &[Deed::HostKeyChanged(one(1))]),
    ];
    for (what, before) in cases {
        let mut world = blackout(3, before);
        assert!(!is_well(&world), "{what}");
        assert!(well_within(&mut world, 15), "{what}: {:#?}", world.view(&name(1)));
    }
}

#[test]
fn a_trouble_that_ends_is_over_soon_after() {
    let up = |on| Deed::UpsMains { ups: "pyrphoros".to_owned(), on };
    let cases: &[(&str, Deed, Deed)] = &[
        ("hung servers", Deed::Freeze(Servers), Deed::Thaw(Servers)),
        ("a hung agent", Deed::Freeze(one(5)), Deed::Thaw(one(5))),
        ("a dead switch", Deed::NetCut(All), Deed::NetJoin(All)),
        ("one server cut off", Deed::NetCut(one(1)), Deed::NetJoin(one(1))),
        ("a silent API", Deed::ApiDown, Deed::ApiUp),
        (
            "a stopped unit",
            Deed::UnitStopped(one(2), Unit::K3s),
            Deed::UnitStarted(one(2), Unit::K3s),
        ),
        ("an empty UPS", up(false), up(true)),
        (
            "an API that comes and goes",
            Deed::ApiFlaps { up: Span::secs(20), down: Span::mins(2) },
            Deed::ApiUp,
        ),
    ];
    for (what, begins, ends) in cases {
        let mut world = world(5);
        suffer(&mut world, std::slice::from_ref(begins));
        world.pass(Span::mins(15));
        assert!(!is_well(&world), "{what}");
        suffer(&mut world, std::slice::from_ref(ends));
        assert!(well_within(&mut world, 5), "{what}");
    }
}

#[test]
fn what_nobody_mends_stays_broken() {
    let cases: &[(&str, &[Deed], &[Deed])] = &[
        ("an agent that nobody enabled", &[Deed::UnitNotAtBoot(one(6), Unit::K3sAgent)], &[]),
        ("no majority of servers", &[Deed::UnitNotAtBoot(Servers, Unit::K3s)], &[]),
        ("a clock in 1970", &[Deed::ClockLost(one(7))], &[]),
        ("a machine that does not boot", &[Deed::NeverBoots(one(3))], &[]),
        ("a kubelet that hangs", &[], &[Deed::KubeletHangs(one(4))]),
        ("a network in parts", &[], &[Deed::NetCut(Agents)]),
    ];
    for (what, before, later) in cases {
        let mut world = blackout(7, before);
        world.pass(Span::mins(10));
        suffer(&mut world, later);
        world.pass(Span::mins(50));
        assert!(!is_well(&world), "{what}");
    }
}

#[test]
fn one_server_alone_blocks_and_the_second_frees_it() {
    let mut world =
        blackout(11, &[Deed::UnitNotAtBoot(Which::Named(vec![name(2), name(3)]), Unit::K3s)]);
    world.pass(Span::mins(20));
    assert_eq!(unit(&world, 1), UnitActive::Activating, "it waits for as long as it takes");
    assert_eq!(world.api_door(&name(1)), ApiDoor::NotReady);
    let etcd = world.facts(&name(1)).expect("up").etcd.expect("a member");
    assert_eq!((etcd.healthy, etcd.has_leader), (false, false));
    assert_eq!(unit(&world, 5), UnitActive::Activating, "agents wait for a server");
    assert_eq!(
        (unit(&world, 2), world.api_door(&name(2))),
        (UnitActive::Inactive, ApiDoor::Refused)
    );

    suffer(&mut world, &[Deed::UnitStarted(one(2), Unit::K3s)]);
    world.pass(Span::mins(1));
    assert_eq!((unit(&world, 1), unit(&world, 2)), (UnitActive::Active, UnitActive::Active));
    assert_eq!(world.api_door(&name(2)), ApiDoor::Ready);
    let leaders = [1, 2].map(|at| world.facts(&name(at)).unwrap().etcd.unwrap().is_leader);
    assert!(leaders[0] != leaders[1], "one leads");
}

#[test]
fn a_plain_start_waits_for_the_unit_and_a_guarded_one_does_not() {
    let mut world = blackout(12, &[Deed::UnitNotAtBoot(Servers, Unit::K3s)]);
    world.pass(Span::mins(3));
    let first = name(1);
    assert_eq!(world.plain(&first, Unit::K3s, true), GuardAnswer::Hangs);
    world.pass(Span::mins(10));
    assert_eq!(world.plain_end(&first, Unit::K3s), None);
    let envelope = envelope(&world, 2, 1, "1-1");
    let answer = world.guard(&name(2), &GuardVerb::Start(Unit::K3s), &envelope);
    assert_eq!(answer, GuardAnswer::Done);
    world.pass(Span::mins(1));
    assert_eq!(world.plain_end(&first, Unit::K3s), Some(GuardAnswer::Done));
    let other = world.plain(&first, Unit::K3sAgent, true);
    assert!(matches!(other, GuardAnswer::Failed { code: 5, .. }), "{other:?}");
    suffer(&mut world, &[Deed::SudoRefused(one(1))]);
    let refused = world.plain(&first, Unit::K3s, false);
    assert!(matches!(refused, GuardAnswer::Denied { .. }), "{refused:?}");
}

#[test]
fn without_a_majority_the_api_goes_and_comes_back_with_it() {
    let mut world = world(13);
    suffer(&mut world, &[Deed::PowerOff(one(1))]);
    world.pass(Span::mins(2));
    assert_eq!(world.api_door(&name(1)), ApiDoor::Silent);
    assert_eq!(world.api_door(&name(2)), ApiDoor::Ready, "two of three are a majority");
    suffer(&mut world, &[Deed::PowerOff(one(2))]);
    world.pass(Span::secs(5));
    assert_ne!(world.api_door(&name(3)), ApiDoor::Ready, "one of three is none");
    suffer(&mut world, &[Deed::PowerOn(one(1))]);
    assert!(!well_within(&mut world, 5), "server 2 is off");
    assert_eq!(world.api_door(&name(3)), ApiDoor::Ready);
}

#[test]
fn ready_from_before_the_outage_outlives_it_by_the_grace_period() {
    for seed in 0..20 {
        let mut world = blackout(seed, &[Deed::NeverBoots(one(5))]);
        while world.api_door(&name(1)) != ApiDoor::Ready {
            world.pass(Span::secs(1));
        }
        let back = world.now();
        assert_eq!(said_ready(&world, 5), "True", "yesterday's word");
        assert!(!world.view(&name(5)).node_ready, "the truth");
        while said_ready(&world, 5) == "True" {
            world.pass(Span::secs(1));
        }
        let took = world.now().since(back).as_secs();
        assert!((50..=90).contains(&took), "{took} s");
        world.pass(Span::secs(10));
        let node = world.node(&name(5)).expect("it stays");
        assert!(objects::has_taint(node, objects::UNREACHABLE, "NoExecute"));
    }
}

#[test]
fn a_node_that_came_back_shows_its_new_boot_and_loses_its_taints() {
    let mut world = world(17);
    let shown = |world: &World| {
        world.node(&name(6)).expect("a node")["status"]["nodeInfo"]["bootID"]
            .as_str()
            .map(str::to_owned)
    };
    let before = shown(&world);
    suffer(&mut world, &[Deed::PowerOff(one(6))]);
    world.pass(Span::mins(3));
    assert_eq!((said_ready(&world, 6).as_str(), shown(&world)), ("Unknown", before.clone()));
    suffer(&mut world, &[Deed::PowerOn(one(6))]);
    assert!(well_within(&mut world, 5));
    world.pass(Span::secs(10));
    let boot = world.facts(&name(6)).expect("up").boot_id;
    assert_eq!(shown(&world).as_deref(), Some(boot.as_str()));
    assert_ne!(shown(&world), before);
    assert!(
        world.node(&name(6)).expect("a node")["spec"]["taints"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
}

#[test]
fn silent_nodes_are_not_believed_to_be_dead_when_most_are() {
    let no_execute = |world: &World| {
        let names = (1..=7).map(name);
        let nodes = names.filter(|name| {
            let node = world.node(name).expect("a node");
            objects::has_taint(node, objects::UNREACHABLE, "NoExecute")
        });
        nodes.count()
    };
    for (cut, evicted) in [(vec![4], 1), (vec![4, 5, 6], 3), (vec![4, 5, 6, 7], 0)] {
        let mut world = world(19);
        let cut = cut.into_iter().map(name).collect();
        suffer(&mut world, &[Deed::NetCut(Which::Named(cut))]);
        world.pass(Span::mins(3));
        assert_eq!(no_execute(&world), evicted);
    }
}

#[test]
fn doors_open_in_the_order_of_a_boot() {
    let mut world = world(23);
    let first = name(1);
    suffer(&mut world, &[Deed::PowerOff(All)]);
    assert_eq!((world.ssh_door(&first), world.facts(&first)), (Door::Silent, None));
    suffer(&mut world, &[Deed::PowerOn(All)]);
    let mut seen = vec![(world.ssh_door(&first), world.api_door(&first))];
    while world.now() < Mono(300_000) {
        world.pass(Span::millis(500));
        let doors = (world.ssh_door(&first), world.api_door(&first));
        if seen.last() != Some(&doors) {
            seen.push(doors);
        }
    }
    assert_eq!(
        seen,
        [
            (Door::Silent, ApiDoor::Silent),
            (Door::Refused, ApiDoor::Refused),
            (Door::Open, ApiDoor::Refused),
            (Door::Open, ApiDoor::NotReady),
            (Door::Open, ApiDoor::Ready),
        ]
    );
}

#[test]
fn k3s_does_not_start_before_1980_and_does_when_the_clock_is_right() {
    let mut world = blackout(29, &[Deed::ClockLost(one(5))]);
    world.pass(Span::mins(20));
    let facts = world.facts(&name(5)).expect("up");
    assert_eq!(facts.wall.strftime("%Y").to_string(), "1970");
    let unit = &facts.units[&Unit::K3sAgent];
    assert_eq!(
        (unit.active, unit.load),
        (UnitActive::Activating, crate::model::facts::UnitLoad::Loaded)
    );
    assert!(unit.restarts > 100, "{}", unit.restarts);
    suffer(&mut world, &[Deed::ClockRight(one(5))]);
    assert!(well_within(&mut world, 2), "systemd tries on");
}

#[test]
fn a_hung_kubelet_is_mended_by_a_restart_or_not() {
    for (deed, mended_by) in
        [(Deed::KubeletHangs(one(5)), 1), (Deed::KubeletHangsThrough(one(5), 2), 3)]
    {
        let mut world = world(31);
        suffer(&mut world, &[deed]);
        for at in 1..=3 {
            world.pass(Span::mins(2));
            assert_eq!(said_ready(&world, 5) == "Unknown", at <= mended_by, "{at}");
            assert_eq!(unit(&world, 5), UnitActive::Active, "systemd knows nothing of it");
            let envelope = envelope(&world, 5, 1, &format!("1-{at}"));
            world.guard(&name(5), &GuardVerb::Restart(Unit::K3sAgent), &envelope);
        }
        assert!(well_within(&mut world, 2));
    }
}

#[test]
fn too_many_starts_by_hand_are_refused_until_the_count_is_reset() {
    let mut world = world(37);
    for _ in 0..7 {
        suffer(
            &mut world,
            &[Deed::UnitStopped(one(5), Unit::K3sAgent), Deed::UnitStarted(one(5), Unit::K3sAgent)],
        );
    }
    assert_eq!(unit(&world, 5), UnitActive::Failed);
    assert_eq!(world.facts(&name(5)).unwrap().units[&Unit::K3sAgent].result, "start-limit-hit");
    let (reset, start) = (envelope(&world, 5, 1, "1-1"), envelope(&world, 5, 1, "1-2"));
    world.guard(&name(5), &GuardVerb::ResetFailed(Unit::K3sAgent), &reset);
    world.guard(&name(5), &GuardVerb::Start(Unit::K3sAgent), &start);
    assert!(well_within(&mut world, 2));
}

fn envelope(world: &World, at: usize, epoch: u64, action: &str) -> Envelope {
    let facts = world.facts(&name(at)).expect("up");
    Envelope {
        epoch: Epoch(epoch),
        owner: "atlas".to_owned(),
        boot_id: facts.boot_id,
        machine_id: facts.machine_id,
        action: ActionId::new(action),
        limit: Span::secs(10),
    }
}

#[test]
fn the_guard_refuses_what_the_script_refuses() {
    let mut world = world(41);
    let good = envelope(&world, 5, 7, "1-1");
    let start = GuardVerb::Start(Unit::K3sAgent);
    let other = |edit: fn(&mut Envelope)| {
        let mut envelope = good.clone();
        edit(&mut envelope);
        envelope
    };
    let boot = good.boot_id.clone();
    let fifth = name(5);
    assert_eq!(world.guard(&fifth, &start, &good), GuardAnswer::Done);
    assert_eq!(world.guard(&fifth, &start, &good), GuardAnswer::AlreadyDone { code: 0 });
    let table = [
        (other(|it| it.epoch = Epoch(6)), "reason=old-epoch have=7 got=6 by=atlas".to_owned()),
        (
            other(|it| it.owner = "other".to_owned()),
            "reason=other-owner have=atlas got=other".to_owned(),
        ),
        (other(|it| it.boot_id = BootId::fixed("b")), format!("reason=other-boot have={boot}")),
        (other(|it| it.limit = Span::ZERO), "reason=bad-value key=limit".to_owned()),
        (other(|it| it.owner = "a b".to_owned()), "reason=bad-value key=owner".to_owned()),
    ];
    for (envelope, words) in table {
        assert_eq!(world.guard(&fifth, &start, &envelope), GuardAnswer::Refused { words });
    }
    let words = "reason=id-reused was=start/k3s-agent".to_owned();
    let reused = world.guard(&fifth, &GuardVerb::Stop(Unit::K3sAgent), &good);
    assert_eq!(reused, GuardAnswer::Refused { words });
    assert_eq!(unit(&world, 5), UnitActive::Active, "none of it touched anything");

    suffer(&mut world, &[Deed::PowerOff(one(5)), Deed::PowerOn(one(5))]);
    world.pass(Span::mins(2));
    let again = envelope(&world, 5, 7, "1-1");
    assert_eq!(world.guard(&fifth, &start, &again), GuardAnswer::Done, "/run ends with the boot");
    let old = envelope(&world, 5, 6, "1-2");
    let refused = world.guard(&fifth, &start, &old);
    assert!(matches!(refused, GuardAnswer::Refused { .. }), "the epoch lies on the disk");
}

#[test]
fn a_cordon_by_a_person_waits_for_the_api_and_outlives_the_outage() {
    let mut world = blackout(43, &[]);
    suffer(&mut world, &[Deed::Cordon(name(4))]);
    assert!(!world.view(&name(4)).cordoned);
    assert!(well_within(&mut world, 10));
    world.pass(Span::mins(1));
    assert!(world.view(&name(4)).cordoned);
    let node = world.node(&name(4)).expect("a node");
    assert!(objects::has_taint(node, objects::UNSCHEDULABLE, "NoSchedule"));
    suffer(&mut world, &[Deed::Uncordon(name(4))]);
    world.pass(Span::secs(10));
    assert!(!objects::has_taint(
        world.node(&name(4)).unwrap(),
        objects::UNSCHEDULABLE,
        "NoSchedule"
    ));
}

#[test]
fn a_ups_drains_carries_and_cuts() {
    let mut world = world(47);
    let (board, pc, ups) = (name(5), name(1), "pyrphoros".to_owned());
    suffer(&mut world, &[Deed::UpsMains { ups: ups.clone(), on: false }]);
    world.pass(Span::mins(5));
    let seen = world.ups(&ups).expect("there");
    assert_eq!((seen.mains, seen.charge, seen.output), (false, 54, true));
    suffer(&mut world, &[Deed::UpsCharge { ups: ups.clone(), percent: 10 }]);
    world.pass(Span::secs(65));
    assert!(world.view(&board).power);
    world.pass(Span::secs(2));
    assert!(!world.view(&board).power, "11 minutes for all of it, 66 s for a tenth");
    assert!(world.view(&pc).power, "the other UPS feeds it");
    suffer(&mut world, &[Deed::UpsMains { ups: ups.clone(), on: true }]);
    assert!(well_within(&mut world, 5));
    assert!(world.ups(&ups).expect("there").charge < 2);
}

#[test]
fn a_deed_on_what_is_not_there_changes_nothing() {
    let mut world = world(53);
    let before = world.clone();
    let ghost = MachineName::fixed("ghost");
    let table = [
        (Deed::PowerOff(Which::Named(vec![name(1), ghost.clone()])), Unfit::Machine(ghost.clone())),
        (Deed::Cordon(ghost.clone()), Unfit::Machine(ghost.clone())),
        (Deed::NetCut(Which::FedBy("x".to_owned())), Unfit::Ups("x".to_owned())),
        (Deed::UpsMains { ups: "x".to_owned(), on: false }, Unfit::Ups("x".to_owned())),
        (Deed::UnitStopped(one(1), Unit::K3sAgent), Unfit::Unit(name(1), Unit::K3sAgent)),
    ];
    for (deed, unfit) in table {
        assert_eq!(world.suffer(&deed), Err(unfit));
        assert!(world == before, "{deed:?}");
    }
}

/// A fate drawn from a seed: so many deeds, at any time of 25 minutes.
fn fate(seed: u64) -> Vec<(Mono, Deed)> {
    let mut chance = Chance::new(seed ^ 0xfa7e);
    let mut fate: Vec<_> = (0..12)
        .map(|_| {
            let at = Mono(0) + chance.up_to(Span::mins(25));
            let which = || match chance.below(4) {
                0 => All,
                1 => Servers,
                2 => Which::FedBy("statera".to_owned()),
                _ => one(usize::try_from(1 + chance.below(7)).expect("small")),
            };
            let which = {
                let mut which = which;
                which()
            };
            let deed = match chance.below(16) {
                0 | 1 => Deed::PowerOff(which),
                2..=4 => Deed::PowerOn(which),
                5 => Deed::Freeze(which),
                6 => Deed::Thaw(which),
                7 => Deed::NetCut(which),
                8 => Deed::NetJoin(which),
                9 => Deed::BootLoop(which, 2),
                10 => Deed::KubeletHangs(which),
                11 => Deed::ClockLost(which),
                12 => Deed::ApiFlaps { up: Span::secs(40), down: Span::secs(7) },
                13 => Deed::UpsMains { ups: "statera".to_owned(), on: false },
                14 => Deed::UpsMains { ups: "statera".to_owned(), on: true },
                _ => Deed::Cordon(name(4)),
            };
            (at, deed)
        })
        .collect();
    fate.sort_by_key(|(at, _)| *at);
    fate
}

fn lived(seed: u64, step: Option<Span>) -> World {
    let mut world = world(seed);
    for (at, deed) in fate(seed) {
        while let Some(step) = step.filter(|step| world.now() + *step < at) {
            world.pass(step);
        }
        world.advance(at);
        suffer(&mut world, &[deed]);
    }
    world.advance(Mono(0) + Span::mins(30));
    world
}

#[test]
fn the_same_seed_and_deeds_give_the_same_world_however_time_is_cut() {
    let mut different = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let world = lived(seed, None);
        assert!(world == lived(seed, Some(Span::millis(1_700))), "seed {seed}");
        different.insert(world.store().revision());
    }
    assert!(different.len() > 15, "other seeds give other worlds: {}", different.len());
    assert_eq!(lived(5, None).digest(), lived(5, Some(Span::secs(3))).digest());
}

#[test]
fn after_any_fate_the_site_heals_once_people_have_undone_what_was_done() {
    for seed in 0..30 {
        let mut world = lived(seed, None);
        suffer(
            &mut world,
            &[
                Deed::UpsMains { ups: "statera".to_owned(), on: true },
                Deed::PowerOff(All),
                Deed::NetJoin(All),
                Deed::ClockRight(All),
                Deed::ApiUp,
                Deed::PowerOn(All),
            ],
        );
        assert!(well_within(&mut world, 10), "seed {seed}");
        assert!((1..=7).all(|at| said_ready(&world, at) == "True"), "seed {seed}");
    }
}
