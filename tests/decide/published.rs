//! What the cluster shows of ananke: the `RecoveryStatus` and Events, held against the rules by
//! which kstatus, `kubectl wait` and Flux read conditions.

use std::collections::BTreeSet;

use ananke::model::assessment::Phase;
use ananke::model::facts::UnitActive;
use ananke::model::intent::{Author, Desired};
use ananke::model::recovery_status::{Condition, Status};
use ananke::model::runs::Runs;
use ananke::model::tick::Order;
use ananke::model::time::Span;
use ananke::report::{
    Anchor, Context, Deeds, Event, ResultWord, event_object, events, fold_run, history,
    history_text, pace, recovery_status,
};
use jiff::{SignedDuration, Timestamp};

use crate::bench::Starts;
use crate::rig::Rig;
use crate::site::name;
use crate::way_down::shutdown;

/// Everything that is new at once, as the writer of the shell keeps it.
#[derive(Default)]
struct Board {
    anchor: Option<Anchor>,
    last: Option<Status>,
    seen: Vec<(Phase, Status)>,
    events: Vec<Event>,
}

impl Board {
    /// Publishes the newest tick.
    fn show(&mut self, rig: &Rig) -> Status {
        let record = rig.last.as_ref().expect("a tick");
        let anchor = Anchor::follow(self.anchor.as_ref(), &record.input.now);
        let before: &[Condition] = self.last.as_ref().map_or(&[], |last| &last.conditions);
        let again = self.last.is_some();
        let context = Context { anchor: &anchor, generation: Some(3), before, again };
        let status = recovery_status(record, &context);
        keeps_the_rules(&status, self.last.as_ref());
        self.anchor = Some(anchor);
        self.seen.push((record.decision.phase, status.clone()));
        self.events.extend(events(record));
        self.last = Some(status.clone());
        status
    }

    fn run(&mut self, rig: &mut Rig, limit: u64, want: impl Fn(Phase) -> bool) -> Status {
        for _ in 0..limit / 5 {
            let phase = rig.step(5).phase;
            let status = self.show(rig);
            if want(phase) {
                return status;
            }
        }
        panic!("not within {limit} s: {:#?}", self.last);
    }

    fn reasons(&self) -> BTreeSet<&str> {
        self.events.iter().map(|event| event.reason).collect()
    }
}

fn condition<'a>(status: &'a Status, kind: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.kind == kind)
}

fn is(status: &Status, kind: &str) -> String {
    condition(status, kind).map_or("absent", |condition| &condition.status).to_owned()
}

/// The checks of Flux (`pkg/runtime/conditions/check`), and what kstatus makes of a list.
fn keeps_the_rules(status: &Status, before: Option<&Status>) {
    let what = format!("{:#?}", status.conditions);
    let ready = condition(status, "Ready").unwrap_or_else(|| panic!("FAIL0002 no Ready: {what}"));
    let at_work = condition(status, "Reconciling").is_some();
    let stalled = condition(status, "Stalled").is_some();
    assert!(!(at_work && stalled), "FAIL0005 both at once: {what}");
    let busy = at_work || stalled;
    assert!(!busy || ready.status != "True", "FAIL0003, FAIL0004 ready and busy: {what}");
    assert!(status.observed_generation.is_some(), "FAIL0008 {what}");
    let mut kinds = BTreeSet::new();
    for condition in &status.conditions {
        assert!(kinds.insert(&condition.kind), "twice: {what}");
        assert!(condition.observed_generation == status.observed_generation, "FAIL0009 {what}");
        let absent_if_false = condition.kind == "Ready" || condition.status == "True";
        assert!(absent_if_false, "WARN0003, WARN0004 {what}");
        assert!(["True", "False", "Unknown"].contains(&condition.status.as_str()), "{what}");
        let word = condition.reason.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(word && condition.reason.starts_with(char::is_uppercase), "{what}");
        assert!(!condition.message.is_empty() && !condition.message.contains('\n'), "{what}");
        let old = before.and_then(|before| self::condition(before, &condition.kind));
        if let Some(old) = old {
            let (then, now) = (old.last_transition_time, condition.last_transition_time);
            assert!(now >= then, "its time goes back: {what}");
            assert!(old.status != condition.status || now == then, "no transition: {what}");
        }
    }
}

