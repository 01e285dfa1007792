//! The whole loop before a simulated world, under virtual time.

mod alone;
mod blackout;
mod host_end;
mod kills;
mod pair;
mod rehearse;
mod stage;
mod web;
