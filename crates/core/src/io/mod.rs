//! The guarded connection: the I/O around [`Guard`](crate::guard::Guard), which decides.
//!
//! A connection is [`Shared`] by the handler's half, [`GuardedIo`], by its handle and by its driver. All
//! of them change its state under one lock:
//!
//! - Every change ends with `with`, `settle` or `unlock` (`control`): wakers that the guard has requested are woken
//!   under the lock, a driver is spawned if one is needed, and metrics and logs are reported once the lock is released.
//!   A call by the handler ends with `poll`, which does the same unless the call was plain and left none of that to do.
//! - No code of the application runs under the lock, except its policies. Policies and gates may own a handle to the
//!   connection, so they are dropped after the lock is released: see [`DropUnlocked`](closing::DropUnlocked).
//! - The driver and the handler poll the same transport, which wakes only the task that polled it last. So each parks
//!   its waker in [`Wakers`](wakers::Wakers), and operations that both wait for are polled with a waker that wakes
//!   both. While the answer to a ping is awaited, the driver reads in the reader's place (`pong`).
//! - A connection that waits for nothing but a deadline far off has an alarm in place of a driver (`alarms`). It is set
//!   and cancelled under the lock, by which the guard knows of it.
//! - That lock orders what would race otherwise: a close and the end of an upgrade, a close and a first message, an
//!   abort and a take-over, a sign-in and the installation of a policy, the drop of the socket and the result of a
//!   supervised handler, an event and the waker of a task that waits for it. In each pair, the second one sees what the
//!   first one stored.
//! - The transport has one owner at a time: the gate (`gated`), then the state, then the closing handshake (`closing`),
//!   which takes it from the state once the guard says so. A handler that finds no transport in the state reads the end
//!   of the stream.
//! - A connection has ended when its transport has. Over HTTP/2 that is later than the drop of the stream, so every
//!   transport that has not failed is handed to [`Leaving`](leaving::Leaving).

mod alarms;
mod closing;
mod control;
mod driver;
mod gated;
mod guarded;
mod leaving;
mod line;
mod pong;
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
