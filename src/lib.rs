#![doc = include_str!("ARCHITECTURE.md")]

pub mod checks;
pub mod config;
pub mod decide;
pub mod gates;
pub mod model;
pub mod power;
pub mod remedies;
pub mod replay;
pub mod report;
pub mod sim;

#[cfg(feature = "shell")]
pub mod adapters;
#[cfg(feature = "shell")]
pub mod app;
#[cfg(feature = "shell")]
pub mod cli;
#[cfg(feature = "shell")]
pub mod engine;
#[cfg(feature = "shell")]
pub mod ports;
