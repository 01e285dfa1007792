//! What Prometheus reads: the last tick as OpenMetrics text, and what was counted over all ticks
//! of this run. The values come from the declared lists and from what was assessed, whatever
//! gates, holds and remedies there are.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::model::action::Action;
use crate::model::assessment::Phase;
use crate::model::facts::{Link, Seen};
use crate::model::ids::ActionId;
use crate::model::intent::Desired;
use crate::model::outcome::ActionResult;
use crate::model::record::TickRecord;
use crate::model::runs::Run;
use crate::model::time::{Mono, Span};
use crate::model::verdict::Verdict;

/// The media type of [`metrics`].
pub const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A metric: what it is called, what it says, and its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As it is scraped.
    pub name: &'static str,
    /// One sentence.
    pub help: &'static str,
    /// The labels of each of its values.
    pub labels: &'static [&'static str],
}

const fn metric(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, help, labels }
}

/// Every metric. The dashboard and the alert rules may use these and no others.
pub const METRICS: &[Metric] = &[
    metric("ananke_build_info", &["version"], "The program that runs"),
    metric("ananke_phase", &["phase"], "1 for the phase in which the cluster is, 0 for the others"),
    metric("ananke_gate_open", &["gate"], "1 while the gate is open, degraded or left out"),
    metric("ananke_gate_state_seconds", &["gate", "state"], "How long the gate has been so"),
    metric("ananke_findings", &["gate", "verdict"], "Targets of a gate that do not simply pass"),
    metric("ananke_held", &["reason"], "Repairs that are held back, by the reason's name"),
    metric("ananke_manual", &[], "What waits for a person"),
    metric("ananke_alarms", &[], "What ananke is at its end with"),
    metric("ananke_cordon_lease_used_seconds", &["node"], "Cluster-up time used of our cordon"),
    metric("ananke_cordon_lease_limit_seconds", &[], "Cluster-up time that a cordon may use"),
    metric("ananke_machine_seen", &["machine"], "1 while the machine answers over SSH"),
    metric("ananke_machine_age_seconds", &["machine"], "How old the last look at a machine is"),
    metric("ananke_api_up", &[], "1 while the Kubernetes API answers"),
    metric("ananke_api_age_seconds", &[], "How old what the API said of the nodes is"),
    metric("ananke_actions_total", &["remedy", "result"], "Actions that ended in this run"),
    metric("ananke_actions_in_flight", &[], "Actions that are under way"),
    metric("ananke_episode", &[], "The number of the episode that is open or was last"),
    metric("ananke_episode_open", &[], "1 while an episode is open"),
    metric("ananke_gate_time_seconds", &["gate"], "From the episode's begin to the gate's opening"),
    metric("ananke_paused", &[], "1 while a person has paused ananke"),
    metric("ananke_wanted_up", &[], "1 while the cluster is wanted up"),
    metric("ananke_executes", &[], "1 if ananke may act, 0 if it only observes"),
    metric("ananke_disk_ok", &[], "1 while ananke's own disk takes records"),
    metric("ananke_clock_trusted", &[], "1 while the wall clock of ananke's host is synchronised"),
    metric("ananke_epoch", &[], "The fencing number under which ananke acts"),
    metric("ananke_last_tick_timestamp_seconds", &[], "When ananke last looked"),
];

/// What is counted over ticks.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    under_way: BTreeMap<ActionId, Action>,
    ended: BTreeMap<(String, &'static str), u64>,
}

impl Tally {
    /// Counts a tick.
    pub fn count(&mut self, record: &TickRecord) {
        let flights = &record.input.memory.durable.in_flight;
        for outcome in &record.input.outcomes {
            let known = flights.get(&outcome.action).map(|flight| &flight.action);
            let gone = self.under_way.remove(&outcome.action);
            if let Some(action) = known.or(gone.as_ref()) {
                let key = (action.remedy.to_string(), result(&outcome.result));
                *self.ended.entry(key).or_default() += 1;
            }
        }
        if record.input.request.execute {
            let begun = record.decision.plan.steps.iter().cloned();
            self.under_way.extend(begun.map(|action| (action.id.clone(), action)));
        }
    }
}

const fn result(result: &ActionResult) -> &'static str {
    match result {
        ActionResult::Done => "done",
        ActionResult::AlreadyDone => "already-done",
        ActionResult::Refused { .. } => "refused",
        ActionResult::Held { .. } => "held",
        ActionResult::Failed { .. } => "failed",
        ActionResult::Unknown { .. } => "unknown",
    }
}

const PHASES: [Phase; 9] = [
    Phase::Looking,
    Phase::Recovering,
    Phase::Soaking,
    Phase::Converged,
    Phase::Degraded,
    Phase::Blocked,
    Phase::GoingDown,
    Phase::Down,
    Phase::Held,
];

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Looking => "looking",
        Phase::Recovering => "recovering",
        Phase::Soaking => "soaking",
        Phase::Converged => "converged",
        Phase::Degraded => "degraded",
        Phase::Blocked => "blocked",
        Phase::GoingDown => "going-down",
        Phase::Down => "down",
        Phase::Held => "held",
    }
}

