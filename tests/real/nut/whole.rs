//! A real upsd, the shipped daemon, and what a person sees of both.

use ananke::model::intent::{Author, Desired, Scope};
use ananke::model::power::{Arming, UpsState};
use ananke::model::record::TickRecord;

use super::daemon::Daemon;
use super::rig::Rig;

fn state<'a>(record: &'a TickRecord, rig: &Rig) -> Option<&'a UpsState> {
    record.decision.power.upses.get(&rig.name("coord")).map(|ups| &ups.state)
}

fn on_mains(record: &TickRecord, rig: &Rig) -> bool {
    matches!(state(record, rig), Some(UpsState::Online { .. }))
}

#[tokio::test]
async fn an_outage_goes_from_upsd_into_the_intent_and_out_again() {
    let rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    let power = format!(
        "  upses: [{coord}]\n  on_low: poweroff\n  dwell: 5s\n  domains:\n    \
         rack: {{upses: [{coord}], machines: [s-1], carries_orders: true}}\n"
    );
    let daemon = Daemon::start(&power).await;
    let mut ticks = daemon.ticks().await;
    let record = ticks.until("on mains", |record| on_mains(record, &rig)).await;
    assert!(matches!(record.decision.power.arming, Arming::Armed { .. }), "{record:?}");
    let status = daemon.says(&["status"]).await;
    let line = format!("{coord} on mains charge 100% runtime 30m needs 3m");
    assert!(status.contains(&line), "no `{line}` in\n{status}");
    assert!(status.contains("power armed (poweroff)"), "{status}");

    rig.set("ups.status", "OB DISCHRG").await;
    let battery =
        |record: &TickRecord| matches!(state(record, &rig), Some(UpsState::OnBattery { .. }));
    let record = ticks.until("on battery", battery).await;
    assert_eq!(record.decision.memory.durable.intent.desired, Desired::Up, "a blip so far");
    let why = daemon.says(&["why", "power"]).await;
    for words in ["on battery for", "before the outage: ", "time on battery: not configured"] {
        assert!(why.contains(words), "no `{words}` in\n{why}");
    }

    rig.set("ups.status", "OB LB").await;
    let down = |record: &TickRecord| record.decision.memory.durable.intent.desired != Desired::Up;
    let record = ticks.until("wanted down", down).await;
    let intent = &record.decision.memory.durable.intent;
    assert_eq!((intent.desired, &intent.scope), (Desired::DownPoweroff, &Scope::Whole));
    assert_eq!(intent.by, Author::Ups { name: coord.to_string() });
    let shown = daemon.says(&["intent", "show"]).await;
    assert!(shown.contains(&format!("UPS {coord}")), "{shown}");

    rig.set("ups.status", "OL").await;
    let up = |record: &TickRecord| !down(record);
    let record = ticks.until("wanted up again", up).await;
    assert!(on_mains(&record, &rig));
}

#[tokio::test]
async fn one_ups_in_the_file_is_watched_and_asks_for_nothing() {
    let rig = Rig::start(|_| String::new()).await;
    let coord = rig.name("coord");
    let daemon = Daemon::start(&format!("  upses: {coord}\n")).await;
    let mut ticks = daemon.ticks().await;
    ticks.until("on mains", |record| on_mains(record, &rig)).await;
    rig.set("ups.status", "OB LB").await;
    let low = |record: &TickRecord| matches!(state(record, &rig), Some(UpsState::Low { .. }));
    let record = ticks.until("low", low).await;
    assert_eq!(record.decision.memory.durable.intent.desired, Desired::Up);
    let status = daemon.says(&["status"]).await;
    assert!(status.contains("power NOT armed: power.on_low"), "{status}");
    assert!(status.contains("battery low for"), "{status}");
}
