//! What the client finds when machines lose their power, and what is seen of the same world in
//! memory.

use std::collections::BTreeMap;

use ananke::adapters::guard::parse;
use ananke::model::command::Command;
use ananke::model::facts::{Blind, BlindKind, HostFacts, Unit};
use ananke::model::ids::MachineName;
use ananke::model::time::Span;
use ananke::ports::Observer;
use ananke::sim::deed::{Deed, Which};
use ananke::sim::faces::memory::MemoryObserver;
use ananke::sim::world::Door;

use super::site::{AGENT, SERVER, Simulated, eventually};

/// The facts without what moves between two looks.
fn still(mut facts: HostFacts) -> HostFacts {
    facts.up_for = Span::ZERO;
    facts.wall = jiff::Timestamp::UNIX_EPOCH;
    facts.clock = None;
    for unit in facts.units.values_mut() {
        (unit.for_time, unit.clock_set) = (None, None);
    }
    facts
}

/// What must be seen of the agent.
type Wanted = fn(&Result<HostFacts, Blind>) -> bool;

type Seen = BTreeMap<MachineName, Result<HostFacts, Blind>>;

/// One look at every machine by the real client.
async fn over_sockets(site: &Simulated) -> Seen {
    let line = Command::Facts.render().expect("a line");
    let looks = site.settings.ssh.machines.keys().map(|name| {
        let line = line.clone();
        async move {
            let found = match site.ask(name, &line).await {
                Ok(reply) => parse::host_facts(&reply).map(still),
                Err(error) => Err(Blind::from(&error)),
            };
            (name.clone(), found)
        }
    });
    futures::future::join_all(looks).await.into_iter().collect()
}

fn in_memory(observer: &MemoryObserver) -> Seen {
    let hosts = observer.snapshot().hosts;
    let seen = hosts.into_iter().map(|(name, seen)| {
        let found = match seen {
            ananke::model::facts::Seen::Known { value, .. } => Ok(still(value)),
            ananke::model::facts::Seen::Unknown { why, .. } => Err(why),
        };
        (name, found)
    });
    seen.collect()
}

/// Both, without the words of a reason that names files and fingerprints.
fn alike(seen: Seen) -> Seen {
    let worded = |found: Result<HostFacts, Blind>| {
        found.map_err(|blind| {
            let named = blind.kind == BlindKind::Identity;
            if named { Blind::new(blind.kind, "") } else { blind }
        })
    };
    seen.into_iter().map(|(name, found)| (name, worded(found))).collect()
}

#[tokio::test]
async fn the_same_world_looks_the_same_in_memory_and_over_sockets() {
    let mut site = Simulated::open(1).await;
    site.settings.ssh.poll = Span::millis(100);
    let observer = MemoryObserver::start(&site.stage, &site.settings);
    let agent = || Which::Named(vec![AGENT.clone()]);
    let known = |found: &Result<HostFacts, Blind>| found.is_ok();
    let deeds: [(Option<Deed>, Wanted); 6] = [
        (None, |found| found.is_ok()),
        (Some(Deed::UnitStopped(agent(), Unit::K3sAgent)), |found| {
            found.as_ref().is_ok_and(|it| {
                it.units[&Unit::K3sAgent].active == ananke::model::facts::UnitActive::Inactive
            })
        }),
        (Some(Deed::SudoRefused(agent())), |found| {
            found.as_ref().is_ok_and(|it| it.sudo != ananke::model::facts::Sudo::Works)
        }),
        (Some(Deed::Freeze(agent())), |found| {
            found.as_ref().is_err_and(|it| it.kind == BlindKind::Unreachable)
        }),
        (Some(Deed::Thaw(agent())), |found| found.is_ok()),
        (Some(Deed::PowerOff(Which::Servers)), |found| found.is_ok()),
    ];
    for (deed, as_it_should) in deeds {
        if let Some(deed) = &deed {
            site.suffer(deed);
        }
        let seen = eventually("both see the same", || async {
            let (ours, theirs) = (alike(in_memory(&observer)), alike(over_sockets(&site).await));
            let expected = theirs.get(&AGENT).is_some_and(as_it_should);
            if ours == theirs && expected {
                Ok(theirs)
            } else {
                Err(format!("{deed:?}\nin memory: {ours:#?}\nover sockets: {theirs:#?}"))
            }
        })
        .await;
        assert_eq!(seen.len(), 5);
    }
    let servers = over_sockets(&site).await.into_iter().filter(|(_, found)| !known(found));
    assert_eq!(servers.count(), 3, "those without power");
}

#[tokio::test]
async fn power_goes_and_comes_and_the_same_client_gets_through_again() {
    // So fast that a boot takes two seconds.
    let site = Simulated::open(40).await;
    let boot = |facts: &HostFacts| facts.boot_id.clone();
    let line = Command::Facts.render().expect("a line");
    let first = site.ask(&AGENT, &line).await.expect("an answer");
    let first = parse::host_facts(&first).expect("facts");
    site.suffer(&Deed::PowerOff(Which::All));
    eventually("it is gone", || async {
        // A command that is just on its way gets no answer; those after it find nobody.
        match site.fleet.run(&AGENT, &line, None, Span::secs(1)).await {
            Err(error) if error.kind() == BlindKind::Unreachable => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    site.suffer(&Deed::PowerOn(Which::All));
    let second = eventually("it is back", || async {
        let reply = site.ask(&AGENT, &line).await.map_err(|error| error.to_string())?;
        parse::host_facts(&reply).map_err(|blind| blind.to_string())
    })
    .await;
    assert_ne!(boot(&first), boot(&second), "it is another boot");
    assert_eq!(first.machine_id, second.machine_id);
    // While a machine boots its port refuses.
    site.suffer(&Deed::PowerOff(Which::Named(vec![SERVER.clone()])));
    site.suffer(&Deed::PowerOn(Which::Named(vec![SERVER.clone()])));
    eventually("the kernel is there, sshd is not", || async {
        let door = site.stage.with(|world| world.ssh_door(&SERVER));
        if door == Door::Refused { Ok(()) } else { Err(format!("{door:?}")) }
    })
    .await;
    let refused = site.ask(&SERVER, &line).await.map_err(|error| error.to_string());
    let open = site.stage.with(|world| world.ssh_door(&SERVER)) == Door::Open;
    assert!(open || refused.is_err_and(|why| why.contains("refused")));
}

#[tokio::test]
async fn another_host_key_is_not_talked_to() {
    let site = Simulated::open(1).await;
    site.suffer(&Deed::HostKeyChanged(Which::Named(vec![AGENT.clone()])));
    // Who is connected stays so, as with a real sshd; this one is not.
    let kind = site.ask(&AGENT, "hostname").await.map_err(|error| error.kind());
    assert_eq!(kind, Err(BlindKind::Identity));
}
