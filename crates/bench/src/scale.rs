//! What one operation costs among many others: permits, states of keys, tickets, the registry. Printed, never a gate.

use std::{
    io,
    time::{Duration, Instant, SystemTime},
};

use portcullis_connections::{
    Limit,
    internal::{Permits, Taken},
};
use portcullis_core::{Connection, Connections, GuardedIo, identity::Subject, settings::Settings};
use portcullis_jwt::{TokenError, TokenId, internal::Tickets};
use portcullis_quota::{Key, Secret, Table};
use tokio::io::{DuplexStream, duplex};

use crate::{plan::Plan, report, runtime, stats::Spread};

/// Operations that are timed.
const TIMED: u32 = 500;

pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    report::scale_head(plan.others);
    permits(plan, "permits of one key", |_| 0);
    permits(plan, "permits, a key each", u64::from);
    evictions(plan);
    states(plan);
    tickets(plan);
    runtime::new()?.block_on(async {
        registry(plan, "registry, one subject", |_| "alice".to_owned());
        registry(plan, "registry, a subject each", |number| number.to_string());
    });
    Ok(())
}

/// Prints a row for each operation; the operations of one size are measured together.
fn rows<const N: usize>(plan: &Plan, what: &str, names: [&str; N], measure: impl Fn(u32) -> [f64; N]) {
    let columns = plan.others.map(measure);
    for (row, name) in names.into_iter().enumerate() {
        report::scale(&format!("{what}: {name}"), columns.map(|column| column[row]));
    }
}

fn permits(plan: &Plan, what: &str, key: fn(u32) -> u64) {
    rows(plan, what, ["take", "settle", "leave"], |size| {
        let (permits, limit) = (Permits::new(), Limit::new(usize::MAX));
        let take = |number| permits.take(key(number), limit).expect("the limit is never reached");
        let there: Vec<_> = (0..size).map(take).collect();
        let mut more = Vec::with_capacity(TIMED as usize);
        let taken = each(|number| more.push(take(size + number)));
        let settled = each(|number| {
            more[number as usize].settle(number.into());
        });
        let left = each(|_| drop(more.pop()));
        drop(there);
        [taken, settled, left]
    });
}

fn evictions(plan: &Plan) {
    rows(plan, "permits of one key", ["take, settle, evict"], |size| {
        let permits = Permits::new();
        let limit = Limit::new(size as usize).evict_oldest();
        let take = |number: u32| -> Taken {
            let taken = permits.take(0, limit).expect("the oldest makes room");
            taken.settle(number.into());
            taken
        };
        let there: Vec<_> = (0..size).map(take).collect();
        let mut more = Vec::with_capacity(TIMED as usize);
        let evicted = each(|number| more.push(take(size + number)));
        drop((there, more));
        [evicted]
    });
}

fn states(plan: &Plan) {
    rows(plan, "states of keys", ["present", "new", "new, no room"], |size| {
        let secret = Secret::default();
        let key = |number: u32| -> Key { secret.key(&number) };
        let full = |table: &Table<1>, numbers: std::ops::Range<u32>| {
            numbers.for_each(|number| table.with(key(number), 1, |[full_at]| *full_at = u64::MAX));
        };
        // Keys are made when a connection begins, and not when a message is charged.
        let some: Vec<_> = (0..TIMED).map(|at| key(at * (size / TIMED))).collect();
        let others: Vec<_> = (0..TIMED).map(|at| key(size + at)).collect();
        let charge = |table: &Table<1>, keys: &[Key]| {
            each(|at| {
                table.with(keys[at as usize], 1, |[full_at]| *full_at = u64::MAX);
            })
        };
        let (roomy, tight) = (Table::new(10_000_000, u64::MAX), Table::new(1, u64::MAX));
        full(&roomy, 0..size);
        full(&tight, 0..size);
        [charge(&roomy, &some), charge(&roomy, &others), charge(&tight, &others)]
    });
}

fn tickets(plan: &Plan) {
    rows(plan, "tickets", ["new", "used before", "new, no room", "new, others expire"], |size| {
        // Those that expire make room for all that come.
        let size = size.max(TIMED);
        let now = SystemTime::now();
        let ticket = |number: u32| TokenId::new(format!("ticket {number}"));
        let [soon, later] = [60, 3600].map(|seconds| now + Duration::from_secs(seconds));
        let names = |from: u32| -> Vec<_> { (from..from + TIMED).map(ticket).collect() };
        let used = |most: usize| {
            let tickets = Tickets::new(most);
            for number in 0..size {
                tickets.spend(&ticket(number), soon, now).expect("there is room");
            }
            tickets
        };
        let spend = |tickets: &Tickets, names: &[TokenId], now, answer| {
            each(|at| assert_eq!(tickets.spend(&names[at as usize], later, now), answer, "{at}"))
        };
        let (roomy, tight, others) = (used(usize::MAX), used(size as usize), names(size));
        let new = spend(&roomy, &others, now, Ok(()));
        let again = spend(&roomy, &others, now, Err(TokenError::Used));
        let no_room = spend(&tight, &others, now, Err(TokenError::Unavailable));
        [new, again, no_room, spend(&tight, &others, soon, Ok(()))]
    });
}

fn registry(plan: &Plan, what: &str, subject: fn(u32) -> String) {
    rows(plan, what, ["insert", "remove", "of_subject, of one"], |size| {
        let connections = Connections::new();
        let there: Vec<_> = (0..size).map(|number| connection(&subject(number))).collect();
        for (_, connection) in &there {
            connections.insert(connection);
        }
        let mut more: Vec<_> = (0..TIMED).map(|number| connection(&subject(number))).collect();
        let (_guarded, bob) = connection("bob");
        connections.insert(&bob);
        let inserted = each(|number| connections.insert(&more[number as usize].1));
        let removed = each(|_| drop(more.pop()));
        let bob = Subject::new("bob");
        let found = each(|_| assert_eq!(connections.of_subject(&bob).len(), 1, "bob is there once"));
        drop(there);
        [inserted, removed, found]
    });
}

/// A guarded transport whose peer is gone, so that its end waits for nothing.
fn connection(subject: &str) -> (GuardedIo<DuplexStream>, Connection) {
    let (_, io) = duplex(1);
    let (guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
    connection.authenticate(&Subject::new(subject)).expect("it has no other");
    (guarded, connection)
}

/// Nanoseconds of each turn: the median of ten parts, as a thread may lose its core in one of them.
fn each(mut work: impl FnMut(u32)) -> f64 {
    let part = TIMED / 10;
    let nanos = (0..10).map(|at| {
        let start = Instant::now();
        (at * part..(at + 1) * part).for_each(&mut work);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(part)
    });
    Spread::of(nanos).median
}
