//! Limits the messages of a live WebSocket, below its library.
//!
//! An HTTP rate limiter counts a WebSocket as one request: after the handshake a client may send a million messages a
//! second. A limiter in the handler sees none of what its library swallows, such as pings and empty fragments.
//!
//! - Messages are counted by their first frame, before any of it is delivered.
//! - Pings and pongs have a quota of their own, and so have continuation frames.
//! - What exceeds the message quota closes the connection (1008), is delayed (the socket is not read, so TCP tells the
//!   client to slow down, and nothing is lost), or is dropped. What exceeds the other two closes.
//! - What was admitted before the excess is delivered, and answered.
//!
//! **What this does not do**: limit by subject, client address or key, count bytes, or hand an allowance to the handler.
//! A client that reconnects begins with a full burst.
//!
//! # Defaults
//!
//! On excess: close with 1008, "message rate exceeded". Control frames: 10 a second, bursts of 30. Continuation frames:
//! 64 times the message quota, and at most 32 empty ones a message.
//!
//! ```
//! use portcullis_rate_limit::{Excess, MessageRateLayer};
//!
//! let layer = MessageRateLayer::per_second(20).burst(40).on_excess(Excess::Delay);
//! assert_eq!(layer.quota().burst_size().get(), 40);
//! ```

mod bucket;
mod layer;
mod policy;

pub use governor::Quota;

pub use crate::{
    layer::{MessageRate, MessageRateLayer},
    policy::Excess,
};
