//! `siege` attacks a bare axum server and a guarded one; `siege audit URL` attacks the one that you operate.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, rest)) if command == "audit" => siege::audit::command(rest),
        _ => siege::siege(&arguments),
    }
}
