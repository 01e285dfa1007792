//! How the loop touches the world: in memory, or over real sockets.

pub mod sockets;
