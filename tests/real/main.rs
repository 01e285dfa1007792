//! Tests against real parts: sshd, dash, sudo, a file system, a kube-apiserver, upsd. One binary,
//! since each one links everything.

mod config;
mod control;
mod disk;
mod guard;
mod host;
mod host_end;
mod kube;
mod nut;
mod output;
mod probe;
mod ssh;
mod ssh_config;
mod vault;
mod wake;
mod world_api;
mod world_disk;
mod world_nut;
mod world_ssh;
