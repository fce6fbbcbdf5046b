//! Layers that guard: [`GuardLayer`] for the connection's settings, [`PolicyLayer`] for a policy of one's own.

mod guard;
mod policy;

pub use self::{
    guard::{GuardLayer, GuardService},
    policy::{PolicyLayer, PolicyService},
};
