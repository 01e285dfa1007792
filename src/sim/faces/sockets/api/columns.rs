//! The columns in which kubectl shows a kind: those of Kubernetes 1.36, for the built-in ones
//! (`pkg/printers/internalversion`), and those of Flux 2.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cells::{
    address, bare, condition, containers, event_object, node_roles, node_status, or, or_unknown,
    pairs, pod_ready, pod_restarts, pod_status, replicas_ready, service_ports, since,
};
use crate::sim::world::store::{Kind, kinds};

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Only with `-o wide`.
    pub(super) wide: bool,
    /// What stands in it.
    cell: Cell,
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    /// The text at a JSON pointer, or nothing.
    Text(&'static str),
    /// The text at a JSON pointer, or `<none>`.
    OrNone(&'static str),
    /// The number at a JSON pointer, or 0.
    Number(&'static str),
    /// The same, where Kubernetes calls a number a string.
    Figure(&'static str),
    /// A yes or no at a JSON pointer.
    Flag(&'static str),
    /// A time at a JSON pointer.
    Date(&'static str),
    /// The time since the one at a JSON pointer.
    Since(&'static str),
    /// Field `.1` of the condition `.0`.
    Condition(&'static str, &'static str),
    /// How many entries are at a JSON pointer.
    Count(&'static str),
    /// Worked out.
    Of(fn(&Value) -> String),
}

const fn column(name: &'static str, cell: Cell) -> Column {
    Column { name, wide: false, cell }
}

const fn wide(name: &'static str, cell: Cell) -> Column {
    Column { name, wide: true, cell }
}

const NAME: Column = column("Name", Cell::Text("/metadata/name"));
const AGE: Column = column("Age", Cell::Since("/metadata/creationTimestamp"));

static NODES: &[Column] = &[
    NAME,
    column("Status", Cell::Of(node_status)),
    column("Roles", Cell::Of(node_roles)),
    AGE,
    column("Version", Cell::Text("/status/nodeInfo/kubeletVersion")),
    wide("Internal-IP", Cell::Of(|node| address(node, "InternalIP"))),
    wide("External-IP", Cell::Of(|node| address(node, "ExternalIP"))),
    wide("OS-Image", Cell::Of(|node| or_unknown(node, "/status/nodeInfo/osImage"))),
    wide("Kernel-Version", Cell::Of(|node| or_unknown(node, "/status/nodeInfo/kernelVersion"))),
    wide(
        "Container-Runtime",
        Cell::Of(|node| or_unknown(node, "/status/nodeInfo/containerRuntimeVersion")),
    ),
];
static PODS: &[Column] = &[
    NAME,
    column("Ready", Cell::Of(pod_ready)),
    column("Status", Cell::Of(pod_status)),
    column("Restarts", Cell::Of(pod_restarts)),
    AGE,
    wide("IP", Cell::OrNone("/status/podIP")),
    wide("Node", Cell::OrNone("/spec/nodeName")),
    wide("Nominated Node", Cell::OrNone("/status/nominatedNodeName")),
    wide("Readiness Gates", Cell::OrNone("/spec/readinessGates/0/conditionType")),
];
static NAMESPACES: &[Column] = &[NAME, column("Status", Cell::Text("/status/phase")), AGE];
static EVENTS: &[Column] = &[
    column("Last Seen", Cell::Since("/lastTimestamp")),
    column("Type", Cell::Text("/type")),
    column("Reason", Cell::Text("/reason")),
    column("Object", Cell::Of(event_object)),
    wide("Subobject", Cell::Text("/involvedObject/fieldPath")),
    wide("Source", Cell::Text("/source/component")),
    column("Message", Cell::Text("/message")),
    wide("First Seen", Cell::Since("/firstTimestamp")),
    wide("Count", Cell::Figure("/count")),
    wide("Name", Cell::Text("/metadata/name")),
];
static LEASES: &[Column] = &[NAME, column("Holder", Cell::Text("/spec/holderIdentity")), AGE];
static SERVICES: &[Column] = &[
    NAME,
    column("Type", Cell::Text("/spec/type")),
    column("Cluster-IP", Cell::OrNone("/spec/clusterIP")),
    column("External-IP", Cell::OrNone("/status/loadBalancer/ingress/0/ip")),
    column("Port(s)", Cell::Of(service_ports)),
    AGE,
    wide("Selector", Cell::Of(|service| pairs(&service["spec"]["selector"]))),
];
static SECRETS: &[Column] =
    &[NAME, column("Type", Cell::Text("/type")), column("Data", Cell::Count("/data")), AGE];
static CONFIGMAPS: &[Column] = &[NAME, column("Data", Cell::Count("/data")), AGE];
static DEPLOYMENTS: &[Column] = &[
    NAME,
    column("Ready", Cell::Of(replicas_ready)),
    column("Up-to-date", Cell::Figure("/status/updatedReplicas")),
    column("Available", Cell::Figure("/status/availableReplicas")),
    AGE,
    wide("Containers", Cell::Of(|it| containers(it, "name"))),
    wide("Images", Cell::Of(|it| containers(it, "image"))),
    wide("Selector", Cell::Of(|it| pairs(&it["spec"]["selector"]["matchLabels"]))),
];
static STATEFULSETS: &[Column] = &[
    NAME,
    column("Ready", Cell::Of(replicas_ready)),
    AGE,
    wide("Containers", Cell::Of(|it| containers(it, "name"))),
    wide("Images", Cell::Of(|it| containers(it, "image"))),
];
static DAEMONSETS: &[Column] = &[
    NAME,
    column("Desired", Cell::Number("/status/desiredNumberScheduled")),
    column("Current", Cell::Number("/status/currentNumberScheduled")),
    column("Ready", Cell::Number("/status/numberReady")),
    column("Up-to-date", Cell::Number("/status/updatedNumberScheduled")),
    column("Available", Cell::Number("/status/numberAvailable")),
    column("Node Selector", Cell::Of(|it| pairs(&it["spec"]["template"]["spec"]["nodeSelector"]))),
    AGE,
    wide("Containers", Cell::Of(|it| containers(it, "name"))),
    wide("Images", Cell::Of(|it| containers(it, "image"))),
    wide("Selector", Cell::Of(|it| pairs(&it["spec"]["selector"]["matchLabels"]))),
];
static PDBS: &[Column] = &[
    NAME,
    column("Min Available", Cell::Of(|it| bare(&it["spec"]["minAvailable"], "N/A"))),
    column("Max Unavailable", Cell::Of(|it| bare(&it["spec"]["maxUnavailable"], "N/A"))),
    column("Allowed Disruptions", Cell::Number("/status/disruptionsAllowed")),
    AGE,
];
static VOLUME_ATTACHMENTS: &[Column] = &[
    NAME,
    column("Attacher", Cell::Text("/spec/attacher")),
    column("PV", Cell::Text("/spec/source/persistentVolumeName")),
    column("Node", Cell::Text("/spec/nodeName")),
    column("Attached", Cell::Flag("/status/attached")),
    AGE,
];
static INGRESSES: &[Column] = &[
    NAME,
    column("Class", Cell::OrNone("/spec/ingressClassName")),
    column("Hosts", Cell::OrNone("/spec/rules/0/host")),
    column("Address", Cell::Text("/status/loadBalancer/ingress/0/ip")),
    column(
        "Ports",
        Cell::Of(|it| (if it["spec"]["tls"].is_array() { "80, 443" } else { "80" }).to_owned()),
    ),
    AGE,
];
static FLUX: &[Column] = &[
    NAME,
    AGE,
    column("Ready", Cell::Condition("Ready", "status")),
    column("Status", Cell::Condition("Ready", "message")),
];
static GIT_REPOSITORIES: &[Column] = &[
    NAME,
    column("URL", Cell::Text("/spec/url")),
    AGE,
    column("Ready", Cell::Condition("Ready", "status")),
    column("Status", Cell::Condition("Ready", "message")),
];
/// Those of the CustomResourceDefinition; a test holds them against it.
static RECOVERY_STATUSES: &[Column] = &[
    NAME,
    column("Ready", Cell::Condition("Ready", "status")),
    column("Phase", Cell::Text("/status/phase")),
    column("Gate", Cell::Text("/status/gate")),
    column("Since", Cell::Since("/status/since")),
    column("Power", Cell::Text("/status/power/summary")),
    column("Held", Cell::Number("/status/held")),
    column("Manual", Cell::Number("/status/manual")),
    column("Acting", Cell::Text("/status/acting")),
    column("Seen", Cell::Since("/status/seenAt")),
    AGE,
    wide("Message", Cell::Text("/status/message")),
    wide("Next", Cell::Text("/status/nextStep")),
];
static EVENTS_BY_NOTE: &[Column] = &[
    column("Last Seen", Cell::Since("/eventTime")),
    column("Type", Cell::Text("/type")),
    column("Reason", Cell::Text("/reason")),
    column("Object", Cell::Text("/regarding/name")),
    column("Message", Cell::Text("/note")),
];
static CRDS: &[Column] = &[NAME, column("Created At", Cell::Date("/metadata/creationTimestamp"))];
static ANY: &[Column] = &[NAME, AGE];

/// The columns of a kind.
pub(super) fn of(kind: &Kind) -> &'static [Column] {
    let table: [(&Kind, &'static [Column]); 20] = [
        (&kinds::NODES, NODES),
        (&kinds::PODS, PODS),
        (&kinds::NAMESPACES, NAMESPACES),
        (&kinds::EVENTS, EVENTS),
        (&kinds::LEASES, LEASES),
        (&kinds::SERVICES, SERVICES),
        (&kinds::SECRETS, SECRETS),
        (&kinds::CONFIGMAPS, CONFIGMAPS),
        (&kinds::DEPLOYMENTS, DEPLOYMENTS),
        (&kinds::STATEFULSETS, STATEFULSETS),
        (&kinds::DAEMONSETS, DAEMONSETS),
        (&kinds::PDBS, PDBS),
        (&kinds::VOLUME_ATTACHMENTS, VOLUME_ATTACHMENTS),
        (&kinds::INGRESSES, INGRESSES),
        (&kinds::KUSTOMIZATIONS, FLUX),
        (&kinds::HELM_RELEASES, FLUX),
        (&kinds::GIT_REPOSITORIES, GIT_REPOSITORIES),
        (&kinds::RECOVERY_STATUSES, RECOVERY_STATUSES),
        (&kinds::EVENTS_BY_NOTE, EVENTS_BY_NOTE),
        (&kinds::CRDS, CRDS),
    ];
    table.into_iter().find(|(it, _)| *it == kind).map_or(ANY, |(_, columns)| columns)
}

impl Column {
    /// What a table says of the column's type.
    pub(super) const fn kind(&self) -> &'static str {
        match self.cell {
            Cell::Number(_) => "integer",
            Cell::Flag(_) => "boolean",
            Cell::Date(_) => "date",
            Cell::Text(_)
            | Cell::OrNone(_)
            | Cell::Since(_)
            | Cell::Figure(_)
            | Cell::Count(_)
            | Cell::Condition(..)
            | Cell::Of(_) => "string",
        }
    }

    /// What stands in it for an object.
    pub(super) fn value(&self, object: &Value, now: Timestamp) -> Value {
        let text = |at: &str| object.pointer(at).and_then(Value::as_str).unwrap_or_default();
        match self.cell {
            Cell::Text(at) | Cell::Date(at) => text(at).into(),
            Cell::OrNone(at) => or(text(at), "<none>").into(),
            Cell::Flag(at) => json!(object.pointer(at).is_some_and(|it| *it == true)),
            Cell::Number(at) | Cell::Figure(at) => {
                json!(object.pointer(at).and_then(Value::as_i64).unwrap_or(0))
            }
            Cell::Since(at) => since(text(at), now).into(),
            Cell::Condition(kind, field) => {
                condition(object, kind).map_or("", |it| it[field].as_str().unwrap_or("")).into()
            }
            Cell::Count(at) => {
                json!(object.pointer(at).and_then(Value::as_object).map_or(0, serde_json::Map::len))
            }
            Cell::Of(work) => work(object).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &Kind, object: &Value) -> Vec<String> {
        let now = "2026-01-01T00:05:30Z".parse().expect("a time");
        of(kind).iter().map(|column| bare(&column.value(object, now), "")).collect()
    }

    #[test]
    fn a_node_and_a_pod_look_as_kubectl_shows_them() {
        let node = json!({"metadata": {"name": "n", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"node-role.kubernetes.io/etcd": "true",
                "node-role.kubernetes.io/control-plane": "true"}},
            "spec": {"unschedulable": true}, "status": {"nodeInfo": {"kubeletVersion": "v1.34.1"},
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
            "conditions": [{"type": "Ready", "status": "Unknown"}]}});
        assert_eq!(
            row(&kinds::NODES, &node)[..7],
            [
                "n",
                "NotReady,SchedulingDisabled",
                "control-plane,etcd",
                "5m30s",
                "v1.34.1",
                "10.0.0.1",
                "<none>"
            ]
        );
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{}, {}]}, "status":
            {"phase": "Running", "containerStatuses": [{"ready": true, "restartCount": 2},
            {"ready": false, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
        assert_eq!(row(&kinds::PODS, &pod)[..4], ["p", "1/2", "CrashLoopBackOff", "2"]);
    }

    #[test]
    fn a_recovery_status_has_the_columns_of_its_definition() {
        use crate::model::recovery_status::COLUMNS;
        let shown = &of(&kinds::RECOVERY_STATUSES)[1..];
        assert_eq!(shown.len(), COLUMNS.len());
        for (shown, defined) in shown.iter().zip(COLUMNS) {
            assert_eq!((shown.name, shown.wide), (defined.name, defined.wide));
            let path = defined.path.replace('.', "/");
            let same = match shown.cell {
                Cell::Text(at) => defined.kind == "string" && at == path,
                Cell::Number(at) => defined.kind == "integer" && at == path,
                Cell::Since(at) => defined.kind == "date" && at == path,
                Cell::Condition(kind, field) => {
                    let path = format!(".status.conditions[?(@.type==\"{kind}\")].{field}");
                    defined.path == path
                }
                Cell::OrNone(_)
                | Cell::Figure(_)
                | Cell::Flag(_)
                | Cell::Date(_)
                | Cell::Count(_)
                | Cell::Of(_) => false,
            };
            assert!(same, "{} shows something else than {}", shown.name, defined.path);
        }
    }

    #[test]
    fn every_kind_survives_an_object_with_nothing_in_it() {
        for kind in kinds::ALL {
            assert_eq!(row(kind, &json!({})).len(), of(kind).len());
        }
    }
}
