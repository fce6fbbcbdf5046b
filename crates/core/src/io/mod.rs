//! The guarded connection: a shell of I/O around [`Guard`](crate::guard::Guard).

mod closing;
mod ending;
mod guarded;
mod held;
mod keeper;
mod read;
mod shared;
mod stall;
mod state;
mod write;

pub use self::guarded::GuardedIo;
pub(crate) use self::{held::pass, shared::Shared};
