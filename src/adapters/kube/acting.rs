//! The Lease that says which of several ananke hosts acts: the one that does renews it, all look
//! at it. Where there is one host nobody does; its Lease is a canary only.

use std::time::Duration;

use http::{Method, StatusCode};
use jiff::fmt::strtime;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::model::action::{Effect, Leads};
use crate::model::facts::{Blind, BlindKind};
use crate::model::ids::Epoch;
use crate::model::peers::{Claim, LeaseHolder};
use crate::model::time::{Mono, Span};

use super::board::Board;
use super::nodes::text;
use super::wire::{NoAnswer, Wire, get, is_object_name, request};
use super::write::{FIELD_MANAGER, LEASE_NAME};

/// How often the holder renews, and all look: six times before it is nobody's.
const PAUSE: Duration = Duration::from_secs(5);

/// A Lease that has not moved for so long, by the clock of who looks, is nobody's. What its times
/// say is the clock of somebody else (client-go, `leaderelection`).
const HELD: Span = Span::secs(30);

/// The part of this host in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) namespace: String,
    pub(super) owner: String,
    /// Under which number this host acts. `None`: it does not.
    pub(super) epoch: Option<Epoch>,
}

/// The version that was seen last, and since when.
type Moved = Option<(String, Mono)>;

/// Looks and renews, once there are several hosts. Ended by dropping it.
pub(super) async fn keep(wire: Wire, board: &Board, limit: Duration) {
    let mut terms = board.terms();
    let mut moved: Moved = None;
    loop {
        let current = terms.wait_for(Option::is_some).await.map(|terms| terms.clone());
        let Ok(Some(own)) = current else { return };
        match round(&wire, board, &own, &mut moved, limit).await {
            Ok(holder) => board.holder(holder),
            Err(blind) => {
                tracing::debug!(%blind, "the Lease of the ananke hosts can't be read or renewed");
                board.holder(None);
            }
        }
        sleep(PAUSE).await;
    }
}

/// One look, and a renewal if this host acts and nobody else holds it.
async fn round(
    wire: &Wire,
    board: &Board,
    own: &Terms,
    moved: &mut Moved,
    limit: Duration,
) -> Result<Option<LeaseHolder>, Blind> {
    if !is_object_name(&own.namespace) {
        return Err(Blind::new(BlindKind::NotAsked, "this can't be the name of a namespace"));
    }
    let answer = wire.call(get(&path(own)), limit).await.map_err(NoAnswer::blind)?;
    let lease = match answer.code {
        StatusCode::NOT_FOUND => None,
        _ => Some(answer.json()?),
    };
    let holder = lease.as_ref().and_then(|lease| holder(lease, moved, board.now()));
    if let Some(epoch) = own.epoch.filter(|epoch| may_renew(holder.as_ref(), own, *epoch)) {
        let version = lease.as_ref().map(|lease| text(lease, "/metadata/resourceVersion"));
        let body = renewal(board, own, epoch, version)?;
        let patch = format!("{}?fieldManager={FIELD_MANAGER}", path(own));
        let sent = request(Method::PATCH, &patch, Some(("application/apply-patch+yaml", &body)));
        // Whoever was faster shows at the next look.
        wire.call(sent, limit).await.map_err(NoAnswer::blind)?.json()?;
    }
    Ok(holder)
}

fn path(own: &Terms) -> String {
    let namespace = &own.namespace;
    format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE_NAME}")
}

/// Who holds the Lease. `None` if it names nobody, or no number: then it is a canary.
fn holder(lease: &Value, moved: &mut Moved, now: Mono) -> Option<LeaseHolder> {
    let version = text(lease, "/metadata/resourceVersion");
    if moved.as_ref().is_none_or(|(known, _)| *known != version) {
        *moved = Some((version, now));
    }
    let since = moved.as_ref().map_or(now, |(_, at)| *at);
    let owner = text(lease, "/spec/holderIdentity");
    let epoch = Epoch(lease.pointer("/spec/leaseTransitions").and_then(Value::as_u64)?);
    let live = now.since(since) < HELD;
    (!owner.is_empty()).then_some(LeaseHolder { claim: Claim { epoch, owner }, live })
}

