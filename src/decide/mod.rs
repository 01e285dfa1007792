//! The only place that decides: a pure function from everything that is known to everything that
//! is to be done, with the reason for all that is not.

mod alarms;
mod assess;
mod descent;
mod episode;
mod grace;
mod heard;
mod holds;
mod host;
mod ladder;
mod learn;
mod lease;
mod memory;
mod normal;
mod orders;
mod peers;
mod phase;
mod plan;
mod power;
mod pressure;
mod tally;
mod wake;
mod way;

use std::collections::BTreeMap;

pub use holds::{HoldRule, RULES};

use self::way::Way;
use crate::gates::down::{self, Stage};
use crate::gates::{self, Gate};
use crate::model::ids::MachineName;
use crate::model::memory::{Durable, Memory, Passing};
use crate::model::peers::Standing;
use crate::model::plan::Missing;
use crate::model::situation::Situation;
use crate::model::tick::{Decision, Order, TickInput};
use crate::model::time::Moment;

/// The tables that a decision works with. An argument, so that a test can hand in a table with a
/// rule removed and see what breaks.
#[derive(Debug, Clone, Copy)]
pub struct Library {
    /// The way up.
    pub up: &'static [&'static Gate],
    /// The way down.
    pub down: &'static [&'static Stage],
    /// The reasons to hold, in the order in which they are named to the user.
    pub holds: &'static [&'static HoldRule],
}

/// The tables that the product uses.
pub static LIBRARY: Library = Library { up: gates::ALL, down: down::ALL, holds: RULES };

/// Decides.
///
/// The same input gives the same decision, byte for byte: `replay` depends on it.
pub fn tick(library: &Library, input: &TickInput) -> Decision {
    let mut memory = memory::rebased(&input.memory, &input.now);
    host::still_there(&input.now, &mut memory.durable);
    orders::obey(library, &input.request.orders, &input.now, &mut memory.durable);
    memory.passing.power = power::look(library, input, &mut memory);
    power::wish(input, &memory.passing.power, &mut memory.durable);
    peers::heed(input, &mut memory.durable);
    descent::attend(&input.now, &mut memory.durable);
    pressure::hurry(input.now.mono, &memory.passing.power, &mut memory.durable);
    learn::new_process(input, &mut memory);
    learn::outcomes(input, &mut memory.durable);
    learn::facts(input, &mut memory);
    descent::learn(input, &mut memory);
    learn::verified(library, input, &mut memory);
    if !peers::leaves_it(input) {
        episode::open_on_trouble(input, &mut memory);
    }
    memory.passing.standing = peers::stand(input, &mut memory.durable);

    let way = Way::to(memory.durable.intent.desired, library);
    descent::cut(&way, input, &mut memory);
    let judged = assess::assess(library, &way, input, &mut memory);
    learn::given_up(input, &judged, &mut memory.durable);
    descent::keep(&way, input, &judged, &mut memory.durable);
    let plan = plan::plan(library, &way, input, &judged, &mut memory);
    let phase = phase::phase(&way, input, &judged, &memory.durable);
    let phase = peers::phase(input, &memory, phase);
    let mut alarms = power::alarms(input, &mut memory);
    alarms.extend(peers::alarms(input, &mut memory));
    // Who only follows leaves what is wrong with the cluster to the host that acts.
    if !matches!(memory.passing.standing, Standing::Follows { .. }) {
        alarms.extend(alarms::raise(&way, input, &judged, &mut memory));
    }
    alarms.extend(host::alarm(input, &memory.durable));
    episode::close_when_good(input, &judged, phase, &mut memory);
    descent::close_when_down(input, phase, &mut memory.durable);
    let wake = wake::wake(input, &judged, &plan, &memory);

    memory.passing.tick += 1;
    memory.passing.last_tick = input.now.mono;
    let power = std::mem::take(&mut memory.passing.power);
    let standing = std::mem::take(&mut memory.passing.standing);
    let assessment = judged.assessment;
    Decision { assessment, phase, plan, power, standing, alarms, memory, wake }
}

/// What is remembered after an order that was given while no loop ran.
pub fn obeyed(library: &Library, order: &Order, now: &Moment, memory: &Durable) -> Durable {
    let passing = Passing::default();
    let memory = Memory { durable: memory.clone(), passing };
    let mut memory = memory::rebased(&memory, now);
    orders::obey(library, std::slice::from_ref(order), now, &mut memory.durable);
    memory.durable
}

/// The situation as a check or a remedy sees it.
fn situation<'a>(
    input: &'a TickInput,
    durable: &'a Durable,
    passing: &'a Passing,
    missing: &'a BTreeMap<MachineName, Missing>,
) -> Situation<'a> {
    Situation {
        now: input.now.mono,
        wall: input.now.wall,
        wall_trusted: input.now.wall_trusted,
        policy: &input.policy,
        request: &input.request,
        seen: &input.observation,
        durable,
        passing,
        power: &passing.power,
        standing: &passing.standing,
        missing,
    }
}
