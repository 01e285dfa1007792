//! The decision, attacked through its public door: `tick(&LIBRARY, &TickInput) -> Decision`.

mod bench;
mod cluster;
mod flux;
mod clocks;
mod hosts;
mod invariants;
mod published;
mod quiet;
mod random;
mod rig;
mod site;
mod size;
mod trouble;
mod way_up;
mod will;
