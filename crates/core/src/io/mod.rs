//! The guarded connection: the I/O around [`Guard`](crate::guard::Guard), which decides.
//!
//! A connection is [`Shared`] by the handler's half, [`GuardedIo`], by its handle and by its driver. All
//! of them change its state under one lock:
//!
//! - Every change ends with `with`, `settle` or `unlock` (`control`): wakers that the guard asked for are woken under
//!   the lock, a driver is spawned if one is needed, and what there is to report is reported once nothing is locked.
//!   A call of the handler's ends with `poll`, which does the same, unless the call was plain and has left none of
//!   that.
//! - Nothing that the application wrote runs under the lock, but for its policies. What may hold on to the connection
//!   itself (policies, the gate) is dropped once nothing is locked: see [`DropUnlocked`](closing::DropUnlocked).
//! - The driver and the handler poll one transport, which wakes the task that asked last. So each keeps its waker
//!   ([`Wakers`](wakers::Wakers)), and what waits for both is polled with a waker that wakes both.
//! - That lock orders what would race otherwise: a close and the end of an upgrade, a close and a first message, an
//!   abort and a take-over, a sign-in and the installation of a policy, the drop of the socket and the verdict of a
//!   supervised handler, an event and the waker of a task that waits for it. The later of two finds what the earlier
//!   one left.
//! - The transport has one owner at a time: the gate (`gated`), then the state, then the closing handshake (`closing`),
//!   which takes it from the state once the guard says so. Whoever finds none there reads and writes an end.
//! - A connection has ended when its transport is over, which over HTTP/2 is later than that nobody wants it any more:
//!   see [`Leaving`](leaving::Leaving), to which whoever has a transport that has not failed gives it.

mod closing;
mod control;
mod driver;
mod gated;
mod guarded;
mod leaving;
mod line;
mod read;
mod shared;
mod state;
mod transport;
mod wakers;
mod write;

pub use self::guarded::GuardedIo;
pub(crate) use self::{
    gated::run_gate,
    line::{Line, strip},
    shared::Shared,
};
