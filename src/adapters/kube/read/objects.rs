//! Storage, webhooks, ingresses and endpoints.

use std::collections::BTreeSet;

use serde_json::Value;

use super::list;
use crate::adapters::kube::nodes::text;
use crate::adapters::kube::wire::short;
use crate::model::cluster::{
    Answerers, Attachment, Claim, Drivers, Grip, Ingress, Judges, ObjectPath,
};
use crate::model::ids::MachineName;

/// The longest name that is kept.
const MAX_NAME: usize = 253;
/// The longest message that is kept.
const MAX_WHY: usize = 120;
/// More of something in one object than this are not kept.
const MAX_PARTS: usize = 64;

fn name(object: &Value, at: &str) -> String {
    short(&text(object, at), MAX_NAME)
}

/// The drivers of a CSINode.
pub(crate) fn drivers(object: &Value) -> Drivers {
    let names = list(object, "/spec/drivers").map(|it| name(it, "/name"));
    names.filter(|it| !it.is_empty()).take(MAX_PARTS).collect()
}

/// A VolumeAttachment, if it is not as it should be.
fn attachment(object: &Value) -> Option<Attachment> {
    let attached = object.pointer("/status/attached") == Some(&Value::Bool(true));
    let errors = ["/status/attachError/message", "/status/detachError/message"];
    let error = errors.iter().map(|at| text(object, at)).find(|it| !it.is_empty());
    (!attached || error.is_some()).then(|| Attachment {
        node: MachineName::new(name(object, "/spec/nodeName")),
        volume: name(object, "/spec/source/persistentVolumeName"),
        error: short(&error.unwrap_or_default(), MAX_WHY),
    })
}

/// What is kept of a VolumeAttachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attached {
    /// On which node.
    pub node: MachineName,
    /// Which volume.
    pub volume: String,
    /// What is wrong with it.
    pub trouble: Option<Attachment>,
}

/// A VolumeAttachment. For as long as it is there, its volume is not free.
pub(crate) fn attached(object: &Value) -> Attached {
    Attached {
        node: MachineName::new(name(object, "/spec/nodeName")),
        volume: name(object, "/spec/source/persistentVolumeName"),
        trouble: attachment(object),
    }
}

/// A claim.
pub(crate) fn claim(object: &Value) -> Claim {
    Claim { phase: name(object, "/status/phase"), volume: name(object, "/spec/volumeName") }
}

/// The services that a webhook configuration needs; `None` if it refuses nothing without them.
pub(crate) fn judges(object: &Value) -> Option<Judges> {
    let mut judges = Judges::new();
    let strict = list(object, "/webhooks").filter(|it| it["failurePolicy"] != "Ignore");
    for webhook in strict.take(MAX_PARTS) {
        let Some(service) = webhook.pointer("/clientConfig/service") else { continue };
        let namespace = name(service, "/namespace");
        let path = ObjectPath::in_namespace(&namespace, &name(service, "/name"));
        let grip = grip(webhook, &namespace);
        let known = judges.entry(path).or_default();
        *known = grip.max(*known);
    }
    (!judges.is_empty()).then_some(judges)
}

/// Whether a webhook has to be asked when a pod of its own service is made.
fn grip(webhook: &Value, namespace: &str) -> Grip {
    let names = |rule: &Value, at: &str, those: &[&str]| {
        list(rule, at).filter_map(Value::as_str).any(|it| those.contains(&it))
    };
    let about_pods = |rule: &Value| {
        names(rule, "/apiGroups", &["", "*"])
            && names(rule, "/resources", &["pods", "*", "*/*"])
            && names(rule, "/operations", &["CREATE", "*"])
            && rule["scope"] != "Cluster"
    };
    if !list(webhook, "/rules").any(about_pods) {
        return Grip::Others;
    }
    let by_namespace = selects(&webhook["namespaceSelector"], namespace);
    let asks_more = |at: &str| webhook.pointer(at).is_some_and(|it| !is_empty(it));
    let more = ["/objectSelector/matchLabels", "/objectSelector/matchExpressions"];
    let more = more.iter().any(|at| asks_more(at)) || asks_more("/matchConditions");
    if more { by_namespace.min(Grip::Perhaps) } else { by_namespace }
}

/// The label that every namespace has by itself. What other labels it has is not looked at.
const OWN_NAME: &str = "kubernetes.io/metadata.name";