fn may_renew(holder: Option<&LeaseHolder>, own: &Terms, epoch: Epoch) -> bool {
    holder.is_none_or(|it| it.claim.owner == own.owner || !it.live || it.claim.epoch < epoch)
}

/// The whole Lease, against the version that was seen.
fn renewal(
    board: &Board,
    own: &Terms,
    epoch: Epoch,
    version: Option<String>,
) -> Result<Value, Blind> {
    let garbled = || Blind::new(BlindKind::Garbled, "the wall clock can't be written");
    // MicroTime wants exactly six digits.
    let now = board.moment().wall.to_zoned(jiff::tz::TimeZone::UTC);
    let renewed = strtime::format("%Y-%m-%dT%H:%M:%S.%6fZ", &now).map_err(|_| garbled())?;
    let mut metadata = json!({ "name": LEASE_NAME, "namespace": own.namespace });
    if let Some(version) = version {
        metadata["resourceVersion"] = Value::String(version);
    }
    Ok(json!({
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": spec(&own.owner, &renewed, Some(epoch)),
    }))
}

/// What stands in the Lease. An apply takes away what it leaves out, so the canary writes the same.
pub(super) fn spec(owner: &str, renewed: &str, epoch: Option<Epoch>) -> Value {
    let mut spec = json!({ "holderIdentity": owner, "renewTime": renewed });
    if let Some(epoch) = epoch {
        spec["leaseTransitions"] = json!(epoch.0);
        spec["leaseDurationSeconds"] = json!(HELD.as_secs());
    }
    spec
}

/// Why an effect may not go through the API: another host holds the Lease, under a number that is
/// not older. What leads down is fenced apart.
pub(super) fn forbids(board: &Board, effect: &Effect) -> Option<String> {
    let own = board.terms().borrow().clone()?;
    let holder = board.facts().holder.filter(|it| it.live && it.claim.owner != own.owner)?;
    let Claim { epoch, owner } = holder.claim;
    let older = own.epoch.is_some_and(|own| epoch < own);
    (!older && effect.leads() != Leads::Down)
        .then(|| format!("{owner} holds the Lease {LEASE_NAME}, under epoch {epoch}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(version: &str, owner: &str, epoch: u64) -> Value {
        json!({
            "metadata": { "resourceVersion": version },
            "spec": { "holderIdentity": owner, "leaseTransitions": epoch },
        })
    }

    fn terms(owner: &str) -> Terms {
        Terms { namespace: "ananke".to_owned(), owner: owner.to_owned(), epoch: Some(Epoch(3)) }
    }

    #[test]
    fn a_lease_is_held_for_as_long_as_it_was_seen_to_move() {
        let mut moved = None;
        let mut live = |version: &str, second: u64| {
            let now = Mono(second * 1_000);
            holder(&lease(version, "b", 3), &mut moved, now).expect("a holder").live
        };
        assert!(live("1", 100), "seen for the first time");
        assert!(live("1", 129));
        assert!(!live("1", 130));
        assert!(live("2", 140), "it moved");
        assert!(!live("2", 171));
        let canary = json!({ "spec": { "holderIdentity": "b" } });
        assert_eq!(holder(&canary, &mut None, Mono(0)), None);
    }

    #[test]
    fn only_a_lease_of_ones_own_a_dead_or_an_older_one_is_renewed() {
        let of = |owner: &str, epoch: u64, live: bool| LeaseHolder {
            claim: Claim { epoch: Epoch(epoch), owner: owner.to_owned() },
            live,
        };
        let table = [
            (None, true),
            (Some(of("a", 9, true)), true),
            (Some(of("b", 2, true)), true),
            (Some(of("b", 3, true)), false),
            (Some(of("b", 9, true)), false),
            (Some(of("b", 9, false)), true),
        ];
        for (holder, may) in table {
            assert_eq!(may_renew(holder.as_ref(), &terms("a"), Epoch(3)), may, "{holder:?}");
        }
    }
}
