//! Starts Redis and two pairs of nodes, each node a process: one pair without shared limits and one with. Attacks both
//! pairs, kills a node and Redis, and prints what each pair let through.
//!
//! Needs `redis-server`, or the binary in `PORTCULLIS_REDIS_BIN`. Exits with 0 only if every row is as expected.

mod client;
mod node;
mod pair;
mod proxy;
mod redis;
mod rows;
mod tokens;

use std::{env, error::Error, process::ExitCode};

/// Any error: the example only prints it.
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
