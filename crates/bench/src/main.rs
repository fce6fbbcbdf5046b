//! Guarded axum WebSocket servers against bare axum, in one run.
//!
//! Sides take turns within each round, so that what disturbs the machine disturbs them all; a ratio is the median of
//! the rounds' ratios. Ratios tell the story and depend on the machine. Allocations and instructions per message do
//! not, and are the gate: the exit code is a failure if one of them is exceeded.
//!
//! `soak` compares nothing: it looks for what is left of clients that are gone.

mod allocations;
mod buffers;
mod by_hand;
mod callgrind;
mod child;
mod client;
mod connections;
mod costs;
mod cpu;
mod credentials;
mod duplex;
mod exact;
mod functions;
mod heap;
mod idle;
mod kept;
mod load;
mod measure;
mod memory;
mod nagle;
mod parts;
mod plan;
mod rates;
mod report;
mod runtime;
mod scale;
mod server;
mod shape;
mod shared;
mod side;
mod soak;
mod stats;
mod tcp;
mod tokens;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use crate::{plan::Plan, shape::Shape, side::Side};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    dispatch(&args).unwrap_or_else(|error| {
        eprintln!("bench: {error}");
        ExitCode::FAILURE
    })
}

fn dispatch(args: &[&str]) -> io::Result<ExitCode> {
    match args {
        [] => compare(&Plan::full()),
        ["--quick"] => compare(&Plan::quick()),
        ["serve", "soak"] => soak::serve().map(|()| ExitCode::SUCCESS),
        ["serve", side] => server::run(Side::parse(side)?, true, parts::INTERVAL).map(|()| ExitCode::SUCCESS),
        ["serve", side, "nagle"] => server::run(Side::parse(side)?, false, parts::INTERVAL).map(|()| ExitCode::SUCCESS),
        ["serve", side, "counted"] => server::run(Side::parse(side)?, true, parts::AS_SET).map(|()| ExitCode::SUCCESS),
        ["soak"] => soak::run(10),
        ["soak", minutes] => soak::run(minutes.parse().map_err(io::Error::other)?),
        ["only", part] => only(part, &Plan::full()),
        ["--quick", "only", part] => only(part, &Plan::quick()),
        ["echo", side, path, messages] => echo(side, path, messages),
        ["weigh", side] => weigh(side),
        ["idle", connections] => {
            idle::cpu(connections.parse().map_err(io::Error::other)?)?;
            Ok(ExitCode::SUCCESS)
        }
        ["gates"] => gates(),
        ["count", side, path, times] => count(side, path, times),
        _ => Err(usage()),
    }
}

fn usage() -> io::Error {
    let parts = PARTS.map(|(name, _)| name).join(" | ");
    io::Error::other(format!(
        "usage: bench [--quick] [only ({parts})] | gates | count SIDE SHAPE TIMES | idle CONNECTIONS | soak [minutes]"
    ))
}

/// What callgrind watches.
fn echo(side: &str, path: &str, messages: &str) -> io::Result<ExitCode> {
    let shape = Shape::parse(path)?;
    let messages = messages.parse().map_err(io::Error::other)?;
    duplex::run(Side::parse(side)?, shape, messages)?;
    Ok(ExitCode::SUCCESS)
}

/// What callgrind counts in a server of its own, beside one that does the same without layers.
fn count(side: &str, path: &str, times: &str) -> io::Result<ExitCode> {
    let (shape, times) = (Shape::parse(path)?, times.parse().map_err(io::Error::other)?);
    let side = Side::parse(side)?;
    let sides = [side.beside(), side];
    let [beside, counted] = sides.map(|side| tcp::each(side, shape, times));
    let (Some(beside), Some(counted)) = (beside?, counted?) else {
        return Err(io::Error::other("valgrind is not installed"));
    };
    report::functions(sides.map(Side::name), &beside, &counted);
    Ok(ExitCode::SUCCESS)
}

/// Bytes of the heap that an idle connection has.
fn weigh(side: &str) -> io::Result<ExitCode> {
    writeln!(io::stdout(), "{:.1}", duplex::weigh(Side::parse(side)?, duplex::IDLE_CONNECTIONS)?)?;
    Ok(ExitCode::SUCCESS)
}

type Compare = fn(&Plan) -> io::Result<()>;

const PARTS: [(&str, Compare); 11] = [
    ("speed", measure::all),
    ("cpu", cpu::compare),
    ("buffers", buffers::compare),
    ("checks", |_| rates::compare()),
    ("handshakes", connections::compare),
    ("tokens", tokens::compare),
    ("memory", memory::compare),
    ("idle", idle::compare),
    ("nagle", nagle::compare),
    ("costs", costs::compare),
    ("scale", scale::compare),
];

/// One part, without the gates.
fn only(part: &str, plan: &Plan) -> io::Result<ExitCode> {
    let (_, compare) = PARTS.iter().find(|(name, _)| *name == part).ok_or_else(usage)?;
    report::title(plan);
    compare(plan).map(|()| ExitCode::SUCCESS)
}

/// What is counted exactly, alone.
fn gates() -> io::Result<ExitCode> {
    let passed = exact::gates(&Plan::quick())?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compare(plan: &Plan) -> io::Result<ExitCode> {
    report::title(plan);
    PARTS.iter().try_for_each(|(_, compare)| compare(plan))?;
    let passed = exact::gates(plan)?;
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