/// Whether a namespaceSelector takes in a namespace.
fn selects(selector: &Value, namespace: &str) -> Grip {
    let mut found = Grip::Own;
    let labels = selector.pointer("/matchLabels").and_then(Value::as_object);
    for (label, value) in labels.into_iter().flatten() {
        found = found.min(match label == OWN_NAME {
            true if value == namespace => Grip::Own,
            true => Grip::Others,
            false => Grip::Perhaps,
        });
    }
    for part in list(selector, "/matchExpressions") {
        let named = list(part, "/values").any(|it| it == namespace);
        let own = part["key"] == OWN_NAME;
        found = found.min(match part["operator"].as_str() {
            Some("In") if own && !named => Grip::Others,
            Some("NotIn") if own && named => Grip::Others,
            Some("DoesNotExist") if own => Grip::Others,
            Some("In" | "NotIn" | "Exists") if own => Grip::Own,
            Some(_) | None => Grip::Perhaps,
        });
    }
    found
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(all) => all.is_empty(),
        Value::Object(all) => all.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// An ingress.
pub(crate) fn ingress(object: &Value) -> Ingress {
    let namespace = name(object, "/metadata/namespace");
    let rules = || list(object, "/spec/rules").take(MAX_PARTS);
    let hosts: BTreeSet<String> =
        rules().map(|rule| name(rule, "/host")).filter(|it| !it.is_empty()).collect();
    let paths = rules().flat_map(|rule| list(rule, "/http/paths").take(MAX_PARTS));
    let named = paths.map(|path| name(path, "/backend/service/name"));
    let default = name(object, "/spec/defaultBackend/service/name");
    let services = named.chain([default]).filter(|it| !it.is_empty());
    let services = services.map(|it| ObjectPath::in_namespace(&namespace, &it)).collect();
    Ingress { hosts, services }
}

/// More endpoints than this are not in one slice: so the API has it.
const MAX_ENDPOINTS: usize = 1_000;

/// The service of an EndpointSlice, and who answers for it.
pub(crate) fn endpoints(object: &Value) -> Option<(ObjectPath, Answerers)> {
    let service =
        object.pointer("/metadata/labels")?.get("kubernetes.io/service-name")?.as_str()?;
    let namespace = name(object, "/metadata/namespace");
    let mut answerers = Answerers::default();
    for endpoint in list(object, "/endpoints").take(MAX_ENDPOINTS) {
        let node = Some(name(endpoint, "/nodeName")).filter(|it| !it.is_empty());
        // An endpoint that does not say is ready: so the API defines it.
        let ready = endpoint.pointer("/conditions/ready") != Some(&Value::Bool(false));
        answerers.count(node.map(MachineName::new), ready, 1);
    }
    Some((ObjectPath::in_namespace(&namespace, &short(service, MAX_NAME)), answerers))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_not_as_it_should_be_is_kept() {
        let attached = json!({"spec": {"nodeName": "w-1"}, "status": {"attached": true}});
        assert_eq!(attachment(&attached), None);
        let failed = json!({"spec": {"nodeName": "w-1", "source": {"persistentVolumeName": "v"}},
            "status": {"attached": false, "attachError": {"message": "not ready"}}});
        assert_eq!(attachment(&failed).unwrap().error, "not ready");
        assert_eq!(super::attached(&attached).trouble, None);
        assert_eq!(super::attached(&failed).volume, "v");
        assert_eq!(claim(&json!({"status": {"phase": "Lost"}})).phase, "Lost");
        assert_eq!(claim(&json!({})).phase, "");
    }

    #[test]
    fn the_services_behind_webhooks_and_names_are_read() {
        let hook = |policy: &str| {
            json!({"failurePolicy": policy,
                "clientConfig": {"service": {"namespace": "sys", "name": policy.to_lowercase()}}})
        };
        let object = json!({"webhooks": [hook("Fail"), hook("Ignore")]});
        let found = judges(&object).unwrap();
        assert_eq!(found, Judges::from([(ObjectPath::new("sys/fail"), Grip::Others)]));
        assert_eq!(judges(&json!({"webhooks": [hook("Ignore")]})), None);
        let object = json!({"metadata": {"namespace": "git"}, "spec": {"rules": [
            {"host": "git.example", "http": {"paths": [{"backend": {"service": {"name": "web"}}}]}},
            {"http": 7}]}});
        let read = ingress(&object);
        assert_eq!(read.hosts, BTreeSet::from(["git.example".to_owned()]));
        assert_eq!(read.services, BTreeSet::from([ObjectPath::new("git/web")]));
        let slice = json!({"metadata": {"namespace": "git",
            "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": [{"conditions": {"ready": true}, "nodeName": "w-1"}, {},
                {"conditions": {"ready": false}, "nodeName": "w-2"}, {"nodeName": "w-1"}]});
        let (service, answerers) = endpoints(&slice).unwrap();
        assert_eq!(service, ObjectPath::new("git/web"));
        assert_eq!(answerers.on, BTreeMap::from([(MachineName::new("w-1"), 2)]));
        assert_eq!(answerers.waiting, BTreeSet::from([MachineName::new("w-2")]));
        assert_eq!(answerers.elsewhere, 1);
    }

    #[test]
    fn whether_a_webhook_stands_before_its_own_pods_is_said_only_where_it_is_known() {
        let pods = json!([{"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}]);
        let by_name = |operator: &str, name: &str| {
            json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name",
                "operator": operator, "values": [name]}]})
        };
        let table = [
            (json!({"rules": pods}), Grip::Own),
            (
                json!({"rules": [{"apiGroups": ["*"], "resources": ["*/*"],
                "operations": ["*"]}], "namespaceSelector": {}}),
                Grip::Own,
            ),
            (
                json!({"rules": [{"apiGroups": [""], "resources": ["nodes"],
                "operations": ["*"]}]}),
                Grip::Others,
            ),
            (
                json!({"rules": [{"apiGroups": [""], "resources": ["pods"],
                "operations": ["DELETE"]}]}),
                Grip::Others,
            ),
            (json!({"rules": pods, "namespaceSelector": by_name("NotIn", "sys")}), Grip::Others),
            (json!({"rules": pods, "namespaceSelector": by_name("NotIn", "x")}), Grip::Own),
            (json!({"rules": pods, "namespaceSelector": by_name("In", "x")}), Grip::Others),
            (
                json!({"rules": pods, "namespaceSelector": {"matchLabels": {"a": "b"}}}),
                Grip::Perhaps,
            ),
            (json!({"rules": pods, "objectSelector": {"matchLabels": {"a": "b"}}}), Grip::Perhaps),
            (json!({"rules": pods, "matchConditions": [{"name": "x"}]}), Grip::Perhaps),
            (json!({"rules": 7}), Grip::Others),
        ];
        for (mut webhook, wanted) in table {
            webhook["clientConfig"] = json!({"service": {"namespace": "sys", "name": "judge"}});
            let found = judges(&json!({"webhooks": [webhook]})).unwrap();
            assert_eq!(found.into_values().max(), Some(wanted), "{webhook}");
        }
    }
}
