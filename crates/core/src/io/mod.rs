//! The guarded connection: a shell of I/O around [`Guard`](crate::guard::Guard).

mod closing;
mod control;
mod driver;
mod guarded;
mod held;
mod read;
mod shared;
mod state;
mod transport;
mod wakers;
mod write;

pub use self::guarded::GuardedIo;
pub(crate) use self::{held::pass, shared::Shared};
