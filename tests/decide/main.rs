//! The decision, attacked through its public door: `tick(&LIBRARY, &TickInput) -> Decision`.

mod battery;
mod bench;
mod clocks;
mod cluster;
mod drain;
mod flux;
mod hosts;
mod invariants;
mod mending;
mod power;
mod published;
mod quiet;
mod random;
mod rig;
mod site;
mod size;
mod trouble;
mod upsd;
mod way_down;
mod way_up;
mod will;
