//! What the cluster serves, of the kinds that ananke looks at. Asked once whenever the link comes
//! up; a failure says nothing about the link.

use std::time::Duration;

use kube::client::APIGroupDiscoveryList;
use serde_json::Value;

use crate::model::facts::{Blind, BlindKind};

use super::board::Board;
use super::wire::{NoAnswer, Wire, get};

/// Group and kind of everything that ananke looks at. The version is the server's choice.
pub const KINDS: [(&str, &str); 13] = [
    ("", "Node"),
    ("", "Pod"),
    ("apps", "Deployment"),
    ("coordination.k8s.io", "Lease"),
    ("policy", "PodDisruptionBudget"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("source.toolkit.fluxcd.io", "GitRepository"),
    ("source.toolkit.fluxcd.io", "OCIRepository"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    ("helm.toolkit.fluxcd.io", "HelmRelease"),
    ("longhorn.io", "Node"),
    ("longhorn.io", "Volume"),
    ("ananke.bstein.dev", "RecoveryStatus"),
];

/// Aggregated discovery (GA in Kubernetes 1.30, beta since 1.26): two requests instead of a
/// hundred. k3s older than that answers with another list, in which no kind is found.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// Puts the server's version and kinds on the board, once.
pub(super) async fn discover(wire: Wire, board: &Board, request: Duration) {
    let version = version(&wire, request).await;
    let serves = serves(&wire, request).await;
    for blind in version.as_ref().err().into_iter().chain(serves.as_ref().err()) {
        tracing::warn!(endpoint = wire.endpoint(), %blind, "the API does not say what it serves");
    }
    board.server(version.ok(), serves.ok());
}

async fn version(wire: &Wire, request: Duration) -> Result<String, Blind> {
    let answer = wire.call(get("/version"), request).await.map_err(NoAnswer::blind)?.json()?;
    let version = answer.get("gitVersion").and_then(Value::as_str);
    version
        .map(|text| super::wire::short(text, 64))
        .ok_or_else(|| Blind::new(BlindKind::Garbled, "/version names no version"))
}

async fn serves(wire: &Wire, request: Duration) -> Result<Vec<String>, Blind> {
    let mut found = Vec::new();
    for path in ["/api", "/apis"] {
        let mut ask = get(path);
        ask.headers_mut().insert(http::header::ACCEPT, http::HeaderValue::from_static(ACCEPT));
        let answer = wire.call(ask, request).await.map_err(NoAnswer::blind)?.json()?;
        let groups: APIGroupDiscoveryList = serde_json::from_value(answer)
            .map_err(|e| Blind::new(BlindKind::Garbled, format!("{path}: {e}")))?;
        found.extend(kinds(&groups));
    }
    Ok(found)
}

/// `group/version/kind` of what is looked at, in the server's order of preference.
fn kinds(groups: &APIGroupDiscoveryList) -> Vec<String> {
    let mut found = Vec::new();
    for group in &groups.items {
        let name = group.metadata.as_ref().and_then(|meta| meta.name.as_deref()).unwrap_or("");
        for version in &group.versions {
            let number = version.version.as_deref().unwrap_or_default();
            let here = version.resources.iter().filter_map(|resource| {
                let kind = resource.response_kind.as_ref()?.kind.as_deref()?;
                KINDS.contains(&(name, kind)).then(|| match name {
                    "" => format!("{number}/{kind}"),
                    _ => format!("{name}/{number}/{kind}"),
                })
            });
            found.extend(here);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_are_found_in_every_version() {
        let resource = |kind| json!({"resource": "x", "responseKind": {"kind": kind}});
        let groups = json!({"items": [
            {"metadata": {}, "versions": [{"version": "v1",
                "resources": [resource("Node"), resource("Secret")]}]},
            {"metadata": {"name": "kustomize.toolkit.fluxcd.io"}, "versions": [
                {"version": "v1", "resources": [resource("Kustomization")]},
                {"version": "v1beta2", "resources": [resource("Kustomization")]}]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1",
                "freshness": "Stale", "resources": [{"resource": "nodes"}]}]}]});
        assert_eq!(
            kinds(&serde_json::from_value(groups).unwrap()),
            [
                "v1/Node",
                "kustomize.toolkit.fluxcd.io/v1/Kustomization",
                "kustomize.toolkit.fluxcd.io/v1beta2/Kustomization"
            ]
        );
    }
}
