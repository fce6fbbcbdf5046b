//! The layers of core: [`GuardLayer`] for a connection's settings, and [`PolicyLayer`] for a custom policy.
//!
//! Neither refuses a handshake. Both work at any place among the other layers: the outermost layer that guards sets the
//! connection up, and each policy stands where its layer stands.

mod guard;
mod policy;

pub use self::{
    guard::{GuardLayer, GuardService},
    policy::{PolicyLayer, PolicyService},
};
