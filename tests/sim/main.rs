//! The whole loop before a simulated world, under virtual time.

mod alone;
mod blackout;
mod kills;
mod play;
mod rehearse;
mod scenarios;
mod stage;
mod web;
