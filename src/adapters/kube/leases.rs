//! Heartbeats of nodes whose freshness is still to be proven.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::model::facts::{Blind, BlindKind, LeaseFacts};
use crate::model::ids::MachineName;

use super::board::Board;
use super::nodes::text;
use super::watch::query_value;
use super::wire::{NoAnswer, Wire, get};

/// A kubelet renews every 10 s; looking five times as often costs one small request each.
const POLL: Duration = Duration::from_secs(2);
/// The pause after a failure, missing rights among them.
const FAILED: Duration = Duration::from_secs(10);
/// Objects a page.
const PAGE: usize = 500;
/// Pages at most: as many Leases as nodes are looked at.
const MAX_PAGES: usize = 10;

/// Reads the Leases that are wanted. Asks nothing while none is. Ended by dropping it.
pub(super) async fn poll(wire: Wire, board: &Board, request: Duration) {
    let mut wanted = board.wanted();
    loop {
        if wanted.wait_for(|names| !names.is_empty()).await.is_err() {
            return;
        }
        match list(&wire, request).await {
            Ok(leases) => {
                board.leases(leases);
                sleep(POLL).await;
            }
            Err(blind) => {
                // The last Leases stay: one that does not move proves nothing.
                tracing::debug!(%blind, "the nodes' Leases can't be read");
                sleep(FAILED).await;
            }
        }
    }
}

async fn list(wire: &Wire, request: Duration) -> Result<BTreeMap<MachineName, LeaseFacts>, Blind> {
    let base =
        format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases?limit={PAGE}");
    let mut leases = BTreeMap::new();
    let mut path = base.clone();
    for _ in 0..MAX_PAGES {
        let page = wire.call(get(&path), request).await.map_err(NoAnswer::blind)?.json()?;
        let items = page.get("items").and_then(Value::as_array);
        leases.extend(items.into_iter().flatten().filter_map(lease));
        let next = text(&page, "/metadata/continue");
        if next.is_empty() {
            return Ok(leases);
        }
        path = format!("{base}&continue={}", query_value(&next));
    }
    Err(Blind::new(BlindKind::Garbled, "more Leases than nodes can be looked at"))
}

fn lease(object: &Value) -> Option<(MachineName, LeaseFacts)> {
    let name = object.pointer("/metadata/name")?.as_str()?;
    let facts = LeaseFacts {
        resource_version: text(object, "/metadata/resourceVersion"),
        renew_time: text(object, "/spec/renewTime"),
    };
    Some((MachineName::new(name), facts))
}
