//! Live connections, and what ends them: tokens that are revoked, and kicks.
//!
//! A node that does not call its copy stale has heard all that was said `stale_after` ago or earlier: revocations and
//! commands go through one stream. So from then on what was struck is closed, and a revoked token lets nobody in.
//!
//! Where the store lost its data in between, commands may be lost with it. Revocations are put back by those who have
//! them, and are looked for at the end of the run; one may be lost whose node was killed as well.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant, SystemTime},
};

use super::{
    client::Client,
    world::{Dice, STALE_AFTER, World, lock},
};

/// Tokens that are connected with and not struck yet.
const TOKENS: usize = 20;

/// A token is tried again for so long after it was revoked. Less than revocations are remembered.
const TRIED: Duration = Duration::from_secs(60);

/// A token is forgotten so long after it was struck, if it has no connection.
const KEPT: Duration = Duration::from_secs(100);

/// How long is waited at the end until all is heard.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Default)]
pub(super) struct Tokens {
    next: usize,
    all: BTreeMap<usize, Token>,
    pub(super) seen: Seen,
}

#[derive(Debug, Default)]
struct Token {
    connections: Vec<Connection>,
    strikes: Vec<Strike>,
}

#[derive(Debug)]
struct Connection {
    node: usize,
    life: usize,
    answered: Instant,
    /// What it is called on all nodes.
    name: String,
}

#[derive(Debug, Clone)]
struct Strike {
    how: How,
    node: usize,
    life: usize,
    asked: Instant,
    /// When the store had it.
    told: Option<(Instant, SystemTime)>,
}

#[derive(Debug, Clone, PartialEq)]
enum How {
    Id,
    Subject,
    KickSubject,
    KickAddress,
    /// The node and its process.
    KickConnection(usize, usize),
    Abort,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) connected: usize,
    refused: usize,
    unavailable: usize,
    /// Told, and not told.
    pub(super) revocations: [usize; 2],
    pub(super) commands: [usize; 2],
    ended: usize,
    /// From when the store had it until the connection had ended, unless data was lost in between.
    took: Vec<Duration>,
    pub(super) judged: usize,
    stale: usize,
    /// Struck again: the data was lost.
    excused: usize,
    at_the_end: usize,
}

impl How {
    fn is_revocation(&self) -> bool {
        matches!(self, Self::Id | Self::Subject)
    }

    /// The close code, nought where there is none.
    fn code(&self) -> u16 {
        match self {
            Self::Id | Self::Subject => 3000,
            Self::KickSubject | Self::KickAddress | Self::KickConnection(..) => 4001,
            Self::Abort => 0,
        }
    }
}

impl Strike {
    /// Whether it must end a connection: the store had it, and the connection was there before.
    fn must_end(&self, connection: &Connection) -> bool {
        let was_there = connection.answered < self.asked;
        self.told.is_some()
            && match self.how {
                How::Id => true,
                How::KickConnection(node, life) => (node, life) == (connection.node, connection.life) && was_there,
                _ => was_there,
            }
    }

    /// Whether it may be lost with the data.
    fn may_be_lost(&self, world: &World<'_>) -> bool {
        let was_killed = world.life(self.node) != self.life;
        world.losses.since(self.asked) && (was_killed || !self.how.is_revocation())
    }

    /// Whether the store had it at least so long before.
    fn told_before(&self, now: Instant, time: Duration) -> bool {
        self.told.is_some_and(|(told, _)| now.saturating_duration_since(told) >= time)
    }
}

impl Tokens {
    fn pick(&mut self, node: usize, dice: &mut Dice) -> usize {
        let now = Instant::now();
        if dice.roll(4) == 0 {
            let revoked = |strike: &Strike| strike.how == How::Id && !strike.told_before(now, TRIED);
            let tried: Vec<_> = self.find(|token| token.strikes.iter().any(revoked));
            if let Some(number) = dice.of(&tried) {
                return number;
            }
        }
        let new = self.find(|token| token.strikes.is_empty());
        let is_here = |connection: &Connection| connection.node == node;
        let free = self.find(|token| token.strikes.is_empty() && !token.connections.iter().any(is_here));
        if let Some(number) = dice.of(&free).filter(|_| new.len() >= TOKENS || dice.roll(2) == 0) {
            return number;
        }
        self.next += 1;
        self.all.insert(self.next, Token::default());
        self.next
    }

    fn find(&self, wanted: impl Fn(&Token) -> bool) -> Vec<usize> {
        self.all.iter().filter(|(_, token)| wanted(token)).map(|(number, _)| *number).collect()
    }

