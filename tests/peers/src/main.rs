//! Audits the servers that tutorials teach and ours with the same limits, and prints one table: attack by server.
//!
//! `peers --cost [ROUNDS]` prints the costs of each. Further arguments select servers by name. Exits with 1 if ours
//! lets an attack through that another server stops, or costs more, and with 2 if a server could not be tried.

mod cost;
mod install;
mod load;
mod nginx;
mod peer;
mod process;
mod servers;
mod table;
mod token;

use std::{env, process::ExitCode};

/// Any error: it is only reported.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve", name, port, burst] => servers::serve(name, port, burst).map(|()| true),
        ["--cost", words @ ..] => {
            let rounds = words.first().and_then(|word| word.parse().ok());
            let names = if rounds.is_some() { &words[1..] } else { words };
            install::all().and_then(|folder| cost::print(&folder, names, rounds.unwrap_or(cost::ROUNDS)))
        }
        names => install::all().and_then(|folder| table::print(&folder, names)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::from(2)
        }
    }
}
