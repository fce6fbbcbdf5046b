//! The state of the server at a glance.

use std::net::IpAddr;

use serde::Serialize;

use super::{
    cluster::{Cluster, cluster},
    limits::{Shown as Limit, limits},
    millis,
    rows::PerSecond,
};
use crate::{operator::Operator, snapshot::Snapshot, state::State};

/// The state of the server.
#[derive(Serialize)]
pub(crate) struct Summary {
    at_ms: u64,
    interval_ms: u64,
    operator: String,
    /// The actions that this operator may take.
    may: Vec<&'static str>,
    /// The name of this node among others.
    node: Option<String>,
    live: usize,
    /// The peak since the console was created.
    peak: usize,
    opening: usize,
    open: usize,
    closing: usize,
    per_second: Option<PerSecond>,
    drain: Option<Drain>,
    cluster: Option<Cluster>,
    limits: Vec<Limit>,
    holders: Holders,
    masked: Masked,
}

/// The state of the drain.
#[derive(Serialize)]
struct Drain {
    state: &'static str,
    /// Its outcome, once it is over.
    result: Option<String>,
}

#[derive(Serialize)]
struct Holders {
    subjects: Vec<Holder>,
    client_ips: Vec<Holder>,
}

/// A subject or network that holds connections: how many, and the id of one of them. An IPv6 network has no such id,
/// as its connections have many addresses.
#[derive(Serialize)]
struct Holder {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    count: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
}

#[derive(Serialize)]
struct Masked {
    subjects: bool,
    client_ips: bool,
}

/// Shows the state of the server to an operator.
pub(crate) fn summary(state: &State, snapshot: &Snapshot, operator: &Operator) -> Summary {
    let [opening, open, closing] = snapshot.states;
    let mask = &state.settings.mask;
    Summary {
        at_ms: millis(snapshot.time),
        interval_ms: u64::try_from(state.settings.interval.as_millis()).unwrap_or(u64::MAX),
        operator: operator.name().to_owned(),
        may: state.may(operator),
        node: state.connections.node().map(|node| node.to_string()),
        live: snapshot.rows.len(),
        peak: state.history.peak(),
        opening,
        open,
        closing,
        per_second: snapshot.rates.map(PerSecond::from),
        drain: drain(state),
        cluster: cluster(state),
        limits: limits(state, snapshot),
        holders: holders(state, snapshot),
        masked: Masked { subjects: mask.hides_subjects(), client_ips: mask.hides_addresses() },
    }
}

fn holders(state: &State, snapshot: &Snapshot) -> Holders {
    let all = snapshot.holders();
    let subjects = all.subjects.iter().map(|holder| Holder {
        name: holder.key.name(),
        issuer: holder.key.issuer().map(str::to_owned),
        count: holder.count,
        connection: Some(holder.one.to_string()),
    });
    let client_ips = all.clients.iter().map(|holder| Holder {
        name: network(state, holder.key),
        issuer: None,
        count: holder.count,
        connection: holder.key.is_ipv4().then(|| holder.one.to_string()),
    });
    Holders { subjects: subjects.collect(), client_ips: client_ips.collect() }
}

/// An IPv4 address, or the first 64 bits of an IPv6 address, as limits count.
fn network(state: &State, address: IpAddr) -> String {
    let mask = &state.settings.mask;
    let shown = mask.address(address);
    if address.is_ipv6() && !mask.hides_addresses() { format!("{shown}/64") } else { shown }
}

#[cfg(feature = "liveness")]
fn drain(state: &State) -> Option<Drain> {
    let drain = state.settings.drain.clone()?;
    if !drain.is_started() {
        return Some(Drain { state: "open", result: None });
    }
    // Polled once: whether the drain is over is known immediately.
    let over = portcullis_core::Decision::wait(async move { drain.drained().await }).at_once();
    Some(match over {
        Ok(drained) => Drain { state: "drained", result: Some(drained.to_string()) },
        Err(_under_way) => Drain { state: "draining", result: None },
    })
}

#[cfg(not(feature = "liveness"))]
fn drain(_: &State) -> Option<Drain> {
    None
}