    /// What is struck next, and how: the word and whom for the node.
    fn choose(&mut self, client: &Client<'_>, dice: &mut Dice) -> Option<(usize, String)> {
        let world = client.world;
        let is_struck = |token: &Token, connection: &Connection| {
            token.strikes.iter().any(|strike| strike.must_end(connection) && !strike.may_be_lost(world))
        };
        let lives = self.find(|token| token.connections.iter().any(|connection| !is_struck(token, connection)));
        let number = dice.of(&lives)?;
        let token = self.all.get_mut(&number)?;
        let was_struck = |strike: &&Strike| strike.told.is_some();
        self.seen.excused +=
            usize::from(token.strikes.iter().find(was_struck).is_some_and(|strike| strike.may_be_lost(world)));
        let (how, line) = match dice.roll(6) {
            0 => (How::Id, format!("id {number}")),
            1 => (How::Subject, format!("subject s{number}")),
            2 => (How::KickSubject, format!("kick-subject s{number}")),
            3 => (How::KickAddress, format!("kick-address {}", address(number))),
            4 => (How::Abort, format!("abort s{number}")),
            _ => {
                let connection = token.connections.iter().find(|connection| !connection.name.ends_with("gone"))?;
                (How::KickConnection(connection.node, connection.life), format!("kick-connection {}", connection.name))
            }
        };
        let (asked, told) = (Instant::now(), None);
        token.strikes.push(Strike { how, node: client.node, life: client.life, asked, told });
        Some((number, line))
    }

    fn end(&mut self, world: &World<'_>, number: usize, life: usize, code: u16, at: SystemTime) -> Result<(), String> {
        let token = self.all.get_mut(&number).ok_or("an unknown connection has ended")?;
        let place = token.connections.iter().position(|connection| connection.life == life);
        let connection = token.connections.remove(place.ok_or("a connection has ended twice")?);
        self.seen.ended += 1;
        let is_why = |strike: &&Strike| strike.must_end(&connection) && !world.losses.since(strike.asked);
        let why = token.strikes.iter().filter(is_why);
        let told = why.filter_map(|strike| strike.told).map(|(_, told)| told).min();
        self.seen.took.extend(told.map(|told| at.duration_since(told).unwrap_or_default()));
        if token.strikes.iter().any(|strike| strike.how.code() == code) {
            return Ok(());
        }
        let strikes: Vec<_> = token.strikes.iter().map(|strike| &strike.how).collect();
        Err(format!("a connection has ended with {code}, after {strikes:?}"))
    }

    fn forget(&mut self) {
        let now = Instant::now();
        let is_old = |strike: &Strike| now - strike.asked > KEPT;
        self.all.retain(|_, token| {
            let strikes = &token.strikes;
            !token.connections.is_empty() || strikes.is_empty() || !strikes.iter().all(is_old)
        });
    }
}

/// Of a token. No two have one.
fn address(number: usize) -> String {
    let [_, .., a, b, c] = number.to_be_bytes();
    format!("10.{a}.{b}.{c}")
}

pub(super) fn connect(client: &mut Client<'_>, dice: &mut Dice) {
    let number = lock(&client.world.tokens).pick(client.node, dice);
    connect_with(client, number);
}

/// Connects with a token. Whether it was let in.
fn connect_with(client: &mut Client<'_>, number: usize) -> bool {
    let (world, asked) = (client.world, Instant::now());
    let answer = client.ask(&format!("connect s{number}.{number} {}", address(number)));
    let answered = Instant::now();
    let mut tokens = lock(&world.tokens);
    let Tokens { all, seen, .. } = &mut *tokens;
    let Some(token) = all.get_mut(&number) else {
        world.wrong(format!("token {number} was forgotten too soon"));
        return false;
    };
    match answer.split(' ').collect::<Vec<_>>()[..] {
        ["yes", node, id] => {
            seen.connected += 1;
            let is_void = |strike: &&Strike| strike.how == How::Id && strike.told_before(asked, STALE_AFTER);
            let mut void = token.strikes.iter().filter(is_void);
            if let Some(Strike { told, .. }) = void.find(|strike| world.losses.between(strike.asked, answered) == 0) {
                let ago = told.map(|(told, _)| asked - told);
                world.wrong(format!("token {number} was let in by node {}, revoked {ago:?} ago", client.node));
            }
            let name = format!("{node}/{id}");
            token.connections.push(Connection { node: client.node, life: client.life, answered, name });
            return true;
        }
        ["token_revoked"] if token.strikes.iter().any(|strike| strike.how.is_revocation()) => seen.refused += 1,
        ["limits_unavailable"] => seen.unavailable += 1,
        _ => world.wrong(format!("token {number}: {answer}")),
    }
    false
}

pub(super) fn strike(client: &mut Client<'_>, dice: &mut Dice) {
    let world = client.world;
    let Some((number, line)) = lock(&world.tokens).choose(client, dice) else { return };
    let told = client.ask(&format!("strike {line}")) == "yes";
    let now = (Instant::now(), SystemTime::now());
    let mut tokens = lock(&world.tokens);
    let Tokens { all, seen, .. } = &mut *tokens;
    let mine = |strike: &&mut Strike| strike.life == client.life && strike.told.is_none();
    let strikes = all.get_mut(&number).into_iter().flat_map(|token| token.strikes.iter_mut().rev());
    let Some(strike) = strikes.filter_map(Some).find(mine) else { return };
    let count = if strike.how.is_revocation() { &mut seen.revocations } else { &mut seen.commands };
    count[usize::from(!told)] += 1;
    strike.told = told.then_some(now);
}

