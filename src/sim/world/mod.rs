//! The model: what the machines, etcd, the kubelets and the control plane do by themselves, in
//! their own time. Pure and seeded: the same site, seed and deeds give the same world, byte for
//! byte. It knows no gate, check or remedy.
//!
//! Time is the world's own, in milliseconds since it began; [`World::advance`] lets it pass. What
//! ananke sees and does goes through the doors: [`World::ssh_door`], [`World::facts`],
//! [`World::guard`] for machines, [`World::api_door`] and [`World::store`] for Kubernetes.

pub mod store;
