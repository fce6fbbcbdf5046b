//! The command that attacks a bare server and a guarded one, and compares.

use std::process::ExitCode;

use axum::Router;

use crate::{Result, attacks, beside, deploy, guarded, server, server::Routes, side::Side, table, tokens};

/// Starts a bare axum server and a guarded one on loopback, attacks both with real sockets one attack after another,
/// and prints what each let through.
///
/// `--json` prints one object per line, and `--only text` runs the attacks whose names contain this text. Exits with 0
/// only if the guarded server stopped every attack, and both servers served every legitimate client.
pub fn siege(arguments: &[String]) -> ExitCode {
    tokens::install();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        [] => compare(false, ""),
        ["--json"] => compare(true, ""),
        ["--only", text] => compare(false, text),
        ["serve", "bare"] => server::run(bare(Routes::new())).map(|()| true),
        ["serve", "guarded"] => guarded::guard(Routes::new()).and_then(server::run).map(|()| true),
        _ => Err("usage: siege [--json | --only text], or siege audit --help".into()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("siege: {error}");
            ExitCode::from(2)
        }
    }
}

/// The bare server, with the checks that applications write by hand, if any.
fn bare(routes: Routes) -> Router {
    let Routes { open, user, seat, proxied, session, private, first, .. } = routes;
    let Routes { alive, idle, feed, shut, sized, shared, many, delayed, deployed, .. } = routes;
    let plain = [user, seat, proxied, session, alive, idle, feed, shut, sized, shared, many, delayed];
    let plain = plain.into_iter().fold(open, Router::merge);
    plain.merge(tokens::bare(private, first)).merge(beside::bare()).merge(deploy::routes(deployed, None))
}

fn compare(json: bool, only: &str) -> Result<bool> {
    let bare = Side::start("bare")?;
    let guarded = Side::start("guarded")?;
    let mut rows = Vec::new();
    for attack in attacks::all().filter(|attack| attack.name.contains(only)) {
        rows.push(table::Row { attack, bare: bare.run(attack)?, guarded: guarded.run(attack)? });
    }
    if json {
        table::print_json(&rows);
    } else {
        table::print(&rows);
    }
    Ok(rows.iter().all(table::Row::is_as_expected))
}
