//! Starts a Redis of its own and two pairs of nodes, each node a process: one pair without shared limits and one with.
//! Attacks both, kills a node and Redis, and prints what each pair let through.
//!
//! Needs `redis-server`, or what `PORTCULLIS_REDIS_BIN` names. Exits 0 only if every row is as it must be.

mod client;
mod node;
mod pair;
mod proxy;
mod redis;
mod rows;
mod tokens;

use std::{env, error::Error, process::ExitCode};

/// Whatever went wrong; the example only reports it.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => rows::run(),
        ["node"] => node::run(None).map(|()| true),
        ["node", url] => node::run(Some(url)).map(|()| true),
        _ => Err("usage: cluster".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cluster: {error}");
            ExitCode::from(2)
        }
    }
}
