//! The keeper as a process: killed, disturbed, and checked against what was sent.

mod catalogue;
mod crash;
mod daemon;
mod disk;
mod first_steps;
mod media;
mod proxy;
mod rounds;
mod rpc;
mod servers;
mod trial;
mod two_keepers;
