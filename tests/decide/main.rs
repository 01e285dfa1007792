//! The decision, attacked through its public door: `tick(&LIBRARY, &TickInput) -> Decision`.

mod bench;
mod invariants;
mod rig;
mod site;
mod way_up;
