//! The decision, attacked through its public door: `tick(&LIBRARY, &TickInput) -> Decision`.

mod bench;
mod cluster;
mod flux;
mod invariants;
mod quiet;
mod random;
mod rig;
mod site;
mod size;
mod trouble;
mod way_up;
mod will;
