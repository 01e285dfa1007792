//! The language in which a fate is written down: one file, three drivers (in memory, over sockets,
//! and real machines).
//!
//! A scenario is read aloud: a header, then one sentence a line, in order.

pub mod ast;
mod render;

pub use ast::Scenario;
