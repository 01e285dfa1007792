//! The language in which a fate is written down: one file, three drivers (in memory, over sockets,
//! and real machines).
