//! A wish for down that was made on another host: it is taken over, and let go of when that host
//! says that it has ended, or a person here.

use crate::decide::descent::{self, Wish};
use crate::decide::{episode, orders, power};
use crate::model::episode::EndKind;
use crate::model::ids::MachineName;
use crate::model::intent::{Author, Desired, Intent, Progress};
use crate::model::memory::Durable;
use crate::model::peers::PeerWish;
use crate::model::tick::{Order, TickInput};
use crate::model::time::Moment;

use super::{heard, word};

/// Takes over what is wanted down on the others, and ends what they no longer want. A person who
/// asks for a start here has decided what a host without its state, or one that was overtaken,
/// can't.
pub(in crate::decide) fn heed(input: &TickInput, durable: &mut Durable) {
    if input.policy.coordination.is_alone() {
        return;
    }
    if input.request.orders.iter().any(|order| matches!(order, Order::Startup { .. })) {
        let open = episode::open_id(durable);
        durable.part.get_or_insert_default().may_claim = open;
    }
    overrule(input, durable);
    give_way(input, durable);
    let_go(input, durable);
    for (name, facts) in heard(input) {
        let Some(wish) = &facts.wish else { continue };
        let part = durable.part.as_ref();
        let known = part.and_then(|part| part.overruled.get(name.as_str()));
        if known != Some(&wish.since) {
            take_over(&input.now, name.as_str(), wish, durable);
        }
    }
}

/// A person who wants it up here ends what a person wanted on another host, for good; and what a
/// UPS wanted on one that gives no word. A host that comes back with an old wish must not bring
/// down what somebody started since.
fn overrule(input: &TickInput, durable: &mut Durable) {
    let up = |order: &Order| matches!(order, Order::Startup { .. } | Order::ClearIntent { .. });
    let before = &input.memory.durable.intent;
    let Author::Host { host, ups, .. } = &before.by else { return };
    if before.desired == Desired::Up || !input.request.orders.iter().any(up) {
        return;
    }
    let silent = word(input, &MachineName::new(host.clone())).is_err();
    if let Some(part) = &mut durable.part
        && (silent || !*ups)
    {
        part.overruled.insert(host.clone(), before.since);
    }
}

/// A person on another host ended the wish of a person that was made here.
fn give_way(input: &TickInput, durable: &mut Durable) {
    let intent = &durable.intent;
    if intent.desired == Desired::Up || !matches!(intent.by, Author::Person { .. }) {
        return;
    }
    let (own, since) = (&input.policy.owner, intent.since);
    let ended = heard(input).find(|(_, facts)| facts.overruled.get(own) == Some(&since));
    if let Some((name, _)) = ended {
        end(&input.now, durable, format!("a person ended it on {name}"));
    }
}

/// Ends a wish of another host once that host says so. One that is silent, or has lost its state,
/// says nothing.
fn let_go(input: &TickInput, durable: &mut Durable) {
    let Author::Host { host, .. } = &durable.intent.by else { return };
    if durable.intent.desired == Desired::Up {
        return;
    }
    let said = heard(input).find(|(name, _)| name.as_str() == host);
    if let Some((name, _)) = said.filter(|(_, facts)| facts.knows && facts.wish.is_none()) {
        let reason = format!("{name} says that nobody there wants it down any more");
        end(&input.now, durable, reason);
    }
}

/// Ends the wish for down. What can't be taken back any more is finished first, and what a person
/// wanted here before it holds again.
fn end(now: &Moment, durable: &mut Durable, reason: String) {
    if descent::past_return(durable) {
        if let Some(descent) = &mut durable.descent {
            descent.turn.get_or_insert(Author::Ananke);
        }
        return;
    }
    if let Some(beneath) = durable.beneath.take() {
        durable.intent = beneath;
        return;
    }
    let cause = descent::cause("startup", &durable.intent.by);
    orders::want_up(now, durable, Author::Ananke, reason);
    episode::turn(now, durable, cause);
}

fn take_over(now: &Moment, host: &str, wish: &PeerWish, durable: &mut Durable) {
    let before = &durable.intent;
    if power::is_wanted(before, wish.to, &wish.scope) {
        return;
    }
    let own = before.desired != Desired::Up && !matches!(before.by, Author::Host { .. });
    if own {
        durable.beneath = Some(before.clone());
    }
    let (host, name) = (host.to_owned(), wish.by.clone());
    want(now, Author::Host { host, name, ups: wish.ups }, wish, durable);
}

/// What this host wanted before it lost its state, as another one remembers it.
pub(super) fn restore(now: &Moment, wish: &PeerWish, durable: &mut Durable) {
    if durable.intent.desired != Desired::Up {
        return;
    }
    let name = wish.by.clone();
    let by = if wish.ups { Author::Ups { name } } else { Author::Person { name } };
    want(now, by, wish, durable);
}

/// It is wanted down here too. For a shutdown that was complete nothing is done any more, and
/// nothing is started against it.
fn want(now: &Moment, by: Author, wish: &PeerWish, durable: &mut Durable) {
    let PeerWish { why, to, scope, drain, snapshot, since, complete, .. } = wish.clone();
    if complete {
        let (progress, epoch) = (Progress::ShutdownComplete, durable.epoch);
        durable.intent = Intent { desired: to, progress, by, scope, reason: why, since, epoch };
        episode::end(now, durable, EndKind::Overtaken);
        return;
    }
    // What becomes of this host itself in the end is not the other one's to say.
    let host_stays = None;
    descent::order(now, durable, Wish { by, why, to, scope, drain, snapshot, host_stays });
    // By this it is known again.
    durable.intent.since = since;
}
