//! Writes to the simulated Kubernetes API, judged and patched as the real writer does it.

use jiff::fmt::strtime;
use serde_json::{Value, json};

use super::hands::MemoryHands;
use super::link::NOT_READY;
use crate::adapters::kube::{Change, Judgement, LEASE_NAME, judge};
use crate::model::action::{Action, Effect, Expect};
use crate::model::ids::MachineName;
use crate::model::outcome::ActionResult;
use crate::model::time::Span;
use crate::ports::Clock;
use crate::sim::world::store::kinds::{LEASES, NODES};
use crate::sim::world::store::{Key, Refusal};
use crate::sim::world::{ApiDoor, World};

/// Between the reading of a node and the writing of its patch.
const ROUND_TRIP: Span = Span::millis(10);

/// Carries out an effect through the API.
pub(super) async fn perform(hands: &MemoryHands, action: &Action) -> ActionResult {
    let server = match hands.eyes.link(|link| link.server()) {
        Ok(server) => server,
        Err(why) => return failed(format!("the API is not there: {why}")),
    };
    if action.effect == Effect::WriteCanary {
        return canary(hands, &server).await;
    }
    match Change::of(&action.effect, &action.owner) {
        Some((name, change)) => node(hands, &server, name, change, &action.expect).await,
        None => refused("this is no matter of the Kubernetes API"),
    }
}

/// Reads the node, judges it, and writes the patch.
async fn node(
    hands: &MemoryHands,
    server: &MachineName,
    name: &MachineName,
    change: Change<'_>,
    expect: &Expect,
) -> ActionResult {
    if let Err(gone) = answers(hands, server).await {
        return failed(format!("the node can't be read: {}", gone.words()));
    }
    let key = Key::global(&NODES, name.as_str());
    let Some(object) = hands.stage.with(|world| world.store().get(&key).cloned()) else {
        return refused("there is no such node");
    };
    let patch = match judge(&object, change, expect) {
        Judgement::Already => return ActionResult::AlreadyDone,
        Judgement::Refuse(why) => return refused(why),
        Judgement::Patch(patch) => patch,
    };
    hands.rest(ROUND_TRIP).await;
    if let Err(gone) = answers(hands, server).await {
        return gone.of_a_write();
    }
    hands.stage.touch(|world| apply(world, &key, patch))
}

/// The patch, as the API server applies it: all of it or nothing.
fn apply(world: &mut World, key: &Key, patch: Value) -> ActionResult {
    let Some(object) = world.store().get(key) else { return refused("it is not there") };
    let mut object = (**object).clone();
    let applied = serde_json::from_value::<json_patch::Patch>(patch)
        .map_err(|error| error.to_string())
        .and_then(|patch| {
            json_patch::patch(&mut object, &patch).map_err(|error| error.to_string())
        });
    if applied.is_err() {
        return refused("it changed meanwhile: the patch did not apply");
    }
    match world.store_mut().update(key, object) {
        Ok(_) => ActionResult::Done,
        Err(error @ (Refusal::Conflict | Refusal::NotFound)) => {
            refused(format!("it changed meanwhile: {error}"))
        }
        Err(error @ (Refusal::AlreadyExists | Refusal::Invalid(_))) => failed(error.to_string()),
    }
}

/// Renews our own Lease.
async fn canary(hands: &MemoryHands, server: &MachineName) -> ActionResult {
    if let Err(gone) = answers(hands, server).await {
        return gone.of_a_write();
    }
    let now = hands.stage.clock().now();
    let zoned = now.wall.to_zoned(jiff::tz::TimeZone::UTC);
    let Ok(renewed) = strtime::format("%Y-%m-%dT%H:%M:%S.%6fZ", &zoned) else {
        return failed("the wall clock can't be written".to_owned());
    };
    let owner = &hands.settings.policy.owner;
    let spec = json!({ "holderIdentity": owner, "renewTime": renewed });
    let key = Key::of(&LEASES, &hands.settings.kube.namespace, LEASE_NAME);
    let version = hands.stage.touch(|world| {
        let store = world.store_mut();
        let written = if store.get(&key).is_some() {
            store.change(&key, |lease| lease["spec"] = spec)
        } else {
            store.create(key.clone(), json!({ "spec": spec }), now.wall).map(drop)
        };
        written.map(|()| {
            let version = store.get(&key).map(|lease| &lease["metadata"]["resourceVersion"]);
            version.and_then(Value::as_str).unwrap_or_default().to_owned()
        })
    });
    match version {
        Ok(version) => match hands.eyes.link(|link| link.written(version, now.mono)) {
            true => ActionResult::Done,
            false => failed("the API answered but wrote nothing".to_owned()),
        },
        Err(error) => failed(error.to_string()),
    }
}

/// No answer to a request.
enum Gone {
    NotSent,
    Silent(Span),
    Error,
}

impl Gone {
    fn words(&self) -> String {
        match self {
            Self::NotSent => "connection refused".to_owned(),
            Self::Silent(limit) => format!("no answer within {} ms", limit.as_millis()),
            Self::Error => NOT_READY.to_owned(),
        }
    }

    fn of_a_write(&self) -> ActionResult {
        let words = self.words();
        match self {
            Self::NotSent => failed(format!("it was not sent: {words}")),
            Self::Silent(_) => ActionResult::Unknown { why: format!("no answer came: {words}") },
            // Behind a 5xx etcd may or may not have taken the write.
            Self::Error => ActionResult::Unknown { why: words },
        }
    }
}

/// Whether the server answers requests now. One that is silent costs the request's deadline.
async fn answers(hands: &MemoryHands, server: &MachineName) -> Result<(), Gone> {
    match hands.stage.with(|world| world.api_door(server)) {
        ApiDoor::Ready => Ok(()),
        ApiDoor::NotReady => Err(Gone::Error),
        ApiDoor::Refused => Err(Gone::NotSent),
        ApiDoor::Silent => {
            let limit = hands.settings.kube.request;
            hands.rest(limit).await;
            Err(Gone::Silent(limit))
        }
    }
}

fn refused(why: impl Into<String>) -> ActionResult {
    ActionResult::Refused { why: why.into() }
}

const fn failed(why: String) -> ActionResult {
    ActionResult::Failed { why }
}
