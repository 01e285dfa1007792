//! Named boundaries at which a test lets the process die, as `kill -9` would.
//!
//! Without the `failpoints` feature, which no release has, there is nothing here.

/// The boundaries of one tick, in their order.
pub const NAMES: [&str; 4] = ["decided", "written", "acted", "learned"];

#[cfg(feature = "failpoints")]
static ARMED: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Arms one boundary for the life of the process: it dies when it first gets there.
#[cfg(feature = "failpoints")]
pub fn arm(name: &str) {
    ARMED.get_or_init(|| name.to_owned());
}

/// Dies here if a test asked for it.
#[cfg(feature = "failpoints")]
pub(super) fn reached(name: &str) {
    if ARMED.get().is_some_and(|armed| armed == name) {
        let me = rustix::process::getpid();
        // A signal that can't be caught: nothing is flushed, no destructor runs.
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
}

/// Nothing happens.
#[cfg(not(feature = "failpoints"))]
pub(super) const fn reached(_: &str) {}
