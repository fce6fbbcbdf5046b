//! The state machine as a whole, driven by hand.

mod closing;
mod driving;
mod held_back;
mod looks;
mod phases;
mod refunds;
mod rig;
