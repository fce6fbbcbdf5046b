//! What layers that count have in common: the arithmetic of quotas, and states of keys that are bounded.
//!
//! Time and amounts are arguments; there is no clock and no thread. A [`Meter`] is a quota as intervals of time: GCRA,
//! as governor has it, made of a [`Quota`]. A [`Table`] holds a state for each of many keys. A [`Block`] is what
//! one of several nodes has bought of a quota that they share.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use portcullis_quota::{Epoch, Meter, Quota};
//!
//! let meter = Meter::from(Quota::per_second(std::num::NonZeroU32::MIN));
//! let (epoch, start) = (Epoch::new(), Instant::now());
//! let mut full_at = 0;
//! let mut take = |now| meter.take(&mut full_at, 1, epoch.units(now));
//! assert!(take(start).is_ok());
//! assert!(take(start).is_err());
//! assert!(take(start + Duration::from_secs(1)).is_ok());
//! ```
#![doc = include_str!("../docs/features.md")]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod block;
mod key;
mod meter;
mod quota;
mod table;

pub use crate::{
    block::{Block, BlockPurchase, Shortage, Terms},
    key::{Key, Secret},
    meter::{ByteQuota, Epoch, Meter, units},
    quota::Quota,
    table::Table,
};

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