#[test]
fn the_first_word_takes_back_what_was_claimed_before_the_outage() {
    let mut rig = Rig::good_day(3, 4);
    rig.step(5);
    let mut board = Board::default();
    let first = board.show(&rig);
    assert_eq!((is(&first, "Ready"), is(&first, "Reconciling")), ("Unknown".into(), "True".into()));
    rig.step(5);
    let second = board.show(&rig);
    assert_eq!(
        (is(&second, "Ready"), is(&second, "Reconciling")),
        ("True".into(), "absent".into())
    );
}

#[test]
fn the_way_up_is_told_gate_by_gate_until_it_is_proven() {
    let mut rig = Rig::startup(3, 4);
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    let mut board = Board::default();
    let end = board.run(&mut rig, 900, |phase| phase == Phase::Converged);
    for (phase, status) in board.seen.iter().skip(1) {
        let good = *phase == Phase::Converged;
        assert_eq!(is(status, "Ready") == "True", good, "{phase}: {status:#?}");
        assert_eq!(is(status, "Reconciling") == "True", !good, "{phase}: {status:#?}");
        assert_eq!(status.gate.is_none(), good, "{phase}: {status:#?}");
        assert!(!status.next_step.is_empty() && status.since.is_some(), "{phase}: {status:#?}");
    }
    assert_eq!((end.phase.as_str(), end.held, end.manual), ("Converged", Some(0), Some(0)));
    assert_eq!(end.gates.len(), rig.library.up.len());
    let wanted = ["ActionDone", "EpisodeClosed", "EpisodeOpened"];
    assert_eq!(board.reasons(), BTreeSet::from(wanted), "{:#?}", board.events);
    let ids: BTreeSet<&str> = board.events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), board.events.len(), "each has a name of its own");
}

#[test]
fn a_good_day_says_the_same_for_hours_and_is_written_once_a_minute() {
    let mut rig = Rig::good_day(3, 22);
    let mut board = Board::default();
    rig.step(5);
    board.show(&rig);
    rig.step(5);
    let mut written = board.show(&rig);
    let mut writes = 0;
    for step in 1..=720 {
        rig.step(5);
        let status = board.show(&rig);
        assert_eq!(pace(&written, &status), Span::secs(60), "{written:#?}\n{status:#?}");
        if step % 12 == 0 {
            (written, writes) = (status, writes + 1);
        }
    }
    assert_eq!(writes, 60);
    assert!(board.events.is_empty(), "{:#?}", board.events);
}

#[test]
fn a_clock_that_is_set_moves_no_transition_back() {
    let mut rig = Rig::startup(3, 4);
    let mut board = Board::default();
    board.run(&mut rig, 900, |phase| phase == Phase::Converged);
    // The rules that `show` checks hold while the wall clock of ananke's host jumps to and fro.
    for hours in [-10, 20, -3] {
        rig.world.stop("a-02", UnitActive::Failed, "exit-code");
        rig.order(Order::Startup { by: "brad".to_owned() });
        for _ in 0..40 {
            rig.step(5);
            let record = rig.last.as_mut().expect("a tick");
            record.input.now.wall += SignedDuration::from_hours(hours);
            board.show(&rig);
        }
    }
}

#[test]
fn what_needs_a_person_stops_whoever_waits_and_says_what_to_do() {
    let mut rig = Rig::startup(3, 4);
    for server in ["s-1", "s-2"] {
        rig.world.power_off(&name(server));
    }
    let mut board = Board::default();
    let status = board.run(&mut rig, 1_500, |phase| phase == Phase::Blocked);
    assert_eq!((is(&status, "Ready"), is(&status, "Stalled")), ("False".into(), "True".into()));
    assert!(status.manual > Some(0) && !status.manual_actions.is_empty(), "{status:#?}");
    assert!(status.next_step.contains("ananke ack"), "{status:#?}");
    assert!(board.reasons().contains("ManualActionRequired"), "{:#?}", board.events);
}

#[test]
fn a_degraded_end_is_ready_and_says_without_what() {
    let mut rig = Rig::startup(3, 4);
    rig.world.power_off(&name("a-03"));
    let mut board = Board::default();
    let status = board.run(&mut rig, 2_400, |phase| phase == Phase::Degraded);
    assert_eq!((is(&status, "Ready"), is(&status, "Degraded")), ("True".into(), "True".into()));
    assert!(status.message.contains("a-03"), "{status:#?}");
    assert_eq!(status.manual, Some(1), "{status:#?}");
}

