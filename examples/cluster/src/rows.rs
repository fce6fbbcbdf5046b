//! What is tried, and what it must come to.

use std::time::{Duration, Instant};

use crate::{
    Result,
    client::Client,
    node::{BEAT, BLOCK, CONNECTIONS, DEADLINE, HANDSHAKES, LEASE, MESSAGES},
    pair::Pair,
    redis::Redis,
};

/// What one pair of nodes did.
struct Saw {
    text: String,
    as_it_must: bool,
}

/// One thing that is tried with a pair.
struct Row {
    name: &'static str,
    try_it: fn(&mut Pair, &mut Redis) -> Result<Saw>,
}

const ROWS: [Row; 12] = [
    Row { name: "a user's connections, over both nodes", try_it: connections },
    Row { name: "the oldest makes room, on the other node", try_it: evict },
    Row { name: "a flood of handshakes, over both nodes", try_it: flood },
    Row { name: "a flood of messages, over both nodes", try_it: messages },
    Row { name: "a node is killed (-9)", try_it: kill },
    Row { name: "Redis stands still, and goes on", try_it: stall },
    Row { name: "Redis is restarted, and empty", try_it: restart },
    Row { name: "a ticket is used on both nodes", try_it: ticket },
    Row { name: "a token is revoked on the other node", try_it: revoke },
    Row { name: "a user is kicked from the other node", try_it: kick_across },
    Row { name: "an operator closes from the other node", try_it: operate },
    Row { name: "a node cannot read for 2 s", try_it: cut_off },
];

/// Tries everything with both pairs. Whether the pair that shares was as it must be in every row.
pub(crate) fn run() -> Result<bool> {
    let mut redis = Redis::start()?;
    let mut alone = Pair::start(None)?;
    let mut sharing = Pair::start(Some(&redis))?;
    println!("two nodes; {CONNECTIONS} connections and {HANDSHAKES} handshakes at once for a user; lease {LEASE:?}");
    println!("{MESSAGES} messages at once for a user, bought by {BLOCK}\n");
    println!("{:42} {:30} sharing limits", "", "each for itself");
    let mut as_they_must = 0;
    for Row { name, try_it } in ROWS {
        let (alone, sharing) = (try_it(&mut alone, &mut redis)?, try_it(&mut sharing, &mut redis)?);
        let mark = if sharing.as_it_must { "" } else { "   NOT AS IT MUST BE" };
        println!("{name:42} {:30} {}{mark}", alone.text, sharing.text);
        as_they_must += usize::from(sharing.as_it_must);
    }
    println!("\n{as_they_must} of {} as they must be", ROWS.len());
    Ok(as_they_must == ROWS.len())
}

/// Tries to connect a user so often, to both nodes in turn.
fn fill(pair: &Pair, path: &str, user: &str, times: usize) -> Result<Vec<Client>> {
    let tried = (0..times).map(|turn| pair.connect(turn % 2, path, user));
    tried.filter_map(Result::transpose).collect()
}

fn connections(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let admitted = fill(pair, "/few", "ann", 20)?.len();
    Ok(Saw { text: format!("{admitted} of {CONNECTIONS}"), as_it_must: admitted == CONNECTIONS })
}

fn evict(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let first = pair.connect(0, "/one", "bob")?;
    let second = pair.connect(1, "/one", "bob")?;
    let (Some(mut first), Some(mut second)) = (first, second) else {
        return Ok(Saw { text: "refused".to_owned(), as_it_must: false });
    };
    if !pair.shares() {
        let text = if first.is_alive() && second.is_alive() { "both live" } else { "one is gone" };
        return Ok(Saw { text: text.to_owned(), as_it_must: false });
    }
    let code = first.closed().unwrap_or_default();
    let as_it_must = code == Some(1008) && second.is_alive();
    Ok(Saw { text: format!("the first is closed with {}", code.unwrap_or(1006)), as_it_must })
}

fn flood(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let admitted = fill(pair, "/rate", "eve", 200)?.len();
    Ok(Saw { text: format!("{admitted} of {HANDSHAKES}"), as_it_must: admitted == HANDSHAKES as usize })
}

/// One connection to each node. A node buys messages ahead, and may owe a block at the end.
fn messages(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let mut admitted = 0;
    for node in 0..2 {
        let client = pair.connect(node, "/messages", "hal")?;
        admitted += client.ok_or("a client is refused that has sent nothing")?.flood(2 * MESSAGES)?;
    }
    let as_it_must = (MESSAGES..=MESSAGES + 2 * BLOCK).contains(&admitted);
    Ok(Saw { text: format!("{admitted} of {MESSAGES}"), as_it_must })
}

/// What the dead node held comes back, and not before it is known to be dead.
fn kill(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
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
    // A busy machine may take its time to try once more.
    let most = LEASE + BEAT + Duration::from_millis(500);
    let text = format!("{} back after {:.1} s", admitted.len(), last.as_secs_f32());
    Ok(Saw { text, as_it_must: !over && first > Duration::ZERO && last <= most })
}

