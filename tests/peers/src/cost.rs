//! What each server costs its machine: medians of interleaved rounds.

use std::{io::Write, path::Path, thread, time::Duration};

use portcullis::frame::put_frame;

use crate::{
    Result,
    load::{Said, Socket},
    peer::{OURS, Peer, Words, chosen},
    process::Process,
    token::token,
};

/// The number of rounds is odd, so that there is a median.
pub(crate) const ROUNDS: usize = 5;

/// A burst so large that no limit is reached.
const UNLIMITED: usize = 100_000_000;

const CONNECTIONS: usize = 20;
const MESSAGES: usize = 500;
const HANDSHAKES: usize = 500;
const IDLE: usize = 200;
const FLOOD: usize = 100_000;

/// How long a server without a limit is flooded.
const LONGEST: Duration = Duration::from_secs(10);

/// Of one server, in the units of `HEADS`.
type Row = [f64; 5];

const HEADS: [&str; 5] = ["us/message", "us/handshake", "us/refused", "KiB/idle", "ms/flood"];

/// Measures the servers with these names, and prints the medians. Fails if ours is more expensive in a column than a
/// server in another language.
pub(crate) fn print(folder: &Path, names: &[&str], count: usize) -> Result<bool> {
    let peers = chosen(names)?;
    let mut rounds: Vec<Vec<Row>> = peers.iter().map(|_| Vec::new()).collect();
    for round in 0..count {
        eprintln!("round {} of {count}", round + 1);
        for (peer, rows) in peers.iter().zip(&mut rounds) {
            let row = measure(peer, folder).map_err(|error| format!("{}: {error}", peer.name))?;
            eprintln!("  {:<26}{row:.1?}", peer.name);
            rows.push(row);
        }
    }
    let rows: Vec<(&str, Row)> =
        peers.iter().map(|peer| peer.name).zip(rounds.iter().map(|rows| median(rows))).collect();
    println!("{:<26}{}", "", HEADS.map(|head| format!("{head:>14}")).concat());
    for (name, row) in &rows {
        println!("{name:<26}{}", row.map(|cost| format!("{cost:>14.1}")).concat());
    }
    println!("\nmedians of {count} interleaved rounds; processor time of the server, in ticks of 10 ms");
    let losses = losses(&rows);
    for loss in &losses {
        println!("dearer: {loss}");
    }
    Ok(losses.is_empty())
}

fn measure(peer: &Peer, folder: &Path) -> Result<Row> {
    let words = &peer.client;
    let good = token(3600)?;
    let process = Process::start(peer, folder, UNLIMITED)?;
    let message = messages(&process, words, &good)?;
    let handshake = handshakes(&process, words, &good)?;
    let refused = if words.token_in.is_empty() { f64::NAN } else { handshakes(&process, words, &token(-3600)?)? };
    let idle = idle(&process, words, &good)?;
    drop(process);
    let process = Process::start(peer, folder, 40)?;
    Ok([message, handshake, refused, idle, flood(&process, words, &good)?])
}

fn open(process: &Process, words: &Words, token: &str) -> Result<Socket> {
    Ok(Socket::open(process.address, words, token)?.ok_or("a legitimate client was refused")?)
}