/// The text that is scraped. `run` is the episode that is open or was last.
pub fn metrics(record: &TickRecord, tally: &Tally, run: Option<&Run>) -> String {
    let mut page = Page { registry: Registry::default() };
    standing(&mut page, record);
    way_up(&mut page, record, run);
    seen(&mut page, record);
    page.counters("ananke_actions_total", tally);
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = encode(&mut text, &page.registry);
    text
}

fn standing(page: &mut Page, record: &TickRecord) {
    let (input, decision) = (&record.input, &record.decision);
    let durable = &decision.memory.durable;
    page.gauge("ananke_build_info", [(vec![record.version.clone()], 1.0)]);
    let phases = PHASES.map(|it| (vec![phase(it).to_owned()], flag(it == decision.phase)));
    page.gauge("ananke_phase", phases);
    page.one("ananke_manual", number(durable.manual.len()));
    page.one("ananke_alarms", number(decision.alarms.len()));
    page.one("ananke_actions_in_flight", number(durable.in_flight.len()));
    let episode = durable.episode.as_ref();
    page.one("ananke_episode", number(episode.map_or(0, |it| it.id.0)));
    page.one("ananke_episode_open", flag(episode.is_some_and(|it| it.end.is_none())));
    page.one("ananke_paused", flag(durable.paused.is_some()));
    page.one("ananke_wanted_up", flag(durable.intent.desired == Desired::Up));
    page.one("ananke_executes", flag(input.request.execute));
    page.one("ananke_disk_ok", flag(input.observation.disk.is_ok()));
    page.one("ananke_clock_trusted", flag(input.now.wall_trusted));
    page.one("ananke_epoch", number(durable.epoch.0));
    let at = input.now.wall.as_millisecond().max(0).unsigned_abs();
    page.one("ananke_last_tick_timestamp_seconds", seconds(Span::millis(at)));
    let leases = durable.cordons.iter().map(|(node, held)| {
        let extra = decision.memory.passing.cordon_extra.get(node).copied();
        (vec![node.to_string()], seconds(held.used + extra.unwrap_or(Span::ZERO)))
    });
    page.gauge("ananke_cordon_lease_used_seconds", leases);
    page.one("ananke_cordon_lease_limit_seconds", seconds(input.policy.timing.cordon_lease));
}

fn way_up(page: &mut Page, record: &TickRecord, run: Option<&Run>) {
    let now = record.input.now.mono;
    let gates = &record.decision.assessment.gates;
    let open = gates.iter().map(|gate| (vec![gate.id.to_string()], flag(gate.state.is_open())));
    page.gauge("ananke_gate_open", open);
    let states = gates.iter().map(|gate| {
        let labels = vec![gate.id.to_string(), gate.state.word().to_owned()];
        (labels, seconds(now.since(gate.since)))
    });
    page.gauge("ananke_gate_state_seconds", states);
    let mut findings: BTreeMap<Vec<String>, u32> = BTreeMap::new();
    for gate in gates {
        for finding in &gate.findings {
            let verdict = match finding.verdict {
                Verdict::Pass => "pass",
                Verdict::Settling { .. } => "settling",
                Verdict::Fail { .. } => "fail",
                Verdict::Unknown { .. } => "unknown",
                Verdict::Skipped { .. } => "skipped",
            };
            *findings.entry(vec![gate.id.to_string(), verdict.to_owned()]).or_default() += 1;
        }
    }
    page.gauge("ananke_findings", findings.into_iter().map(|(of, n)| (of, f64::from(n))));
    let mut held: BTreeMap<Vec<String>, u32> = BTreeMap::new();
    for hold in &record.decision.plan.held {
        *held.entry(vec![hold.hold.name().to_owned()]).or_default() += 1;
    }
    page.gauge("ananke_held", held.into_iter().map(|(of, n)| (of, f64::from(n))));
    let times = run.into_iter().flat_map(|run| &run.gates);
    let times = times.map(|gate| (vec![gate.name.clone()], number(gate.opened_after_ms) / 1_000.0));
    page.gauge("ananke_gate_time_seconds", times);
}

fn seen(page: &mut Page, record: &TickRecord) {
    let now = record.input.now.mono;
    let observation = &record.input.observation;
    let hosts = &observation.hosts;
    let machines = hosts
        .iter()
        .map(|(name, seen)| (vec![name.to_string()], flag(matches!(seen, Seen::Known { .. }))));
    page.gauge("ananke_machine_seen", machines);
    let ages = hosts.iter().filter_map(|(name, seen)| match seen {
        Seen::Known { at, .. } => Some((vec![name.to_string()], age(now, *at))),
        Seen::Unknown { .. } => None,
    });
    page.gauge("ananke_machine_age_seconds", ages);
    let api = &observation.api;
    page.one("ananke_api_up", flag(matches!(api.link, Link::Up { .. })));
    if let Seen::Known { at, .. } = &api.nodes {
        page.one("ananke_api_age_seconds", age(now, *at));
    }
}

