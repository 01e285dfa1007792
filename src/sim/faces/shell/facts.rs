//! A look at a machine, printed as the real script prints it.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::adapters::guard::{Reply, parse, version};
use crate::model::facts::{
    Blind, Datastore, GuardState, HostFacts, Sudo, Unit, UnitActive, UnitFacts, UnitLoad,
};
use crate::model::peers::{Claim, Fence};
use crate::model::time::Span;

/// The unit of `/proc/uptime`, in milliseconds.
const HUNDREDTH: u64 = 10;

/// What `look` of the script prints: through the guard where sudo lets it, by hand otherwise.
pub(super) fn look(facts: &HostFacts) -> String {
    match (&facts.guard, &facts.sudo) {
        (GuardState::Current | GuardState::Other { .. }, Sudo::Works) => through_guard(facts),
        (guard, sudo) => {
            let said = match sudo {
                Sudo::Works => "works",
                Sudo::Refused { why } => why.lines().next().unwrap_or_default(),
            };
            // Whom sudo does not let through can still read the script, and it is the right one.
            let guard = if *guard == GuardState::Absent { "absent" } else { version() };
            let head = format!("via=plain\nguard={guard}\nsudo={said}\n");
            format!("ananke-facts=1\n{head}{}", body(facts, false))
        }
    }
}

/// What `ananke-guard facts` prints.
pub(super) fn through_guard(facts: &HostFacts) -> String {
    let head = format!("via=guard\nguard={}\nsudo=works\n", guard_word(&facts.guard));
    let fence = facts.fence.as_ref().map(fence_words).unwrap_or_default();
    format!("ananke-facts=1\n{head}{fence}{}", body(facts, true))
}

/// `standing` of the script.
fn fence_words(fence: &Fence) -> String {
    let words = |claim: &Option<Claim>| {
        let claim = claim.as_ref();
        claim.map_or("-".to_owned(), |claim| format!("{} {}", claim.epoch, claim.owner))
    };
    format!("fence={}\ndown={}\n", words(&fence.claim), words(&fence.down))
}

fn guard_word(guard: &GuardState) -> &str {
    match guard {
        GuardState::Current => version(),
        GuardState::Other { version } => version,
        GuardState::Absent => "absent",
    }
}

/// `facts` of the script.
fn body(facts: &HostFacts, root: bool) -> String {
    let up = facts.up_for.as_millis();
    let mut out = format!(
        "boot_id={}\nmachine_id={}\nwall={}\n",
        facts.boot_id,
        facts.machine_id,
        facts.wall.strftime("%Y-%m-%dT%H:%M:%SZ"),
    );
    for unit in Unit::ALL {
        let words = facts.units.get(&unit).map_or_else(
            || "not-found inactive success 0 0 - -".to_owned(),
            |state| unit_words(state, facts),
        );
        // Writing to a String can't fail, here and below.
        let _ = writeln!(out, "unit.{unit}={words}");
    }
    let _ = writeln!(out, "uptime={}.{:02}\npid1_start=0", up / 1_000, up % 1_000 / HUNDREDTH);
    let tasks = facts.leftovers.tasks.map_or("unknown".to_owned(), |tasks| tasks.to_string());
    let _ = writeln!(out, "leftovers={tasks} {}", facts.leftovers.mounts);
    if !facts.units.contains_key(&Unit::K3s) {
        return out + "datastore=none\nend=1\n";
    }
    if let Some(member) = &facts.etcd {
        let _ = writeln!(
            out,
            "etcd.healthy={}\netcd.has_leader={}\netcd.is_leader={}",
            u8::from(member.healthy),
            u8::from(member.has_leader),
            u8::from(member.is_leader),
        );
    }
    // Only root sees k3s' folder; a member that speaks of a leader gives it away.
    let word = match facts.datastore {
        Some(Datastore::Etcd) if root || facts.etcd.is_some() => "etcd",
        Some(Datastore::Sqlite) if root => "sqlite",
        Some(Datastore::External) if root => "external",
        Some(_) | None => "unknown",
    };
    out + "datastore=" + word + "\nend=1\n"
}

/// `LoadState ActiveState Result NRestarts StateChangeTimestampMonotonic`, and when its process
/// began, by both clocks. That it began when it last changed is as good as any other time.
fn unit_words(unit: &UnitFacts, facts: &HostFacts) -> String {
    let load = match unit.load {
        UnitLoad::Loaded => "loaded",
        UnitLoad::Masked => "masked",
        UnitLoad::NotFound => "not-found",
        UnitLoad::Broken => "bad-setting",
    };
    let changed = changed(unit, facts.up_for).map_or(0, |at| at.as_millis() * 1_000);
    let began = began(unit, facts).map_or("- -".to_owned(), |(face, up)| {
        format!("{} {}", face.strftime("%Y-%m-%dT%H:%M:%SZ"), up.as_millis() * 1_000)
    });
    format!("{load} {} {} {} {changed} {began}", unit.active, unit.result, unit.restarts)
}

