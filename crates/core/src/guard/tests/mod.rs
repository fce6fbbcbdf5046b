//! The state machine as a whole, driven by hand.

mod closes;
mod closing;
mod discarded;
mod driving;
mod held_back;
mod inbox;
mod looks;
mod outbox;
mod phases;
mod plain;
mod policies;
mod refunds;
mod rig;