type Labels = Vec<(String, String)>;

/// The metrics as they are put together.
struct Page {
    registry: Registry,
}

impl Page {
    fn one(&mut self, name: &'static str, value: f64) {
        self.gauge(name, [(Vec::new(), value)]);
    }

    /// A gauge with a value for each set of labels, in the order that the table gives.
    fn gauge(&mut self, name: &'static str, values: impl IntoIterator<Item = (Vec<String>, f64)>) {
        let family = Family::<Labels, Gauge<f64, AtomicU64>>::default();
        let metric = declared(name);
        for (labels, value) in values {
            family.get_or_create(&named(metric, labels)).set(value);
        }
        self.registry.register(name, metric.help, family);
    }

    fn counters(&mut self, name: &'static str, tally: &Tally) {
        let family = Family::<Labels, Counter>::default();
        let metric = declared(name);
        for ((remedy, result), count) in &tally.ended {
            let labels = named(metric, vec![remedy.clone(), (*result).to_owned()]);
            family.get_or_create(&labels).inc_by(*count);
        }
        // The format itself puts `_total` behind the name of a counter.
        self.registry.register(name.trim_end_matches("_total"), metric.help, family);
    }
}

/// The row of the table. A test goes through all that are used.
fn declared(name: &str) -> &'static Metric {
    static UNKNOWN: Metric = metric("ananke_undeclared", &[], "It has no row in the table");
    METRICS.iter().find(|metric| metric.name == name).unwrap_or(&UNKNOWN)
}

fn named(metric: &Metric, values: Vec<String>) -> Labels {
    metric.labels.iter().map(|label| (*label).to_owned()).zip(values).collect()
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// A count as a metric has it. Above 2^32 it stands still, which nothing here reaches.
fn number(of: impl TryInto<u32>) -> f64 {
    f64::from(of.try_into().unwrap_or(u32::MAX))
}

fn seconds(span: Span) -> f64 {
    span.to_std().as_secs_f64()
}

fn age(now: Mono, at: Mono) -> f64 {
    seconds(now.since(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::samples;

    fn text() -> String {
        let mut record = samples::tick(7);
        record.version = "1.2.3".to_owned();
        let gates = vec![crate::model::runs::GateTime {
            name: "nodes".to_owned(),
            opened_after_ms: 61_500,
        }];
        let run = Run { gates, ..Run::default() };
        let mut tally = Tally::default();
        tally.ended.insert(("restart-agent".to_owned(), "done"), 2);
        metrics(&record, &tally, Some(&run))
    }

    #[test]
    fn a_tick_reads_as_openmetrics() {
        let text = text();
        for line in [
            "# TYPE ananke_phase gauge",
            "ananke_build_info{version=\"1.2.3\"} 1.0",
            "ananke_phase{phase=\"looking\"} 1.0",
            "ananke_phase{phase=\"converged\"} 0.0",
            "ananke_api_up{} 0.0",
            "ananke_gate_time_seconds{gate=\"nodes\"} 61.5",
            "ananke_actions_total{remedy=\"restart-agent\",result=\"done\"} 2",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert!(!text.contains("undeclared"), "{text}");
    }

    /// Every word of a text that is a name of ours.
    fn names(text: &str) -> Vec<&str> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("ananke_")).collect()
    }

    #[test]
    fn dashboard_and_alert_rules_use_metrics_and_labels_that_exist() {
        for (file, text) in [
            ("alert-rules.yaml", include_str!("../../manifests/alert-rules.yaml")),
            ("grafana-dashboard.json", include_str!("../../manifests/grafana-dashboard.json")),
        ] {
            let used = names(text);
            assert!(used.len() > 8, "{file}: {used:?}");
            for name in used {
                assert!(METRICS.iter().any(|metric| metric.name == name), "{file}: {name}");
            }
        }
        let rules = include_str!("../../manifests/alert-rules.yaml");
        let rules: serde_json::Value = serde_saphyr::from_str(rules).expect("YAML");
        assert!(rules["groups"][0]["rules"].as_array().is_some_and(|rules| rules.len() >= 8));
        let board = include_str!("../../manifests/grafana-dashboard.json");
        let board: serde_json::Value = serde_json::from_str(board).expect("JSON");
        for panel in board["panels"].as_array().expect("panels") {
            let query = panel["targets"][0]["expr"].as_str().expect("a query");
            let legend = panel["targets"][0]["legendFormat"].as_str().unwrap_or_default();
            let label = legend.strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
            let Some(label) = label.filter(|label| *label != "instance") else { continue };
            let of = names(query);
            let has = |name: &&str| declared(name).labels.contains(&label);
            assert!(of.iter().any(has), "{query} has no label {label}");
        }
    }
}
