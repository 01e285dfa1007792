//! A wish for down that was made on another host: it is taken over, and let go of when that host
//! says that it has ended.

use crate::decide::descent::{self, Wish};
use crate::decide::{episode, orders, power};
use crate::model::intent::{Author, Desired};
use crate::model::memory::Durable;
use crate::model::peers::PeerWish;
use crate::model::tick::{Order, TickInput};
use crate::model::time::Moment;

use super::heard;

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
    let_go(input, durable);
    for (name, facts) in heard(input) {
        if let Some(wish) = &facts.wish {
            take_over(&input.now, name.as_str(), wish, durable);
        }
    }
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
    order(now, Author::Host { host, name, ups: wish.ups }, wish, durable);
}

/// What this host wanted before it lost its state, as another one remembers it.
pub(super) fn restore(now: &Moment, wish: &PeerWish, durable: &mut Durable) {
    if durable.intent.desired != Desired::Up {
        return;
    }
    let name = wish.by.clone();
    let by = if wish.ups { Author::Ups { name } } else { Author::Person { name } };
    order(now, by, wish, durable);
}

fn order(now: &Moment, by: Author, wish: &PeerWish, durable: &mut Durable) {
    let PeerWish { why, to, scope, drain, snapshot, .. } = wish.clone();
    descent::order(now, durable, Wish { by, why, to, scope, drain, snapshot });
}

/// Ends a wish of another host once that host says so. One that is silent, or has lost its state,
/// says nothing; and what can't be taken back any more is finished first.
fn let_go(input: &TickInput, durable: &mut Durable) {
    let Author::Host { host, .. } = &durable.intent.by else { return };
    if durable.intent.desired == Desired::Up {
        return;
    }
    let said = heard(input).find(|(name, _)| name.as_str() == host);
    let Some((_, facts)) = said.filter(|(_, facts)| facts.knows && facts.wish.is_none()) else {
        return;
    };
    if descent::past_return(durable) {
        if let Some(descent) = &mut durable.descent {
            descent.turn.get_or_insert(Author::Ananke);
        }
        return;
    }
    let by = durable.intent.by.clone();
    if let Some(beneath) = durable.beneath.take() {
        durable.intent = beneath;
        return;
    }
    let reason = format!("{} says that nobody there wants it down any more", facts.host);
    let cause = descent::cause("startup", &by);
    orders::want_up(&input.now, durable, Author::Ananke, reason);
    episode::turn(&input.now, durable, cause);
}