/// Nobody is admitted by a guess, and nobody waits longer than the deadline.
fn stall(pair: &mut Pair, redis: &mut Redis) -> Result<Saw> {
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
    // What was given up is taken back, and the whole limit is there again.
    let start = Instant::now();
    while admitted.len() < CONNECTIONS && start.elapsed() < 4 * LEASE {
        admitted.extend(pair.connect(0, "/few", "fay")?);
    }
    let over = pair.connect(1, "/few", "fay")?.is_some();
    let text = format!("{during} of {CONNECTIONS}, slowest {} ms, then {}", slowest.as_millis(), admitted.len());
    let in_time = slowest <= DEADLINE + Duration::from_millis(50);
    Ok(Saw { text, as_it_must: during == 0 && in_time && admitted.len() == CONNECTIONS && !over })
}

/// Nobody is admitted by an empty store before the nodes have said what they hold.
fn restart(pair: &mut Pair, redis: &mut Redis) -> Result<Saw> {
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
    Ok(Saw { text: format!("{over} over the limit"), as_it_must: before == CONNECTIONS && over == 0 })
}

fn ticket(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let path = "/ticket?token=hal.1";
    let mut admitted = 0;
    for turn in 0..10 {
        admitted += usize::from(pair.connect(turn % 2, path, "hal")?.is_some());
    }
    Ok(Saw { text: format!("admitted {admitted} of 10 times"), as_it_must: admitted == 1 })
}

fn revoke(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let Some(client) = pair.connect(1, "/token?token=ida.2", "ida")? else {
        return Ok(Saw { text: "refused".to_owned(), as_it_must: false });
    };
    let told = pair.ask(0, "/revoke/2")? == "told";
    let saw = closed_with(pair, client, 3000)?;
    let again = pair.connect(1, "/token?token=ida.2", "ida")?.is_some();
    let text = if again { format!("{}, and connects again", saw.text) } else { format!("{}, and refused", saw.text) };
    Ok(Saw { text, as_it_must: told && saw.as_it_must && !again })
}

fn kick_across(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let Some(client) = pair.connect(1, "/token?token=joe.3", "joe")? else {
        return Ok(Saw { text: "refused".to_owned(), as_it_must: false });
    };
    let told = pair.ask(0, "/kick/joe")? == "told";
    let saw = closed_with(pair, client, 1008)?;
    Ok(Saw { as_it_must: told && saw.as_it_must, ..saw })
}

/// In the console of the one, what is connected to the other.
fn operate(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    let Some(client) = pair.connect(1, "/token?token=lea.4", "lea")? else {
        return Ok(Saw { text: "refused".to_owned(), as_it_must: false });
    };
    let said = pair.act(0, "close", r#"{"subject": "lea", "code": 4000, "reason": "by hand"}"#)?;
    let saw = closed_with(pair, client, 4000)?;
    Ok(Saw { as_it_must: said == r#"{"closed":0,"notified":true}"# && saw.as_it_must, ..saw })
}

fn closed_with(pair: &Pair, mut client: Client, must: u16) -> Result<Saw> {
    if !pair.shares() {
        return Ok(Saw { text: lives(&mut client).to_owned(), as_it_must: false });
    }
    let code = client.closed()?.unwrap_or(1006);
    Ok(Saw { text: format!("closed with {code}"), as_it_must: code == must })
}

fn lives(client: &mut Client) -> &'static str {
    if client.is_alive() { "lives on" } else { "is gone" }
}

/// What was said meanwhile is heard when it can read again.
fn cut_off(pair: &mut Pair, _: &mut Redis) -> Result<Saw> {
    const CLIENTS: u32 = 20;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        clients.extend(pair.connect(1, &format!("/token?token=kim{number}.1{number}"), &format!("kim{number}"))?);
    }
    pair.cut();
    let (start, mut told) = (Instant::now(), clients.len() == CLIENTS as usize);
    for number in 0..CLIENTS {
        // One is revoked and the next is kicked, over two seconds.
        let path = if number % 2 == 0 { format!("/revoke/1{number}") } else { format!("/kick/kim{number}") };
        told &= pair.ask(0, &path)? == "told";
        std::thread::sleep((Duration::from_secs(2) * (number + 1) / CLIENTS).saturating_sub(start.elapsed()));
    }
    pair.mend();
    if !pair.shares() {
        let lived = clients.iter_mut().filter_map(|client| client.is_alive().then_some(())).count();
        return Ok(Saw { text: format!("{lived} of {CLIENTS} live on"), as_it_must: false });
    }
    let (start, mut closed) = (Instant::now(), 0);
    for (number, client) in clients.iter_mut().enumerate() {
        let must = if number % 2 == 0 { 3000 } else { 1008 };
        closed += u32::from(client.closed()? == Some(must));
    }
    let text = format!("{closed} of {CLIENTS} closed {} ms after it", start.elapsed().as_millis());
    pair.wait_until_ready()?;
    Ok(Saw { text, as_it_must: told && closed == CLIENTS })
}
