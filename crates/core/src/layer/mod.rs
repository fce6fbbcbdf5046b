//! The layers of core: [`GuardLayer`] for a connection's settings, and [`PolicyLayer`] for a custom policy.

mod guard;
mod policy;

pub use self::{
    guard::{GuardLayer, GuardService},
    policy::{PolicyLayer, PolicyService},
};
