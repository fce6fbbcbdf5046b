//! The state machine as a whole, driven by hand.

mod closing;
mod driving;
mod looks;
mod phases;
mod refunds;
mod rig;
