//! The state machine as a whole, driven by hand.

mod closing;
mod phases;
mod refunds;
mod rig;
