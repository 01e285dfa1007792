//! The language in which a fate is written down: one file, three drivers (in memory, over sockets,
//! and real machines).
//!
//! A scenario is read aloud: a header, then one sentence a line, in order. `forms` has the table
//! of all sentences; the parser, the help and the documentation are made from it. A sentence
//! speaks of machines by name or by place; [`roster`] knows who that is on the site at hand.
//!
//! [`run::Run`] walks through a scenario and judges it, without touching anything; a
//! [`drive::Driver`] moves a site as it says.

mod act;
pub mod ast;
mod deeds;
pub mod drive;
mod forms;
mod headers;
mod help;
mod inside;
pub mod look;
mod names;
pub mod outcome;
mod parse;
mod pattern;
mod render;
pub mod roster;
pub mod run;
mod seen;
pub mod shipped;
mod slots;

pub use ast::Scenario;
pub use drive::Driver;
pub use help::{Sentence, help, sentences};
pub use outcome::Outcome;
pub use parse::parse;
pub use roster::Roster;
pub use run::{Next, Run};

#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod tests;
