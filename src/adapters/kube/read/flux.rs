//! The objects of Flux, of every version of their API that has these fields: `v1beta1` and later
//! ones of sources and Kustomizations, `v2beta1` and later ones of HelmReleases.

use serde_json::Value;

use super::{behind, condition, list};
use crate::adapters::kube::nodes::{annotation, text};
use crate::adapters::kube::wire::short;
use crate::model::cluster::{
    HelmRelease, Kustomization, ObjectPath, Progress, SUSPENDED_ANNOTATION, Source, Suspended,
};
use crate::model::facts::Ready;
use crate::model::object::ObjectName;

/// The longest message that is kept. A recorded tick has to stay small.
const MAX_WHY: usize = 160;
/// The longest text of a spec that is kept: an address or a name.
const MAX_TEXT: usize = 253;
/// How much of a commit's name is kept: enough to tell commits of one repository apart.
const SHORT_HASH: usize = 10;
/// A run of this many hexadecimal digits is a hash, not a word.
const HASH_AT_LEAST: usize = 20;
/// More things to wait for than this are no sensible graph.
const MAX_AFTER: usize = 32;

/// A GitRepository or an OCIRepository.
pub(crate) fn source(object: &Value) -> Source {
    let reference = ["/spec/ref/branch", "/spec/ref/tag"];
    let branch = reference.iter().map(|at| text(object, at)).find(|it| !it.is_empty());
    Source {
        progress: progress(object),
        url: short(&without_password(&text(object, "/spec/url")), MAX_TEXT),
        branch: short(&branch.unwrap_or_default(), MAX_TEXT),
        revision: short_revision(&text(object, "/status/artifact/revision")),
    }
}

/// A Kustomization.
pub(crate) fn kustomization(object: &Value) -> Kustomization {
    let own = text(object, "/metadata/namespace");
    let at = |pointer: &str| short(&text(object, pointer), MAX_TEXT);
    let namespace = match at("/spec/sourceRef/namespace") {
        none if none.is_empty() => own,
        given => given,
    };
    let (kind, name) = (at("/spec/sourceRef/kind"), at("/spec/sourceRef/name"));
    let asks_us = ["/spec/healthChecks", "/spec/healthCheckExprs"].iter().any(|checks| {
        list(object, checks).any(|it| it.get("kind").and_then(Value::as_str) == Some(OUR_KIND))
    });
    Kustomization {
        progress: progress(object),
        source: ObjectName::in_namespace(kind, namespace, name),
        after: after(object),
        applied: short_revision(&text(object, "/status/lastAppliedRevision")),
        asks_us,
    }
}

/// The kind of ananke's own status.
const OUR_KIND: &str = "RecoveryStatus";

/// A HelmRelease.
pub(crate) fn helm_release(object: &Value) -> HelmRelease {
    let stalled = condition(object, "Stalled").is_some_and(|it| it["status"] == "True");
    HelmRelease { progress: progress(object), after: after(object), stalled }
}

fn progress(object: &Value) -> Progress {
    let suspended = match object.pointer("/spec/suspend") {
        None | Some(Value::Null | Value::Bool(false)) => Suspended::No,
        // Nonsense where the flag should be: it is not taken for "goes on".
        Some(_) if annotation(object, SUSPENDED_ANNOTATION).is_some() => Suspended::ByUs,
        Some(_) => Suspended::ByOthers,
    };
    let condition = condition(object, "Ready");
    let ready = match condition.and_then(|it| it["status"].as_str()) {
        Some("True") => Ready::True,
        Some("False") => Ready::False,
        Some(_) | None => Ready::Unknown,
    };
    let why = match condition {
        _ if ready == Ready::True => String::new(),
        Some(it) => format!("{}: {}", text(it, "/reason"), text(it, "/message")),
        None => "its controller has said nothing of it yet".to_owned(),
    };
    Progress {
        suspended,
        ready,
        why: short(&why, MAX_WHY),
        behind: behind(object),
        handled: short(&text(object, "/status/lastHandledReconcileAt"), MAX_TEXT),
    }
}

