//! What stands above the first step of a scenario.

use super::ast::{Alone, Need, Setting, Size};
use super::forms::{Form, form};
use super::slots::Values;

/// What a line of the header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Header {
    /// Its name.
    Name(String),
    /// Its sentence.
    Title(String),
    /// Its site.
    Site(Size),
    /// What becomes of it without ananke.
    Alone(Alone),
    /// What must be built.
    Need(Need),
    /// How fast.
    Speed(u32),
    /// How ananke is set.
    With(Setting),
}

fn size(it: &mut Values, jump: bool) -> Option<Header> {
    let servers = usize::try_from(it.number()?).ok()?;
    let agents = usize::try_from(it.number()?).ok()?;
    Some(Header::Site(Size::Of { servers, agents, jump }))
}

/// The lines above the first step.
pub(super) static HEADERS: &[Form<Header>] = &[
    form(
        "scenario <word>",
        "Its name, that of the file. The first line.",
        "scenario cold-start",
        |it| Some(Header::Name(it.word()?)),
    ),
    form(
        "title <text>",
        "What happens, in one sentence.",
        "title Everything loses power and comes back.",
        |it| Some(Header::Title(it.word()?)),
    ),
    form("site big", "Three servers and 22 agents: the cluster of the map.", "site big", |_| {
        Some(Header::Site(Size::Big))
    }),
    form("site small", "Three servers and one agent.", "site small", |_| {
        Some(Header::Site(Size::Small))
    }),
    form(
        "site <count> server|servers <count> agent|agents",
        "So many. The only one that real machines can be.",
        "site 3 servers 1 agent",
        |it| size(it, false),
    ),
    form(
        "site <count> server|servers <count> agent|agents behind jump-1",
        "The same, reached through a machine of its own.",
        "site 1 server 1 agent behind jump-1",
        |it| size(it, true),
    ),
    form(
        "alone heals",
        "Without ananke the site is well again within an hour of the last step: every node, \
         every workload, and what Flux applies.",
        "alone heals",
        |_| Some(Header::Alone(Alone::Heals)),
    ),
    form("alone stays broken", "Without ananke it is not.", "alone stays broken", |_| {
        Some(Header::Alone(Alone::StaysBroken))
    }),
    form(
        "needs gate <word>",
        "Not built yet while ananke has no such gate.",
        "needs gate flux-source",
        |it| Some(Header::Need(Need::Gate(it.word()?))),
    ),
    form(
        "needs command <word>",
        "Not built yet while ananke has no such command.",
        "needs command shutdown",
        |it| Some(Header::Need(Need::Verb(it.word()?))),
    ),
    form(
        "speed <count>",
        "So many seconds of the site pass in one, where time can be scaled.",
        "speed 20",
        |it| Some(Header::Speed(it.number()?)),
    ),
    form(
        "with <word> <text>",
        "A setting of ananke's: its key in the configuration, and a value.",
        "with nodes.patience 15s",
        |it| Some(Header::With(Setting { key: it.word()?, value: it.word()? })),
    ),
];
