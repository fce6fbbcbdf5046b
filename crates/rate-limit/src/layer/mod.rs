//! The builder of a limit on messages.
//!
//! Settings are kept as they are given and judged when the layer is applied, so that their order does not matter.

mod builder;
mod enforcement;
mod scope;
mod sharing;

pub use self::builder::MessageRateLayer;
