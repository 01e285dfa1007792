//! The guard through real shells, a real sudo, real full disks. Needs root, for mounts of its own.

// Tells clippy that the rig, too, is test code.
#![cfg(test)]

mod change;
mod claim;
mod disk;
mod down;
mod hosts;
mod install;
pub(crate) mod look;
pub(crate) mod rig;
