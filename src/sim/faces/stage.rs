//! The world, shared by all who look at it, with the time in which it lives.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::SimClock;
use crate::model::ids::BootId;
use crate::model::time::{Mono, Span};
use crate::ports::Clock;
use crate::sim::deed::Deed;
use crate::sim::world::{Unfit, World};

/// The boot of ananke's own host, which no power loss of the site touches.
pub const SITE_BOOT: BootId = BootId::fixed("0b5e0000-0000-4000-8000-00000000a7a0");

/// The longest nap of the driver, in the world's time, while nothing is due.
const LONGEST_NAP: Span = Span::mins(10);

/// The world on its stage. Cheap to clone; all clones share the world.
///
/// Time passes for the world when somebody looks ([`Stage::with`]), or when [`Stage::drive`] runs
/// and something comes due; which of the two it is makes no difference to the world.
#[derive(Debug, Clone)]
pub struct Stage {
    world: Arc<Mutex<World>>,
    clock: SimClock,
    changed: Arc<watch::Sender<u64>>,
}

impl Stage {
    /// Puts a world on stage: from now on its time runs, `speed` times as fast as tokio's.
    pub fn new(world: World, speed: NonZeroU32) -> Self {
        let clock = SimClock::start(world.now(), world.wall(), speed, SITE_BOOT);
        let changed = Arc::new(watch::Sender::new(0));
        Self { world: Arc::new(Mutex::new(world)), clock, changed }
    }

    /// The clock of ananke's host, and of the world.
    pub const fn clock(&self) -> &SimClock {
        &self.clock
    }

    /// Looks at the world as it is now.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let now = self.clock.mono();
        // A panic while the lock was held leaves a world that is still one.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        // What somebody did just now may make something due at this very moment.
        let moved = world.next() <= now;
        if moved || world.now() < now {
            world.advance(now);
        }
        let said = look(&mut world);
        drop(world);
        if moved {
            self.moved();
        }
        said
    }

    /// Does something to the world, and tells everybody that it is another now.
    pub fn touch<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let said = self.with(act);
        self.moved();
        said
    }

    /// Lets something happen to the site.
    ///
    /// # Errors
    /// [`Unfit`], if the site has no such thing.
    pub fn suffer(&self, deed: &Deed) -> Result<(), Unfit> {
        self.touch(|world| world.suffer(deed))
    }

    /// Wakes when the world may have changed. Carries no data.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// When the world changes next by itself.
    pub fn next(&self) -> Mono {
        self.with(|world| world.next())
    }

    /// Lets time pass for the world as things come due. Never returns; ended by dropping it.
    pub async fn drive(self) {
        let mut changed = self.changed();
        loop {
            let due = self.next().min(self.clock.mono() + LONGEST_NAP);
            tokio::select! {
                biased;
                () = self.clock.sleep_until(due) => {}
                // Somebody did something: what is next may be another thing now.
                Ok(()) = changed.changed() => {}
            }
        }
    }

    fn moved(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}