/// Microseconds per message and echo, over some concurrent connections.
fn messages(process: &Process, words: &Words, token: &str) -> Result<f64> {
    let mut sockets = (0..CONNECTIONS).map(|_| open(process, words, token)).collect::<Result<Vec<_>>>()?;
    for socket in &mut sockets {
        socket.converse(words)?;
    }
    let before = process.cpu()?;
    let done: usize = thread::scope(|scope| {
        let talk =
            |socket: &mut Socket| (0..MESSAGES).take_while(|_| socket.converse(words).unwrap_or_default()).count();
        let threads: Vec<_> = sockets.iter_mut().map(|socket| scope.spawn(move || talk(socket))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    let cost = process.cpu()?.saturating_sub(before);
    if done < CONNECTIONS * MESSAGES {
        return Err(format!("{done} messages were answered").into());
    }
    Ok(per(cost, done))
}

/// Microseconds per handshake and first echo, or its close.
fn handshakes(process: &Process, words: &Words, token: &str) -> Result<f64> {
    let before = process.cpu()?;
    for _ in 0..HANDSHAKES {
        if let Some(mut socket) = Socket::open(process.address, words, token)? {
            // Answered or closed: the server is done with it.
            let _closed = socket.converse(words);
        }
    }
    // Work that a server does after responding.
    thread::sleep(Duration::from_millis(200));
    Ok(per(process.cpu()?.saturating_sub(before), HANDSHAKES))
}

/// KiB per connection after one message.
fn idle(process: &Process, words: &Words, token: &str) -> Result<f64> {
    let before = process.resident()?;
    let mut sockets = (0..IDLE).map(|_| open(process, words, token)).collect::<Result<Vec<_>>>()?;
    for socket in &mut sockets {
        socket.converse(words)?;
    }
    #[allow(clippy::cast_precision_loss, reason = "memory is less than 2^52 KiB")]
    Ok((process.resident()?.saturating_sub(before)) as f64 / IDLE as f64)
}

/// Milliseconds until a flood is over.
fn flood(process: &Process, words: &Words, token: &str) -> Result<f64> {
    let mut socket = open(process, words, token)?;
    socket.converse(words)?;
    let before = process.cpu()?;
    let mut frame = Vec::new();
    put_frame(&mut frame, 0x81, words.message.as_bytes(), Some([1, 2, 3, 4]));
    let bytes = frame.repeat(FLOOD);
    let mut writer = socket.writer()?;
    writer.set_write_timeout(Some(LONGEST))?;
    let writer = thread::spawn(move || {
        // A server that closes does not read the rest.
        let _closed_meanwhile = writer.write_all(&bytes);
    });
    let begin = std::time::Instant::now();
    let mut answers = 0;
    while answers < FLOOD && begin.elapsed() < LONGEST {
        match socket.next(words.answer)? {
            Said::Answer => answers += 1,
            Said::Other => {}
            Said::End => break,
        }
    }
    drop(socket.writer()?.shutdown(std::net::Shutdown::Both));
    writer.join().map_err(|_| "the writer panicked")?;
    thread::sleep(Duration::from_millis(200));
    Ok((process.cpu()?.saturating_sub(before)).as_secs_f64() * 1e3)
}

#[allow(clippy::cast_precision_loss, reason = "counts are small")]
fn per(cost: Duration, count: usize) -> f64 {
    cost.as_secs_f64() * 1e6 / count as f64
}

fn median(rows: &[Row]) -> Row {
    std::array::from_fn(|column| {
        let mut costs: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        costs.sort_by(f64::total_cmp);
        costs.get(costs.len() / 2).copied().unwrap_or(f64::NAN)
    })
}

/// The columns in which ours is more expensive than a server in another language, or than the same checks by hand by
/// more than the goal allows. tower_governor is not compared: it checks next to nothing.
fn losses(rows: &[(&str, Row)]) -> Vec<String> {
    let Some((_, ours)) = rows.iter().find(|(name, _)| *name == OURS) else { return Vec::new() };
    let mut lines = Vec::new();
    for (name, row) in rows.iter().filter(|(name, _)| !name.contains("tower_governor")) {
        let room = if name.starts_with("axum") { 1.05 } else { 1.0 };
        for (column, head) in HEADS.iter().enumerate() {
            if ours[column] > row[column] * room {
                lines.push(format!("{head}: {:.1}, and {:.1} with {name}", ours[column], row[column]));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_may_cost_little_more_than_the_same_by_hand_and_no_more_than_others() {
        for (name, theirs, loses) in [
            ("axum, by hand", 9.6, false),
            ("axum, by hand", 9.4, true),
            ("axum, tower_governor", 1.0, false),
            ("Tornado", 10.1, false),
            ("Tornado", 9.9, true),
        ] {
            let rows = [(OURS, [10.0; 5]), (name, [theirs; 5])];
            assert_eq!(!losses(&rows).is_empty(), loses, "{name} {theirs}");
        }
        assert!(losses(&[(OURS, [10.0; 5]), ("Tornado", [f64::NAN; 5])]).is_empty());
    }

    #[test]
    fn the_median_of_the_rounds_counts() {
        let rows = [[1.0; 5], [9.0; 5], [2.0; 5]];
        assert!(median(&rows).iter().all(|middle| (middle - 2.0).abs() < f64::EPSILON));
    }
}