/// When the unit's process began: what the wall clock showed, in whole seconds, and how long the
/// machine had been up.
fn began(unit: &UnitFacts, facts: &HostFacts) -> Option<(Timestamp, Span)> {
    let up = changed(unit, facts.up_for)?;
    let set = unit.clock_set?.as_millis();
    let passed = facts.up_for.less(up).as_millis().cast_signed();
    let face = facts.wall.as_millisecond() - passed - set;
    Some((Timestamp::from_second(face.div_euclid(1_000)).ok()?, up))
}

/// When the unit got into its state, after the machine's boot.
fn changed(unit: &UnitFacts, up_for: Span) -> Option<Span> {
    unit.for_time.map(|for_time| up_for.less(for_time)).filter(|at| *at > Span::ZERO)
}

/// The facts as ananke gets to see them: what the script prints and the parser reads, with the
/// coarseness of `/proc/uptime` and of `date`. The usual case goes without the detour over text;
/// a test holds the two together.
///
/// # Errors
/// [`Blind`], where the answer says nothing that makes sense.
pub fn as_seen(facts: HostFacts) -> Result<HostFacts, Blind> {
    if facts.guard != GuardState::Current || facts.sudo != Sudo::Works {
        let stdout = look(&facts).into_bytes();
        return parse::host_facts(&Reply { status: Some(0), stdout, stderr: Vec::new() });
    }
    let began: Vec<_> = facts.units.values().map(|unit| began(unit, &facts)).collect();
    let mut seen = facts;
    let up_for = seen.up_for;
    seen.up_for = Span::millis(up_for.as_millis() / HUNDREDTH * HUNDREDTH);
    let second = Timestamp::from_second(seen.wall.as_second().max(0));
    seen.wall = second.unwrap_or(Timestamp::UNIX_EPOCH);
    for (unit, began) in seen.units.values_mut().zip(began) {
        unit.for_time = changed(unit, up_for).map(|at| seen.up_for.less(at));
        unit.clock_set =
            began.map(|(face, up)| parse::clock_set(seen.wall, face, seen.up_for, up.as_millis()));
    }
    seen.units
        .retain(|_, unit| unit.load != UnitLoad::NotFound || unit.active != UnitActive::Inactive);
    if !seen.units.contains_key(&Unit::K3s) {
        (seen.datastore, seen.etcd) = (None, None);
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::model::facts::{EtcdFacts, Leftovers};
    use crate::model::ids::{BootId, MachineId};
    use crate::model::time::Skew;

    fn any_unit() -> impl Strategy<Value = UnitFacts> {
        let active = prop::sample::select(vec![
            UnitActive::Active,
            UnitActive::Activating,
            UnitActive::Deactivating,
            UnitActive::Inactive,
            UnitActive::Failed,
        ]);
        let load = prop::sample::select(vec![UnitLoad::Loaded, UnitLoad::Masked]);
        let result = prop::sample::select(vec!["success", "exit-code", "start-limit-hit"]);
        let set = prop::option::of(-90_000_i64..1_000_000_000);
        (load, active, result, 0..9_u32, prop::option::of(0..400_000_u64), set).prop_map(
            |(load, active, result, restarts, ms, set)| UnitFacts {
                load,
                active,
                result: result.to_owned(),
                restarts,
                for_time: ms.map(Span::millis),
                clock_set: set.map(Skew::millis),
            },
        )
    }

    fn any_facts() -> impl Strategy<Value = HostFacts> {
        let guard = prop_oneof![
            4 => Just(GuardState::Current),
            1 => Just(GuardState::Other { version: "1".to_owned() }),
            1 => Just(GuardState::Absent),
        ];
        let sudo = prop_oneof![
            4 => Just(Sudo::Works),
            1 => Just(Sudo::Refused { why: "sudo: a password is required".to_owned() }),
        ];
        let member = (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(healthy, has_leader, is_leader)| EtcdFacts { healthy, has_leader, is_leader },
        );
        let server = (any_unit(), prop::option::of(member));
        (
            guard,
            sudo,
            0..300_000_u64,
            1_000_000_000_000..2_000_000_000_000_i64,
            any::<bool>(),
            server,
        )
            .prop_map(|(guard, sudo, up, wall, is_server, (unit, member))| HostFacts {
                boot_id: BootId::fixed("25aa4055-f836-4828-8291-af00e03d980a"),
                machine_id: MachineId::fixed("3d1219c7c4c5404aaa1f6d2a48adfda4"),
                up_for: Span::millis(up),
                wall: Timestamp::from_millisecond(wall).unwrap(),
                clock: None,
                guard,
                sudo,
                units: BTreeMap::from([(if is_server { Unit::K3s } else { Unit::K3sAgent }, unit)]),
                datastore: is_server.then_some(Datastore::Etcd),
                etcd: if is_server { member } else { None },
                leftovers: Leftovers { tasks: Some(7), mounts: 2 },
                fence: None,
            })
    }

    proptest! {
        #[test]
        fn what_is_seen_in_memory_is_what_the_parser_reads(facts in any_facts()) {
            let stdout = look(&facts).into_bytes();
            let reply = Reply { status: Some(0), stdout, stderr: Vec::new() };
            let read = parse::host_facts(&reply).unwrap();
            prop_assert_eq!(&as_seen(facts.clone()).unwrap(), &read);
            prop_assert!(read.units.keys().eq(facts.units.keys()));
            prop_assert_eq!(&read.etcd, &facts.etcd);
        }
    }
}
