//! The language in which a fate is written down: one file, three drivers (in memory, over sockets,
//! and real machines).
//!
//! A scenario is read aloud: a header, then one sentence a line, in order. `forms` has the table
//! of all sentences; the parser, the help and the documentation are made from it. A sentence
//! speaks of machines by name or by place; [`roster`] knows who that is on the site at hand.

pub mod ast;
mod deeds;
mod forms;
mod help;
mod names;
mod parse;
mod pattern;
mod render;
pub mod roster;
mod slots;

pub use ast::Scenario;
pub use help::help;
pub use parse::parse;
pub use roster::Roster;

#[cfg(test)]
mod tests;
