//! The loop: observe, decide, write down, act, publish. The only place that acts.

mod act;
pub mod failpoint;
mod run;

pub use run::{End, Run, Stop, Unwritten, World};

#[cfg(test)]
mod tests;
