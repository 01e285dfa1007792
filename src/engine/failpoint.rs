//! Named boundaries at which a test lets the process die, as `kill -9` would.
//!
//! Without the `failpoints` feature, which no release has, there is nothing here.

/// The boundaries of one tick, in their order. `written@3` is the third time that one is reached.
pub const NAMES: [&str; 4] = ["decided", "written", "acted", "learned"];

#[cfg(feature = "failpoints")]
static ARMED: std::sync::OnceLock<Armed> = std::sync::OnceLock::new();

#[cfg(feature = "failpoints")]
struct Armed {
    name: String,
    left: std::sync::atomic::AtomicU32,
}

/// Arms one boundary for the life of the process: `NAME`, or `NAME@N` for the Nth time that it
/// gets there.
///
/// # Errors
/// A text for a person, if there is no such boundary.
#[cfg(feature = "failpoints")]
pub fn arm(point: &str) -> Result<(), String> {
    let (name, times) = point.split_once('@').unwrap_or((point, "1"));
    let times: u32 = times.parse().map_err(|_| format!("{times:?} is no number of times"))?;
    if !NAMES.contains(&name) || times == 0 {
        return Err(format!("there is no failpoint {point}, only {}", NAMES.join(", ")));
    }
    let left = std::sync::atomic::AtomicU32::new(times);
    ARMED.get_or_init(|| Armed { name: name.to_owned(), left });
    Ok(())
}

/// Dies here if a test asked for it.
#[cfg(feature = "failpoints")]
pub(super) fn reached(name: &str) {
    use std::sync::atomic::Ordering::SeqCst;
    let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
    if armed.left.fetch_sub(1, SeqCst) == 1 {
        let me = rustix::process::getpid();
        // A signal that can't be caught: nothing is flushed, no destructor runs.
        let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
    }
}

/// Nothing happens.
#[cfg(not(feature = "failpoints"))]
pub(super) const fn reached(_: &str) {}
