//! The simulated machines against the real parts that they stand for: the same lines over the
//! same client, to a real sshd with the real guard and to the world.

mod api;
mod contract;
mod forward;
mod onlooker;
mod power;
mod site;