/// What must come before an object: `spec.dependsOn`, in its own namespace unless it says another.
fn after(object: &Value) -> Vec<ObjectPath> {
    let own = text(object, "/metadata/namespace");
    let names = list(object, "/spec/dependsOn").filter_map(|it| {
        let name = it.get("name").and_then(Value::as_str)?;
        let namespace = it.get("namespace").and_then(Value::as_str);
        let namespace = namespace.filter(|it| !it.is_empty()).unwrap_or(&own);
        Some(ObjectPath::new(short(&format!("{namespace}/{name}"), 2 * MAX_TEXT)))
    });
    names.take(MAX_AFTER).collect()
}

/// A revision with its hash cut short: `main@sha1:0123456789`, or `main/0123456789` of old ones.
fn short_revision(revision: &str) -> String {
    let hex = revision.bytes().rev().take_while(u8::is_ascii_hexdigit).count();
    let keep =
        if hex >= HASH_AT_LEAST { revision.len() - hex + SHORT_HASH } else { revision.len() };
    short(revision.get(..keep).unwrap_or(revision), MAX_TEXT)
}

/// An address without the password that somebody put into it.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((login, host)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_source_is_read_in_old_and_new_words() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        for (revision, kept) in [
            (format!("main@sha1:{hash}"), "main@sha1:0123456789"),
            (format!("main/{hash}"), "main/0123456789"),
            ("v1.2.3".to_owned(), "v1.2.3"),
            (String::new(), ""),
        ] {
            let object = json!({
                "metadata": {"name": "flux-system", "namespace": "flux-system", "generation": 2},
                "spec": {"url": "https://me:secret@git.example/ops.git", "ref": {"branch": "main"}},
                "status": {"observedGeneration": 2, "artifact": {"revision": revision},
                    "lastHandledReconcileAt": "x.1-2",
                    "conditions": [{"type": "Ready", "status": "True"}]}});
            let source = source(&object);
            assert_eq!(source.revision, kept);
            assert_eq!(source.url, "https://me@git.example/ops.git");
            assert_eq!((source.progress.ready, source.progress.behind), (Ready::True, false));
            assert_eq!(source.progress.handled, "x.1-2");
        }
    }

    #[test]
    fn a_kustomization_is_read_with_what_it_waits_for() {
        let object = json!({
            "metadata": {"name": "apps", "namespace": "flux-system", "generation": 3,
                "annotations": {SUSPENDED_ANNOTATION: "atlas"}},
            "spec": {"suspend": true, "sourceRef": {"kind": "GitRepository", "name": "site"},
                "dependsOn": [{"name": "infra"}, {"name": "crds", "namespace": "base"}, 7],
                "healthChecks": [{"kind": "RecoveryStatus", "name": "atlas"}]},
            "status": {"observedGeneration": 2, "conditions": [
                {"type": "Ready", "status": "False", "reason": "HealthCheckFailed",
                    "message": "x"}]}});
        let read = kustomization(&object);
        assert_eq!(read.source.to_string(), "GitRepository flux-system/site");
        assert_eq!(read.after, ["flux-system/infra", "base/crds"].map(ObjectPath::new));
        assert_eq!(read.progress.suspended, Suspended::ByUs);
        assert_eq!(read.progress.why, "HealthCheckFailed: x");
        assert!(read.progress.behind && read.asks_us);
    }

    #[test]
    fn absurd_fields_are_never_good_news() {
        let absurd = json!({"metadata": {"name": "x", "generation": 4},
            "spec": {"suspend": "perhaps", "dependsOn": {"name": "y"}, "url": 7},
            "status": {"conditions": "Ready", "observedGeneration": "4", "artifact": []}});
        let read = progress(&absurd);
        assert_eq!(read.suspended, Suspended::ByOthers);
        assert_eq!(read.ready, Ready::Unknown);
        assert!(read.behind);
        assert_eq!(source(&absurd).revision, "");
        assert_eq!(helm_release(&json!(null)).progress.ready, Ready::Unknown);
    }
}
