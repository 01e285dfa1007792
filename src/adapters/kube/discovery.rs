//! What the cluster serves, of the kinds that ananke looks at. Asked whenever the link comes up,
//! and from time to time; a failure says nothing about the link.

use std::time::Duration;

use kube::client::APIGroupDiscoveryList;
use serde_json::Value;
use tokio::time::sleep;

use crate::model::facts::{Blind, BlindKind};

use super::board::Board;
use super::looked::LOOKED;
use super::wire::{NoAnswer, Wire, get};

/// Group and kind of what is looked at besides [`LOOKED`]. The version is the server's choice.
const OTHERS: [(&str, &str); 6] = [
    ("", "Node"),
    ("coordination.k8s.io", "Lease"),
    ("policy", "PodDisruptionBudget"),
    ("longhorn.io", "Node"),
    ("longhorn.io", "Volume"),
    ("ananke.bstein.dev", "RecoveryStatus"),
];

/// Whether a kind is one that ananke looks at.
pub fn is_looked_at(group: &str, kind: &str) -> bool {
    OTHERS.contains(&(group, kind)) || LOOKED.iter().any(|it| (it.group, it.kind) == (group, kind))
}

/// The first pause between two discoveries. Custom kinds may come some seconds after the API is
/// ready, or with the first thing that Flux applies; it doubles up to [`LAST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Nobody installs a kind more often than that.
const LAST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Aggregated discovery (GA in Kubernetes 1.30, beta since 1.26): two requests instead of a
/// hundred. k3s older than that answers with another list, in which no kind is found: then nobody
/// knows what it serves.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// Puts the server's version and kinds on the board, again and again. Ended by dropping it.
pub(super) async fn discover(wire: Wire, board: &Board, request: Duration) {
    let mut pause = FIRST_PAUSE;
    loop {
        let version = version(&wire, request).await;
        let serves = serves(&wire, request).await;
        for blind in version.as_ref().err().into_iter().chain(serves.as_ref().err()) {
            tracing::warn!(endpoint = wire.endpoint(), %blind, "what the API serves is not known");
        }
        if let Err(blind) = &serves {
            board.kinds_blind(blind);
        }
        board.server(version.ok(), serves.ok());
        sleep(pause).await;
        pause = LAST_PAUSE.min(pause * 2);
    }
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
    // Every cluster has nodes: one that does not name them answered something else.
    if !found.iter().any(|kind| kind == "v1/Node") {
        let why = "it does not say what it serves (Kubernetes before 1.26)";
        return Err(Blind::new(BlindKind::Garbled, why));
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
                is_looked_at(name, kind).then(|| match name {
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
