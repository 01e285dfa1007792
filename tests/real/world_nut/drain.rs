//! The adapter that is shipped before the simulated upsd: a battery drains, the slower the less
//! hangs on it, and what is seen in memory is what is seen over the socket.

use std::num::NonZeroU32;
use std::time::Duration;

use ananke::model::facts::Seen;
use ananke::model::power::{Reading, StatusToken, UpsFacts, UpsName};
use ananke::sim::deed::{Deed, Which};
use ananke::sim::faces::Stage;
use ananke::sim::faces::sockets::nut::{NutServer, facts};
use ananke::sim::site::Site;
use ananke::sim::world::World;
use tokio::time::{sleep, timeout};

use crate::nut::rig::{PATIENCE, link};

#[tokio::test]
async fn a_battery_is_seen_to_drain_with_its_load() {
    let stage = Stage::new(World::new(&Site::of("test", 3, 4), 1), NonZeroU32::new(30).unwrap());
    let server = NutServer::open(&stage).await.unwrap();
    let name = UpsName::parse(&format!("statera@127.0.0.1:{}", server.address().port())).unwrap();
    let link = link(std::slice::from_ref(&name));
    let until = async |what: &str, so: &dyn Fn(&Seen<UpsFacts>) -> bool| {
        let wait = async {
            loop {
                let seen = link.facts().remove(&name).unwrap();
                if so(&seen) {
                    return seen;
                }
                // poll: the newest look at the UPS
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {what}: {:?}", link.facts()))
    };
    let has = |token: StatusToken| {
        move |seen: &Seen<UpsFacts>| seen.any_age().is_some_and(|it| it.status.has(&token))
    };
    let seen = until("on line", &has(StatusToken::Online)).await;
    let in_memory = stage.with(|world| facts(world, "statera"));
    assert_eq!(seen.any_age(), in_memory.as_ref(), "both faces see the same");

    let ups = "statera".to_owned();
    stage.suffer(&Deed::UpsMains { ups: ups.clone(), on: false }).unwrap();
    let seen = until("on battery", &has(StatusToken::OnBattery)).await;
    let runtime = |seen: &Seen<UpsFacts>| match seen.any_age().map(|it| it.runtime) {
        Some(Reading::Said(seconds)) => seconds,
        _ => panic!("{seen:?}"),
    };
    let all = runtime(&seen);
    assert!((900..=1_080).contains(&all), "{all} s of 18 minutes");
    let first = stage.with(|world| world.site().machines.keys().next().cloned()).unwrap();
    stage.suffer(&Deed::PowerOff(Which::Named(vec![first]))).unwrap();
    let lasts = |seen: &Seen<UpsFacts>| runtime(seen) > all;
    let seen = until("lasting longer", &lasts).await;
    assert!(runtime(&seen) > all * 13 / 10, "two of three draw: {seen:?}");
    stage.suffer(&Deed::UpsCharge { ups, percent: 15 }).unwrap();
    until("low", &has(StatusToken::LowBattery)).await;
}
