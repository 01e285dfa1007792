//! What stands in a table's cell where it has to be worked out, in the words of kubectl.

use jiff::Timestamp;
use serde_json::Value;

pub(super) fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

pub(super) fn bare(value: &Value, other: &str) -> String {
    match value {
        Value::Null => other.to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

pub(super) fn or_unknown(object: &Value, at: &str) -> String {
    object.pointer(at).map_or_else(|| "<unknown>".to_owned(), |it| bare(it, "<unknown>"))
}

fn items<'a>(object: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    object.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    items(object, "/status/conditions").find(|it| it["type"] == kind)
}

pub(super) fn pairs(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    let pairs: Vec<_> = pairs.map(|(key, value)| format!("{key}={}", bare(value, ""))).collect();
    or(&pairs.join(","), "<none>").to_owned()
}

pub(super) fn containers(object: &Value, field: &str) -> String {
    let all = items(object, "/spec/template/spec/containers");
    all.map(|it| bare(&it[field], "")).collect::<Vec<_>>().join(",")
}

pub(super) fn node_status(node: &Value) -> String {
    let ready = match condition(node, "Ready").map(|it| it["status"] == "True") {
        Some(true) => "Ready",
        Some(false) => "NotReady",
        None => "Unknown",
    };
    let cordoned = node["spec"]["unschedulable"] == true;
    if cordoned { format!("{ready},SchedulingDisabled") } else { ready.to_owned() }
}

pub(super) fn node_roles(node: &Value) -> String {
    let labels = node["metadata"]["labels"].as_object().into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) if !role.is_empty() => Some(role),
            Some(_) => None,
            None => value.as_str().filter(|_| key == "kubernetes.io/role"),
        })
        .collect();
    roles.sort_unstable();
    roles.dedup();
    or(&roles.join(","), "<none>").to_owned()
}

pub(super) fn address(node: &Value, kind: &str) -> String {
    let found = items(node, "/status/addresses").find(|it| it["type"] == kind);
    found.map_or_else(|| "<none>".to_owned(), |it| bare(&it["address"], "<none>"))
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    items(pod, "/status/containerStatuses")
}

pub(super) fn pod_ready(pod: &Value) -> String {
    let ready = statuses(pod).filter(|it| it["ready"] == true).count();
    format!("{ready}/{}", items(pod, "/spec/containers").count())
}

/// What a container waits for or ended with says more than the phase.
pub(super) fn pod_status(pod: &Value) -> String {
    let reason = |state: &Value| {
        let of = |what: &str| state[what]["reason"].as_str().filter(|it| !it.is_empty());
        of("waiting").or_else(|| of("terminated")).map(str::to_owned)
    };
    let gone = pod["status"]["reason"].as_str().unwrap_or_default();
    if !pod["metadata"]["deletionTimestamp"].is_null() {
        return if gone == "NodeLost" { "Unknown" } else { "Terminating" }.to_owned();
    }
    let stuck = statuses(pod).filter_map(|it| reason(&it["state"])).last();
    let phase = || or(gone, pod["status"]["phase"].as_str().unwrap_or_default()).to_owned();
    stuck.unwrap_or_else(phase)
}

pub(super) fn pod_restarts(pod: &Value) -> String {
    statuses(pod).filter_map(|it| it["restartCount"].as_u64()).sum::<u64>().to_string()
}

pub(super) fn event_object(event: &Value) -> String {
    let of = &event["involvedObject"];
    let kind = of["kind"].as_str().unwrap_or_default().to_lowercase();
    format!("{kind}/{}", bare(&of["name"], ""))
}

pub(super) fn service_ports(service: &Value) -> String {
    let ports = items(service, "/spec/ports").map(|port| {
        let node = port["nodePort"].as_u64().map_or_else(String::new, |it| format!(":{it}"));
        format!("{}{node}/{}", bare(&port["port"], "0"), bare(&port["protocol"], "TCP"))
    });
    or(&ports.collect::<Vec<_>>().join(","), "<none>").to_owned()
}

pub(super) fn replicas_ready(object: &Value) -> String {
    let ready = object["status"]["readyReplicas"].as_u64().unwrap_or(0);
    format!("{ready}/{}", object["spec"]["replicas"].as_u64().unwrap_or(1))
}

pub(super) fn since(text: &str, now: Timestamp) -> String {
    match text.parse::<Timestamp>() {
        Ok(then) => duration(now.as_second() - then.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration as `k8s.io/apimachinery/pkg/util/duration.HumanDuration` shows it.
fn duration(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    let days = hours / 24;
    let two = |large: i64, unit: &str, small: i64, part: &str| match small {
        0 => format!("{large}{unit}"),
        small => format!("{large}{unit}{small}{part}"),
    };
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1..0 => "0s".to_owned(),
        _ if seconds < 120 => format!("{seconds}s"),
        _ if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        _ if minutes < 180 => format!("{minutes}m"),
        _ if hours < 8 => two(hours, "h", minutes % 60, "m"),
        _ if hours < 48 => format!("{hours}h"),
        _ if days < 8 => two(days, "d", hours % 24, "h"),
        _ if days < 730 => format!("{days}d"),
        _ if days < 365 * 8 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_short_as_kubectls() {
        let table = [
            (-2, "<invalid>"),
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (3_600, "60m"),
            (3 * 3_600 + 60, "3h1m"),
            (47 * 3_600, "47h"),
            (3 * 86_400, "3d"),
            (90 * 86_400, "90d"),
            (800 * 86_400, "2y70d"),
        ];
        for (seconds, shown) in table {
            assert_eq!(duration(seconds), shown);
        }
    }
}
