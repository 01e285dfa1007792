//! The decision, attacked through its public door: `tick(&LIBRARY, &TickInput) -> Decision`.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test names the cases that it is about")]

mod bench;
mod invariants;
mod random;
mod rig;
mod site;
mod size;
mod trouble;
mod way_up;
mod will;
