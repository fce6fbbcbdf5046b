//! What is tried, and the expected outcomes.

use std::time::{Duration, Instant};

use crate::{
    Result,
    client::Client,
    node::{BEAT, BLOCK, CONNECTIONS, DEADLINE, HANDSHAKES, LEASE, MESSAGES},
    pair::Pair,
    redis::Redis,
};

/// The outcome of a row for one pair of nodes.
struct Outcome {
    text: String,
    as_expected: bool,
}

/// A row of the table: something that is tried with each pair.
struct Row {
    name: &'static str,
    run: fn(&mut Pair, &mut Redis) -> Result<Outcome>,
}

const ROWS: [Row; 12] = [
    Row { name: "connections of a user, over both nodes", run: connections },
    Row { name: "the oldest is evicted, on the other node", run: evict },
    Row { name: "a flood of handshakes, over both nodes", run: flood },
    Row { name: "a flood of messages, over both nodes", run: messages },
    Row { name: "a node is killed (-9)", run: kill },
    Row { name: "Redis is suspended, and resumed", run: stall },
    Row { name: "Redis is restarted without data", run: restart },
    Row { name: "a ticket is used on both nodes", run: ticket },
    Row { name: "a token is revoked on the other node", run: revoke },
    Row { name: "a user is kicked from the other node", run: kick_across },
    Row { name: "an operator closes from the other node", run: operate },
    Row { name: "a node cannot read for 2 s", run: cut_off },
];

/// Runs every row with both pairs. Returns whether the sharing pair did as expected in all of them.
pub(crate) fn run() -> Result<bool> {
    let mut redis = Redis::start()?;
    let mut alone = Pair::start(None)?;
    let mut sharing = Pair::start(Some(&redis))?;
    println!("two nodes; {CONNECTIONS} connections and {HANDSHAKES} handshakes at once per user; lease {LEASE:?}");
    println!("{MESSAGES} messages at once per user, bought in blocks of {BLOCK}\n");
    println!("{:42} {:30} shared limits", "", "separate limits");
    let mut passed = 0;
    for Row { name, run } in ROWS {
        let (alone, sharing) = (run(&mut alone, &mut redis)?, run(&mut sharing, &mut redis)?);
        let mark = if sharing.as_expected { "" } else { "   UNEXPECTED" };
        println!("{name:42} {:30} {}{mark}", alone.text, sharing.text);
        passed += usize::from(sharing.as_expected);
    }
    println!("\n{passed} of {} as expected", ROWS.len());
    Ok(passed == ROWS.len())
}

/// Tries to connect a user this many times, alternating between the nodes.
fn fill(pair: &Pair, path: &str, user: &str, times: usize) -> Result<Vec<Client>> {
    let tried = (0..times).map(|turn| pair.connect(turn % 2, path, user));
    tried.filter_map(Result::transpose).collect()
}

fn connections(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let admitted = fill(pair, "/few", "ann", 20)?.len();
    Ok(Outcome { text: format!("{admitted} of {CONNECTIONS}"), as_expected: admitted == CONNECTIONS })
}

fn evict(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let first = pair.connect(0, "/one", "bob")?;
    let second = pair.connect(1, "/one", "bob")?;
    let (Some(mut first), Some(mut second)) = (first, second) else {
        return Ok(Outcome { text: "refused".to_owned(), as_expected: false });
    };
    if !pair.shares() {
        let text = if first.is_alive() && second.is_alive() { "both open" } else { "one is gone" };
        return Ok(Outcome { text: text.to_owned(), as_expected: false });
    }
    let code = first.closed().unwrap_or_default();
    let as_expected = code == Some(1008) && second.is_alive();
    Ok(Outcome { text: format!("the first is closed with {}", code.unwrap_or(1006)), as_expected })
}

fn flood(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let admitted = fill(pair, "/rate", "eve", 200)?.len();
    Ok(Outcome { text: format!("{admitted} of {HANDSHAKES}"), as_expected: admitted == HANDSHAKES as usize })
}

/// One connection to each node. A node buys messages ahead, so up to a block per node may be lost or left over.
fn messages(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let mut admitted = 0;
    for node in 0..2 {
        let client = pair.connect(node, "/messages", "hal")?;
        admitted += client.ok_or("a client that has sent nothing is refused")?.flood(2 * MESSAGES)?;
    }
    let as_expected = (MESSAGES..=MESSAGES + 2 * BLOCK).contains(&admitted);
    Ok(Outcome { text: format!("{admitted} of {MESSAGES}"), as_expected })
}

/// The permits of a dead node are released, but not before its lease has expired.
fn kill(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        held.extend(pair.connect(1, "/few", "dan")?);
    }
    pair.kill(1)?;
    let start = Instant::now();
    let (mut admitted, mut first_after) = (Vec::new(), None);
    while admitted.len() < CONNECTIONS {
        if let Some(client) = pair.connect(0, "/few", "dan")? {
            first_after.get_or_insert(start.elapsed());
            admitted.push(client);
        }
    }
    let (first, last) = (first_after.unwrap_or_default(), start.elapsed());
    let over = pair.connect(0, "/few", "dan")?.is_some();
    pair.replace(1)?;
    // Leave time for one more attempt on a busy machine.
    let most = LEASE + BEAT + Duration::from_millis(500);
    let text = format!("{} back after {:.1} s", admitted.len(), last.as_secs_f32());
    Ok(Outcome { text, as_expected: !over && first > Duration::ZERO && last <= most })
}

