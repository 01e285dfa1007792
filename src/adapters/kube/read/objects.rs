//! Storage, webhooks, ingresses and endpoints.

use std::collections::BTreeSet;

use serde_json::Value;

use super::list;
use crate::adapters::kube::nodes::text;
use crate::adapters::kube::wire::short;
use crate::model::cluster::{Attachment, Claim, Drivers, Ingress, Judges, ObjectPath};
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
    let strict = list(object, "/webhooks").filter(|it| it["failurePolicy"] != "Ignore");
    let services = strict.filter_map(|it| {
        let service = it.pointer("/clientConfig/service")?;
        Some(ObjectPath::in_namespace(&name(service, "/namespace"), &name(service, "/name")))
    });
    let services: Judges = services.take(MAX_PARTS).collect();
    (!services.is_empty()).then_some(services)
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

/// The service of an EndpointSlice, and how many of its endpoints are ready.
pub(crate) fn endpoints(object: &Value) -> Option<(ObjectPath, u32)> {
    let service =
        object.pointer("/metadata/labels")?.get("kubernetes.io/service-name")?.as_str()?;
    let namespace = name(object, "/metadata/namespace");
    // An endpoint that does not say is ready: so the API defines it.
    let ready = |it: &&Value| it.pointer("/conditions/ready") != Some(&Value::Bool(false));
    let ready = list(object, "/endpoints").filter(ready).count();
    let path = ObjectPath::in_namespace(&namespace, &short(service, MAX_NAME));
    Some((path, u32::try_from(ready).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
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
        assert_eq!(judges(&object).unwrap(), BTreeSet::from([ObjectPath::new("sys/fail")]));
        assert_eq!(judges(&json!({"webhooks": [hook("Ignore")]})), None);
        let object = json!({"metadata": {"namespace": "git"}, "spec": {"rules": [
            {"host": "git.example", "http": {"paths": [{"backend": {"service": {"name": "web"}}}]}},
            {"http": 7}]}});
        let read = ingress(&object);
        assert_eq!(read.hosts, BTreeSet::from(["git.example".to_owned()]));
        assert_eq!(read.services, BTreeSet::from([ObjectPath::new("git/web")]));
        let slice = json!({"metadata": {"namespace": "git",
            "labels": {"kubernetes.io/service-name": "web"}},
            "endpoints": [{"conditions": {"ready": true}}, {"conditions": {"ready": false}}, {}]});
        assert_eq!(endpoints(&slice), Some((ObjectPath::new("git/web"), 2)));
    }
}