#[test]
fn a_pause_leaves_ready_as_it_is_and_a_wish_for_down_stops_waiters() {
    let pause = || Order::Pause { by: "brad".to_owned(), why: "maintenance".to_owned() };
    let mut rig = Rig::good_day(3, 4);
    let mut board = Board::default();
    rig.step(5);
    board.show(&rig);
    rig.order(pause());
    let good = board.run(&mut rig, 10, |phase| phase == Phase::Held);
    assert_eq!((is(&good, "Ready"), is(&good, "Paused")), ("True".into(), "True".into()));
    assert_eq!(
        (is(&good, "Stalled"), is(&good, "Reconciling")),
        ("absent".into(), "absent".into())
    );

    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    rig.world.host("a-02").starts = Starts::Fails;
    rig.step(5);
    let bad = board.run(&mut rig, 60, |_| true);
    assert_eq!((is(&bad, "Ready"), is(&bad, "Paused")), ("False".into(), "True".into()));

    let intent = &mut rig.memory.durable.intent;
    intent.desired = Desired::DownClusterOnly;
    intent.by = Author::Person { name: "brad".to_owned() };
    rig.ledger.clear();
    let down = board.run(&mut rig, 10, |phase| phase == Phase::Held);
    assert_eq!((is(&down, "Ready"), is(&down, "Stalled")), ("False".into(), "True".into()));
    assert!(down.message.contains("wants the cluster down"), "{down:#?}");
}

#[test]
fn a_status_of_a_large_site_in_trouble_stays_small() {
    let mut rig = Rig::startup(3, 297);
    rig.collect = Some(Vec::new());
    for n in 1..=297 {
        rig.world.stop(&format!("a-{n:02}"), UnitActive::Failed, "exit-code");
    }
    let mut board = Board::default();
    // First all failed states are cleared, and then they start in waves.
    for _ in 0..4 {
        rig.step(5);
        board.show(&rig);
    }
    rig.step(5);
    let status = board.show(&rig);
    let held = status.held;
    assert!(held > Some(40) && status.holds.len() == 40, "{held:?}: {:#?}", status.gates);
    let bytes = serde_json::to_vec(&status).expect("JSON").len();
    assert!(bytes < 32 * 1_024, "{bytes} bytes");
}

#[test]
fn an_event_fits_what_the_server_takes_whatever_it_says() {
    let event = Event {
        id: "Alarm (cluster)/é".to_owned(),
        reason: "ManualActionRequired",
        action: "Recover",
        note: "x".repeat(5_000),
        warning: true,
        node: Some("a-02".to_owned()),
        at: Timestamp::UNIX_EPOCH,
    };
    let object = event_object(&event, "My cluster", "titan-db", "u-1");
    assert_eq!(object["metadata"]["name"], "my-cluster.alarm--cluster");
    assert_eq!(object["eventTime"], "1970-01-01T00:00:00.000000Z");
    assert_eq!(object["note"].as_str().map(str::len), Some(900));
    assert_eq!(object["related"]["name"], "a-02");
}

/// One status for each way in which a cluster can stand. The tests against a real API server take
/// them from this file, to ask kubectl and kstatus about them.
#[test]
fn the_statuses_that_real_readers_are_asked_about_are_ours() {
    let mut all = std::collections::BTreeMap::new();
    let mut keep = |name: &str, status: Status| all.insert(name.to_owned(), status);
    let mut rig = Rig::startup(3, 4);
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    let mut board = Board::default();
    keep("unproven", board.run(&mut rig, 10, |_| true));
    keep("recovering", board.run(&mut rig, 10, |phase| phase == Phase::Recovering));
    keep("soaking", board.run(&mut rig, 900, |phase| phase == Phase::Soaking));
    keep("converged", board.run(&mut rig, 900, |phase| phase == Phase::Converged));
    let why = || "a new switch".to_owned();
    rig.order(Order::Pause { by: "brad".to_owned(), why: why() });
    keep("paused-good", board.run(&mut rig, 10, |phase| phase == Phase::Held));
    rig.world.stop("a-02", UnitActive::Failed, "exit-code");
    rig.step(5);
    keep("paused", board.run(&mut rig, 60, |_| true));
    let intent = &mut rig.memory.durable.intent;
    (intent.desired, intent.reason) = (Desired::DownPoweroff, "thunderstorm".to_owned());
    rig.ledger.clear();
    keep("down", board.run(&mut rig, 10, |_| true));
    for (name, off, end) in [
        ("degraded", vec!["a-03"], Phase::Degraded),
        ("blocked", vec!["s-1", "s-2"], Phase::Blocked),
    ] {
        let mut rig = Rig::startup(3, 4);
        off.iter().for_each(|machine| rig.world.power_off(&self::name(machine)));
        keep(name, Board::default().run(&mut rig, 2_400, |phase| phase == end));
    }
    let made = serde_json::to_string_pretty(&all).expect("JSON") + "\n";
    let kept = include_str!("statuses.json");
    assert!(made == kept, "tests/decide/statuses.json is not up to date; it is now:\n{made}");
}

