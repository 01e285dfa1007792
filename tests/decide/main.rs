//! The decision, attacked through its public door: `tick(&LIBRARY, &TickInput) -> Decision`.

mod admission;
mod answers;
mod battery;
mod bench;
mod clocks;
mod cluster;
mod flux;
mod hosts;
mod invariants;
mod mending;
mod power;
mod power_on;
mod probes;
mod published;
mod quiet;
mod random;
mod rig;
mod site;
mod size;
mod storage;
mod trouble;
mod upsd;
mod way_down;
mod way_up;
mod will;
mod workloads;