/// No client is admitted while the limit cannot be checked, and none waits longer than the deadline.
fn stall(pair: &mut Pair, redis: &mut Redis) -> Result<Outcome> {
    redis.stop()?;
    let (mut slowest, mut admitted) = (Duration::ZERO, Vec::new());
    for turn in 0..20 {
        let start = Instant::now();
        admitted.extend(pair.connect(turn % 2, "/few", "fay")?);
        slowest = slowest.max(start.elapsed());
    }
    pair.wait_until_away()?;
    redis.resume()?;
    pair.wait_until_ready()?;
    let during = admitted.len();
    admitted.clear();
    // Abandoned permits are reclaimed, and the whole limit is available again.
    let start = Instant::now();
    while admitted.len() < CONNECTIONS && start.elapsed() < 4 * LEASE {
        admitted.extend(pair.connect(0, "/few", "fay")?);
    }
    let over = pair.connect(1, "/few", "fay")?.is_some();
    let text = format!("{during} of {CONNECTIONS}, slowest {} ms, then {}", slowest.as_millis(), admitted.len());
    let in_time = slowest <= DEADLINE + Duration::from_millis(50);
    Ok(Outcome { text, as_expected: during == 0 && in_time && admitted.len() == CONNECTIONS && !over })
}

/// An empty store admits no client before the nodes have reported what they hold.
fn restart(pair: &mut Pair, redis: &mut Redis) -> Result<Outcome> {
    let mut held = fill(pair, "/few", "gus", CONNECTIONS)?;
    let before = held.len();
    redis.restart()?;
    let start = Instant::now();
    while start.elapsed() < LEASE {
        held.extend(fill(pair, "/few", "gus", 2)?);
    }
    pair.wait_until_ready()?;
    held.extend(fill(pair, "/few", "gus", 4)?);
    let over = held.len().saturating_sub(CONNECTIONS);
    Ok(Outcome { text: format!("{over} over the limit"), as_expected: before == CONNECTIONS && over == 0 })
}

fn ticket(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let path = "/ticket?token=hal.1";
    let mut admitted = 0;
    for turn in 0..10 {
        admitted += usize::from(pair.connect(turn % 2, path, "hal")?.is_some());
    }
    Ok(Outcome { text: format!("admitted {admitted} of 10 times"), as_expected: admitted == 1 })
}

fn revoke(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let Some(client) = pair.connect(1, "/token?token=ida.2", "ida")? else {
        return Ok(Outcome { text: "refused".to_owned(), as_expected: false });
    };
    let announced = pair.post(0, "/revoke/2", "")? == "announced";
    let outcome = closed_with(pair, client, 3000)?;
    let again = pair.connect(1, "/token?token=ida.2", "ida")?.is_some();
    let text =
        if again { format!("{}, and connects again", outcome.text) } else { format!("{}, and refused", outcome.text) };
    Ok(Outcome { text, as_expected: announced && outcome.as_expected && !again })
}

fn kick_across(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let Some(client) = pair.connect(1, "/token?token=joe.3", "joe")? else {
        return Ok(Outcome { text: "refused".to_owned(), as_expected: false });
    };
    let announced = pair.post(0, "/kick/joe", "")? == "announced";
    let outcome = closed_with(pair, client, 1008)?;
    Ok(Outcome { as_expected: announced && outcome.as_expected, ..outcome })
}

/// Closes a connection of one node from the console of the other.
fn operate(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    let Some(client) = pair.connect(1, "/token?token=lea.4", "lea")? else {
        return Ok(Outcome { text: "refused".to_owned(), as_expected: false });
    };
    let response = pair.post(0, "/console/api/close", r#"{"subject": "lea", "code": 4000, "reason": "by hand"}"#)?;
    let outcome = closed_with(pair, client, 4000)?;
    Ok(Outcome { as_expected: response == r#"{"closed":0,"notified":true}"# && outcome.as_expected, ..outcome })
}

fn closed_with(pair: &Pair, mut client: Client, expected: u16) -> Result<Outcome> {
    if !pair.shares() {
        return Ok(Outcome { text: lives(&mut client).to_owned(), as_expected: false });
    }
    let code = client.closed()?.unwrap_or(1006);
    Ok(Outcome { text: format!("closed with {code}"), as_expected: code == expected })
}

fn lives(client: &mut Client) -> &'static str {
    if client.is_alive() { "still open" } else { "is gone" }
}

/// Commands of the meantime take effect when the node can read again.
fn cut_off(pair: &mut Pair, _: &mut Redis) -> Result<Outcome> {
    const CLIENTS: u32 = 20;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.extend(pair.connect(1, &format!("/token?token=kim{number}.1{number}"), &format!("kim{number}"))?);
    }
    pair.cut();
    let (start, mut announced) = (Instant::now(), clients.len() == CLIENTS as usize);
    for number in 0..CLIENTS {
        // One is revoked and the next is kicked, over two seconds.
        let path = if number % 2 == 0 { format!("/revoke/1{number}") } else { format!("/kick/kim{number}") };
        announced &= pair.post(0, &path, "")? == "announced";
        std::thread::sleep((Duration::from_secs(2) * (number + 1) / CLIENTS).saturating_sub(start.elapsed()));
    }
    pair.mend();
    if !pair.shares() {
        let lived = clients.iter_mut().filter_map(|client| client.is_alive().then_some(())).count();
        return Ok(Outcome { text: format!("{lived} of {CLIENTS} still open"), as_expected: false });
    }
    let (start, mut closed) = (Instant::now(), 0);
    for (number, client) in clients.iter_mut().enumerate() {
        let expected = if number % 2 == 0 { 3000 } else { 1008 };
        closed += u32::from(client.closed()? == Some(expected));
    }
    let text = format!("{closed} of {CLIENTS} closed after {} ms", start.elapsed().as_millis());
    pair.wait_until_ready()?;
    Ok(Outcome { text, as_expected: announced && closed == CLIENTS })
}
