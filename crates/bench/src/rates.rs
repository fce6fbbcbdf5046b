//! What one check of a rate costs, beside governor's own limiters, and whether sweeping stalls a request.

use std::{
    io,
    num::NonZeroU32,
    time::{Duration, Instant},
};

use governor::{Quota, RateLimiter};
use http::{Request, request::Parts};
use portcullis_core::{
    frame::FrameHeader,
    policy::{Batch, Policy},
};
use portcullis_rate_limit::MessageRateLayer;

use crate::report;

/// Checks that are timed together.
const CHECKS: u32 = 200_000;
const MILLION: u64 = 1_000_000;

/// Which key a connection has.
#[derive(Clone, Copy)]
struct Number(u64);

pub(crate) fn compare() -> io::Result<()> {
    report::checks_head();
    let quota = Quota::per_second(NonZeroU32::MAX);
    report::checks("ours", [direct(quota)?, keyed(quota, 1)?, keyed(quota, 1000)?, keyed(quota, MILLION)?]);
    let theirs = |keys| governor_keyed(quota, keys);
    report::checks("governor", [governor_direct(quota), theirs(1), theirs(1000), theirs(MILLION)]);
    sweep()
}

fn parts(number: u64) -> Parts {
    let mut parts = Request::new(()).into_parts().0;
    parts.extensions.insert(Number(number));
    parts
}

fn by_number(quota: Quota) -> MessageRateLayer {
    MessageRateLayer::new(quota).per_key(|parts| parts.extensions.get::<Number>().map(|number| number.0.to_be_bytes()))
}

fn policy(layer: &MessageRateLayer, number: u64) -> io::Result<Box<dyn Policy>> {
    layer.policy(&parts(number)).map_err(|refusal| io::Error::other(refusal.kind().as_str()))
}

fn one_message() -> Batch {
    FrameHeader::parse(&[0x81, 0x80, 0, 0, 0, 0]).map(|header| Batch::of(&header)).unwrap_or_default()
}

/// Nanoseconds for each of a number of checks.
fn each(count: u32, mut work: impl FnMut(u32)) -> f64 {
    let start = Instant::now();
    for at in 0..count {
        work(at);
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(count)
}

fn direct(quota: Quota) -> io::Result<f64> {
    let mut policy = policy(&MessageRateLayer::new(quota), 0)?;
    let batch = one_message();
    Ok(each(CHECKS, |_| {
        std::hint::black_box(policy.on_batch(&batch, Instant::now()));
    }))
}

fn keyed(quota: Quota, keys: u64) -> io::Result<f64> {
    let (layer, batch) = (by_number(quota), one_message());
    // What was taken an hour ahead is not forgotten meanwhile.
    for number in 0..keys {
        policy(&layer, number)?.on_batch(&batch, Instant::now() + Duration::from_secs(3600));
    }
    let live = keys.min(10_000);
    let mut policies = (0..live).map(|at| policy(&layer, at * (keys / live))).collect::<io::Result<Vec<_>>>()?;
    let count = policies.len();
    Ok(each(CHECKS, |at| {
        let policy = &mut policies[(at as usize).wrapping_mul(7919) % count];
        std::hint::black_box(policy.on_batch(&batch, Instant::now()));
    }))
}

fn governor_direct(quota: Quota) -> f64 {
    let limiter = RateLimiter::direct(quota);
    each(CHECKS, |_| drop(std::hint::black_box(limiter.check())))
}

fn governor_keyed(quota: Quota, keys: u64) -> f64 {
    let limiter = RateLimiter::dashmap(quota);
    for number in 0..keys {
        // Within the quota, and only for the entry's sake.
        let _admitted = limiter.check_key(&number);
    }
    each(CHECKS, |at| drop(std::hint::black_box(limiter.check_key(&(u64::from(at).wrapping_mul(7919) % keys)))))
}

/// A million keys become idle; those who go on sweep them away.
fn sweep() -> io::Result<()> {
    let layer = by_number(Quota::per_second(NonZeroU32::MIN.saturating_add(9)));
    let (batch, start) = (one_message(), Instant::now());
    for number in 0..MILLION {
        policy(&layer, number)?.on_batch(&batch, start);
    }
    let mut policies = (0..256).map(|at| policy(&layer, at)).collect::<io::Result<Vec<_>>>()?;
    let (mut slots, mut worst) = ([0; 24], 0);
    for at in 0..MILLION {
        let now = start + Duration::from_secs(60) + Duration::from_micros(100) * u32::try_from(at).unwrap_or(u32::MAX);
        let policy = &mut policies[usize::try_from(at % 256).unwrap_or(0)];
        let began = Instant::now();
        policy.on_batch(&batch, now);
        let nanos = began.elapsed().as_nanos();
        worst = worst.max(nanos);
        let slot = (nanos >> 7).checked_ilog2().map_or(0, |log| log as usize + 1);
        slots[slot.min(23)] += 1;
    }
    report::pauses(&slots, worst);
    Ok(())
}