#[test]
fn a_way_down_does_not_take_the_place_of_the_report_of_a_start() {
    let mut rig = Rig::good_day(3, 4);
    let mut deeds = Deeds::default();
    rig.order(shutdown(Desired::DownClusterOnly));
    for _ in 0..120 {
        rig.step(5);
        let record = rig.last.as_ref().expect("a tick");
        assert_eq!(deeds.of_episode(record), None);
        if record.decision.phase == Phase::Down {
            return;
        }
    }
    panic!("it does not get down");
}

#[test]
fn an_episode_that_needs_a_person_is_reported_once() {
    let mut rig = Rig::startup(3, 4);
    ["s-1", "s-2"].iter().for_each(|machine| rig.world.power_off(&name(machine)));
    let (mut deeds, mut reports) = (Deeds::default(), Vec::new());
    let end = rig.world.now + 2_400;
    while rig.world.now < end {
        rig.step(5);
        reports.extend(deeds.of_episode(rig.last.as_ref().expect("a tick")));
    }
    let results: Vec<_> = reports.iter().map(|report| report.result).collect();
    assert_eq!(results, [ResultWord::Blocked], "{reports:#?}");
}

#[test]
fn a_recovery_leaves_its_history_and_its_times() {
    let mut rig = Rig::startup(3, 4);
    rig.world.stop("a-02", UnitActive::Inactive, "success");
    let (mut runs, mut writes) = (Runs::default(), 0);
    let (mut deeds, mut reports) = (Deeds::default(), Vec::new());
    for _ in 0..120 {
        rig.step(5);
        reports.extend(deeds.of_episode(rig.last.as_ref().expect("a tick")));
        writes += u32::from(fold_run(&mut runs, rig.last.as_ref().expect("a tick")));
        if rig.last.as_ref().is_some_and(|it| it.decision.phase == Phase::Converged) {
            break;
        }
    }
    let run = runs.last().expect("an episode");
    assert_eq!((run.episode, run.end.as_deref(), run.actions), (1, Some("converged"), Some(1)));
    assert_eq!(run.gates.len(), rig.library.up.len(), "{run:#?}");
    let last = run.gates.iter().map(|gate| gate.opened_after_ms).max();
    assert_eq!(last, Some(run.took_ms), "{run:#?}");
    assert!((2..30).contains(&writes), "{writes} writes for one episode");
    let text = serde_json::to_string(&runs).expect("JSON");
    assert_eq!(serde_json::from_str::<Runs>(&text).expect("reads back"), runs);
    // A quiet day adds nothing, and neither does the same episode seen again.
    for _ in 0..20 {
        rig.step(5);
        assert!(!fold_run(&mut runs, rig.last.as_ref().expect("a tick")));
        reports.extend(deeds.of_episode(rig.last.as_ref().expect("a tick")));
    }

    // One report, at the end, with the repair apart from what only proves something.
    assert_eq!(reports.len(), 1, "{reports:#?}");
    let actions: Vec<_> = reports[0].actions.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(actions, ["start k3s-agent on a-02"]);
    assert!(!reports[0].proofs.is_empty(), "{reports:#?}");
    assert_eq!(reports[0].result, ResultWord::Converged);

    let told = history(&rig.ledger);
    let chapter = told.chapters.last().expect("an episode");
    assert_eq!((chapter.episode, chapter.end.as_deref()), (Some(1), Some("converged")));
    let text = history_text(&told, 10);
    for line in ["episode 1 (startup by brad), converged", "startup, by brad", "k3s-agent on a-02"]
    {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("Lease"), "proofs are left out:\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(history_text(&history(&[]), 10).contains("empty"));
}
