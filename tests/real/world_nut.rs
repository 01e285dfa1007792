//! upsd of a simulated site, held against the real one, and behind the adapter that is shipped.

mod contract;
mod drain;