/// Asks which connections have ended.
pub(super) fn hear_of_ends(client: &mut Client<'_>) {
    let answer = client.ask("ended");
    let mut tokens = lock(&client.world.tokens);
    let mut wrong = Vec::new();
    for line in answer.split_whitespace() {
        let (token, rest) = line.split_once('=').unwrap();
        let (code, at) = rest.split_once('@').unwrap();
        let number = token.split_once('.').unwrap().1.parse().unwrap();
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(at.parse().unwrap());
        let ended = tokens.end(client.world, number, client.life, code.parse().unwrap(), at);
        wrong.extend(ended.err().map(|why| format!("token {number} of node {}: {why}", client.node)));
    }
    tokens.forget();
    drop(tokens);
    for wrong in wrong {
        client.world.wrong(wrong);
    }
}

/// Asks a node for connections that must have ended by now, if it has heard everything.
pub(super) fn judge(client: &mut Client<'_>) {
    let (world, now) = (client.world, Instant::now());
    let due = |strike: &Strike, connection: &Connection| {
        strike.must_end(connection) && strike.told_before(now, STALE_AFTER) && !world.losses.since(strike.asked)
    };
    let mut struck = BTreeMap::new();
    for (number, token) in &lock(&world.tokens).all {
        for connection in token.connections.iter().filter(|connection| connection.life == client.life) {
            let strike = token.strikes.iter().find(|strike| due(strike, connection));
            struck.extend(strike.map(|strike| (*number, strike.clone())));
        }
    }
    if struck.is_empty() {
        return;
    }
    let names: Vec<_> = struck.keys().map(|number| format!("s{number}.{number}")).collect();
    let answer = client.ask(&format!("open-still {}", names.join(",")));
    let Some(open) = answer.strip_prefix("fresh ") else {
        lock(&world.tokens).seen.stale += struck.len();
        return;
    };
    lock(&world.tokens).seen.judged += struck.len();
    for token in open.split(',').filter(|token| !token.is_empty()) {
        let number: usize = token.split_once('.').unwrap().1.parse().unwrap();
        let Strike { how, node, asked, .. } = &struck[&number];
        if !world.losses.since(*asked) {
            let ago = asked.elapsed();
            world.wrong(format!("token {token} is open on node {}, {how:?} by node {node} {ago:?} ago", client.node));
        }
    }
}

/// A process has ended, and its connections with it.
pub(super) fn gone(world: &World<'_>, life: usize) {
    for token in lock(&world.tokens).all.values_mut() {
        token.connections.retain(|connection| connection.life != life);
    }
}

/// All nodes hear each other: what was told must have come to all of them, or come soon.
pub(super) fn finish(world: &World<'_>, clients: &mut [Client<'_>]) {
    let (start, now) = (Instant::now(), Instant::now());
    let is_left = |token: &Token| {
        let must_end = |connection: &Connection| {
            token.strikes.iter().any(|strike| strike.must_end(connection) && !strike.may_be_lost(world))
        };
        token.connections.iter().any(must_end)
    };
    let is_void = |strike: &Strike| {
        strike.how == How::Id && strike.told.is_some() && now - strike.asked < TRIED && !strike.may_be_lost(world)
    };
    let mut revoked = lock(&world.tokens).find(|token| token.strikes.iter().any(is_void));
    lock(&world.tokens).seen.at_the_end = revoked.len();
    loop {
        clients.iter_mut().for_each(hear_of_ends);
        let left = lock(&world.tokens).find(is_left);
        revoked.retain(|number| {
            clients.iter_mut().map(|client| usize::from(connect_with(client, *number))).sum::<usize>() > 0
        });
        if left.is_empty() && revoked.is_empty() {
            return;
        }
        if start.elapsed() > PATIENCE {
            for client in clients {
                let events = client.ask("events");
                println!("node {}, process {}: {events}", client.node, client.life);
            }
            let tokens = &lock(&world.tokens).all;
            left.iter().chain(&revoked).for_each(|number| println!("{number}: {:?}", tokens[number]));
            return world.wrong(format!("at the end: {left:?} are open, {revoked:?} let in"));
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connected, refused, unavailable, revocations, commands, ended, .. } = self;
        let Self { judged, stale, excused, at_the_end, .. } = self;
        let [revocations, unheard_of] = revocations;
        let [commands, lost] = commands;
        writeln!(f, "connections: {connected} let in, {refused} refused as revoked, {unavailable} unavailable")?;
        writeln!(f, "  {revocations} revocations told and {unheard_of} not, {commands} commands told and {lost} not")?;
        writeln!(f, "  {ended} connections ended; of the nodes that had heard everything {judged} had none open that")?;
        writeln!(f, "  should not be, {stale} times a node had not; struck again after data was lost: {excused}")?;
        writeln!(f, "  at the end {at_the_end} revoked tokens were refused by all nodes")?;
        let mut took = self.took.clone();
        took.sort_unstable();
        let Some(most) = took.last() else { return Ok(()) };
        let at = |hundredth: usize| took[took.len() * hundredth / 100];
        writeln!(f, "  from told to ended: p50 {:.1?}, p90 {:.1?}, p99 {:.1?}, most {most:.1?}", at(50), at(90), at(99))
    }
}
